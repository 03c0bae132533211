package scenario

import "time"

// pace is how long single measurements take; how long a scenario may take stands in All.
type pace struct {
	hitPasses              int           // how many short measurements of everything make a round
	hitWarmup, hit         time.Duration // for each server and case
	latencyPasses          int           // of these in a round
	latencyWarmup, latency time.Duration // for each server and level
	render                 time.Duration // for each peer and kind, once a round; slow ones take up to slowWait more
	check                  time.Duration // each of the comparison with wrk, and a profile
}

// hitPasses: the shorter the measurements, the more alike is the machine's mood for those that are compared.
//
// Open loops are short: after 0.95 s in which real-time threads, the generator's and the server's, had a core for
// themselves, Linux gives ordinary programs 50 ms of it. On a machine that others use too these would be latencies of
// nobody's making, and one that another loop began is met seldom by a short one.
var (
	fullPace = pace{
		hitPasses: 2, hitWarmup: 100 * time.Millisecond, hit: 600 * time.Millisecond,
		latencyPasses: 3, latencyWarmup: 50 * time.Millisecond, latency: 250 * time.Millisecond,
		render: 3 * time.Second, check: 3 * time.Second,
	}
	quickPace = pace{
		hitPasses: 1, hitWarmup: 50 * time.Millisecond, hit: 200 * time.Millisecond,
		latencyPasses: 2, latencyWarmup: 50 * time.Millisecond, latency: 250 * time.Millisecond,
		render: 1200 * time.Millisecond, check: time.Second,
	}
)

func (b *Bench) pace() pace {
	if b.Quick {
		return quickPace
	}
	return fullPace
}
