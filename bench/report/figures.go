// Package report turns measured figures into medians, ratios, goals, tables and plots.
package report

import (
	"cmp"
	"maps"
	"slices"
)

// Key names one figure, which is measured once in each round.
type Key struct {
	Scenario string `json:"scenario"`
	Case     string `json:"case"` // what was asked, such as «10 KB»
	Peer     string `json:"peer"` // who answered
	Metric   string `json:"metric"`
}

// Figures are the values of all rounds.
type Figures struct {
	rounds map[Key]map[int]float64
}

// Sample is one value.
type Sample struct {
	Key
	Round int     `json:"round"`
	Value float64 `json:"value"`
}

// Add takes a value; a second one for the same round replaces the first.
func (f *Figures) Add(k Key, round int, value float64) {
	if f.rounds == nil {
		f.rounds = map[Key]map[int]float64{}
	}
	if f.rounds[k] == nil {
		f.rounds[k] = map[int]float64{}
	}
	f.rounds[k][round] = value
}

// Rounds are the values of a figure by their round.
func (f *Figures) Rounds(k Key) map[int]float64 { return f.rounds[k] }

// Samples are all values, in a fixed order.
func (f *Figures) Samples() []Sample {
	var all []Sample
	for k, rounds := range f.rounds {
		for round, value := range rounds {
			all = append(all, Sample{k, round, value})
		}
	}
	slices.SortFunc(all, func(a, b Sample) int {
		return cmp.Or(cmp.Compare(a.Scenario, b.Scenario), cmp.Compare(a.Case, b.Case), cmp.Compare(a.Peer, b.Peer),
			cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.Round, b.Round))
	})
	return all
}

// Spread is a median with the range of what it stands for.
type Spread struct{ Median, Min, Max float64 }

// Spread of a figure over the rounds; ok is false when it was never measured.
func (f *Figures) Spread(k Key) (s Spread, ok bool) {
	return spread(slices.Collect(maps.Values(f.rounds[k])))
}

// Ratio divides a figure by the greatest of others, round by round, so that what slows the whole machine down for a
// while cancels out. Rounds in which one of them is missing do not count.
func (f *Figures) Ratio(of Key, per ...Key) (s Spread, ok bool) {
	var ratios []float64
	for round, value := range f.rounds[of] {
		if below, ok := f.greatest(per, round); ok && below > 0 {
			ratios = append(ratios, value/below)
		}
	}
	return spread(ratios)
}

func (f *Figures) greatest(keys []Key, round int) (greatest float64, ok bool) {
	for _, k := range keys {
		value, measured := f.rounds[k][round]
		if !measured {
			return 0, false
		}
		greatest = max(greatest, value)
	}
	return greatest, len(keys) > 0
}

func spread(values []float64) (Spread, bool) {
	if len(values) == 0 {
		return Spread{}, false
	}
	slices.Sort(values)
	n := len(values)
	median := values[n/2]
	if n%2 == 0 {
		median = (values[n/2-1] + values[n/2]) / 2
	}
	return Spread{median, values[0], values[n-1]}, true
}
