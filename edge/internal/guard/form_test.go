package guard

import (
	"testing"

	"github.com/valyala/fasthttp"
)

func TestOriginForm(t *testing.T) {
	for target, want := range map[string][2]string{
		"/a?b=http://c/":        {"/a?b=http://c/", "h"},
		"http://other/a?b#":     {"/a?b#", "other"},
		"HTTPS://other:8443/a":  {"/a", "other:8443"},
		"http://other":          {"/", "other"},
		"http://other?v=1":      {"/?v=1", "other"},
		"http://[::1]:80//a":    {"//a", "[::1]:80"},
		"*":                     {"*", "h"},
		"http://other/http://x": {"/http://x", "other"},
	} {
		var h fasthttp.RequestHeader
		h.SetHost("h")
		h.SetRequestURI(target)
		originForm(&h)
		if got := [2]string{string(h.RequestURI()), string(h.Host())}; got != want {
			t.Errorf("%s: got %q, want %q", target, got, want)
		}
	}
}
