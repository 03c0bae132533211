package limits_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/limits"
	"github.com/pictor/pictor/shared/clientip"
	"github.com/pictor/pictor/shared/limit"
	"github.com/pictor/pictor/shared/transform"
	"github.com/pictor/pictor/shared/wire"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// clock is a time that tests move.
type clock struct{ since atomic.Int64 }

func (c *clock) now() time.Time           { return start.Add(time.Duration(c.since.Load())) }
func (c *clock) pass(after time.Duration) { c.since.Add(int64(after)) }

// site takes what runs on this machine for nobody.
func site(a netip.Addr) netip.Addr {
	if a.IsLoopback() {
		return netip.Addr{}
	}
	return clientip.Site(a)
}

func TestClients(t *testing.T) {
	var c clock
	l := limits.New(limits.Options{MissIP: limit.Rate{Count: 3, Per: time.Minute}, Site: site, Now: c.now})
	take := func(address string, want bool) {
		t.Helper()
		err := l.Miss(netip.MustParseAddr(address))
		if (err == nil) != want {
			t.Errorf("%s after %v: %v", address, c.now().Sub(start), err)
		}
		if err != nil {
			wantExceeded(t, err, "miss_ip", 3)
		}
	}
	for _, want := range []bool{true, true, true, false} {
		take("192.0.2.1", want)
	}
	take("192.0.2.2", true)
	for _, address := range []string{"2001:db8::1", "2001:db8::2", "2001:db8::ffff:1:2:3"} {
		take(address, true)
	}
	take("2001:db8::4", false) // the /64 is one client
	take("2001:db8:0:1::4", true)
	c.pass(20 * time.Second)
	take("192.0.2.1", true)
	take("192.0.2.1", false)
	l.Unmiss(netip.MustParseAddr("192.0.2.1"))
	take("192.0.2.1", true)
	c.pass(time.Hour)
	for _, want := range []bool{true, true, true, false} {
		take("192.0.2.1", want)
	}
	for range 10 {
		take("::1", true)
	}
	if err := l.View(netip.MustParseAddr("192.0.2.1")); err != nil {
		t.Errorf("a limit that is off refuses: %v", err)
	}
}

func wantExceeded(t *testing.T, err error, name string, count int) {
	t.Helper()
	e, ok := errors.AsType[*edge.Error](err)
	if !ok || e.Kind != edge.Limited || e.Limit == nil || e.Limit.Name != name || e.Limit.Pace.Rate.Count != count ||
		e.RetryAfter <= 0 || e.Limit.Pace.Reset.Before(start) {
		t.Errorf("got %+v", err)
	}
}

// Addresses without number do not lock out anybody, and take no more memory.
func TestFlood(t *testing.T) {
	l := limits.New(limits.Options{ViewsIP: limit.Rate{Count: 2, Per: time.Hour}, Now: func() time.Time { return start }})
	for i := range uint32(100_000) {
		if err := l.View(netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, i)))); err != nil {
			t.Fatalf("address %d is refused its first view: %v", i, err)
		}
	}
	busy := netip.MustParseAddr("2001:db8::1")
	refused := 0
	for range 10 {
		if l.View(busy) != nil {
			refused++
		}
	}
	if refused != 8 {
		t.Errorf("%d of 10 views refused after the flood, want 8", refused)
	}
}

func TestClientsAtOnce(t *testing.T) {
	const count = 500
	l := limits.New(limits.Options{MissIP: limit.Rate{Count: count, Per: time.Hour}, Now: func() time.Time { return start }})
	var allowed [4]atomic.Int64
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for i := range 4000 {
				if client := i % len(allowed); l.Miss(netip.AddrFrom4([4]byte{10, 0, 0, byte(client)})) == nil {
					allowed[client].Add(1)
				}
			}
		})
	}
	all.Wait()
	for i := range allowed {
		if n := allowed[i].Load(); n != count {
			t.Errorf("client %d: %d allowed, want %d", i, n, count)
		}
	}
}

func TestVariants(t *testing.T) {
	var c clock
	l := limits.New(limits.Options{Variants: 3, Now: c.now})
	job := func(digest string, width int) edge.Job {
		return edge.Job{Source: &wire.Source{Digest: digest}, Spec: transform.Spec{Width: width, Format: transform.WebP}}
	}
	for width := range 3 {
		if err := l.Variant(job("a", 1+width)); err != nil {
			t.Error(err)
		}
	}
	wantExceeded(t, l.Variant(job("a", 4)), "variants", 3)
	if err := l.Variant(job("a", 2)); err != nil {
		t.Errorf("what was made before may not be made again: %v", err)
	}
	if err := l.Variant(job("b", 4)); err != nil {
		t.Errorf("another picture: %v", err)
	}
	c.pass(24 * time.Hour)
	if err := l.Variant(job("a", 4)); err != nil {
		t.Errorf("a day later: %v", err)
	}
}

// An account's bound is a job's own, whatever the limiter is set to, and counts what was made under any.
func TestVariantsOfJobs(t *testing.T) {
	for _, most := range []int{0, 3} {
		l := limits.New(limits.Options{Variants: most, Now: func() time.Time { return start }})
		f := func(width, bound int) error {
			return l.Variant(edge.Job{Source: &wire.Source{Digest: "a"}, Spec: transform.Spec{Width: width, Format: transform.WebP},
				Variants: bound})
		}
		for width := range 2 {
			if err := f(1+width, 2); err != nil {
				t.Error(err)
			}
		}
		wantExceeded(t, f(3, 2), "variants", 2)
		if err := f(3, 4); err != nil {
			t.Errorf("a higher bound: %v", err)
		}
		wantExceeded(t, f(4, 2), "variants", 2)
	}
}

// Pictures without number take no more memory, and do not unlock one that is asked for again and again.
func TestVariantsOfManyPictures(t *testing.T) {
	l := limits.New(limits.Options{Variants: 1, Remember: 1000, Now: func() time.Time { return start }})
	of := func(i, width int) error {
		return l.Variant(edge.Job{Source: &wire.Source{Digest: fmt.Sprint(i)}, Spec: transform.Spec{Width: width, Format: transform.PNG}})
	}
	for i := range 1010 {
		if err := of(i, 1); err != nil {
			t.Fatal(err)
		}
		if i%300 == 0 && i > 0 {
			wantExceeded(t, of(0, 2), "variants", 1)
		}
	}
	if err := of(1, 2); err != nil {
		t.Errorf("the oldest is still remembered: %v", err)
	}
}

func BenchmarkMiss(b *testing.B) {
	l := limits.New(limits.Options{MissIP: limit.Rate{Count: 600, Per: time.Minute}, Site: clientip.Site})
	b.RunParallel(func(pb *testing.PB) {
		client := netip.MustParseAddr("192.0.2.1")
		for pb.Next() {
			client = client.Next()
			_ = l.Miss(client)
		}
	})
}
