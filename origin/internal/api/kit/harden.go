package kit

import (
	"net/http"

	"github.com/pictor/pictor/origin"
)

// hardening is set on every answer, errors included: file 003, «Security model». A page that needs more than nothing
// loosens its own Content-Security-Policy. There is no Cross-Origin-Resource-Policy: redirects to pictures must work
// inside other sites' pages.
var hardening = map[string]string{
	"Strict-Transport-Security":  "max-age=31536000",
	"Content-Security-Policy":    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
	"X-Content-Type-Options":     "nosniff",
	"X-Frame-Options":            "DENY",
	"Referrer-Policy":            "no-referrer",
	"Cross-Origin-Opener-Policy": "same-origin",
	"Permissions-Policy":         "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
	"Cache-Control":              "no-store",
}

// Harden sets the hardening headers before anything else can answer.
func Harden(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		header := w.Header()
		for name, value := range hardening {
			header.Set(name, value)
		}
		next.ServeHTTP(w, r)
	})
}

// SameOrigin refuses unsafe requests that a browser sends on behalf of another site, trusted origins (scheme://host)
// aside. Requests with an Authorization header pass: no browser adds one on another site's wish.
func SameOrigin(fail Fail, trusted ...string) (func(http.Handler) http.Handler, error) {
	protection := http.NewCrossOriginProtection()
	for _, site := range trusted {
		if err := protection.AddTrustedOrigin(site); err != nil {
			return nil, err
		}
	}
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			if _, credentials := r.Header["Authorization"]; !credentials {
				if err := protection.Check(r); err != nil {
					fail(w, r, origin.Errorf(origin.Forbidden, "cross-origin request refused"))
					return
				}
			}
			next.ServeHTTP(w, r)
		})
	}, nil
}
