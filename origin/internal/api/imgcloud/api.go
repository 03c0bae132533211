// Package imgcloud is the img-cloud dialect: the HTTP API of file 003 of the API documents. It decodes requests,
// calls the core and encodes answers; what is allowed is the core's to say.
package imgcloud

import (
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/api/kit"
)

// Config is what the dialect works with; all of it must be given.
type Config struct {
	Core           *origin.Core
	Metrics        *kit.Metrics
	Proxies        kit.Proxies
	DeliveryURL    string // absolute base of delivery URLs, without a trailing slash
	MaxUploadBytes int64  // the core's cap, to refuse early what says that it is larger
	Secure         bool   // cookies are for HTTPS only, even where a request does not show that it came by HTTPS
}

// API answers the routes of the dialect.
type API struct{ Config }

// New makes the dialect.
func New(cfg Config) *API { return &API{cfg} }

// access says which proof a route asks for. Who may do what with it is decided in the core.
type access uint8

const (
	open    access = iota // none
	session               // a browser session
	known                 // a session or an API key
)

// handler answers a call of who, or fails with an error that Fail turns into an answer.
type handler func(a *API, w http.ResponseWriter, r *http.Request, who origin.Principal) error

// routes is the table of file 003, «REST API reference», in its order, with what administrators need besides.
var routes = [...]struct {
	method, pattern string
	access          access
	handler         handler
}{
	{"POST", "/v1/auth/login", open, (*API).login},
	{"POST", "/v1/auth/logout", open, (*API).logout},
	{"GET", "/v1/auth/me", session, (*API).me},
	{"POST", "/v1/auth/change-password", session, (*API).changePassword},
	{"GET", "/v1/users", known, (*API).listUsers},
	{"POST", "/v1/users", known, (*API).createUser},
	{"GET", "/v1/users/{id}", known, (*API).findUser},
	{"PATCH", "/v1/users/{id}", known, (*API).updateUser},
	{"DELETE", "/v1/users/{id}", known, (*API).deleteUser},
	{"GET", "/v1/api-keys", session, (*API).listKeys},
	{"POST", "/v1/api-keys", session, (*API).mintKey},
	{"POST", "/v1/api-keys/{id}/revoke", session, (*API).revokeKey},
	{"POST", "/v1/upload", known, (*API).upload},
	{"GET", "/v1/assets", known, (*API).listAssets},
	{"GET", assetPrefix + "*", known, (*API).findAsset},
	{"PATCH", assetPrefix + "*", known, (*API).updateAsset},
	{"DELETE", assetPrefix + "*", known, (*API).deleteAsset},
	{"GET", "/v1/image/*", open, (*API).deliver},
	{"POST", "/v1/image/sign", known, (*API).sign},
	{"GET", "/v1/usage/summary", known, (*API).usage},
	{"GET", "/v1/signing-keys", known, (*API).listSigningKeys},
	{"POST", "/v1/signing-keys", known, (*API).rotateSigningKey},
	{"DELETE", "/v1/signing-keys/{id}", known, (*API).retireSigningKey},
}

// Mount adds the routes to the router. What is answered to GET is answered to HEAD.
func (a *API) Mount(router chi.Router) {
	for _, route := range routes {
		serve := a.serve(route.access, route.handler)
		router.Method(route.method, route.pattern, serve)
		if route.method == http.MethodGet {
			router.Method(http.MethodHead, route.pattern, serve)
		}
	}
}

// Claims reports whether the credentials of a request are this dialect's.
func Claims(r *http.Request) bool {
	if lines, ok := r.Header["Authorization"]; ok {
		_, _, ok := parseAPIKey(lines)
		return ok
	}
	return kit.SessionToken(r) != ""
}

func (a *API) serve(needs access, handle handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		who, err := a.authenticate(r, needs)
		if err == nil {
			err = handle(a, w, r, who)
		}
		if err != nil {
			Fail(w, r, err)
		}
	})
}

// authenticate finds out who asks. An Authorization header decides even when it is wrong and a cookie is there too:
// who sends one means it.
func (a *API) authenticate(r *http.Request, needs access) (origin.Principal, error) {
	if needs == open {
		return origin.Principal{}, nil
	}
	who, err := a.principal(r)
	if err != nil {
		return origin.Principal{}, err
	}
	kit.NoteWho(r, who)
	if needs == session && who.SessionID == "" {
		return origin.Principal{}, origin.Errorf(origin.Forbidden, "only a browser session may do this, not an API key")
	}
	return who, nil
}

func (a *API) principal(r *http.Request) (origin.Principal, error) {
	if lines, ok := r.Header["Authorization"]; ok {
		id, secret, ok := parseAPIKey(lines)
		if !ok {
			return origin.Principal{}, origin.Errorf(origin.Unauthenticated,
				"Authorization must be: ApiKey <key_id>:<key_secret>")
		}
		return a.Core.ByAPIKey(r.Context(), id, secret)
	}
	token := kit.SessionToken(r)
	if token == "" {
		return origin.Principal{}, origin.Errorf(origin.Unauthenticated, "credentials are missing")
	}
	return a.Core.BySession(r.Context(), token)
}

func parseAPIKey(lines []string) (id, secret string, ok bool) {
	if len(lines) != 1 {
		return "", "", false
	}
	scheme, proof, _ := strings.Cut(lines[0], " ")
	if !strings.EqualFold(scheme, "ApiKey") {
		return "", "", false
	}
	return strings.Cut(strings.TrimSpace(proof), ":")
}

func (a *API) client(r *http.Request) origin.Client {
	return origin.Client{Address: a.Proxies.Client(r), Agent: r.UserAgent()}
}

func (a *API) secure(r *http.Request) bool { return a.Secure || a.Proxies.HTTPS(r) }
