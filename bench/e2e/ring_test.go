package e2e

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pictor/pictor/bench/picture"
)

// Three edges share the work: what is asked of any of them is rendered once in all, and each original fetched once.
func TestRingRendersOnce(t *testing.T) {
	s := start(t, 3)
	c := signIn(t, s)
	const pictures, variants = 6, 50
	for i := range pictures {
		upload(t, c, "p.jpg", picture.JPEG(picture.Photo(640, 480, uint64(i))), map[string]string{"public_id": fmt.Sprintf("p%d", i)})
	}
	type want struct{ path string }
	var wants []want
	for i := range pictures {
		for v := range variants {
			for range 3 { // each one several times, at different edges
				wants = append(wants, want{fmt.Sprintf("/v1/image/w_%d/p%d", 20+v, i)})
			}
		}
	}
	rnd := rand.New(rand.NewPCG(1, 1))
	rnd.Shuffle(len(wants), func(i, j int) { wants[i], wants[j] = wants[j], wants[i] })
	var next atomic.Int64
	var bodies sync.Map
	var crew sync.WaitGroup
	for range 16 {
		crew.Go(func() {
			for {
				i := int(next.Add(1)) - 1
				if i >= len(wants) {
					return
				}
				resp, body, err := tryGet(s.Edges[rand.IntN(3)].URL + wants[i].path)
				if err != nil || resp.StatusCode != 200 {
					t.Errorf("%s: %v %s", wants[i].path, err, body)
					return
				}
				same := func(key string) bool {
					before, loaded := bodies.LoadOrStore(key, body)
					return !loaded || bytes.Equal(before.([]byte), body)
				}
				if !same(wants[i].path) && !same("better "+wants[i].path) { // the quick one, and what takes its place
					t.Errorf("%s: edges give three different pictures", wants[i].path)
				}
			}
		})
	}
	crew.Wait()
	wantOnce(t, s, "pictor_edge_renders_total", pictures*variants)
	wantOnce(t, s, "pictor_edge_origin_fetches_total", pictures)
	for _, e := range s.Edges {
		if n, err := e.Metric("pictor_edge_renders_total"); err != nil || n == 0 {
			t.Logf("%s rendered %v: its share of %d pictures is none", e.Name, n, pictures)
		}
	}
}

// Killing an edge under load fails no request to the others.
func TestKilledEdgeCostsNothing(t *testing.T) {
	s := start(t, 3)
	c := signIn(t, s)
	for i := range 8 {
		upload(t, c, "p.jpg", picture.JPEG(picture.Photo(400, 300, uint64(i))), map[string]string{"public_id": fmt.Sprintf("p%d", i)})
	}
	stop := make(chan struct{})
	var served atomic.Int64
	var crew sync.WaitGroup
	for worker := range 4 {
		crew.Go(func() {
			rnd := rand.New(rand.NewPCG(7, uint64(worker)))
			for {
				select {
				case <-stop:
					return
				default:
				}
				path := fmt.Sprintf("/v1/image/w_%d/p%d", 20+rnd.IntN(200), rnd.IntN(8))
				resp, body, err := tryGet(s.Edges[rnd.IntN(2)].URL + path)
				if err != nil || resp.StatusCode != 200 {
					t.Errorf("%s: %v %s", path, err, body)
					return
				}
				served.Add(1)
			}
		})
	}
	busy := func(n int64) {
		at := served.Load()
		within(t, 2*time.Minute, "load", func() bool { return served.Load() >= at+n })
	}
	busy(50)
	s.Edges[2].Kill()
	busy(300)
	if err := s.Edges[2].Start(); err != nil {
		t.Fatal(err)
	}
	busy(200)
	close(stop)
	crew.Wait()
}
