package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/pictor/pictor/bench/picture"
)

// A lifetime in caches that is given to an asset shows on all edges within a second, and so does taking it away, also
// where the answer is in memory.
func TestLifetimesReachAllEdges(t *testing.T) {
	s := start(t, 2, "PICTOR_EDGE_PUBLIC_AGE=2h", "PICTOR_EDGE_STALE_WHILE_REVALIDATE=7s", "PICTOR_EDGE_STALE_IF_ERROR=9s")
	c := signIn(t, s)
	content := picture.PNG(picture.Photo(90, 60, 1))
	upload(t, c, "p.png", content, map[string]string{"public_id": "photo", "cache_max_age": "90"})
	upload(t, c, "s.png", content, map[string]string{"public_id": "secret", "visibility": "private"})
	signed, err := c.Sign(context.Background(), "secret", "", 3600)
	if err != nil {
		t.Fatal(err)
	}
	everywhere := func(path, want string) func() bool {
		return func() bool {
			for _, e := range s.Edges {
				resp, _ := get(t, e.URL+path)
				if resp.StatusCode != 200 || !strings.HasPrefix(resp.Header.Get("Cache-Control"), want) {
					return false
				}
			}
			return true
		}
	}
	const stale = ", stale-while-revalidate=7, stale-if-error=9"
	private := strings.TrimPrefix(signed, s.Edges[0].URL)
	for _, path := range []string{"/v1/image/photo", "/v1/image/w_30,f_png/photo"} {
		if want := "public, max-age=90" + stale; !everywhere(path, want)() {
			t.Errorf("%s was not uploaded with %q", path, want)
		}
	}
	if !everywhere(private, "private, max-age=3")() { // 3599 or so
		t.Error("the private picture does not live as long as its signature")
	}
	for _, step := range []struct {
		id      string
		age     any
		path    string
		control string
	}{
		{"photo", 600, "/v1/image/photo", "public, max-age=600" + stale},
		{"photo", 0, "/v1/image/w_30,f_png/photo", "public, no-cache"},
		{"photo", 0, "/v1/image/photo?v=1", "public, max-age=31536000, immutable"},
		{"photo", nil, "/v1/image/photo", "public, max-age=7200" + stale},
		{"secret", 20, private, "private, max-age=20"},
		{"secret", nil, private, "private, max-age=3"},
	} {
		everywhere(step.path, step.control)() // so that it is remembered as it was before
		if err := c.Patch(context.Background(), step.id, map[string]any{"cache_max_age": step.age}); err != nil {
			t.Fatal(err)
		}
		what := fmt.Sprintf("%s with %v: %q", step.path, step.age, step.control)
		t.Logf("%s took %s", what, within(t, soon, what, everywhere(step.path, step.control)))
	}
}

// Caches in front take an asset's own lifetime for what it is.
func TestLifetimesInSharedCaches(t *testing.T) {
	s := start(t, 1, "PICTOR_EDGE_PUBLIC_AGE=0s")
	c := signIn(t, s)
	content := picture.PNG(picture.Photo(90, 60, 1))
	for id, age := range map[string]string{"hour": "3600", "never": "0", "plain": ""} {
		upload(t, c, "p.png", content, map[string]string{"public_id": id, "cache_max_age": age})
	}
	for name, cache := range map[string]server{
		"nginx": nginx(t, edgeAddress(s), "proxy_cache_path DIR/cache keys_zone=pictures:1m;",
			"proxy_cache pictures; add_header X-Cache $upstream_cache_status;"),
		"varnish": varnish(t, edgeAddress(s)),
	} {
		for id, kept := range map[string]bool{"hour": true, "never": false, "plain": false} {
			again := twice(t, "http://"+cache.address, "/v1/image/"+id)
			if again.StatusCode != 200 || fromCache(again) != kept {
				t.Errorf("%s, %s: %d, kept: %v", name, id, again.StatusCode, fromCache(again))
			}
		}
	}
}
