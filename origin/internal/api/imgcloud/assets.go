package imgcloud

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/api/kit"
	"github.com/pictor/pictor/shared/delivery"
)

// assetPrefix stands before a public id in the routes of one asset.
const assetPrefix = "/v1/assets/"

type assetBody struct {
	PublicID   string   `json:"public_id"`
	URL        string   `json:"url"`
	Format     string   `json:"format"`
	Width      int      `json:"width"` // as a person sees it
	Height     int      `json:"height"`
	Bytes      int64    `json:"bytes"`
	Folder     string   `json:"folder"`
	Tags       []string `json:"tags"`
	Visibility string   `json:"visibility"`
	CacheAge   *int64   `json:"cache_max_age"` // in seconds; null for that of the edges
	Version    int64    `json:"version"`
	CreatedAt  stamp    `json:"created_at"`
	UpdatedAt  stamp    `json:"updated_at"`
}

func (a *API) assetOf(asset origin.Asset) assetBody {
	width, height := asset.Source.Picture().Upright()
	tags := asset.Tags
	if tags == nil {
		tags = []string{}
	}
	return assetBody{PublicID: asset.Name.Name, URL: a.Core.URL(asset), Format: asset.Source.Format, Width: width,
		Height: height, Bytes: asset.Source.Bytes, Folder: asset.Folder, Tags: tags, Visibility: asset.Visibility,
		CacheAge: asset.CacheAge.Seconds(), Version: asset.Version, CreatedAt: stamp(asset.CreatedAt),
		UpdatedAt: stamp(asset.UpdatedAt)}
}

func (a *API) listAssets(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	query, err := readQuery(r)
	if err != nil {
		return err
	}
	wanted := origin.ListAssets{Folder: query.Get("folder"), Tag: query.Get("tag"), Text: query.Get("q"),
		Cursor: query.Get("cursor")}
	if wanted.Limit, err = query.limit(); err != nil {
		return err
	}
	if wanted.All, err = parseBool("all", query.Get("all")); err != nil {
		return err
	}
	assets, next, err := a.Core.ListAssets(r.Context(), who, wanted)
	if err != nil {
		return err
	}
	return kit.WriteJSON(w, http.StatusOK, struct {
		Assets []assetBody `json:"assets"`
		Next   *string     `json:"next_cursor"`
	}{each(assets, a.assetOf), orNull(next)})
}

func (a *API) findAsset(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	id, err := publicID(r)
	if err != nil {
		return err
	}
	asset, err := a.Core.FindAsset(r.Context(), who, id)
	if err != nil {
		return err
	}
	return kit.WriteJSON(w, http.StatusOK, a.assetOf(asset))
}

func (a *API) updateAsset(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	id, err := publicID(r)
	if err != nil {
		return err
	}
	var in struct {
		Folder     *string  `json:"folder"`
		Tags       *tagList `json:"tags"`
		Visibility *string  `json:"visibility"`
		CacheAge   cacheAge `json:"cache_max_age"` // no pointer: null means something
	}
	if err := kit.ReadJSON(r, &in); err != nil {
		return err
	}
	patch := origin.AssetPatch{Folder: in.Folder, Tags: (*[]string)(in.Tags), Visibility: in.Visibility,
		CacheAge: in.CacheAge.given}
	asset, err := a.Core.UpdateAsset(r.Context(), who, id, patch)
	if err != nil {
		return err
	}
	return kit.WriteJSON(w, http.StatusOK, a.assetOf(asset))
}

func (a *API) deleteAsset(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	id, err := publicID(r)
	if err != nil {
		return err
	}
	if err := a.Core.DeleteAsset(r.Context(), who, id); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// publicID is what follows assetPrefix, decoded once: clients that escape a whole id write its slashes as %2F. No id
// holds a byte that would need escaping, so what still looks escaped, or was anything else, is refused.
func publicID(r *http.Request) (string, error) {
	id, err := url.PathUnescape(strings.TrimPrefix(r.URL.EscapedPath(), assetPrefix))
	if err != nil {
		return "", origin.Errorf(origin.Invalid, "invalid public_id: %v", err)
	}
	return id, checkID(id)
}

// checkID tells an id that cannot be from one that is not there.
func checkID(id string) error {
	if err := delivery.CheckID(id); err != nil {
		return origin.Errorf(origin.Invalid, "invalid public_id: %v", err)
	}
	return nil
}
