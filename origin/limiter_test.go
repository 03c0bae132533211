package origin

import (
	"flag"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/pictor/pictor/shared/limit"
)

// What is drawn is the same each time; -rapid.seed=0 draws something else.
func init() { _ = flag.Set("rapid.seed", "1") }

func newLimiter(rate limit.Rate) *limiter {
	return &limiter{rate: rate, marks: map[limitKey]limit.Mark{}}
}

// A flood of addresses must not fill the memory, nor make the limiter forget an address that is at its limit.
func TestLimiterIsBounded(t *testing.T) {
	now := time.Now()
	l := newLimiter(limit.Rate{Count: 20, Per: time.Minute})
	for range 20 {
		l.take("culprit", now)
	}
	for i := range maxLimitKeys + 1000 {
		l.take(fmt.Sprint(i), now)
	}
	if len(l.marks) > maxLimitKeys {
		t.Errorf("%d keys", len(l.marks))
	}
	if !l.take("culprit", now).Refused() {
		t.Error("the key at its limit was forgotten")
	}
}

func TestLimiterForgetsIdleKeys(t *testing.T) {
	now := time.Now()
	l := newLimiter(limit.Rate{Count: 20, Per: time.Minute})
	for i := range 10_000 {
		l.take(fmt.Sprint(i), now)
		now = now.Add(time.Second) // one event is forgiven after 3 s
	}
	if len(l.marks) > 100 {
		t.Errorf("%d keys, of which 3 matter", len(l.marks))
	}
}

// However events come: never more than Count at once and what Per gives back since, the wait that is told is exact, and
// what is given back was never taken.
func TestLimiterIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		interval := time.Duration(rapid.IntRange(1, 1000).Draw(t, "interval"))
		count := rapid.IntRange(1, 7).Draw(t, "count")
		l := newLimiter(limit.Rate{Count: count, Per: time.Duration(count) * interval})
		start := time.Unix(1_000_000, 0)
		now, taken := start, 0
		for range rapid.IntRange(1, 60).Draw(t, "events") {
			now = now.Add(time.Duration(rapid.IntRange(0, int(2*interval)).Draw(t, "pause")))
			wait := l.take("key", now).Wait
			if wait == 0 {
				taken++
				if allowed := count + int(now.Sub(start)/interval); taken > allowed {
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
			if early := l.take("key", now.Add(wait-1)).Wait; early != 1 {
				t.Fatalf("1 ns before the end of the wait: %v", early)
			}
			now = now.Add(wait)
			if l.take("key", now).Refused() {
				t.Fatal("the wait was not enough")
			}
			taken++
		}
	})
}
