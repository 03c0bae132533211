package edge_test

import (
	"context"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/wire"
)

// refining is a world in which Quick pictures are improved, and a channel that lets it happen.
func refining(t *testing.T) (w *world, may chan struct{}) {
	w = newWorld(t)
	w.edge.Policy.Refine = true
	may = make(chan struct{}, 10)
	w.render = func(ctx context.Context, job edge.Job) ([]byte, error) {
		if !job.Best {
			return []byte("quickly rendered " + job.Spec.String()), nil
		}
		select {
		case <-may:
			return []byte("better"), nil
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	w.add("photo", picture, nil)
	return w, may
}

func (w *world) eventually(holds func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatal("it did not come true in a minute")
		}
	}
}

// What is asked for again is made better once, and gets a new tag and its full life.
func TestFastNowBetterLater(t *testing.T) {
	const versioned = "/v1/image/f_webp,w_4/photo?v=3"
	w, may := refining(t)
	first := w.get(versioned)
	if cc := first.Header.Get("Cache-Control"); cc != "public, max-age=60" || !strings.HasPrefix(first.body, "quickly") {
		t.Fatalf("first: %s, %q", cc, first.body)
	}
	if cc := w.get("/v1/image/f_webp,w_4/photo").Header.Get("Cache-Control"); cc != "public, max-age=60" {
		t.Errorf("without a version: %s", cc)
	}
	for range 5 {
		if got := w.get(versioned); got.Header.Get("ETag") != first.Header.Get("ETag") || got.Header.Get("Cache-Control") != "public, max-age=60" {
			t.Fatalf("while it is improved: %v", got.Header)
		}
	}
	may <- struct{}{}
	w.eventually(func() bool { return w.get(versioned).body == "better" })
	got := w.get(versioned)
	if got.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" || got.Header.Get("ETag") == first.Header.Get("ETag") {
		t.Errorf("improved: %v", got.Header)
	}
	if got := w.get(versioned, "If-None-Match", first.Header.Get("ETag")); got.StatusCode != 200 {
		t.Errorf("the old tag still counts: %d", got.StatusCode)
	}
	for range 5 {
		w.get(versioned)
	}
	if n := w.renders.Load(); n != 2 {
		t.Errorf("%d renders, want a quick and a patient one", n)
	}
}

// Nothing bridges the replacement of what may be made better, however long or short the picture's own life is.
func TestQuickAnswersAreShortLived(t *testing.T) {
	w, _ := refining(t)
	for seconds, want := range map[int64]string{86400: "public, max-age=60", 5: "public, max-age=5", 0: "public, no-cache"} {
		w.add("own", picture, func(m *wire.Manifest) { m.CacheMaxAge = &seconds })
		for range 2 {
			if got := w.get("/v1/image/f_webp,w_4/own").Header.Get("Cache-Control"); got != want {
				t.Errorf("%d s: %q, want %q", seconds, got, want)
			}
		}
	}
}

// What is asked for once is made once; what cannot be made better is left as it is.
func TestWhatIsNotRefined(t *testing.T) {
	w, may := refining(t)
	close(may)
	w.get("/v1/image/f_webp,w_4/photo")
	for range 3 {
		if got := w.get("/v1/image/f_png,w_4/photo?v=3"); got.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
			t.Errorf("PNG: %v", got.Header)
		}
	}
	time.Sleep(20 * time.Millisecond) // what must not happen has no event to wait for
	if n := w.renders.Load(); n != 2 {
		t.Errorf("%d renders, want 2", n)
	}
}

// A better picture that is no smaller is not sent: the quick one is final then.
func TestRefinedToNothing(t *testing.T) {
	w, _ := refining(t)
	w.render = func(context.Context, edge.Job) ([]byte, error) { return []byte("the same size"), nil }
	const target = "/v1/image/f_avif,w_4/photo?v=3"
	etag := w.get(target).Header.Get("ETag")
	w.eventually(func() bool {
		return w.get(target).Header.Get("Cache-Control") == "public, max-age=31536000, immutable"
	})
	if got := w.get(target); got.Header.Get("ETag") != etag {
		t.Error("the tag changed, the bytes did not")
	}
}

// A failure leaves the quick picture in place.
func TestRefinementFails(t *testing.T) {
	w, _ := refining(t)
	var once sync.Once
	failed := make(chan struct{})
	w.render = func(_ context.Context, job edge.Job) ([]byte, error) {
		if job.Best {
			once.Do(func() { close(failed) })
			return nil, &edge.Error{Kind: edge.Damaged, Message: "no"}
		}
		return []byte("quick"), nil
	}
	for range 3 {
		w.get("/v1/image/f_webp,w_4/photo")
	}
	<-failed
	for range 3 {
		if got := w.get("/v1/image/f_webp,w_4/photo"); got.StatusCode != 200 || got.body != "quick" {
			t.Errorf("after the failure: %d %q", got.StatusCode, got.body)
		}
	}
	if n := w.renders.Load(); n != 2 {
		t.Errorf("%d renders, want 2", n)
	}
}

// Another node's quick picture is kept for a minute; what the owner has by then takes its place. An owner that is away
// by then costs nothing.
func TestQuickCopiesExpire(t *testing.T) {
	w, _ := refining(t)
	clock := now
	var mu sync.Mutex
	w.edge.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return clock }
	later := func(d time.Duration) { mu.Lock(); clock = clock.Add(d); mu.Unlock() }
	w.owners = []edge.Peer{{Name: "owner", Address: "owner:1"}}
	body, quick, away := "quick", true, false
	w.peer = func(context.Context, edge.Peer, edge.Job) (*edge.Object, error) {
		if away {
			return nil, &edge.Error{Kind: edge.Unavailable, Message: "away"}
		}
		obj := edge.NewObject("image/webp", []byte(body))
		obj.Quick = quick
		return obj, nil
	}
	const target = "/v1/image/f_webp,w_4/photo?v=3"
	steps := []struct {
		name   string
		change func()
		body   string
		asked  int64
		age    string
	}{
		{"first", func() {}, "quick", 1, "60"},
		{"again", func() {}, "quick", 1, "60"},
		{"almost a minute later", func() { later(59 * time.Second) }, "quick", 1, "60"},
		{"a minute later, without the owner", func() { later(time.Second); away = true }, "quick", 2, "60"},
		{"with the owner", func() { away, body, quick = false, "better", false }, "better", 3, "31536000"},
		{"an hour later", func() { later(time.Hour) }, "better", 3, "31536000"},
	}
	for _, s := range steps {
		s.change()
		got := w.get(target)
		if got.StatusCode != 200 || got.body != s.body || w.asked.Load() != s.asked ||
			!strings.Contains(got.Header.Get("Cache-Control"), "max-age="+s.age) {
			t.Errorf("%s: %d %q, %s, asked %d times", s.name, got.StatusCode, got.body, got.Header.Get("Cache-Control"), w.asked.Load())
		}
	}
}

func TestPeersAreToldWhatIsQuick(t *testing.T) {
	w, may := refining(t)
	job := edge.Job{Source: &w.add("photo", picture, nil).Source, Spec: spec(t, "f_webp,w_4")}
	obj, _, err := w.edge.ServePeer(t.Context(), job)
	if err != nil || !obj.Quick {
		t.Fatalf("%+v, %v", obj, err)
	}
	may <- struct{}{}
	w.eventually(func() bool {
		obj, _, err := w.edge.ServePeer(t.Context(), job)
		return err == nil && !obj.Quick && string(obj.Body) == "better"
	})
}
