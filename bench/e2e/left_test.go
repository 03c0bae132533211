package e2e

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/pictor/pictor/bench/picture"
)

// What clients wait for is dropped when they close their connections, on the edge that they asked and on the owner. Two
// edges: about half of the requests go by way of another one.
func TestWorkForNobodyIsDropped(t *testing.T) {
	const jobs = 40
	s := start(t, 2, "PICTOR_EDGE_FALLBACK_AFTER=0")
	c := signIn(t, s)
	upload(t, c, "p.jpg", picture.JPEG(picture.Photo(2400, 1600, 1)), map[string]string{"public_id": "p"})
	made := total(t, s, "pictor_edge_renders_total")
	ctx, leave := context.WithCancel(t.Context())
	defer leave()
	var asking sync.WaitGroup
	for i := range jobs {
		asking.Go(func() {
			req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s/v1/image/f_avif,w_%d/p", s.Edges[i%2].URL, 2000+i), nil)
			if err != nil {
				t.Error(err)
				return
			}
			resp, err := http.DefaultClient.Do(req)
			if err == nil {
				resp.Body.Close()
			}
		})
	}
	waiting := func() float64 { return total(t, s, "pictor_edge_render_waiting") }
	within(t, time.Minute, "a queue", func() bool { return waiting() >= jobs/2 })
	leave()
	asking.Wait()
	within(t, 20*time.Second, "an empty queue", func() bool { return waiting() == 0 })
	if n := total(t, s, "pictor_edge_renders_total") - made; n > jobs/2 {
		t.Errorf("%v of %d pictures were made, most of them for nobody", n, jobs)
	}
	if resp, _ := get(t, s.Edges[0].URL+"/v1/image/f_avif,w_2000/p"); resp.StatusCode != http.StatusOK {
		t.Errorf("the next client got %d", resp.StatusCode)
	}
}
