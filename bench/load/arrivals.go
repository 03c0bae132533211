package load

import (
	"math/rand/v2"
	"time"
)

// arrivals are the random times at which the requests of an open loop are due. They depend on rate and seed only.
type arrivals struct {
	rnd    *rand.Rand
	mean   float64         // nanoseconds between two
	coming time.Duration   // the first that advance has not reached
	due    []time.Duration // reached, but not sent; the oldest first
}

func newArrivals(rate float64, seed uint64, now time.Duration) *arrivals {
	a := &arrivals{rnd: rand.New(rand.NewPCG(seed, 0)), mean: float64(time.Second) / rate, coming: now}
	a.step()
	return a
}

func (a *arrivals) step() { a.coming += time.Duration(a.rnd.ExpFloat64() * a.mean) }

// advance makes due what was to come until now.
func (a *arrivals) advance(now time.Duration) {
	for a.coming <= now {
		a.due = append(a.due, a.coming)
		a.step()
	}
}

func (a *arrivals) waiting() int { return len(a.due) }

// next is the oldest that is due; there must be one.
func (a *arrivals) next() time.Duration {
	due := a.due[0]
	a.due = a.due[1:]
	return due
}
