package imgcloud

import (
	"math"
	"net/http"
	"time"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/api/kit"
)

func (a *API) sign(w http.ResponseWriter, r *http.Request, who origin.Principal) error {
	var in struct {
		PublicID   string `json:"public_id"`
		Transform  string `json:"transform"`
		TTLSeconds *int64 `json:"ttl_seconds"`
	}
	if err := kit.ReadJSON(r, &in); err != nil {
		return err
	}
	if err := checkID(in.PublicID); err != nil {
		return err
	}
	url, expires, err := a.Core.SignURL(r.Context(), who,
		origin.SignRequest{PublicID: in.PublicID, Transform: in.Transform, TTL: lifetime(in.TTLSeconds)})
	if err != nil {
		return err
	}
	return kit.WriteJSON(w, http.StatusOK, struct {
		URL       string `json:"url"`
		ExpiresAt stamp  `json:"expires_at"`
		Expires   int64  `json:"expires"` // Unix seconds, as in the URL
	}{url, stamp(expires), expires.Unix()})
}

// lifetime keeps «none given», which is the core's default, apart from a zero that was given, and does not overflow:
// the core refuses what is out of its range.
func lifetime(seconds *int64) time.Duration {
	switch {
	case seconds == nil:
		return 0
	case *seconds < 1:
		return -1
	case *seconds > int64(math.MaxInt64/time.Second):
		return math.MaxInt64
	}
	return time.Duration(*seconds) * time.Second
}

// deliver sends the client on to an edge.
func (a *API) deliver(w http.ResponseWriter, r *http.Request, _ origin.Principal) error {
	kit.Redirect(a.DeliveryURL)(w, r)
	return nil
}
