package imgsrc

import (
	"net/http"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/api/kit"
)

type keyBody struct {
	ID        string   `json:"id"`
	Name      string   `json:"name"`
	KeyPrefix string   `json:"key_prefix"`
	Scopes    []string `json:"scopes"`
	CreatedAt int64    `json:"created_at"`
	ExpiresAt *int64   `json:"expires_at,omitempty"`
}

func keyOf(k origin.APIKey) keyBody {
	return keyBody{k.ID, k.Name, k.Hint, k.Scopes.Names(), k.CreatedAt.Unix(), maybeEpoch(k.ExpiresAt)}
}

type keyItem struct {
	keyBody
	LastUsedAt    *int64 `json:"last_used_at,omitempty"`
	TotalRequests int64  `json:"total_requests"`
}

func itemOf(k origin.APIKey) keyItem { return keyItem{keyOf(k), maybeEpoch(k.LastUsedAt), k.Requests} }

func (a *API) listKeys(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	keys, err := a.Core.ListFamilyKeys(r.Context(), who, keyFamily)
	if err != nil {
		return err
	}
	return kit.WriteJSON(w, http.StatusOK, struct {
		Keys  []keyItem `json:"api_keys"`
		Total int       `json:"total"`
	}{each(keys, itemOf), len(keys)})
}

// mintKey is the only answer that ever holds the key.
func (a *API) mintKey(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	var in struct {
		Name   string    `json:"name"`
		Scopes *[]string `json:"scopes"`
		Days   *int      `json:"expires_in_days"`
	}
	if err := kit.ReadJSON(r, &in); err != nil {
		return err
	}
	wanted := origin.FamilyKey{Family: keyFamily, Chars: keyChars, Name: in.Name, Scopes: origin.AllScopes}
	var err error
	if in.Scopes != nil {
		if wanted.Scopes, err = origin.ParseScopes(*in.Scopes); err != nil {
			return err
		}
	}
	if wanted.Life, err = days(in.Days); err != nil {
		return err
	}
	key, text, err := a.Core.MintFamilyKey(r.Context(), who, wanted)
	if err != nil {
		return err
	}
	return kit.WriteJSON(w, http.StatusCreated, struct {
		keyBody
		Key string `json:"key"`
	}{keyOf(key), text})
}

// days is file 004, «Key Expiration»; none given is for ever.
func days(n *int) (time.Duration, error) {
	const most = 365
	if n == nil {
		return 0, nil
	}
	if *n < 1 || *n > most {
		return 0, origin.Errorf(origin.Invalid, "expires_in_days: must be from 1 to %d", most)
	}
	return time.Duration(*n) * 24 * time.Hour, nil
}

func (a *API) revokeKey(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	id := strings.ToLower(chi.URLParam(r, "id"))
	if err := a.Core.RevokeFamilyKey(r.Context(), who, keyFamily, id); err != nil {
		return err
	}
	return writeDone(w, "API key deleted")
}
