package imgcloud

import (
	"net/http"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/api/kit"
)

type signingKeyBody struct {
	ID        string `json:"id"` // what signatures begin with
	Signs     bool   `json:"signs"`
	CreatedAt *stamp `json:"created_at"`
	RetiresAt *stamp `json:"retires_at"`
}

type signingKeysBody struct {
	Keys []signingKeyBody `json:"signing_keys"`
}

func signingKeysOf(keys []origin.SigningKey) signingKeysBody {
	return signingKeysBody{each(keys, func(k origin.SigningKey) signingKeyBody {
		return signingKeyBody{k.ID, k.Signs, maybeStamp(k.CreatedAt), maybeStamp(k.RetiresAt)}
	})}
}

func (a *API) listSigningKeys(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	keys, err := a.Core.ListSigningKeys(r.Context(), who)
	if err != nil {
		return err
	}
	return kit.WriteJSON(w, http.StatusOK, signingKeysOf(keys))
}

func (a *API) rotateSigningKey(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	var in struct {
		GraceSeconds *int64 `json:"grace_seconds"`
	}
	if err := kit.ReadOptionalJSON(r, &in); err != nil {
		return err
	}
	grace := origin.DefaultKeyGrace
	if in.GraceSeconds != nil {
		grace = seconds(*in.GraceSeconds)
	}
	keys, err := a.Core.RotateSigningKey(r.Context(), who, grace)
	if err != nil {
		return err
	}
	return kit.WriteJSON(w, http.StatusCreated, signingKeysOf(keys))
}

func (a *API) retireSigningKey(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	if err := a.Core.RetireSigningKey(r.Context(), who, chi.URLParam(r, "id")); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// seconds does not overflow: the core refuses what is out of its range.
func seconds(n int64) time.Duration {
	return time.Duration(min(max(n, -1), int64(origin.MaxKeyGrace/time.Second)+1)) * time.Second
}
