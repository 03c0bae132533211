package edge_test

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/transform"
	"github.com/pictor/pictor/shared/wire"
)

// pressing is a world in which the last format that a client takes costs least, and a switch for the pressure.
func pressing(t *testing.T) (w *world, pressure *atomic.Bool) {
	w, pressure = newWorld(t), new(atomic.Bool)
	w.edge.Fallback = func(jobs []edge.Job) int {
		if !pressure.Load() {
			return 0
		}
		return len(jobs) - 1
	}
	w.add("photo", picture, nil)
	return w, pressure
}

const modern = "image/avif,image/webp"

// wantFormat checks what a client with the Accept header gets.
func (w *world) wantFormat(target, accept, mediaType, cacheControl string) answer {
	w.t.Helper()
	got := w.get(target, "Accept", accept)
	if got.StatusCode != 200 || got.Header.Get("Content-Type") != mediaType || got.Header.Get("Cache-Control") != cacheControl {
		w.t.Errorf("%s for %q: %d %s, %q; want %s, %q", target, accept, got.StatusCode, got.Header.Get("Content-Type"),
			got.Header.Get("Cache-Control"), mediaType, cacheControl)
	}
	return got
}

// Under pressure the cheap format stands in, for a minute; afterwards everything is as it would have been.
func TestUnderPressureTheCheapFormatStandsIn(t *testing.T) {
	const (
		target  = "/v1/image/f_auto,w_4/photo?v=3"
		final   = "public, max-age=31536000, immutable"
		shortly = "public, max-age=60"
	)
	w, pressure := pressing(t)
	pressure.Store(true)
	for range 3 {
		got := w.wantFormat(target, modern, "image/jpeg", shortly)
		if vary := got.Header.Get("Vary"); vary != "Accept" {
			t.Errorf("Vary: %s", vary)
		}
	}
	w.wantFormat(target, "image/webp", "image/jpeg", shortly)
	if n := w.renders.Load(); n != 1 {
		t.Errorf("%d renders of one JPEG", n)
	}
	// Its own key has the very same Object, and for good.
	fallback := w.wantFormat("/v1/image/f_jpg,w_4/photo?v=3", modern, "image/jpeg", final)
	if got := w.get(target, "Accept", modern, "If-None-Match", fallback.Header.Get("ETag")); got.StatusCode != 304 {
		t.Errorf("with the tag of the fallback: %d", got.StatusCode)
	}
	// Who named a format gets that, and who has no choice what there is.
	w.wantFormat("/v1/image/f_avif,w_5/photo?v=3", modern, "image/avif", final)
	w.wantFormat(target, "image/png", "image/jpeg", final)

	pressure.Store(false)
	for range 3 {
		w.wantFormat(target, modern, "image/avif", final)
	}
	if got := w.get(target, "Accept", modern, "If-None-Match", fallback.Header.Get("ETag")); got.StatusCode != 200 {
		t.Errorf("the tag of the fallback afterwards: %d", got.StatusCode)
	}
	pressure.Store(true)
	w.wantFormat(target, modern, "image/avif", final) // what is there is there
	w.memory.m.Clear()
	w.wantFormat(target, modern, "image/avif", final) // on disk as well
}

// What another format would change in more than its bytes keeps its format.
func TestWhatNothingStandsInFor(t *testing.T) {
	w, pressure := pressing(t)
	pressure.Store(true)
	w.add("logo", picture, func(m *wire.Manifest) { m.Source.Alpha = true })
	w.add("film", picture, func(m *wire.Manifest) { m.Source.Frames, m.Source.Format = 5, "gif" })
	for _, c := range []struct{ target, accept, want string }{
		{"/v1/image/f_auto,w_4/logo", "image/avif", "image/avif"}, // a PNG would be far larger
		{"/v1/image/f_auto,w_5/logo", modern, "image/webp"},
		{"/v1/image/f_auto,w_4/film", modern, "image/webp"},
		{"/v1/image/f_blurhash/photo", modern, "text/plain; charset=utf-8"},
	} {
		if got := w.get(c.target, "Accept", c.accept); got.Header.Get("Content-Type") != c.want {
			t.Errorf("%s for %s: %s, want %s", c.target, c.accept, got.Header.Get("Content-Type"), c.want)
		}
	}
}

// The owner decides; who asked it keeps nothing of a fallback.
func TestFallbackFromAPeer(t *testing.T) {
	w, _ := pressing(t)
	w.owners = []edge.Peer{{Name: "owner"}}
	owner, pressure := pressing(t)
	w.peer = func(ctx context.Context, _ edge.Peer, job edge.Job) (*edge.Object, error) {
		obj, _, err := owner.edge.ServePeer(ctx, job)
		return obj, err
	}
	const target = "/v1/image/f_auto,w_4/photo"
	pressure.Store(true)
	for range 2 {
		w.wantFormat(target, modern, "image/jpeg", "public, max-age=60")
	}
	pressure.Store(false)
	w.wantFormat(target, modern, "image/avif", "public, max-age=3600, stale-while-revalidate=86400, stale-if-error=86400")
}

// A fallback that cannot be made is no better than the picture itself.
func TestFallbackThatFails(t *testing.T) {
	w, pressure := pressing(t)
	pressure.Store(true)
	w.render = func(_ context.Context, job edge.Job) ([]byte, error) {
		if job.Spec.Format != transform.JPEG {
			return nil, errors.New("not asked for")
		}
		return nil, &edge.Error{Kind: edge.Overloaded, Message: "too many pictures are waiting"}
	}
	got := w.get("/v1/image/f_auto,w_4/photo", "Accept", modern)
	if got.StatusCode != 503 || !strings.Contains(got.body, "too many pictures") {
		t.Errorf("%d %s", got.StatusCode, got.body)
	}
}
