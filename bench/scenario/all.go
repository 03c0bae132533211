package scenario

import (
	"context"
	"time"
)

// Scenario is one part of the benchmark.
type Scenario struct {
	Name  string
	Run   func(context.Context, *Bench) error
	Quick time.Duration // what it may take in a quick run; 0: it is left out there, or is no matter of rounds
	Full  time.Duration // and with all rounds, both on a machine that does nothing else
}

// All scenarios, in the order in which they run: 3 minutes, and 25.
var All = []Scenario{
	{"hit", Hits, 65 * time.Second, 7 * time.Minute},
	{"disk", Disk, 12 * time.Second, 90 * time.Second},
	{"render", Renders, 30 * time.Second, 6 * time.Minute},
	{"once", Once, 18 * time.Second, 90 * time.Second},
	{"page", Page, 30 * time.Second, 3 * time.Minute},
	{"flood", Flood, 20 * time.Second, time.Minute},
	{"rungs", Rungs, 2 * time.Second, 30 * time.Second},
	{"memory", Memory, 0, 5 * time.Minute},
}

// Measure runs a scenario. On a machine that is slow, or does other things, it makes fewer rounds in its time.
func (s *Scenario) Measure(ctx context.Context, b *Bench) error {
	b.name, b.begun, b.budget = s.Name, time.Now(), s.Full
	if b.Quick {
		b.budget = s.Quick
	}
	return s.Run(ctx, b)
}

// Names of all scenarios.
func Names() []string {
	var names []string
	for _, s := range All {
		names = append(names, s.Name)
	}
	return names
}
