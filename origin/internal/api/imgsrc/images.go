package imgsrc

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/api/kit"
	"github.com/pictor/pictor/shared/wire"
)

// listItem is a picture in a list or among the results of a search. There is no active_signed_url: signatures are
// computed, not kept.
type listItem struct {
	ID         string   `json:"id"`
	Filename   string   `json:"original_filename"`
	Sanitized  string   `json:"sanitized_filename"`
	Size       int64    `json:"size"`
	UploadedAt stamp    `json:"uploaded_at"`
	URL        string   `json:"url"`
	CDNURL     string   `json:"cdn_url"`
	Paths      []string `json:"paths"`
	Visibility string   `json:"visibility"`
}

func (a *API) listItemOf(asset origin.Asset) listItem {
	url := a.Core.PathURL(asset.Paths[0])
	return listItem{ID: asset.Name.Name, Filename: filename(asset), Sanitized: lastSegment(asset.Paths[0].Name),
		Size: asset.Source.Bytes, UploadedAt: stamp(asset.CreatedAt), URL: url, CDNURL: url,
		Paths: each(asset.Paths, pathOf), Visibility: asset.Visibility}
}

// pathOf is a path as clients give it back to delete it: without the username.
func pathOf(path wire.Name) string { return path.Name }

func filename(asset origin.Asset) string {
	if asset.Filename == "" {
		return lastSegment(asset.Paths[0].Name)
	}
	return asset.Filename
}

func lastSegment(path string) string { return path[strings.LastIndexByte(path, '/')+1:] }

type folder struct {
	Name  string `json:"name"`
	Count int    `json:"image_count"`
}

func folderOf(f origin.Folder) folder { return folder{f.Name, f.Count} }

func (a *API) listImages(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	query, err := readQuery(r)
	if err != nil {
		return err
	}
	ask := origin.ListTree{Folder: query.Get("path")}
	if ask.Limit, err = query.number("limit", 1); err != nil {
		return err
	}
	if ask.Offset, err = query.number("offset", 0); err != nil {
		return err
	}
	page, err := a.Core.ListTree(r.Context(), who, ask)
	if err != nil {
		return err
	}
	return kit.WriteJSON(w, http.StatusOK, struct {
		Images  []listItem `json:"images"`
		Folders []folder   `json:"folders"`
		Total   int        `json:"total"`
		Limit   int        `json:"limit"`
		Offset  int        `json:"offset"`
		More    bool       `json:"has_more"`
		Filter  string     `json:"path_filter,omitempty"`
	}{each(page.Assets, a.listItemOf), each(page.Folders, folderOf), page.Total, page.Limit, ask.Offset,
		ask.Offset+len(page.Assets) < page.Total, ask.Folder})
}

func (a *API) searchImages(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	query, err := readQuery(r)
	if err != nil {
		return err
	}
	ask := origin.ListTree{Text: strings.TrimSpace(query.Get("q"))}
	if ask.Text == "" {
		return origin.Errorf(origin.Invalid, "q: is missing")
	}
	if ask.Limit, err = query.number("limit", 1); err != nil {
		return err
	}
	page, err := a.Core.ListTree(r.Context(), who, ask)
	if err != nil {
		return err
	}
	return kit.WriteJSON(w, http.StatusOK, struct {
		Results []listItem `json:"results"`
		Total   int        `json:"total"`
		Query   string     `json:"query"`
	}{each(page.Assets, a.listItemOf), page.Total, query.Get("q")})
}

// metadata is what is known of a picture.
type metadata struct {
	Hash       string `json:"hash"`
	Filename   string `json:"original_filename"`
	Size       int64  `json:"size"`
	UploadedAt stamp  `json:"uploaded_at"`
	MediaType  string `json:"mime_type"`
	Width      int    `json:"width"` // as a person sees it
	Height     int    `json:"height"`
	Colour     string `json:"dominant_color,omitempty"` // #rrggbb, once an edge has looked at the pixels
}

// formatURLs leads to all formats that the dialect knows; that of JPEG XL is answered with a 400 that says so.
type formatURLs struct {
	WebP string `json:"webp"`
	AVIF string `json:"avif"`
	JPEG string `json:"jpeg"`
	PNG  string `json:"png"`
	JXL  string `json:"jxl"`
}

func (a *API) formatURLs(r *http.Request, asset origin.Asset) (formatURLs, error) {
	urls, err := a.Core.FormatURLs(r.Context(), asset, "webp", "avif", "jpeg", "png", "jxl")
	if err != nil {
		return formatURLs{}, err
	}
	return formatURLs{urls[0], urls[1], urls[2], urls[3], urls[4]}, nil
}

type links struct {
	Self   string `json:"self"`
	Delete string `json:"delete"`
}

func linksOf(asset origin.Asset) links {
	self := base + "/images/" + asset.Name.Name
	return links{self, self}
}

func (a *API) findImage(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	asset, err := a.Core.FindInTree(r.Context(), who, chi.URLParam(r, "id"))
	if err != nil {
		return err
	}
	formats, err := a.formatURLs(r, asset)
	if err != nil {
		return err
	}
	picture := asset.Source.Picture()
	width, height := picture.Upright()
	type cdnURLs struct {
		Original string `json:"original"`
		formatURLs
	}
	return kit.WriteJSON(w, http.StatusOK, struct {
		ID         string   `json:"id"`
		Metadata   metadata `json:"metadata"`
		URLs       cdnURLs  `json:"urls"`
		Visibility string   `json:"visibility"`
		Links      links    `json:"_links"`
	}{asset.Name.Name, metadata{asset.Digest, filename(asset), asset.Source.Bytes, stamp(asset.CreatedAt),
		picture.Format.MediaType(), width, height, asset.Colour}, cdnURLs{a.Core.PathURL(asset.Paths[0]), formats}, asset.Visibility,
		linksOf(asset)})
}

