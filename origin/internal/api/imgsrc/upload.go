package imgsrc

import (
	"io"
	"mime"
	"net/http"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/api/kit"
)

// uploadForm is the contract's; some clients call the path «path».
var uploadForm = kit.Form{File: "file", Fields: []string{"target_path", "path", "visibility"}}

// wanted is what a client says about an upload.
type wanted struct {
	URL        string `json:"url"`
	TargetPath string `json:"target_path"`
	Path       string `json:"path"`
	Visibility string `json:"visibility"`
}

func (in wanted) fields() (origin.TreeFields, error) {
	fields := origin.TreeFields{Path: in.TargetPath, Visibility: in.Visibility}
	if in.Path != "" {
		if in.TargetPath != "" && in.TargetPath != in.Path {
			return fields, origin.Errorf(origin.Invalid, "target_path and path are two names of one thing")
		}
		fields.Path = in.Path
	}
	return fields, nil
}

// uploadBody is the same for new pictures and for those that are there.
type uploadBody struct {
	ID         string     `json:"id"`
	Hash       string     `json:"hash"`
	URL        string     `json:"url"`
	Paths      []string   `json:"paths"`
	IsNew      bool       `json:"is_new"`
	Size       int64      `json:"size"`
	Format     string     `json:"format"`
	Dimensions dimensions `json:"dimensions"`
	Formats    formatURLs `json:"available_formats"`
	UploadedAt stamp      `json:"uploaded_at"`
	Visibility string     `json:"visibility"`
	Links      links      `json:"_links"`
}

type dimensions struct {
	Width  int `json:"width"` // as a person sees it
	Height int `json:"height"`
}

func (a *API) upload(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	asset, created, err := a.receive(w, r, who)
	a.Metrics.Upload(err)
	if err != nil {
		return err
	}
	formats, err := a.formatURLs(r, asset)
	if err != nil {
		return err
	}
	width, height := asset.Source.Picture().Upright()
	return kit.WriteJSON(w, http.StatusCreated, uploadBody{ID: asset.Name.Name, Hash: asset.Digest,
		URL: a.Core.PathURL(asset.Paths[0]), Paths: each(asset.Paths, pathOf), IsNew: created, Size: asset.Source.Bytes,
		Format: formatWord(asset.Source.Format), Dimensions: dimensions{width, height}, Formats: formats,
		UploadedAt: stamp(asset.CreatedAt), Visibility: asset.Visibility, Links: linksOf(asset)})
}

// receive takes in the bytes, wherever they come from, and gives them a place.
func (a *API) receive(w http.ResponseWriter, r *http.Request, who origin.Principal) (asset origin.Asset, created bool,
	err error) {
	received, in, err := a.take(w, r, who)
	if received != nil {
		defer received.Discard()
	}
	if err != nil {
		return origin.Asset{}, false, err
	}
	fields, err := in.fields()
	if err != nil {
		return origin.Asset{}, false, err
	}
	return a.Core.CreateInTree(r.Context(), who, received, fields)
}

func (a *API) take(w http.ResponseWriter, r *http.Request, who origin.Principal) (*origin.Received, wanted, error) {
	if kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type")); kind == "application/json" {
		return a.takeURL(r, who)
	}
	most := a.MaxUploadBytes + uploadForm.OverheadBytes()
	if r.ContentLength > most {
		return nil, wanted{}, origin.Errorf(origin.TooLarge, "upload exceeds the cap of %d bytes", a.MaxUploadBytes)
	}
	r.Body = http.MaxBytesReader(w, r.Body, most)
	var received *origin.Received
	values, err := uploadForm.Read(r, func(filename string, file io.Reader) (err error) {
		received, err = a.Core.Receive(r.Context(), who, filename, file)
		return err
	})
	return received, wanted{TargetPath: values["target_path"], Path: values["path"], Visibility: values["visibility"]}, err
}

func (a *API) takeURL(r *http.Request, who origin.Principal) (*origin.Received, wanted, error) {
	var in wanted
	if err := kit.ReadJSON(r, &in); err != nil {
		return nil, in, err
	}
	if in.URL == "" {
		return nil, in, origin.Errorf(origin.Invalid, "url: is missing")
	}
	received, err := a.Core.ReceiveURL(r.Context(), who, in.URL)
	return received, in, err
}
