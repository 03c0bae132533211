package server

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/pictor/pictor/origin/internal/api/imgcloud"
	"github.com/pictor/pictor/origin/internal/api/kit"
)

// api is the handler of the public listener.
func (s *Server) api() (http.Handler, error) {
	var trusted []string
	if s.cfg.PublicURL != "" {
		trusted = append(trusted, siteOf(s.cfg.PublicURL))
	}
	sameOrigin, err := kit.SameOrigin(imgcloud.Fail, trusted...)
	if err != nil {
		return nil, err
	}
	observer := &kit.Observer{Log: s.cfg.Log, Metrics: s.metrics, Proxies: s.cfg.Proxies}
	router := chi.NewRouter()
	router.Use(observer.Observe, kit.Harden, kit.Recover(imgcloud.Fail), sameOrigin, kit.DefaultPace.Limit)
	router.NotFound(imgcloud.RouteNotFound)
	router.MethodNotAllowed(kit.Allow(router, imgcloud.RouteNotFound, imgcloud.MethodNotAllowed))
	router.Get("/", s.greet)
	imgcloud.New(imgcloud.Config{
		Core:           s.cfg.Core,
		Metrics:        s.metrics,
		Proxies:        s.cfg.Proxies,
		DeliveryURL:    s.cfg.DeliveryURL,
		MaxUploadBytes: s.cfg.MaxUploadBytes,
		Secure:         strings.HasPrefix(s.cfg.PublicURL, "https:"),
	}).Mount(router)
	return router, nil
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
