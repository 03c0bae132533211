package e2e

import (
	"bytes"
	"context"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/bench/picture"
	"github.com/pictor/pictor/bench/stack"
)

// fromCache reports whether the cache in front had the answer.
func fromCache(r *http.Response) bool { return r.Header.Get("X-Cache") == "HIT" }

// Shared caches keep, refresh, cut up and leave alone just what the headers say.
func TestSharedCaches(t *testing.T) {
	s := start(t, 1, "PICTOR_EDGE_PUBLIC_AGE=1s", "PICTOR_EDGE_STALE_WHILE_REVALIDATE=0s", "PICTOR_EDGE_STALE_IF_ERROR=0s")
	c := signIn(t, s)
	content := picture.PNG(picture.Photo(300, 200, 1))
	asset := upload(t, c, "p.png", content, map[string]string{"public_id": "photo"})
	upload(t, c, "s.png", content, map[string]string{"public_id": "secret", "visibility": "private"})
	signed, err := c.Sign(context.Background(), "secret", "w_20", 3600)
	if err != nil {
		t.Fatal(err)
	}
	for name, begin := range map[string]func(t *testing.T, edge string) server{
		"nginx": func(t *testing.T, edge string) server {
			return nginx(t, edge, "proxy_cache_path DIR/cache keys_zone=pictures:1m;",
				"proxy_cache pictures; proxy_cache_revalidate on; add_header X-Cache $upstream_cache_status;")
		},
		"varnish": func(t *testing.T, edge string) server { return varnish(t, edge) },
	} {
		t.Run(name, func(t *testing.T) {
			cache := "http://" + begin(t, edgeAddress(s)).address
			testSharedCache(t, cache, s.Edges[0], asset.Version, content, strings.TrimPrefix(signed, s.Edges[0].URL))
		})
	}
}

func testSharedCache(t *testing.T, cache string, edge *stack.Program, version int64, content []byte, private string) {
	versioned := "/v1/image/photo?v=" + strconv.FormatInt(version, 10)

	t.Run("store", func(t *testing.T) {
		again := twice(t, cache, versioned)
		if !fromCache(again) || again.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("a versioned picture is asked for again: %v", again.Header)
		}
	})
	t.Run("formats apart", func(t *testing.T) {
		for range 2 {
			for accept, want := range map[string]string{"image/avif,*/*": "image/avif", "image/webp,*/*": "image/webp",
				"*/*": "image/jpeg"} {
				resp, _ := get(t, cache+"/v1/image/w_20,f_auto/photo?v=1", "Accept", accept)
				if got := resp.Header.Get("Content-Type"); got != want {
					t.Errorf("%s gets %s", accept, got)
				}
			}
		}
	})
	t.Run("part", func(t *testing.T) {
		twice(t, cache, versioned)
		resp, body := get(t, cache+versioned, "Range", "bytes=10-19")
		if resp.StatusCode != 206 || !fromCache(resp) || !bytes.Equal(body, content[10:20]) {
			t.Errorf("%d %v, %d bytes", resp.StatusCode, resp.Header, len(body))
		}
		if resp, _ := get(t, cache+versioned, "If-None-Match", resp.Header.Get("ETag")); resp.StatusCode != 304 {
			t.Errorf("the same tag: %d", resp.StatusCode)
		}
	})
	t.Run("refuse", func(t *testing.T) {
		for _, target := range []string{private, "/v1/image/secret", "/v1/image/a%2fb"} {
			if again := twice(t, cache, target); fromCache(again) {
				t.Errorf("%s is kept: %d %v", target, again.StatusCode, again.Header)
			}
		}
	})
	t.Run("revalidate", func(t *testing.T) {
		status := func(code int) float64 { return answersWith(t, edge, code) }
		twice(t, cache, "/v1/image/w_30/photo")
		whole, unchanged := status(200), status(304)
		within(t, time.Minute, "the next question of the edge", func() bool {
			resp, body := get(t, cache+"/v1/image/w_30/photo")
			if resp.StatusCode != 200 || len(body) == 0 {
				t.Fatalf("%d, %d bytes", resp.StatusCode, len(body))
			}
			return status(304) > unchanged
		})
		if n := status(200) - whole; n > 0 {
			t.Errorf("%v whole answers for a picture that has not changed", n)
		}
	})
}

// twice gives the second answer.
func twice(t *testing.T, cache string, target string) *http.Response {
	t.Helper()
	get(t, cache+target)
	resp, _ := get(t, cache+target)
	return resp
}

// answersWith counts the answers of an edge with a status.
func answersWith(t testing.TB, edge *stack.Program, status int) float64 {
	t.Helper()
	_, text := get(t, edge.OpsURL+"/metrics")
	var sum float64
	for _, line := range strings.Split(string(text), "\n") {
		series, value, ok := strings.Cut(line, "} ")
		if !ok || !strings.HasPrefix(series, "pictor_edge_requests_total{") ||
			!strings.Contains(series, strconv.Quote(strconv.Itoa(status))) {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum
}
