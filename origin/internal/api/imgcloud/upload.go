package imgcloud

import (
	"io"
	"net/http"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/api/kit"
)

// uploadForm is file 003, «Upload», and how long caches may keep the picture.
var uploadForm = kit.Form{File: "file",
	Fields: []string{"public_id", "folder", "tags", "visibility", "overwrite", "cache_max_age"}}

func (a *API) upload(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	asset, err := a.receive(w, r, who)
	a.Metrics.Upload(err)
	if err != nil {
		return err
	}
	return kit.WriteJSON(w, http.StatusCreated, a.assetOf(asset))
}

// receive streams the file into the core while the form is read, and makes an asset of it when all of it is there.
func (a *API) receive(w http.ResponseWriter, r *http.Request, who origin.Principal) (origin.Asset, error) {
	most := a.MaxUploadBytes + uploadForm.OverheadBytes()
	if r.ContentLength > most {
		return origin.Asset{}, origin.Errorf(origin.TooLarge, "upload exceeds the cap of %d bytes", a.MaxUploadBytes)
	}
	if err := a.Core.AllowUpload(a.client(r)); err != nil {
		return origin.Asset{}, err
	}
	r.Body = http.MaxBytesReader(w, r.Body, most)
	var received *origin.Received
	defer func() {
		if received != nil {
			received.Discard()
		}
	}()
	values, err := uploadForm.Read(r, func(filename string, file io.Reader) (err error) {
		received, err = a.Core.Receive(r.Context(), who, filename, file)
		return err
	})
	if err != nil {
		return origin.Asset{}, err
	}
	fields, err := assetFields(values)
	if err != nil {
		return origin.Asset{}, err
	}
	asset, _, err := a.Core.CreateAsset(r.Context(), who, received, fields)
	return asset, err
}

// assetFields leaves empty what the form does not say; the core knows what that means.
func assetFields(values map[string]string) (origin.AssetFields, error) {
	fields := origin.AssetFields{PublicID: values["public_id"], Folder: values["folder"],
		Tags: splitTags(values["tags"]), Visibility: values["visibility"]}
	var err error
	if fields.CacheAge, err = parseCacheAge(values["cache_max_age"]); err != nil {
		return fields, err
	}
	fields.Overwrite, err = parseBool("overwrite", values["overwrite"])
	return fields, err
}
