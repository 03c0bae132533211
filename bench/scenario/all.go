package scenario

import "context"

// Scenario is one part of the benchmark.
type Scenario struct {
	Name string
	Run  func(context.Context, *Bench) error
}

// All scenarios, in the order in which they run.
var All = []Scenario{
	{"hit", Hits},
	{"disk", Disk},
	{"render", Renders},
	{"once", Once},
	{"page", Page},
	{"flood", Flood},
	{"rungs", Rungs},
	{"memory", Memory},
}

// Names of all scenarios.
func Names() []string {
	var names []string
	for _, s := range All {
		names = append(names, s.Name)
	}
	return names
}
