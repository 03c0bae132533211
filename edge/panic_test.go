package edge_test

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/pictor/pictor/edge"
)

// Whoever waits for work that panics gets an error, the log has the stack, and the next request is served.
func TestPanicOfWork(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	renders := w.render
	var once sync.Once
	entered, leave := make(chan struct{}), make(chan struct{})
	w.render = func(context.Context, edge.Job) ([]byte, error) {
		once.Do(func() { close(entered) }) // not all three need come in time to wait for the first
		<-leave
		panic("no such pixel")
	}
	var crew sync.WaitGroup
	lines := w.lines(func() {
		for range 3 {
			crew.Go(func() {
				if status := w.serveOnce("/v1/image/w_4/photo"); status != 500 {
					t.Errorf("status %d", status)
				}
			})
		}
		<-entered
		close(leave)
		crew.Wait()
	})
	if len(lines) != 3 {
		t.Fatalf("%d lines", len(lines))
	}
	for _, l := range lines {
		if err, _ := l["err"].(string); l["kind"] != "internal" || !strings.Contains(err, "no such pixel") ||
			!strings.Contains(err, "panic_test.go") {
			t.Errorf("logged %v", l)
		}
	}
	w.render = renders
	if got := w.get("/v1/image/w_4/photo"); got.StatusCode != 200 {
		t.Errorf("then: %d %s", got.StatusCode, got.body)
	}
}

// The same for what a request does itself. The answer says nothing of why, and nothing of what was prepared.
func TestPanicOfRequest(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	w.lookup = func(string) (*edge.Known, error) { panic("no such name") }
	var got answer
	lines := w.lines(func() { got = w.get("/v1/image/w_4/photo") })
	if got.StatusCode != 500 || got.body != "{\"error\":\"internal error\"}\n" || got.Header.Get("Cache-Control") != "no-store" {
		t.Errorf("%d %s %v", got.StatusCode, got.body, got.Header)
	}
	if len(lines) != 1 || lines[0]["path"] != "/v1/image/w_4/photo" || !strings.Contains(lines[0]["err"].(string), "no such name") {
		t.Errorf("logged %v", lines)
	}
	w.lookup = nil
	if got := w.get("/v1/image/w_4/photo"); got.StatusCode != 200 {
		t.Errorf("then: %d %s", got.StatusCode, got.body)
	}
}

// A better Object that cannot be made is not made, and the next one is.
func TestPanicOfRefinement(t *testing.T) {
	w, may := refining(t)
	w.add("other", append([]byte("other"), picture...), nil)
	renders := w.render
	var tries atomic.Int64
	w.render = func(ctx context.Context, job edge.Job) ([]byte, error) {
		if job.Best && tries.Add(1) == 1 {
			panic("no such effort")
		}
		return renders(ctx, job)
	}
	for range 3 {
		w.get("/v1/image/f_webp,w_4/photo")
	}
	w.eventually(func() bool { return tries.Load() == 1 })
	may <- struct{}{}
	w.eventually(func() bool { return w.get("/v1/image/f_webp,w_4/other").body == "better" })
	if got := w.get("/v1/image/f_webp,w_4/photo"); !strings.HasPrefix(got.body, "quickly") {
		t.Errorf("the first is %q", got.body)
	}
}
