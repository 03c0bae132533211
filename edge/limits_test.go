package edge_test

import (
	"context"
	"strconv"
	"testing"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/delivery"
	"github.com/pictor/pictor/shared/limit"
	"github.com/pictor/pictor/shared/wire"
)

// refusal is what a limit says whose next event is allowed in 90.5 s.
func refusal(name string) error {
	return edge.LimitError(name, "enough of "+name, limit.Pace{Rate: limit.Rate{Count: 12, Per: time.Hour},
		Remaining: 0, Reset: now.Add(200*time.Second + time.Millisecond), Wait: 90500 * time.Millisecond})
}

func (w *world) want429(got answer) {
	w.t.Helper()
	h := got.Header
	if got.StatusCode != 429 || h.Get("Retry-After") != "91" || h.Get("X-RateLimit-Limit") != "12" ||
		h.Get("X-RateLimit-Remaining") != "0" || h.Get("X-RateLimit-Reset") != strconv.FormatInt(now.Unix()+201, 10) ||
		h.Get("Cache-Control") != "no-store" {
		w.t.Errorf("got %d %s %v", got.StatusCode, got.body, h)
	}
}

// A client that may cause no more work still gets what there is: from memory, from disk, from the owner.
func TestLimitedMisses(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	w.add("other", append([]byte("x"), picture...), nil)
	w.get("/v1/image/w_4/photo")
	if n := w.limiter.misses.Load(); n != 1 {
		t.Errorf("a look-up and a render count %d, want 1", n)
	}
	w.limiter.noMiss = refusal("miss_ip")
	if got := w.get("/v1/image/w_4/photo"); got.StatusCode != 200 {
		t.Errorf("a hit is refused: %d", got.StatusCode)
	}
	looked, renders := w.looked.Load(), w.renders.Load()
	w.want429(w.get("/v1/image/w_5/photo"))
	w.want429(w.get("/v1/image/other"))
	if w.renders.Load() != renders || w.looked.Load() != looked+1 {
		t.Error("a refused request caused work")
	}
	w.memory.m.Clear()
	if got := w.get("/v1/image/w_4/photo"); got.StatusCode != 200 {
		t.Errorf("what is on disk is refused: %d", got.StatusCode)
	}
	w.owners = []edge.Peer{{Name: "a"}}
	w.peer = func(_ context.Context, _ edge.Peer, job edge.Job) (*edge.Object, error) {
		if job.Making != edge.MakeNothing {
			t.Errorf("the owner is told %v", job.Making)
		}
		return edge.NewObject("image/jpeg", []byte("there")), nil
	}
	if got := w.get("/v1/image/w_6/photo"); got.body != "there" {
		t.Errorf("what the owner has is refused: %d", got.StatusCode)
	}
}

// Only work counts: what was there already is given back.
func TestOnlyWorkCounts(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	w.get("/v1/image/none")
	w.get("/v1/image/none")
	f := func(what string, target string, want int64) {
		t.Helper()
		before := w.limiter.misses.Load()
		if got := w.get(target); got.StatusCode != 200 {
			t.Errorf("%s: %d", what, got.StatusCode)
		}
		if n := w.limiter.misses.Load() - before; n != want {
			t.Errorf("%s counts %d, want %d", what, n, want)
		}
	}
	f("look-up and render", "/v1/image/w_4/photo", 1)
	f("render", "/v1/image/w_5/photo", 1)
	f("memory", "/v1/image/w_5/photo", 0)
	f("cleaning", "/v1/image/photo", 1)
	w.memory.m.Clear()
	f("disk", "/v1/image/w_5/photo", 0)
	w.add("large", make([]byte, 3<<20), nil)
	f("a large original", "/v1/image/large", 1)
	w.whole = true
	f("one that is here", "/v1/image/large", 0)
	w.owners = []edge.Peer{{Name: "a"}}
	w.peer = func(context.Context, edge.Peer, edge.Job) (*edge.Object, error) {
		return edge.NewObject("image/jpeg", []byte("x")), nil
	}
	w.tier = edge.TierDisk
	f("the owner's disk", "/v1/image/w_6/photo", 0)
	w.tier = edge.TierRender
	f("the owner's render", "/v1/image/w_7/photo", 1)
}

func TestAccountLimits(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	w.meter.Limit(&wire.AccountLimits{Misses: limit.Rate{Count: 2, Per: time.Hour}}, 1, 10)
	for width, want := range []int{200, 200, 429} {
		if got := w.get("/v1/image/w_" + strconv.Itoa(1+width) + "/photo"); got.StatusCode != want {
			t.Errorf("miss %d: %d", width, got.StatusCode)
		}
	}
	if n := w.limiter.misses.Load(); n != 2 {
		t.Errorf("%d misses counted for the client, of which one was refused to the account", n)
	}
	w.meter.Limit(&wire.AccountLimits{Requests: limit.Rate{Count: 3, Per: time.Hour}}, 1, 11)
	w.meter.Limit(nil, 1, 10) // overtaken
	for i, want := range []int{200, 200, 200, 429, 429} {
		got := w.get("/v1/image/w_1/photo")
		if got.StatusCode != want || want == 429 && got.Header.Get("X-RateLimit-Limit") != "3" {
			t.Errorf("request %d: %d %v", i, got.StatusCode, got.Header)
		}
	}
	w.meter.Limit(&wire.AccountLimits{Requests: limit.Rate{Count: 4, Per: time.Hour}}, 1, 12)
	if got := w.get("/v1/image/w_1/photo"); got.StatusCode != 200 {
		t.Errorf("what was counted under an old rate holds: %d", got.StatusCode)
	}
	w.meter.Limit(nil, 2, 3) // another log
	for range 5 {
		if got := w.get("/v1/image/w_1/photo"); got.StatusCode != 200 {
			t.Errorf("limits that were lifted hold: %d", got.StatusCode)
		}
	}
}

