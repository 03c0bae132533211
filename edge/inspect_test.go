package edge_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/wire"
)

// colours collects what is reported to the origin.
func (w *world) colours() chan string {
	told := make(chan string, 10)
	parts := w.edge.Parts
	parts.Coloured = func(c wire.Colour) { told <- c.Asset + " " + c.Digest + " " + c.Colour }
	w.edge = edge.New(parts)
	w.serve()
	return told
}

func (w *world) told(told chan string) string {
	w.t.Helper()
	select {
	case got := <-told:
		return got
	case <-time.After(time.Minute):
		w.t.Fatal("nothing was reported")
		return ""
	}
}

func inspected(m *wire.Manifest) { m.Asset, m.Inspect = "id", true }

// looks answers f_json, and notes the jobs that it did so for.
func (w *world) looks(facts string, err error) (jobs func() []edge.Job) {
	var mu sync.Mutex
	var looked []edge.Job
	w.render = func(_ context.Context, job edge.Job) ([]byte, error) {
		if job.Spec.String() != "f_json" {
			return []byte("picture"), nil
		}
		mu.Lock()
		defer mu.Unlock()
		looked = append(looked, job)
		return []byte(facts), err
	}
	return func() []edge.Job {
		mu.Lock()
		defer mu.Unlock()
		return looked
	}
}

// A picture whose colour the origin does not know is looked at once, after the answer and as work that nobody waits for.
func TestInspectOnce(t *testing.T) {
	w := newWorld(t)
	told := w.colours()
	jobs := w.looks(`{"dominant_color":"#a0b1c2"}`, nil)
	m := w.add("photo", picture, inspected)
	w.add("known", append([]byte("x"), picture...), nil)
	for _, target := range []string{"/v1/image/w_4/known", "/v1/image/w_4/photo", "/v1/image/w_5/photo", "/v1/image/photo"} {
		if got := w.get(target); got.StatusCode != 200 {
			t.Fatalf("%s: %d %s", target, got.StatusCode, got.body)
		}
	}
	if got := w.told(told); got != "id "+m.Source.Digest+" #a0b1c2" {
		t.Errorf("reported %q", got)
	}
	if got := w.get("/v1/image/f_json/photo"); got.body != `{"dominant_color":"#a0b1c2"}` {
		t.Errorf("the facts are %s", got.body)
	}
	if all := jobs(); len(all) != 1 || !all[0].Best {
		t.Errorf("looked at %d times, not once in the background: %+v", len(all), all)
	}
	if n := w.limiter.variants.Load(); n != 3 { // w_4 of two pictures, w_5
		t.Errorf("%d variants are counted", n)
	}
}

// A large upload is streamed; it is looked at as well, by its owner.
func TestInspectWhatIsStreamed(t *testing.T) {
	w := newWorld(t)
	told := w.colours()
	w.owners = []edge.Peer{{Name: "owner"}}
	w.peer = func(_ context.Context, _ edge.Peer, job edge.Job) (*edge.Object, error) {
		if job.Spec.String() != "f_json" || !job.Best {
			return nil, errors.New("unexpected job")
		}
		return edge.NewObject("application/json", []byte(`{"dominant_color":"#000001"}`)), nil
	}
	m := w.add("large", []byte(strings.Repeat("0123456789", 300_000)), inspected)
	if got := w.do("HEAD", "/v1/image/large"); got.StatusCode != 200 {
		t.Fatalf("%d", got.StatusCode)
	}
	if got := w.told(told); got != "id "+m.Source.Digest+" #000001" {
		t.Errorf("reported %q", got)
	}
}

// Trouble is tried again with the next variant; what can never be found out is left alone.
func TestInspectTrouble(t *testing.T) {
	for _, c := range []struct {
		facts string
		err   error
		again bool
	}{
		{"", &edge.Error{Kind: edge.Overloaded, Message: "busy"}, true},
		{"no facts", nil, true},
		{"", &edge.Error{Kind: edge.Damaged, Message: "damaged"}, false},
		{`{"dominant_color":null}`, nil, false},
	} {
		w := newWorld(t)
		told := w.colours()
		jobs := w.looks(c.facts, c.err)
		w.add("photo", picture, inspected)
		w.add("other", append([]byte("x"), picture...), inspected)
		w.get("/v1/image/w_4/photo")
		w.settled(func() bool { return len(jobs()) == 1 })
		ask := func() bool {
			w.get("/v1/image/w_5/photo")
			w.forget()
			return len(jobs()) > 1
		}
		if c.again {
			w.settled(ask)
			continue
		}
		ask()
		w.get("/v1/image/w_4/other") // one after another: when this one is looked at, the first would have been
		w.settled(func() bool { return len(jobs()) >= 2 })
		if all := jobs(); len(all) != 2 || all[1].Source.Digest == all[0].Source.Digest {
			t.Errorf("%q, %v: looked at again", c.facts, c.err)
		}
		if len(told) > 0 {
			t.Errorf("%q, %v: reported %s", c.facts, c.err, <-told)
		}
	}
}

// forget empties the caches.
func (w *world) forget() {
	w.memory.m.Clear()
	w.edge.Disk.(*store).m.Clear()
}

// settled waits for what goes on in the background.
func (w *world) settled(holds func() bool) {
	w.t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			w.t.Fatal("it did not come to that")
		}
	}
}
