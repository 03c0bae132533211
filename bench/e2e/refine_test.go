package e2e

import (
	"testing"
	"time"

	"github.com/pictor/pictor/bench/picture"
)

// What is asked for again is encoded once more: until then its answers are short-lived, afterwards they are final.
func TestPopularPicturesGetBetter(t *testing.T) {
	s := start(t, 1, "PICTOR_EDGE_REFINE=on")
	c := signIn(t, s)
	upload(t, c, "p.jpg", picture.JPEG(picture.Photo(800, 600, 1)), map[string]string{"public_id": "p"})
	const path = "/v1/image/w_400,f_webp/p?v=1"
	first, quick := get(t, s.Edges[0].URL+path)
	if got := first.Header.Get("Cache-Control"); got != "public, max-age=60" {
		t.Errorf("the quick answer: Cache-Control %q", got)
	}
	within(t, 2*time.Minute, "a better encoding", func() bool {
		resp, body := get(t, s.Edges[0].URL+path)
		if resp.Header.Get("ETag") == first.Header.Get("ETag") {
			return false
		}
		if got := resp.Header.Get("Cache-Control"); got != "public, max-age=31536000, immutable" || len(body) >= len(quick) {
			t.Errorf("the final answer: Cache-Control %q, %d bytes after %d", got, len(body), len(quick))
		}
		return true
	})
	if renders, refines := total(t, s, "pictor_edge_renders_total"), total(t, s, "pictor_edge_refines_total"); renders != 1 || refines != 1 {
		t.Errorf("%v renders and %v refines", renders, refines)
	}
}
