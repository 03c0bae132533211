package imgcloud

import (
	"net/http"

	"github.com/go-chi/chi/v5"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/api/kit"
)

// keyBody names a key twice: «key_id» is what file 003 calls it, «id» what its routes take.
type keyBody struct {
	ID         string `json:"id"`
	KeyID      string `json:"key_id"`
	Name       string `json:"name"`
	CreatedAt  stamp  `json:"created_at"`
	LastUsedAt *stamp `json:"last_used_at"`
	RevokedAt  *stamp `json:"revoked_at"`
}

func keyOf(k origin.APIKey) keyBody {
	return keyBody{k.ID, k.ID, k.Name, stamp(k.CreatedAt), maybeStamp(k.LastUsedAt), maybeStamp(k.RevokedAt)}
}

func (a *API) listKeys(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	keys, err := a.Core.ListAPIKeys(r.Context(), who)
	if err != nil {
		return err
	}
	return kit.WriteJSON(w, http.StatusOK, struct {
		Keys []keyBody `json:"api_keys"`
	}{each(keys, keyOf)})
}

// mintKey is the only answer that ever holds the secret.
func (a *API) mintKey(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	var in struct {
		Name string `json:"name"`
	}
	if err := kit.ReadOptionalJSON(r, &in); err != nil {
		return err
	}
	key, secret, err := a.Core.MintAPIKey(r.Context(), who, in.Name)
	if err != nil {
		return err
	}
	return kit.WriteJSON(w, http.StatusCreated, struct {
		ID        string `json:"id"`
		KeyID     string `json:"key_id"`
		KeySecret string `json:"key_secret"`
		Name      string `json:"name"`
		CreatedAt stamp  `json:"created_at"`
	}{key.ID, key.ID, secret, key.Name, stamp(key.CreatedAt)})
}

func (a *API) revokeKey(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	key, err := a.Core.RevokeAPIKey(r.Context(), who, chi.URLParam(r, "id"))
	if err != nil {
		return err
	}
	return kit.WriteJSON(w, http.StatusOK, keyOf(key))
}
