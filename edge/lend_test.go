package edge_test

import (
	"bytes"
	"net/http"
	"strings"
	"testing"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/wire"
)

// Lend spoils the body when it is given back, as the next borrower would.
func (s *store) Lend(key edge.Key) (obj *edge.Object, done func(), ok bool) {
	kept, ok := s.Get(key)
	if !ok {
		return nil, nil, false
	}
	body := bytes.Clone(kept.Body)
	s.lent.Add(1)
	done = func() {
		s.back.Add(1)
		copy(body, strings.Repeat("spoilt ", len(body)))
	}
	return &edge.Object{MediaType: kept.MediaType, ETag: kept.ETag, Body: body, Quick: kept.Quick}, done, true
}

// What has left memory is answered from disk as it was from memory, in memory that is given back when it is sent.
func TestHitsOnDisk(t *testing.T) {
	w := newWorld(t)
	disk := w.edge.Disk.(*store)
	w.add("photo", picture, nil)
	w.add("secret", picture, func(m *wire.Manifest) { m.Visibility = wire.Private })
	const target = "/v1/image/w_4/photo"
	w.get(target)
	want := w.get(target)
	if detail := want.Header.Get("Cache-Status"); detail != "pictor; hit; detail=memory" {
		t.Fatalf("the second answer: %s", detail)
	}
	etag := want.Header.Get("ETag")
	for range 50 {
		w.memory.m.Clear()
		got := w.get(target)
		if got.StatusCode != 200 || got.body != want.body || got.Header.Get("ETag") != etag ||
			got.Header.Get("Cache-Status") != "pictor; hit; detail=disk" || got.ContentLength != int64(len(want.body)) {
			t.Fatalf("from disk: %d %q %v", got.StatusCode, got.body, got.Header)
		}
		w.memory.m.Clear()
		if got := w.get(target, "Range", "bytes=2-5"); got.StatusCode != 206 || got.body != want.body[2:6] {
			t.Fatalf("a range from disk: %d %q", got.StatusCode, got.body)
		}
		w.memory.m.Clear()
		if got := w.get(target, "If-None-Match", etag); got.StatusCode != 304 || got.body != "" {
			t.Fatalf("a condition: %d %q", got.StatusCode, got.body)
		}
		w.memory.m.Clear()
		if got := w.do(http.MethodHead, target); got.ContentLength != int64(len(want.body)) || got.body != "" {
			t.Fatalf("HEAD: %v %q", got.ContentLength, got.body)
		}
	}
	if lent, back := disk.lent.Load(), disk.back.Load(); lent < 100 || back < 60 || back > lent {
		t.Errorf("of 150 answers %d were lent, and %d given back", lent, back)
	}
	if n := w.renders.Load(); n != 1 {
		t.Errorf("%d renders", n)
	}
	w.memory.m.Clear()
	w.add("photo", picture, func(m *wire.Manifest) { m.Visibility = wire.Private })
	if got := w.get(target); got.StatusCode != 403 {
		t.Errorf("made private while it is on disk: %d", got.StatusCode)
	}
}

// What is asked for on disk again and again comes back into memory.
func TestHitsOnDiskAreOfferedToMemory(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	w.get("/v1/image/w_4/photo")
	w.memory.m.Clear()
	for n := range 1000 {
		w.serveOnce("/v1/image/w_4/photo")
		if _, ok := w.memory.Get(w.only(t)); ok {
			t.Logf("after %d answers", n+1)
			return
		}
	}
	t.Error("1000 answers from disk, and it is not in memory")
}

// only is the key of the only Object on disk.
func (w *world) only(t *testing.T) (key edge.Key) {
	t.Helper()
	w.edge.Disk.(*store).m.Range(func(k, _ any) bool {
		if key != "" {
			t.Fatal("more than one Object on disk")
		}
		key = k.(edge.Key)
		return true
	})
	return key
}
