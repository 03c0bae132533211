package scenario

import "time"

// pace is how long things are measured. It is the budget of a run: 25 minutes with five rounds, 3 minutes when quick with
// three. Whoever adds a scenario takes its time from others, here.
type pace struct {
	hitWarmup, hit         time.Duration // for each server and case, hitPasses times a round
	latencyWarmup, latency time.Duration // for each server and level, see latencyRounds
	diskWarmup, disk       time.Duration // for each server, once a round
	render                 time.Duration // for each peer and kind, once a round; slow ones take up to slowWait more
	onceTogether           int           // sources for each peer in a round, four in flight
	onceAlone              int           // and one after the other
	memoryRival            time.Duration // at most, for each rival, once
	memoryEdge             time.Duration // at most, once
}

// Open loops stay below the 0.95 s after which Linux gives ordinary programs 50 ms of a core that a real-time thread, the
// generator, has taken: on a machine that others use too these would be latencies of nobody's making.
var (
	fullPace = pace{
		hitWarmup: 100 * time.Millisecond, hit: 600 * time.Millisecond,
		latencyWarmup: 100 * time.Millisecond, latency: 750 * time.Millisecond,
		diskWarmup: 500 * time.Millisecond, disk: 3 * time.Second,
		render: 3 * time.Second, onceTogether: 40, onceAlone: 12, memoryRival: 30 * time.Second, memoryEdge: 10 * time.Minute,
	}
	quickPace = pace{
		hitWarmup: 50 * time.Millisecond, hit: 200 * time.Millisecond,
		latencyWarmup: 50 * time.Millisecond, latency: 500 * time.Millisecond,
		diskWarmup: 200 * time.Millisecond, disk: time.Second,
		render: 1200 * time.Millisecond, onceTogether: 16, onceAlone: 5,
	}
)

func (b *Bench) pace() pace {
	if b.Quick {
		return quickPace
	}
	return fullPace
}
