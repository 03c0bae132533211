package server_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/pictor/pictor/origin/internal/server"
	"github.com/pictor/pictor/origin/internal/server/servertest"
)

func ask(t *testing.T, o *servertest.Origin, host, path string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, o.URL+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if host != "" {
		req.Host = host
	}
	resp, err := (&http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, strings.TrimSpace(string(text))
}

const (
	cloudNothing = `{"error":"route not found"}`
	srcNothing   = `{"error":{"code":"NOT_FOUND","message":"Route not found","status":404}}`
)

// A virtual host speaks one dialect, whatever the route.
func TestVirtualHosts(t *testing.T) {
	o := servertest.Start(t, servertest.Options{Hosts: map[string]string{server.ImgSrc: "api.example.com",
		server.ImgCloud: "cloud.example.com"}})
	for _, c := range []struct{ host, path, want string }{
		{"", "/v1/assets", `{"error":"credentials are missing"}`},
		{"", "/api/v1/images", `{"error":{"code":"UNAUTHORIZED","message":"Invalid or missing API key","status":401}}`},
		{"", "/nothing", cloudNothing},
		{"api.example.com", "/v1/assets", srcNothing},
		{"API.Example.Com.", "/nothing", srcNothing},
		{"cloud.example.com", "/api/v1/images", cloudNothing},
		{"cloud.example.com", "/health", cloudNothing},
	} {
		if _, body := ask(t, o, c.host, c.path); body != c.want {
			t.Errorf("%s%s: %s", c.host, c.path, body)
		}
	}
	for _, host := range []string{"", "api.example.com", "cloud.example.com"} { // delivery belongs to all
		if status, _ := ask(t, o, host, "/i/anna/x.webp"); status != http.StatusTemporaryRedirect {
			t.Errorf("%s: delivery is %d", host, status)
		}
	}
}

func TestDialectsAreSwitchedOff(t *testing.T) {
	src := servertest.Start(t, servertest.Options{Dialects: []string{server.ImgSrc}})
	if _, body := ask(t, src, "", "/v1/assets"); body != srcNothing {
		t.Errorf("img-cloud is off and says %s", body)
	}
	if status, _ := ask(t, src, "", "/health"); status != http.StatusOK {
		t.Errorf("health is %d", status)
	}
	cloud := servertest.Start(t, servertest.Options{Dialects: []string{server.ImgCloud}})
	if _, body := ask(t, cloud, "", "/api/v1/images"); body != cloudNothing {
		t.Errorf("img-src is off and says %s", body)
	}
}
