package scenario

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/pictor/pictor/bench/load"
	"github.com/pictor/pictor/bench/proc"
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
	h.Tables = append(h.Tables, h.latencyTable("p50"), h.latencyTable("p99"), h.latencyTable("p99.9"), h.latenessTable())
	h.rounds(func(round int, _ *rand.Rand) {
		order := rand.New(rand.NewPCG(h.Seed, 1000+uint64(round)))
		for _, s := range shuffled(order, h.servers) {
			if !slices.Contains(latencyPeers, s.name) || ctx.Err() != nil {
				continue
			}
			if err := h.latency(ctx, round, order, s); err != nil {
				h.Fail("latency", s.name, err)
			}
		}
		h.say("latencies: round %d of %d", round+1, h.Rounds)
	})
	h.Plots = append(h.Plots, h.latencyPlot())
	if h.opened > 0 {
		h.Checks = append(h.Checks, fmt.Sprintf("Latencies: %d of %d measurements were disturbed, most of them when made a second time too: %s.",
			h.disturbed, h.opened, h.disturbance()))
	}
	h.Notes = append(h.Notes, fmt.Sprintf("Latencies: open loop over %d connections, requests for 10 KB at random times (Poisson) at "+
		"shares of the server's own rate in a closed loop just before; a latency counts from the time a request was due. Above "+
		"100 %% it grows for as long as the measurement lasts, %s. %s", latencyConns, h.pace().latency, h.alone()))
}

// disturbance is what makes an open loop a disturbed one.
func (h *hits) disturbance() string {
	generator := fmt.Sprintf("the generator had less than %.0f %% of its core", 100*generatorShare)
	if h.shared == nil {
		return generator
	}
	return fmt.Sprintf("%s, or others had more than %.0f %% of the server's", generator, 100*othersShare)
}

// alone tells what keeps other programs away while latencies are measured.
func (h *hits) alone() string {
	line := "The generator has real-time priority and collects no garbage;"
	if h.ordinary {
		line = "The generator was not allowed real-time priority and may have waited for other programs, see its own part;"
	}
	if h.shared == nil {
		return line + " the server that is measured has it, too: nobody else takes the core away from it."
	}
	return line + fmt.Sprintf(" the server that is measured was not allowed it (%v).", h.shared)
}

func (h *hits) latency(ctx context.Context, round int, order *rand.Rand, s *hitServer) error {
	if h.shared = proc.Alone(s.pid); h.shared == nil {
		defer func() { _ = proc.Favour(s.pid) }() // what was granted before
	}
	closed, err := h.load(ctx, h.plan(hit10k, s))
	if err != nil {
		return fmt.Errorf("capacity: %w", err)
	}
	plan := h.plan(hit10k, s)
	plan.Conns, plan.Warmup, plan.Duration = latencyConns, h.pace().latencyWarmup, h.pace().latency
	levels := slices.Repeat(h.latencyLevels(), h.pace().latencyPasses)
	for i, level := range shuffled(order, levels) {
		plan.Rate, plan.Seed = closed.Rate()*float64(level)/100, order.Uint64()
		r, err := h.undisturbed(ctx, plan, s)
		if err != nil {
			return fmt.Errorf("%d %%: %w", level, err)
		}
		for metric, value := range map[string]time.Duration{"p50": r.Latency.P50, "p90": r.Latency.P90, "p99": r.Latency.P99,
			"p99.9": r.Latency.P999, "max": r.Latency.Max, "late p99": r.Late.P99, "late max": r.Late.Max} {
			h.Figures.Add(report.Key{Scenario: "latency", Case: latencyCase(level), Peer: s.name, Metric: metric}, round*len(levels)+i,
				milliseconds(value))
		}
	}
	return nil
}

// A measurement in which the generator had less of its core, or others had more of the server's, is made again. What it
// measured does not matter for that.
const (
	latencyTries   = 2
	generatorShare = 0.98
	othersShare    = 0.05
)

// undisturbed carries out an open loop until nobody disturbed it, or for the last time.
func (h *hits) undisturbed(ctx context.Context, plan load.Plan, s *hitServer) (*load.Result, error) {
	h.opened++
	for try := 1; ; try++ {
		before, err := h.watch(s)
		if err != nil {
			return nil, err
		}
		r, err := h.load(ctx, plan)
		if err != nil {
			return nil, err
		}
		h.ordinary = !r.Realtime
		after, err := h.watch(s)
		if err != nil {
			return nil, err
		}
		calm := r.Busy.Seconds() >= generatorShare*r.Elapsed.Seconds() && (h.shared == nil || after.others(before) <= othersShare)
		if calm {
			return r, nil
		}
		if busy := 2*h.disturbed > h.opened; try == latencyTries || busy || ctx.Err() != nil { // it seldom helps on a busy machine
			h.disturbed++
			return r, nil
		}
	}
}

// watched is what had happened on the server's core at a time.
type watched struct {
	at           time.Time
	idle, server time.Duration
}

func (h *hits) watch(s *hitServer) (watched, error) {
	server, err := proc.RunTime(s.pid)
	if err != nil {
		return watched{}, err
	}
	idle, err := proc.IdleTime(h.Server)
	return watched{time.Now(), idle, server}, err
}

// others is the share of the core that neither the server nor nobody had.
func (w watched) others(before watched) float64 {
	all := w.at.Sub(before.at)
	return 1 - (w.idle-before.idle+w.server-before.server).Seconds()/all.Seconds()
}

func (h *hits) latencyTable(metric string) report.Table {
	t := report.Table{Title: "Latency of 10 KB in an open loop: " + metric, Scenario: "latency", Metric: metric, Unit: "ms at a share of capacity",
		Peers: latencyPeers}
	for _, level := range h.latencyLevels() {
		t.Cases = append(t.Cases, latencyCase(level))
	}
	return t
}

// latenessTable shows what of the latencies is not the server's.
func (h *hits) latenessTable() report.Table {
	t := h.latencyTable("late p99")
	t.Title = "The generator's own part in these latencies: p99"
	t.Note = "How long requests that were due, and had a free connection, waited until they were sent. Answers wait as long to be seen."
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
