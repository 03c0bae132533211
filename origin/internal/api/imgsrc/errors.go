package imgsrc

import (
	"context"
	"errors"
	"net/http"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/api/kit"
)

// answers is the one table from Kinds to what is answered. A message stands where file 004 gives the body to the letter,
// or where the core's would tell too much.
var answers = [...]struct {
	status  int
	code    string
	message string
}{
	origin.Internal:        {http.StatusInternalServerError, "INTERNAL_ERROR", "Internal error"},
	origin.Invalid:         {http.StatusBadRequest, "VALIDATION_ERROR", ""},
	origin.Unauthenticated: {http.StatusUnauthorized, "UNAUTHORIZED", "Invalid or missing API key"},
	origin.Forbidden:       {http.StatusForbidden, "FORBIDDEN", "Insufficient permissions"},
	origin.NotFound:        {http.StatusNotFound, "NOT_FOUND", ""},
	origin.Duplicate:       {http.StatusConflict, "CONFLICT", ""},
	origin.TooLarge:        {http.StatusRequestEntityTooLarge, "PAYLOAD_TOO_LARGE", ""},
	origin.Unsupported:     {http.StatusBadRequest, "UNSUPPORTED_FORMAT", ""}, // the clients know no 415
	origin.RateLimited:     {http.StatusTooManyRequests, "RATE_LIMITED", "Too many requests"},
	origin.Unavailable:     {http.StatusServiceUnavailable, "SERVICE_UNAVAILABLE", ""},
}

// Fail answers with an error of the dialect. Causes go to the log only.
func Fail(w http.ResponseWriter, r *http.Request, err error) {
	kit.NoteError(r, err)
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		w.WriteHeader(kit.StatusGone)
		return
	}
	kind := origin.KindOf(err)
	answer := answers[kind]
	if e, ok := errors.AsType[*origin.Error](err); ok && kind != origin.Internal {
		if answer.message == "" {
			answer.message = e.Message
		}
		kit.SetRetryAfter(w, e.RetryAfter)
	}
	if kind == origin.Unauthenticated {
		w.Header().Set("WWW-Authenticate", "Bearer")
	}
	writeError(w, answer.status, answer.code, answer.message)
}

// RouteNotFound answers where no route is. It counts as a call, like all others.
func (a *API) RouteNotFound(w http.ResponseWriter, r *http.Request) {
	a.refuse(w, r, http.StatusNotFound, "NOT_FOUND", "Route not found")
}

// MethodNotAllowed answers where a route does not take the method; the Allow header is there already.
func (a *API) MethodNotAllowed(w http.ResponseWriter, r *http.Request) {
	a.refuse(w, r, http.StatusMethodNotAllowed, "METHOD_NOT_ALLOWED", "Method not allowed")
}

func (a *API) refuse(w http.ResponseWriter, r *http.Request, status int, code, message string) {
	if _, err := a.admit(w, r); err != nil && origin.KindOf(err) != origin.Unauthenticated {
		Fail(w, r, err)
		return
	}
	writeError(w, status, code, message)
}

type errorDetail struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Status  int    `json:"status"`
}

func writeError(w http.ResponseWriter, status int, code, message string) {
	_ = kit.WriteJSON(w, status, struct { // strings and a number always marshal
		Error errorDetail `json:"error"`
	}{errorDetail{code, message, status}})
}
