package server

import (
	"net/http"
	"net/url"

	"github.com/klauspost/compress/gzhttp"

	"github.com/pictor/pictor/origin/internal/api/kit"
)

// api is the handler of the public listener.
func (s *Server) api() (http.Handler, error) {
	dialects, err := s.dialects()
	if err != nil {
		return nil, err
	}
	observer := &kit.Observer{Log: s.cfg.Log, Metrics: s.metrics, Proxies: s.cfg.Proxies}
	compress, err := compression()
	if err != nil {
		return nil, err
	}
	return observer.Observe(compress(kit.Harden(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		pick(dialects, r).handler.ServeHTTP(w, r)
	})))), nil
}

// compression packs long answers for who takes them packed. The jitter hides their exact length: where a secret and a
// stranger's text are packed together, it tells how alike they are.
func compression() (func(http.Handler) http.HandlerFunc, error) {
	return gzhttp.NewWrapper(gzhttp.MinSize(1<<10), gzhttp.EnableZstd(true), gzhttp.ContentTypes([]string{"application/json"}),
		gzhttp.RandomJitter(32, 0, false))
}

// greet tells who looks at the bare address what this is.
func (s *Server) greet(w http.ResponseWriter, _ *http.Request) {
	_ = kit.WriteJSON(w, http.StatusOK, map[string]string{
		"name":     "Pictor origin",
		"api":      "/v1/",
		"delivery": s.cfg.DeliveryURL + "/v1/image/",
	})
}

// siteOf is the scheme and host of a URL, as browsers write it in Origin.
func siteOf(base string) string {
	u, err := url.Parse(base)
	if err != nil {
		return base // and SameOrigin will say what is wrong with it
	}
	return u.Scheme + "://" + u.Host
}
