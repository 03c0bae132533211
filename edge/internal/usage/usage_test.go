package usage_test

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/pictor/pictor/edge/internal/usage"
	"github.com/pictor/pictor/shared/wire"
)

// ledger counts every batch once, as the origin does.
type ledger struct {
	mu    sync.Mutex
	lost  int // so many answers get lost on the way back
	down  bool
	seen  map[string]bool
	total map[string]wire.Usage
	told  []wire.Colour
}

func (l *ledger) SendUsage(_ context.Context, batch wire.UsageBatch) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down {
		return errors.New("down")
	}
	if !l.seen[batch.ID] {
		l.seen[batch.ID] = true
		l.told = append(l.told, batch.Colours...)
		for _, u := range batch.Entries {
			sum := l.total[u.Account+" "+u.Day]
			sum.Requests += u.Requests
			sum.Bytes += u.Bytes
			l.total[u.Account+" "+u.Day] = sum
		}
	}
	if l.lost > 0 {
		l.lost--
		return errors.New("answer lost")
	}
	return nil
}

func TestEverythingCountsOnce(t *testing.T) {
	l := &ledger{seen: map[string]bool{}, total: map[string]wire.Usage{}, lost: 2}
	now := time.Date(2026, 3, 31, 23, 59, 59, 0, time.FixedZone("west", -3600))
	m := usage.New("edge-1", l, slog.New(slog.DiscardHandler), func() time.Time { return now })
	ctx := context.Background()
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 1000 {
				m.Counter("a").Add(10)
			}
		})
	}
	all.Wait()
	for range 2 { // sent, but the answers get lost
		if m.Flush(ctx) == nil {
			t.Fatal("a lost answer went unnoticed")
		}
		m.Counter("b").Add(5)
	}
	l.down = true
	if m.Flush(ctx) == nil {
		t.Fatal("no error from an origin that is down")
	}
	now = now.Add(24 * time.Hour)
	m.Counter("a").Add(7)
	l.down = false
	if err := m.Flush(ctx); err != nil {
		t.Fatal(err)
	}
	want := map[string]wire.Usage{"a 2026-04-01": {Requests: 8000, Bytes: 80000}, "b 2026-04-01": {Requests: 2, Bytes: 10},
		"a 2026-04-02": {Requests: 1, Bytes: 7}}
	for key, sum := range want {
		if l.total[key] != sum {
			t.Errorf("%s: got %+v, want %+v", key, l.total[key], sum)
		}
	}
	if len(l.total) != len(want) {
		t.Errorf("got %v", l.total)
	}
}

func TestColoursAreToldOnce(t *testing.T) {
	l := &ledger{seen: map[string]bool{}, total: map[string]wire.Usage{}, down: true}
	m := usage.New("edge-1", l, slog.New(slog.DiscardHandler), time.Now)
	told := wire.Colour{Asset: "a1", Digest: "d1", Colour: "#000001"}
	m.Colour(told)
	m.Colour(told)
	if m.Flush(t.Context()) == nil {
		t.Fatal("no error from an origin that is down")
	}
	l.down = false
	for range 2 {
		if err := m.Flush(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.told) != 1 || l.told[0] != told {
		t.Errorf("told %v", l.told)
	}
	for i := range 2000 { // no more than the origin takes
		m.Colour(wire.Colour{Asset: strconv.Itoa(i), Digest: "d", Colour: "#000002"})
	}
	if err := m.Flush(t.Context()); err != nil || len(l.told) != 1001 {
		t.Errorf("%d colours, %v", len(l.told), err)
	}
}
