// Package kit holds what the HTTP dialects share: reading bodies strictly, knowing who is on the line, sessions in
// cookies, hardening, and one log line per request. It knows no route and no error body; those are a dialect's.
package kit

import (
	"bytes"
	"encoding/json"
	"net/http"

	"github.com/pictor/pictor/origin"
)

// Fail answers a request with an error in a dialect's words.
type Fail func(w http.ResponseWriter, r *http.Request, err error)

// WriteJSON answers with value as JSON. Marshalling comes first, so that a failure can still become an error answer.
func WriteJSON(w http.ResponseWriter, status int, value any) error {
	var text bytes.Buffer
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false) // an & in a URL stays readable; no browser takes the answer for HTML
	if err := encoder.Encode(value); err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(text.Bytes()) // the client went away: nobody is left to tell
	return nil
}

// kindNames are the words for kinds in metrics and logs.
var kindNames = [...]string{
	origin.Internal:        "internal",
	origin.Invalid:         "invalid",
	origin.Unauthenticated: "unauthenticated",
	origin.Forbidden:       "forbidden",
	origin.NotFound:        "not_found",
	origin.Duplicate:       "duplicate",
	origin.TooLarge:        "too_large",
	origin.Unsupported:     "unsupported",
	origin.RateLimited:     "rate_limited",
	origin.Unavailable:     "unavailable",
}
