package e2e

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/pictor/pictor/bench/picture"
)

// Behind a queue, who leaves the format to the edge gets the one that is made fastest, for a minute; who names one gets
// that; and when the queue is empty, everybody gets the best. Two edges: one of them is not the owner.
func TestUnderPressureFormatsThatAreQuick(t *testing.T) {
	s := start(t, 2, "PICTOR_EDGE_FALLBACK_AFTER=200ms")
	c := signIn(t, s)
	upload(t, c, "p.jpg", picture.JPEG(picture.Photo(2400, 1600, 1)), map[string]string{"public_id": "p"})
	const target, accept = "/v1/image/f_auto,w_1400/p", "image/avif,image/webp"
	var flood sync.WaitGroup
	for i := range 24 {
		flood.Go(func() {
			resp, body, err := tryGet(fmt.Sprintf("%s/v1/image/f_avif,w_%d/p", s.Edges[i%2].URL, 1200+i))
			if err != nil || resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "image/avif" {
				t.Errorf("a format that was named: %v %s", err, body)
			}
		})
	}
	within(t, time.Minute, "a queue", func() bool { return total(t, s, "pictor_edge_render_waiting") >= 12 })
	var asking sync.WaitGroup
	for _, e := range s.Edges {
		asking.Go(func() {
			resp, body, err := tryGet(e.URL+target, "Accept", accept)
			if err != nil || resp.StatusCode != 200 {
				t.Errorf("%s: %v %s", e.Name, err, body)
				return
			}
			h := resp.Header
			if h.Get("Content-Type") != "image/jpeg" || h.Get("Cache-Control") != "public, max-age=60" || h.Get("Vary") != "Accept" {
				t.Errorf("%s under pressure: %v", e.Name, h)
			}
		})
	}
	asking.Wait()
	if n := total(t, s, "pictor_edge_render_fallbacks_total"); n != 2 {
		t.Errorf("counted %v", n)
	}
	flood.Wait()
	for _, e := range s.Edges {
		resp, _ := get(t, e.URL+target, "Accept", accept)
		if got := resp.Header.Get("Content-Type"); got != "image/avif" || resp.Header.Get("Cache-Control") == "public, max-age=60" {
			t.Errorf("%s without pressure: %v", e.Name, resp.Header)
		}
	}
}