func (a *API) deleteImage(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	asset, err := a.Core.DeleteFromTree(r.Context(), who, chi.URLParam(r, "id"))
	if err != nil {
		return err
	}
	return kit.WriteJSON(w, http.StatusOK, struct {
		done
		Paths     []string `json:"deleted_paths"`
		DeletedAt stamp    `json:"deleted_at"`
	}{done{true, "Image deleted"}, each(asset.Paths, pathOf), stamp(a.Now())})
}

func (a *API) deletePath(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	username, path, err := userPath(r)
	if err != nil {
		return err
	}
	asset, err := a.Core.DeletePath(r.Context(), who, username, path)
	if err != nil {
		return err
	}
	gone, message := len(asset.Paths) == 0, "Path deleted"
	if gone {
		message = "Path deleted, and with it the image"
	}
	return kit.WriteJSON(w, http.StatusOK, struct {
		done
		Remaining []string `json:"remaining_paths"`
		Gone      bool     `json:"image_deleted"`
		DeletedAt stamp    `json:"deleted_at"`
	}{done{true, message}, each(asset.Paths, pathOf), gone, stamp(a.Now())})
}

// userPath is what follows pathPrefix. Clients that escape a whole path write its slashes as %2F.
func userPath(r *http.Request) (username, path string, err error) {
	rest := strings.TrimPrefix(r.URL.EscapedPath(), pathPrefix)
	username, path, _ = strings.Cut(rest, "/")
	if username, err = url.PathUnescape(username); err == nil {
		path, err = url.PathUnescape(path)
	}
	if err != nil || path == "" {
		return "", "", origin.Errorf(origin.Invalid, "the URL must be %s{username}/{path}", pathPrefix)
	}
	return username, path, nil
}

// param is a parameter of the route. chi matches the escaped path where there is one, and hands it out as it is.
func param(r *http.Request, name string) (string, error) {
	value := chi.URLParam(r, name)
	if r.URL.RawPath == "" {
		return value, nil
	}
	plain, err := url.PathUnescape(value)
	if err != nil {
		return "", origin.Errorf(origin.Invalid, "malformed URL")
	}
	return plain, nil
}

func (a *API) showImage(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	var in struct {
		Visibility string `json:"visibility"`
	}
	if err := kit.ReadJSON(r, &in); err != nil {
		return err
	}
	asset, err := a.Core.ShowInTree(r.Context(), who, chi.URLParam(r, "id"), in.Visibility)
	if err != nil {
		return err
	}
	return kit.WriteJSON(w, http.StatusOK, struct {
		ID         string `json:"id"`
		Visibility string `json:"visibility"`
		Message    string `json:"message"`
	}{asset.Name.Name, asset.Visibility, "The image is now " + asset.Visibility})
}

// transformation is what a client may want to see in a signed URL. The signature does not depend on it.
type transformation struct {
	Width   *int    `json:"width"`
	Height  *int    `json:"height"`
	Fit     *string `json:"fit"`
	Quality *int    `json:"quality"`
	Format  *string `json:"format"`
}

// query is the same in the words of a delivery URL.
func (t *transformation) query() string {
	if t == nil {
		return ""
	}
	var params []string
	number := func(name string, n *int) {
		if n != nil {
			params = append(params, name+"="+strconv.Itoa(*n))
		}
	}
	number("w", t.Width)
	number("h", t.Height)
	if t.Fit != nil {
		params = append(params, "fit="+url.QueryEscape(*t.Fit))
	}
	number("q", t.Quality)
	return strings.Join(params, "&")
}

func (t *transformation) extension() (string, error) {
	if t == nil || t.Format == nil {
		return "", nil
	}
	switch *t.Format {
	case "webp", "avif", "jpeg", "png", "jxl":
		return *t.Format, nil
	}
	return "", origin.Errorf(origin.Invalid, "transformation.format: must be webp, avif, jpeg, png or jxl")
}

const defaultSigned = 3600 // seconds

func (a *API) signImage(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	var in struct {
		Seconds        *int64          `json:"expires_in_seconds"`
		SecondsBrief   *int64          `json:"expires_in"` // file 004, «Private Images»
		Transformation *transformation `json:"transformation"`
	}
	if err := kit.ReadOptionalJSON(r, &in); err != nil {
		return err
	}
	seconds, err := lifetime(in.Seconds, in.SecondsBrief)
	if err != nil {
		return err
	}
	extension, err := in.Transformation.extension()
	if err != nil {
		return err
	}
	url, expires, err := a.Core.SignPath(r.Context(), who, chi.URLParam(r, "id"), extension, in.Transformation.query(),
		time.Duration(seconds)*time.Second)
	if err != nil {
		return err
	}
	return kit.WriteJSON(w, http.StatusOK, struct {
		SignedURL string `json:"signed_url"`
		ExpiresAt int64  `json:"expires_at"`
		Seconds   int64  `json:"expires_in_seconds"`
	}{url, expires.Unix(), seconds})
}

// lifetime takes either spelling; both must not contradict each other.
func lifetime(long, brief *int64) (int64, error) {
	switch {
	case long == nil && brief == nil:
		return defaultSigned, nil
	case long == nil:
		long = brief
	case brief != nil && *brief != *long:
		return 0, origin.Errorf(origin.Invalid, "expires_in_seconds and expires_in are two names of one thing")
	}
	if *long < 60 || *long > 604_800 {
		return 0, origin.Errorf(origin.Invalid, "expires_in_seconds: must be from 60 to 604800")
	}
	return *long, nil
}
