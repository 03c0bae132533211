package edge_test

import (
	"bytes"
	"fmt"
	"sync"
	"testing"
	"time"
)

// A removal that hangs holds up neither the feed nor answers, and the others have their turn afterwards.
func TestForgetDoesNotWait(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	hangs := make(chan struct{})
	var dropped sync.Map
	w.edge.Drop = func(digest string) {
		<-hangs
		dropped.Store(digest, true)
	}
	const many = 100
	for i := range many {
		w.edge.Forget(fmt.Sprint(i))
	}
	if got := w.get("/v1/image/w_4/photo"); got.StatusCode != 200 {
		t.Errorf("meanwhile: %d", got.StatusCode)
	}
	close(hangs)
	w.eventually(func() bool {
		_, ok := dropped.Load(fmt.Sprint(many - 1))
		return ok
	})
	for i := range many {
		if _, ok := dropped.Load(fmt.Sprint(i)); !ok {
			t.Errorf("%d was left out", i)
		}
	}
}

// What was to be made better is not, when its source is gone.
func TestForgottenSourcesAreNotRefined(t *testing.T) {
	w, may := refining(t)
	gone := w.add("gone", bytes.Repeat([]byte("gone"), 300), nil)
	refined := func(target string) bool { return w.get(target).body == "better" }
	for range 2 {
		w.get("/v1/image/f_webp,w_4/photo") // the second time, somebody begins to make it better
	}
	w.eventually(func() bool { return w.renders.Load() == 2 })
	for range 2 {
		w.get("/v1/image/f_webp,w_4/gone")
	}
	w.edge.Forget(gone.Source.Digest)
	close(may)
	w.eventually(func() bool { return refined("/v1/image/f_webp,w_4/photo") })
	time.Sleep(20 * time.Millisecond) // what must not happen has no event to wait for
	if refined("/v1/image/f_webp,w_4/gone") {
		t.Error("it was made better")
	}
}