// An account has rules of its own about new variants, before those of the node.
func TestAccountVariants(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	w.limiter.noVariant = refusal("variants")
	seq := uint64(0)
	f := func(what string, limits *wire.AccountLimits, signedOnly bool, want int) {
		t.Helper()
		seq++
		w.meter.Limit(limits, 1, seq)
		w.edge.Policy.SignedOnly = signedOnly
		if got := w.get("/v1/image/w_" + strconv.FormatUint(seq, 10) + "/photo"); got.StatusCode != want {
			t.Errorf("%s: %d %s, want %d", what, got.StatusCode, got.body, want)
		}
	}
	none, few := 0, 7
	f("the node's bound", nil, false, 429)
	f("no bound", &wire.AccountLimits{Variants: &none}, false, 200)
	f("a bound", &wire.AccountLimits{Variants: &few}, false, 429)
	if n := w.limiter.bound.Load(); n != int64(few) {
		t.Errorf("the limiter hears of a bound of %d, want %d", n, few)
	}
	f("signed only", &wire.AccountLimits{Variants: &none, NewVariants: wire.NewVariantsSigned}, false, 403)
	f("anybody, where others may not", &wire.AccountLimits{Variants: &none, NewVariants: wire.NewVariantsAny}, true, 200)
	f("the node's rule", &wire.AccountLimits{Variants: &none}, true, 403)
}

// Who may have more made does not share the refusal of who may have less: accounts have pictures in common.
func TestFlightsOfDifferentBounds(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	asked, release := make(chan struct{}), make(chan struct{})
	w.owners = []edge.Peer{{Name: "a"}}
	w.peer = func(_ context.Context, _ edge.Peer, job edge.Job) (*edge.Object, error) {
		if job.Variants == 1 {
			close(asked)
			<-release
			return nil, refusal("variants")
		}
		return edge.NewObject("image/jpeg", []byte("made")), nil
	}
	one, two := 1, 2
	w.meter.Limit(&wire.AccountLimits{Variants: &one}, 1, 1)
	refused := make(chan answer)
	go func() { refused <- w.get("/v1/image/w_5/photo") }()
	<-asked
	w.meter.Limit(&wire.AccountLimits{Variants: &two}, 1, 2)
	if got := w.get("/v1/image/w_5/photo"); got.body != "made" {
		t.Errorf("got %d %s", got.StatusCode, got.body)
	}
	close(release)
	w.want429(<-refused)
}

func TestVariantLimit(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	w.get("/v1/image/w_4/photo")
	w.limiter.noVariant = refusal("variants")
	w.want429(w.get("/v1/image/w_5/photo"))
	for _, target := range []string{"/v1/image/w_4/photo", "/v1/image/photo",
		delivery.SignCloud(w.keys, "photo", "w_6", now.Add(time.Hour))} {
		if got := w.get(target); got.StatusCode != 200 {
			t.Errorf("%s: %d", target, got.StatusCode)
		}
	}
}

func TestOnlySignedMakeNewVariants(t *testing.T) {
	w := newWorld(t)
	w.edge.Policy.SignedOnly = true
	w.add("photo", picture, nil)
	if got := w.get("/v1/image/w_5/photo"); got.StatusCode != 403 || w.renders.Load() != 0 {
		t.Errorf("unsigned and new: %d, %d renders", got.StatusCode, w.renders.Load())
	}
	if got := w.get(delivery.SignCloud(w.keys, "photo", "w_5", now.Add(time.Hour))); got.StatusCode != 200 {
		t.Errorf("signed and new: %d", got.StatusCode)
	}
	for _, target := range []string{"/v1/image/w_5/photo", "/v1/image/photo"} {
		if got := w.get(target); got.StatusCode != 200 {
			t.Errorf("%s exists: %d", target, got.StatusCode)
		}
	}
}

// Who may go further does not wait for the refusal of somebody else's work.
func TestRefusalsAreNotShared(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	asked, release := make(chan struct{}), make(chan struct{})
	w.owners = []edge.Peer{{Name: "a"}}
	w.peer = func(_ context.Context, _ edge.Peer, job edge.Job) (*edge.Object, error) {
		if job.Making == edge.MakeNothing {
			close(asked)
			<-release
			return nil, refusal("peer")
		}
		return edge.NewObject("image/jpeg", []byte("made")), nil
	}
	w.limiter.noMiss = refusal("miss_ip")
	w.found["photo"] = true
	refused := make(chan answer)
	go func() { refused <- w.get("/v1/image/w_5/photo") }()
	<-asked
	w.limiter.noMiss = nil
	if got := w.get("/v1/image/w_5/photo"); got.body != "made" {
		t.Errorf("got %d %s", got.StatusCode, got.body)
	}
	close(release)
	w.want429(<-refused)
}
