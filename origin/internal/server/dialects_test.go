package server

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/go-chi/chi/v5"

	"github.com/pictor/pictor/origin/internal/api/imgcloud"
	"github.com/pictor/pictor/origin/internal/api/imgsrc"
)

// The dialects of the design beside those that exist: what the collisions between them are decided by. The others'
// routes are doubles with the shared routes only.
func allDialects() (list []*dialect, names map[*dialect]string) {
	bearer := func(prefix string) func(*http.Request) bool {
		return func(r *http.Request) bool {
			return strings.HasPrefix(r.Header.Get("Authorization"), "Bearer "+prefix)
		}
	}
	header := func(r *http.Request) bool { return r.Header.Get("X-API-Key") != "" || r.Header.Get("Cookie") != "" }
	names = map[*dialect]string{}
	add := func(name, host string, claims func(*http.Request) bool, routes ...string) {
		router := chi.NewRouter()
		for _, route := range routes {
			method, pattern, _ := strings.Cut(route, " ")
			router.MethodFunc(method, pattern, func(http.ResponseWriter, *http.Request) {})
		}
		d := &dialect{host: host, routes: router, claims: claims}
		list, names[d] = append(list, d), name
	}
	add("cloud", "cloud.example.com", imgcloud.Claims, "POST /v1/upload", "GET /v1/assets", "GET /v1/image/*")
	add("pro", "api.example.com", bearer(""), "POST /v1/upload", "GET /v1/media")
	add("host", "", header, "POST /api/v1/images", "GET /api/v1/images", "GET /api/v1/albums")
	add("src", "", imgsrc.Claims, "POST /api/v1/images", "GET /api/v1/images", "DELETE /api/v1/images/path/*", "GET /api/v1/usage",
		"GET /health")
	return list, names
}

// Every collision of the design: a virtual host wins, then the route, then the credentials.
func TestPick(t *testing.T) {
	list, names := allDialects()
	for _, c := range []struct {
		method, target, host string
		headers              []string
		want                 string
	}{
		{"POST", "/v1/upload", "", []string{"Authorization", "ApiKey ck_1:cs_1"}, "cloud"},
		{"POST", "/v1/upload", "", []string{"Authorization", "apikey ck_1:cs_1"}, "cloud"},
		{"POST", "/v1/upload", "", []string{"Cookie", "pictor_session=x"}, "cloud"},
		{"POST", "/v1/upload", "", []string{"Authorization", "Bearer token"}, "pro"},
		{"POST", "/v1/upload", "", nil, "pro"},
		{"POST", "/v1/upload", "api.example.com", []string{"Authorization", "ApiKey ck_1:cs_1"}, "pro"},
		{"POST", "/v1/upload", "cloud.example.com:8080", []string{"Authorization", "Bearer token"}, "cloud"},
		{"GET", "/v1/media", "CLOUD.example.com.", nil, "cloud"},
		{"GET", "/v1/media", "", []string{"Authorization", "ApiKey ck_1:cs_1"}, "pro"},
		{"PUT", "/v1/upload", "", []string{"Authorization", "ApiKey ck_1:cs_1"}, "cloud"},
		{"POST", "/api/v1/images", "", []string{"Authorization", "Bearer imgsrc_abc"}, "src"},
		{"GET", "/api/v1/images", "", []string{"Authorization", "bearer imgsrc_abc"}, "src"},
		{"GET", "/api/v1/images", "", []string{"X-API-Key", "ih_1"}, "host"},
		{"GET", "/api/v1/images", "", []string{"Cookie", "pictor_session=x"}, "host"},
		{"GET", "/api/v1/images", "", nil, "src"},
		{"GET", "/api/v1/images", "", []string{"Authorization", "Bearer eyJhbGciOi"}, "src"},
		{"GET", "/api/v1/images", "", []string{"Authorization", "Basic x"}, "src"},
		{"DELETE", "/api/v1/images", "", nil, "src"},
		{"GET", "/api/v1/albums", "", []string{"Authorization", "Bearer imgsrc_abc"}, "host"},
		{"GET", "/api/v1/usage", "", []string{"X-API-Key", "ih_1"}, "src"},
		{"DELETE", "/api/v1/images/path/anna/a%2Fb.png", "", nil, "src"},
		{"GET", "/v1/image/w_100/photo", "", []string{"Authorization", "Bearer imgsrc_abc"}, "cloud"},
		{"GET", "/health", "other.example.com", nil, "src"},
		{"GET", "/nothing", "", nil, "cloud"},
		{"GET", "/nothing", "", []string{"Authorization", "Bearer imgsrc_abc"}, "pro"}, // its keys have no family of their own
		{"GET", "/nothing", "", []string{"X-API-Key", "ih_1"}, "host"},
	} {
		r := httptest.NewRequest(c.method, c.target, nil)
		if c.host != "" {
			r.Host = c.host
		}
		for i := 0; i < len(c.headers); i += 2 {
			r.Header.Set(c.headers[i], c.headers[i+1])
		}
		if got := names[pick(list, r)]; got != c.want {
			t.Errorf("%s %s %s %q: %s, want %s", c.host, c.method, c.target, c.headers, got, c.want)
		}
	}
}
