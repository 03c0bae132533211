package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pictor/pictor/bench/picture"
	"github.com/pictor/pictor/bench/stack"
)

// Edges and the origin are restarted in turn while clients ask for pictures. No request fails, except those that only the
// origin can answer, while it is away: they hear 503 and when to come again.
func TestRestartsUnderLoadFailNothing(t *testing.T) {
	restarts := 8
	if soak {
		restarts = 120
	}
	s := startAs(t, stack.Config{Data: t.TempDir(), Edges: 3, KeepPorts: true, Env: []string{"PICTOR_EDGE_VARIANTS_PER_ASSET=0"}})
	c := newCrowd(t, s)
	c.begin(6)
	for i := range restarts {
		if i%4 == 3 {
			c.away.Store(true)
			restarted(t, s.Origin, c.busy)
			c.hearOrigin()
			c.away.Store(false)
		} else {
			restarted(t, s.Edges[i%4], c.busy)
		}
		c.busy(200)
	}
	c.end()
	t.Logf("%d restarts, %d requests, %d of them waited for the origin in vain, the longest took %s", restarts, c.asked.Load(), c.excused.Load(),
		time.Duration(c.longest.Load()).Round(time.Millisecond))
}

// restarted stops a program as its supervisor would, and starts the next while it is missed.
func restarted(t *testing.T, p *stack.Program, busy func(int64)) {
	t.Helper()
	p.Stop()
	if p.Name == "origin" {
		busy(100)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if err := p.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
}

// crowd asks all edges for pictures, half of it over kept connections, half with a new one for each request.
type crowd struct {
	t      *testing.T
	stack  *stack.Stack
	known  map[string][]byte // what was answered once, by path
	paths  []string          // of known: public ones, then a private one
	crew   sync.WaitGroup
	done   chan struct{}
	failed atomic.Bool

	away    atomic.Bool // the origin
	fresh   atomic.Int64
	asked   atomic.Int64
	excused atomic.Int64
	longest atomic.Int64
}

// crowdPictures are few, so that every edge knows all of them.
const crowdPictures = 4

func newCrowd(t *testing.T, s *stack.Stack) *crowd {
	c := &crowd{t: t, stack: s, known: map[string][]byte{}, done: make(chan struct{})}
	origin := signIn(t, s)
	for i := range crowdPictures {
		id := fmt.Sprintf("p%d", i)
		upload(t, origin, "p.jpg", picture.JPEG(picture.Photo(400, 300, uint64(i))), map[string]string{"public_id": id})
		c.paths = append(c.paths, "/v1/image/"+id, "/v1/image/w_120/"+id, "/v1/image/w_80,f_webp/"+id)
	}
	upload(t, origin, "p.jpg", picture.JPEG(picture.Photo(400, 300, 99)), map[string]string{"public_id": "secret", "visibility": "private"})
	signed, err := origin.Sign(context.Background(), "secret", "w_100", 3600)
	if err != nil {
		t.Fatal(err)
	}
	c.paths = append(c.paths, strings.TrimPrefix(signed, s.Edges[0].URL))
	for _, path := range c.paths {
		for _, e := range s.Edges {
			resp, body := get(t, e.URL+path)
			if resp.StatusCode != http.StatusOK {
				t.Fatalf("%s: %d %s", path, resp.StatusCode, body)
			}
			c.known[path] = body
		}
	}
	return c
}

func (c *crowd) begin(workers int) {
	for worker := range workers {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: worker%2 == 0}, Timeout: time.Minute}
		rnd := rand.New(rand.NewPCG(11, uint64(worker)))
		c.crew.Go(func() {
			defer client.CloseIdleConnections()
			for !c.failed.Load() {
				select {
				case <-c.done:
					return
				default:
				}
				c.ask(client, rnd)
				time.Sleep(time.Millisecond) // restarts take their part of the processor, too
			}
		})
	}
}

func (c *crowd) end() {
	close(c.done)
	c.crew.Wait()
}

// busy waits for so many more requests.
func (c *crowd) busy(n int64) {
	c.t.Helper()
	at := c.asked.Load()
	within(c.t, 2*time.Minute, "load", func() bool { return c.failed.Load() || c.asked.Load() >= at+n })
	if c.failed.Load() {
		c.t.Fatal("a request failed")
	}
}

// ask sends one request for something known, for a new variant of it, or for what is nowhere.
func (c *crowd) ask(client *http.Client, rnd *rand.Rand) {
	path, want := c.paths[rnd.IntN(len(c.paths))], http.StatusOK
	switch n := int(c.fresh.Add(1)); rnd.IntN(8) {
	case 0:
		path = fmt.Sprintf("/v1/image/w_%d,h_%d,c_fill/p%d", 20+n%200, 20+n/200%200, rnd.IntN(crowdPictures))
	case 1:
		path, want = fmt.Sprintf("/v1/image/w_20/nobody-%d", n), http.StatusNotFound
	}
	needsOrigin := want == http.StatusNotFound || path == c.paths[len(c.paths)-1]
	begun, away := time.Now(), c.away.Load()
	resp, body, err := fetch(client, c.stack.Edges[rnd.IntN(len(c.stack.Edges))].URL+path)
	took := time.Since(begun)
	c.asked.Add(1)
	for was := c.longest.Load(); int64(took) > was && !c.longest.CompareAndSwap(was, int64(took)); was = c.longest.Load() {
	}
	known := c.known[path]
	switch {
	case err == nil && resp.StatusCode == want && (known == nil || bytes.Equal(body, known)):
	case err == nil && resp.StatusCode == http.StatusServiceUnavailable && needsOrigin && resp.Header.Get("Retry-After") != "" &&
		(away || c.away.Load()):
		c.excused.Add(1)
	case err != nil:
		c.failed.Store(true)
		c.t.Errorf("%s, after %s: %v", path, took, err)
	default:
		c.failed.Store(true)
		c.t.Errorf("%s, after %s: status %d, want %d, %d bytes: %.200s", path, took, resp.StatusCode, want, len(body), body)
	}
}

func fetch(client *http.Client, url string) (*http.Response, []byte, error) {
	resp, err := client.Get(url)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	return resp, body, err
}

// hearOrigin waits until all edges hear the origin again.
func (c *crowd) hearOrigin() {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	for _, e := range c.stack.Edges {
		if err := e.WaitReady(ctx); err != nil {
			c.t.Fatal(err)
		}
	}
}
