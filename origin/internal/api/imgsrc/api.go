// Package imgsrc is the img-src dialect: the HTTP API of file 004 of the API documents and of the service's published
// clients. It decodes requests, calls the core and encodes answers; what is allowed is the core's to say.
package imgsrc

import (
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/api/kit"
	"github.com/pictor/pictor/shared/limit"
)

// Config is what the dialect works with; all of it must be given.
type Config struct {
	Core           *origin.Core
	Metrics        *kit.Metrics
	Proxies        kit.Proxies
	MaxUploadBytes int64            // the core's cap, to refuse early what says that it is larger
	Now            func() time.Time // nil: time.Now
}

// API answers the routes of the dialect.
type API struct{ Config }

// New makes the dialect.
func New(cfg Config) *API {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &API{cfg}
}

// handler answers a call of who, or fails with an error that Fail turns into an answer.
type handler func(a *API, w http.ResponseWriter, r *http.Request, who origin.Principal) error

const base = "/api/v1"

// pathPrefix stands before a username and a path in the route of one path.
const pathPrefix = base + "/images/path/"

// routes is the table of the dialect's contract, in its order.
var routes = [...]struct {
	method, pattern string
	handler         handler
}{
	{"GET", base + "/settings", (*API).settings},
	{"PUT", base + "/settings", (*API).updateSettings},
	{"GET", base + "/settings/presets", (*API).listPresets},
	{"POST", base + "/settings/presets", (*API).createPreset},
	{"GET", base + "/settings/presets/{id}", (*API).findPreset},
	{"PUT", base + "/settings/presets/{id}", (*API).updatePreset},
	{"DELETE", base + "/settings/presets/{name}", (*API).deletePreset},
	{"GET", base + "/settings/api-keys", (*API).listKeys},
	{"POST", base + "/settings/api-keys", (*API).mintKey},
	{"DELETE", base + "/settings/api-keys/{id}", (*API).revokeKey},
	{"GET", base + "/usage", (*API).usage},
	{"POST", base + "/images", (*API).upload},
	{"GET", base + "/images", (*API).listImages},
	{"GET", base + "/images/search", (*API).searchImages},
	{"GET", base + "/images/{id}", (*API).findImage},
	{"DELETE", base + "/images/{id}", (*API).deleteImage},
	{"DELETE", pathPrefix + "*", (*API).deletePath},
	{"PATCH", base + "/images/{id}/visibility", (*API).showImage},
	{"POST", base + "/images/{id}/signed-url", (*API).signImage},
}

// Mount adds the routes to the router. What is answered to GET is answered to HEAD.
func (a *API) Mount(router chi.Router) {
	router.Get("/health", a.health)
	for _, route := range routes {
		serve := a.serve(route.handler)
		router.Method(route.method, route.pattern, serve)
		if route.method == http.MethodGet {
			router.Method(http.MethodHead, route.pattern, serve)
		}
	}
}

// Claims reports whether the credentials of a request are this dialect's.
func Claims(r *http.Request) bool {
	_, ok := bearer(r)
	return ok
}

func (a *API) serve(handle handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := a.admit(w, r)
		if err == nil {
			err = handle(a, w, r, who)
		}
		if err != nil {
			Fail(w, r, err)
		}
	})
}

// limits is file 004, «Rate Limiting».
var limits = map[origin.Plan]string{origin.PlanFree: origin.LimitSrcFree, origin.PlanPro: origin.LimitSrcPro}

// admit finds out who asks, and whether they may ask now. Calls without valid credentials are limited too, by address.
func (a *API) admit(w http.ResponseWriter, r *http.Request) (origin.Principal, error) {
	who, err := a.principal(r)
	if err != nil && origin.KindOf(err) != origin.Unauthenticated {
		return origin.Principal{}, err
	}
	name := origin.LimitSrcIP
	if err == nil {
		kit.NoteWho(r, who)
		name = limits[who.Account.Plan]
	}
	pace, limited := a.Core.AllowCall(name, who, origin.Client{Address: a.Proxies.Client(r)})
	setPace(w, pace)
	if limited != nil {
		return origin.Principal{}, limited
	}
	return who, err
}

// setPace tells the client how it stands. Where there is no limit, there is nothing to tell.
func setPace(w http.ResponseWriter, pace limit.Pace) {
	if pace.Rate.Off() {
		return
	}
	header := w.Header()
	header.Set("X-RateLimit-Limit", strconv.Itoa(pace.Rate.Count))
	header.Set("X-RateLimit-Remaining", strconv.Itoa(pace.Remaining))
	header.Set("X-RateLimit-Reset", strconv.FormatInt(pace.Reset.Add(time.Second-1).Unix(), 10)) // rounded up
}

// keyFamily begins every key of the dialect: file 004, «API Key Format».
const (
	keyFamily = "imgsrc_"
	keyChars  = 56
)

// principal takes a key, or the session of a browser: the first key must come from somewhere. An Authorization header
// decides even when it is wrong and a cookie is there too.
func (a *API) principal(r *http.Request) (origin.Principal, error) {
	if _, ok := r.Header["Authorization"]; ok {
		key, ok := bearer(r)
		if !ok {
			return origin.Principal{}, errCredentials
		}
		return a.Core.ByFamilyKey(r.Context(), keyFamily, key)
	}
	token := kit.SessionToken(r)
	if token == "" {
		return origin.Principal{}, errCredentials
	}
	return a.Core.BySession(r.Context(), token)
}

var errCredentials = origin.Errorf(origin.Unauthenticated, "no key")

// bearer is the key in the Authorization header, if it looks like one.
func bearer(r *http.Request) (key string, ok bool) {
	lines := r.Header["Authorization"]
	if len(lines) != 1 {
		return "", false
	}
	scheme, key, _ := strings.Cut(lines[0], " ")
	key = strings.TrimSpace(key)
	return key, strings.EqualFold(scheme, "Bearer") && strings.HasPrefix(key, keyFamily)
}

// health has no secrets, and so no limit: it proves that the store answers.
func (a *API) health(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	if err := a.Core.Ready(ctx); err != nil {
		Fail(w, r, &origin.Error{Kind: origin.Unavailable, Message: "not ready", Err: err})
		return
	}
	_ = kit.WriteJSON(w, http.StatusOK, struct {
		Status    string `json:"status"`
		Timestamp stamp  `json:"timestamp"`
	}{"ok", stamp(a.Now())})
}
