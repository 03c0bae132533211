package scenario

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/pictor/pictor/bench/report"
)

// latencyConns are enough that a request waits for the server, not for a connection, as long as there is capacity.
const latencyConns = 128

// latencyPeers are measured in the open loop too.
var latencyPeers = []string{edgeName, "fasthttp", "nginx cache", "varnish"}

// latencyLevels are the shares of a server's own capacity, in percent, that are asked of it.
func (h *hits) latencyLevels() []int {
	if h.Quick {
		return []int{25, 75, 110}
	}
	return []int{10, 25, 50, 75, 90, 100, 110, 120}
}

func latencyCase(level int) string { return fmt.Sprintf("%d %%", level) }

// latencies asks for 10 KB at given rates, whatever the server does, and takes the time from when each answer was due.
func (h *hits) latencies(ctx context.Context) {
	rounds := min(h.Rounds, 3) // of many levels each
	if h.Quick {
		rounds = 1
	}
	for round := range rounds {
		order := rand.New(rand.NewPCG(h.Seed, 1000+uint64(round)))
		for _, s := range shuffled(order, h.servers) {
			if !slices.Contains(latencyPeers, s.name) || ctx.Err() != nil {
				continue
			}
			if err := h.latency(ctx, round, order, s); err != nil {
				h.Fail("latency", s.name, err)
			}
		}
		h.say("latencies: round %d of %d", round+1, rounds)
	}
	h.Tables = append(h.Tables, h.latencyTable("p50"), h.latencyTable("p99"), h.latencyTable("p99.9"))
	h.Plots = append(h.Plots, h.latencyPlot())
	h.Notes = append(h.Notes, fmt.Sprintf("Latencies: open loop over %d connections, requests for 10 KB at random times (Poisson) at "+
		"shares of the server's own rate in a closed loop just before; a latency counts from the time a request was due. Above "+
		"100 %% it grows for as long as the measurement lasts.", latencyConns))
}

func (h *hits) latency(ctx context.Context, round int, order *rand.Rand, s *hitServer) error {
	plan := h.plan(hit10k, s)
	plan.Duration *= 3
	closed, err := h.load(ctx, plan)
	if err != nil {
		return fmt.Errorf("capacity: %w", err)
	}
	plan.Conns = latencyConns
	for _, level := range shuffled(order, h.latencyLevels()) {
		plan.Rate, plan.Seed = closed.Rate()*float64(level)/100, order.Uint64()
		r, err := h.load(ctx, plan)
		if err != nil {
			return fmt.Errorf("%d %%: %w", level, err)
		}
		for metric, value := range map[string]time.Duration{"p50": r.Latency.P50, "p90": r.Latency.P90, "p99": r.Latency.P99,
			"p99.9": r.Latency.P999, "max": r.Latency.Max} {
			h.Figures.Add(report.Key{Scenario: "latency", Case: latencyCase(level), Peer: s.name, Metric: metric}, round, milliseconds(value))
		}
	}
	return nil
}

func (h *hits) latencyTable(metric string) report.Table {
	t := report.Table{Title: "Latency of 10 KB in an open loop: " + metric, Scenario: "latency", Metric: metric, Unit: "ms at a share of capacity",
		Peers: latencyPeers}
	for _, level := range h.latencyLevels() {
		t.Cases = append(t.Cases, latencyCase(level))
	}
	return t
}

// latencyPlot has p50 dashed and p99 whole.
func (h *hits) latencyPlot() report.Plot {
	p := report.Plot{File: "latency", Title: "Latency of a 10 KB hit in an open loop: p99, and p50 dashed", X: "% of the server's own capacity",
		Y: "ms", LogY: true}
	for i, peer := range latencyPeers {
		for _, metric := range []string{"p99", "p50"} {
			s := report.Series{Name: peer + " " + metric, Colour: i, Dashed: metric == "p50"}
			for _, level := range h.latencyLevels() {
				if v, ok := h.Figures.Spread(report.Key{Scenario: "latency", Case: latencyCase(level), Peer: peer, Metric: metric}); ok {
					s.Points = append(s.Points, report.Point{X: float64(level), Y: v.Median, Low: v.Min, High: v.Max})
				}
			}
			if len(s.Points) > 0 {
				p.Series = append(p.Series, s)
			}
		}
	}
	return p
}
