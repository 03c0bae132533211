package ring_test

import (
	"bytes"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/leaktest"
	"github.com/pictor/pictor/edge/internal/ring"
	"github.com/pictor/pictor/shared/freeport"
)

var _ edge.Ring = (*ring.Ring)(nil)

func TestMain(m *testing.M) { leaktest.Main(m) }

// quick notices everything in about a second. On a busy machine it may take a node for dead that is only slow, until it hears of
// that one again: what holds once the ring is settled is waited for, not looked at once.
var quick = ring.Timing{
	ProbeInterval:  200 * time.Millisecond,
	ProbeTimeout:   100 * time.Millisecond,
	Suspicion:      4,
	GossipInterval: 20 * time.Millisecond,
	Dial:           5 * time.Second,
	Sync:           time.Second,
	Rejoin:         200 * time.Millisecond,
	Retry:          100 * time.Millisecond,
}

var (
	secret = bytes.Repeat([]byte("k"), 32)
	other  = bytes.Repeat([]byte("x"), 32)
	silent = slog.New(slog.DiscardHandler)
)

func start(t *testing.T, name string, change func(*ring.Options)) *ring.Ring {
	t.Helper()
	o := ring.Options{Name: name, Listen: "127.0.0.1:0", Peer: name + ".test:7000", Secret: secret, Timing: quick,
		Log: silent}
	if change != nil {
		change(&o)
	}
	r, err := ring.Start(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func seeds(addresses ...string) func(*ring.Options) {
	return func(o *ring.Options) { o.Seeds = addresses }
}

// trio starts three nodes that know one another.
func trio(t *testing.T) [3]*ring.Ring {
	t.Helper()
	a := start(t, "a", nil)
	b := start(t, "b", seeds(a.Address()))
	c := start(t, "c", seeds(a.Address()))
	for _, r := range []*ring.Ring{a, b, c} {
		eventually(t, "all see three", func() bool { return names(r) == "a b c" })
	}
	return [3]*ring.Ring{a, b, c}
}

func names(r *ring.Ring) string {
	var all []string
	for _, m := range r.Members() {
		all = append(all, m.Name)
	}
	return strings.Join(all, " ")
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// owned counts the digests of 1000 that each node sees as its own.
func owned(r *ring.Ring) (n int) {
	for i := range 1000 {
		if len(r.Owners(fmt.Sprint("digest", i))) == 0 {
			n++
		}
	}
	return n
}

func TestThreeNodesShareTheWork(t *testing.T) {
	nodes := trio(t)
	eventually(t, "1000 digests have an owner each, and each node has its share", func() bool {
		total := 0
		for _, r := range nodes {
			n := owned(r)
			if n < 250 || n > 420 {
				return false
			}
			total += n
		}
		return total == 1000
	})
	for i := range 100 {
		for _, p := range nodes[0].Owners(fmt.Sprint("digest", i)) {
			if p.Address != p.Name+".test:7000" {
				t.Fatalf("peer %+v has not the address it announced", p)
			}
		}
	}
}

// share waits until the nodes own all digests between them.
func share(t *testing.T, nodes ...*ring.Ring) {
	t.Helper()
	eventually(t, "1000 digests have an owner each", func() bool {
		total := 0
		for _, r := range nodes {
			total += owned(r)
		}
		return total == 1000
	})
}

func TestSeedMayStartLater(t *testing.T) {
	address := freeport.ForTest(t, 1)[0]
	early := start(t, "early", seeds(address))
	eventually(t, "a first call in vain", func() bool { return early.Stats().JoinFailures > 0 })
	late := start(t, "late", func(o *ring.Options) { o.Listen = address })
	eventually(t, "both see two", func() bool { return names(early) == "early late" && names(late) == "early late" })
}

func TestSeedsMayIncludeTheNodeItself(t *testing.T) {
	address := freeport.ForTest(t, 1)[0]
	a := start(t, "a", func(o *ring.Options) { o.Listen, o.Seeds = address, []string{address} })
	eventually(t, "calls itself", func() bool { return a.Stats().Joins > 1 })
	if names(a) != "a" || owned(a) != 1000 {
		t.Fatalf("a node alone sees %q and owns %d of 1000", names(a), owned(a))
	}
	b := start(t, "b", seeds(address))
	eventually(t, "both see two", func() bool { return names(a) == "a b" && names(b) == "a b" })
}

func TestKilledNodeDisappearsAndReturns(t *testing.T) {
	nodes := trio(t)
	began := time.Now()
	if err := nodes[2].Close(); err != nil {
		t.Fatal(err)
	}
	for _, r := range nodes[:2] {
		eventually(t, "the killed node is gone", func() bool { return names(r) == "a b" })
	}
	t.Logf("noticed after %v", time.Since(began))
	share(t, nodes[0], nodes[1])
	if n := owned(nodes[2]); n != 1000 {
		t.Errorf("a closed ring owns %d of 1000 digests, want all", n)
	}
	again := start(t, "c", seeds(nodes[0].Address())) // the same name at another port
	for _, r := range []*ring.Ring{nodes[0], nodes[1], again} {
		eventually(t, "the node is back", func() bool { return names(r) == "a b c" })
	}
}

func TestLeaveIsNoticedAtOnce(t *testing.T) {
	slow := quick
	slow.ProbeInterval, slow.ProbeTimeout = time.Hour, time.Minute // nobody would find out by probing
	a := start(t, "a", func(o *ring.Options) { o.Timing = slow })
	b := start(t, "b", func(o *ring.Options) { o.Timing, o.Seeds = slow, []string{a.Address()} })
	eventually(t, "both see two", func() bool { return names(a) == "a b" && names(b) == "a b" })
	if err := b.Leave(time.Minute); err != nil {
		t.Fatal(err)
	}
	eventually(t, "b is gone", func() bool { return names(a) == "a" })
}

func TestDrainingNodeOwnsNothing(t *testing.T) {
	nodes := trio(t)
	if err := nodes[1].Drain(time.Minute); err != nil {
		t.Fatal(err)
	}
	if n := owned(nodes[1]); n != 0 {
		t.Errorf("the draining node owns %d of 1000 digests", n)
	}
	for _, r := range []*ring.Ring{nodes[0], nodes[2]} {
		eventually(t, "others know of the draining", func() bool {
			return slices.ContainsFunc(r.Members(), func(m ring.Member) bool { return m.Name == "b" && m.Draining })
		})
		for i := range 1000 {
			for _, p := range r.Owners(fmt.Sprint("digest", i)) {
				if p.Name == "b" {
					t.Fatalf("digest %d is still given to the draining node", i)
				}
			}
		}
	}
	share(t, nodes[0], nodes[2])
}

func TestWrongSecretCannotJoin(t *testing.T) {
	a := start(t, "a", nil)
	intruder := start(t, "intruder", func(o *ring.Options) { o.Secret, o.Seeds = other, []string{a.Address()} })
	eventually(t, "the intruder tried three times", func() bool { return intruder.Stats().JoinFailures >= 3 })
	if names(a) != "a" || names(intruder) != "intruder" || intruder.Stats().Joins != 0 {
		t.Fatalf("a sees %q, the intruder sees %q", names(a), names(intruder))
	}
}

func TestWeightTravels(t *testing.T) {
	a := start(t, "a", nil)
	b := start(t, "b", func(o *ring.Options) { o.Weight, o.Seeds = 9, []string{a.Address()} })
	eventually(t, "both see two", func() bool { return names(a) == "a b" && names(b) == "a b" })
	eventually(t, "with a tenth of the weight a owns about a tenth of 1000 digests", func() bool {
		n := owned(a)
		return n >= 60 && n <= 140
	})
}

func TestPeerAddressWithoutHost(t *testing.T) {
	a := start(t, "a", func(o *ring.Options) { o.Peer = ":7777" })
	b := start(t, "b", seeds(a.Address()))
	eventually(t, "b sees a at the host of its gossip", func() bool {
		all := b.Members()
		return len(all) == 2 && all[0].Peer == "127.0.0.1:7777"
	})
}

func TestBadOptions(t *testing.T) {
	good := ring.Options{Name: "a", Listen: "127.0.0.1:0", Peer: ":1", Secret: secret, Log: silent}
	bad := map[string]func(*ring.Options){
		"name":      func(o *ring.Options) { o.Name = "" },
		"secret":    func(o *ring.Options) { o.Secret = nil },
		"key size":  func(o *ring.Options) { o.Secret = secret[:7] },
		"listen":    func(o *ring.Options) { o.Listen = "127.0.0.1" },
		"host":      func(o *ring.Options) { o.Listen = "localhost:0" },
		"port":      func(o *ring.Options) { o.Listen = "127.0.0.1:70000" },
		"advertise": func(o *ring.Options) { o.Advertise = "edge:1" },
		"peer":      func(o *ring.Options) { o.Peer = "edge" },
		"peer size": func(o *ring.Options) { o.Peer = strings.Repeat("h", 600) + ":1" },
		"weight":    func(o *ring.Options) { o.Weight = -1 },
	}
	for what, change := range bad {
		o := good
		change(&o)
		if r, err := ring.Start(o); err == nil {
			t.Errorf("bad %s was accepted", what)
			r.Close()
		}
	}
}
