package origin

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func newLimiter(limit Limit) *limiter { return &limiter{limit: limit, whole: map[limitKey]time.Time{}} }

// A flood of addresses must not fill the memory, nor make the limiter forget an address that is at its limit.
func TestLimiterIsBounded(t *testing.T) {
	now := time.Now()
	l := newLimiter(Limit{20, time.Minute})
	for range 20 {
		l.take("culprit", now)
	}
	for i := range maxLimitKeys + 1000 {
		l.take(fmt.Sprint(i), now)
	}
	if len(l.whole) > maxLimitKeys {
		t.Errorf("%d keys", len(l.whole))
	}
	if l.take("culprit", now) == 0 {
		t.Error("the key at its limit was forgotten")
	}
}

func TestLimiterForgetsIdleKeys(t *testing.T) {
	now := time.Now()
	l := newLimiter(Limit{20, time.Minute})
	for i := range 10_000 {
		l.take(fmt.Sprint(i), now)
		now = now.Add(time.Second) // one event is forgiven after 3 s
	}
	if len(l.whole) > 100 {
		t.Errorf("%d keys, of which 3 matter", len(l.whole))
	}
}

// However events come: never more than Count at once and what Per gives back since, the wait that is told is exact, and
// what is given back was never taken.
func TestLimiterIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := Limit{rapid.IntRange(1, 7).Draw(t, "count"), time.Duration(rapid.IntRange(7, 1000).Draw(t, "per"))}
		l := newLimiter(limit)
		interval := limit.Per / time.Duration(limit.Count)
		start := time.Unix(1_000_000, 0)
		now, taken := start, 0
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			now = now.Add(time.Duration(rapid.IntRange(0, int(2*interval)).Draw(t, "pause")))
			wait := l.take("key", now)
			if wait == 0 {
				taken++
				if allowed := limit.Count + int(now.Sub(start)/interval); taken > allowed {
					t.Fatalf("%d taken of %d", taken, allowed)
				}
				if rapid.Bool().Draw(t, "give back") {
					l.giveBack("key")
					taken--
				}
				continue
			}
			if wait > interval {
				t.Fatalf("waits %v for the next of an event each %v", wait, interval)
			}
			if early := l.take("key", now.Add(wait-1)); early != 1 {
				t.Fatalf("1 ns before the end of the wait: %v", early)
			}
			now = now.Add(wait)
			if l.take("key", now) != 0 {
				t.Fatal("the wait was not enough")
			}
			taken++
		}
	})
}
