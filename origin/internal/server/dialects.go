package server

import (
	"net"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/pictor/pictor/origin/internal/api/imgcloud"
	"github.com/pictor/pictor/origin/internal/api/imgsrc"
	"github.com/pictor/pictor/origin/internal/api/kit"
)

// The names of the dialects, in configuration and documentation.
const (
	ImgCloud = "imgcloud"
	ImgSrc   = "imgsrc"
)

// Dialects are all there are. Where the credentials of a request on a shared route are nobody's, the last one answers:
// the one whose errors such clients understand.
var Dialects = []string{ImgCloud, ImgSrc}

// dialect is one documented HTTP surface, whole: with its own errors for what is not there.
type dialect struct {
	host    string // a virtual host of its own; "" for none
	routes  chi.Router
	handler http.Handler               // routes, guarded
	claims  func(r *http.Request) bool // whether the credentials are this dialect's
}

// pick finds who answers: a virtual host wins, then the route decides, and where several have it the credentials.
func pick(dialects []*dialect, r *http.Request) *dialect {
	host := hostOf(r)
	for _, d := range dialects {
		if d.host != "" && d.host == host {
			return d
		}
	}
	var able []*dialect
	for _, d := range dialects {
		if d.has(r) {
			able = append(able, d)
		}
	}
	last := len(able) - 1
	if last < 0 {
		able, last = dialects, 0 // nobody has it, and somebody must say so
	}
	for _, d := range able {
		if d.claims(r) {
			return d
		}
	}
	return able[last]
}

// hostOf is the host that the client asked for, without a port.
func hostOf(r *http.Request) string {
	host := r.Host
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}

// has reports whether the path is one of the dialect's routes, whatever the method: a wrong method is still its own.
func (d *dialect) has(r *http.Request) bool {
	path := r.URL.Path
	if r.URL.RawPath != "" {
		path = r.URL.RawPath
	}
	for _, method := range []string{r.Method, http.MethodGet, http.MethodPost, http.MethodPut, http.MethodPatch,
		http.MethodDelete} {
		if d.routes.Match(chi.NewRouteContext(), method, path) {
			return true
		}
	}
	return false
}

// front is a dialect's words for what goes wrong outside its routes.
type front struct {
	fail                kit.Fail
	notFound, notMethod http.HandlerFunc
}

// dialect assembles one: guards, its own errors, its routes, and those that belong to none.
func (s *Server) dialect(name string, words front, claims func(*http.Request) bool, mount func(chi.Router)) (*dialect,
	error) {
	var trusted []string
	if s.cfg.PublicURL != "" {
		trusted = append(trusted, siteOf(s.cfg.PublicURL))
	}
	sameOrigin, err := kit.SameOrigin(words.fail, trusted...)
	if err != nil {
		return nil, err
	}
	router := chi.NewRouter()
	router.NotFound(words.notFound)
	router.MethodNotAllowed(kit.Allow(router, words.notFound, words.notMethod))
	router.Get("/", s.greet)
	router.Method(http.MethodGet, "/i/*", kit.Redirect(s.cfg.DeliveryURL)) // the edge knows whose it is
	router.Method(http.MethodHead, "/i/*", kit.Redirect(s.cfg.DeliveryURL))
	mount(router)
	guarded := kit.Recover(words.fail)(sameOrigin(kit.DefaultPace.Limit(router)))
	return &dialect{host: strings.ToLower(s.cfg.Hosts[name]), routes: router, handler: guarded, claims: claims}, nil
}

// dialects assembles those that are switched on, in the order of Dialects.
func (s *Server) dialects() (list []*dialect, err error) {
	makers := map[string]func() (*dialect, error){ImgCloud: s.imgCloud, ImgSrc: s.imgSrc}
	for _, name := range Dialects {
		if !s.cfg.speaks(name) {
			continue
		}
		d, err := makers[name]()
		if err != nil {
			return nil, err
		}
		list = append(list, d)
	}
	return list, nil
}

func (s *Server) imgCloud() (*dialect, error) {
	words := front{imgcloud.Fail, imgcloud.RouteNotFound, imgcloud.MethodNotAllowed}
	return s.dialect(ImgCloud, words, imgcloud.Claims, imgcloud.New(imgcloud.Config{
		Core:           s.cfg.Core,
		Metrics:        s.metrics,
		Proxies:        s.cfg.Proxies,
		DeliveryURL:    s.cfg.DeliveryURL,
		MaxUploadBytes: s.cfg.MaxUploadBytes,
		Secure:         strings.HasPrefix(s.cfg.PublicURL, "https:"),
	}).Mount)
}

func (s *Server) imgSrc() (*dialect, error) {
	api := imgsrc.New(imgsrc.Config{
		Core:           s.cfg.Core,
		Metrics:        s.metrics,
		Proxies:        s.cfg.Proxies,
		MaxUploadBytes: s.cfg.MaxUploadBytes,
		Now:            s.cfg.Now,
	})
	words := front{imgsrc.Fail, api.RouteNotFound, api.MethodNotAllowed}
	return s.dialect(ImgSrc, words, imgsrc.Claims, api.Mount)
}
