package kit

import (
	"log/slog"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/pictor/pictor/origin"
)

// StatusGone marks, in logs and metrics, a request whose client did not wait for the answer.
const StatusGone = 499

// SetRetryAfter rounds up: who comes back when told to must not be refused again.
func SetRetryAfter(w http.ResponseWriter, wait time.Duration) {
	if wait > 0 {
		w.Header().Set("Retry-After", strconv.FormatInt(int64(math.Ceil(wait.Seconds())), 10))
	}
}

// NoteWho adds who asks to the request's log line.
func NoteWho(r *http.Request, who origin.Principal) {
	Note(r, slog.String("account", who.Account.ID))
	if who.KeyID != "" {
		Note(r, slog.String("api_key", who.KeyID))
	}
}

// Redirect sends the client on to the edges: pictures are delivered there, under the very same request target.
func Redirect(deliveryURL string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		target := r.RequestURI
		if r.URL.IsAbs() { // GET http://host/path, as to a proxy
			target = r.URL.RequestURI()
		}
		w.Header().Set("Location", deliveryURL+target)
		w.WriteHeader(http.StatusTemporaryRedirect)
	}
}
