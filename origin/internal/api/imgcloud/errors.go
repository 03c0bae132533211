package imgcloud

import (
	"context"
	"errors"
	"net/http"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/api/kit"
)

// statuses is file 003, «Errors», and what it leaves to common sense.
var statuses = [...]int{
	origin.Internal:        http.StatusInternalServerError,
	origin.Invalid:         http.StatusBadRequest,
	origin.Unauthenticated: http.StatusUnauthorized,
	origin.Forbidden:       http.StatusForbidden,
	origin.NotFound:        http.StatusNotFound,
	origin.Duplicate:       http.StatusConflict,
	origin.TooLarge:        http.StatusRequestEntityTooLarge,
	origin.Unsupported:     http.StatusUnsupportedMediaType,
	origin.RateLimited:     http.StatusTooManyRequests,
	origin.Unavailable:     http.StatusServiceUnavailable,
}

// Fail answers with an error of the dialect: a status and {"error": message}. Causes go to the log only.
func Fail(w http.ResponseWriter, r *http.Request, err error) {
	kit.NoteError(r, err)
	if errors.Is(err, context.Canceled) && r.Context().Err() != nil {
		w.WriteHeader(kit.StatusGone)
		return
	}
	kind, message := origin.KindOf(err), "internal error"
	if e, ok := errors.AsType[*origin.Error](err); ok && kind != origin.Internal {
		message = e.Message
		kit.SetRetryAfter(w, e.RetryAfter)
	}
	if kind == origin.Unauthenticated {
		w.Header().Set("WWW-Authenticate", "ApiKey")
	}
	writeError(w, statuses[kind], message)
}

// RouteNotFound answers where no route is.
func RouteNotFound(w http.ResponseWriter, _ *http.Request) {
	writeError(w, http.StatusNotFound, "route not found")
}

// MethodNotAllowed answers where a route does not take the method; the Allow header is there already.
func MethodNotAllowed(w http.ResponseWriter, _ *http.Request) {
	writeError(w, http.StatusMethodNotAllowed, "method not allowed")
}

func writeError(w http.ResponseWriter, status int, message string) {
	_ = kit.WriteJSON(w, status, errorBody{message}) // a string always marshals
}

type errorBody struct {
	Error string `json:"error"`
}
