package kit

import (
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
)

// methods are those that routes are made for.
var methods = [...]string{http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch,
	http.MethodDelete}

// Allow sets the Allow header in front of a 405. Methods that nobody has heard of get here too: where no route takes
// any method, they are answered as not found.
func Allow(routes chi.Routes, notFound, notAllowed http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		path := r.URL.Path
		if r.URL.RawPath != "" {
			path = r.URL.RawPath
		}
		var allowed []string
		for _, method := range methods {
			if routes.Match(chi.NewRouteContext(), method, path) {
				allowed = append(allowed, method)
			}
		}
		if allowed == nil {
			notFound(w, r)
			return
		}
		w.Header().Set("Allow", strings.Join(allowed, ", "))
		notAllowed(w, r)
	}
}
