package scenario

import (
	"context"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/pictor/pictor/bench/peers"
	"github.com/pictor/pictor/bench/proc"
	"github.com/pictor/pictor/bench/report"
)

// kind is a sort of job. The jobs of a kind differ a little in size or quality, so that no cache knows the answer.
type kind struct {
	name string
	job  peers.Job
}

var kinds = []kind{
	{"400×400 JPEG", peers.Job{Width: 400, Height: 400, Format: "jpeg", Quality: 80}},
	{"1200 wide WebP", peers.Job{Width: 1200, Format: "webp", Quality: 80, Effort: 2}},
	{"1200 wide AVIF", peers.Job{Width: 1200, Format: "avif", Quality: 60, Effort: 0}},
}

func kindNames() []string {
	var names []string
	for _, k := range kinds {
		names = append(names, k.name)
	}
	return names
}

// nth is the i-th job of a kind, and whether there are as many.
func (k kind) nth(i int, sources []string) (peers.Job, bool) {
	j := k.job
	j.Source = sources[i%len(sources)]
	i /= len(sources)
	j.Width -= i % 30
	i /= 30
	if j.Height > 0 {
		j.Height -= i % 30
		return j, i < 30
	}
	j.Quality -= i % 8
	return j, i < 8
}

// inFlight is how many jobs are asked for at once.
const inFlight = 4

// A peer that is slow goes on until it has made leastDone pictures, but not longer than slowWait.
const (
	leastDone = 4 * inFlight
	slowWait  = 10 * time.Second
)

// Names of peers in several places.
const (
	vipsName = "libvips loop"
	simdName = "imagor (SIMD on)"
)

var renderPeers = []string{edgeName, vipsName, "imagor", simdName, "ipx", "thumbor"}

var renderTables = []report.Table{
	{Title: "Variants of 12 megapixels: pictures per second", Scenario: "render", Metric: "rate", Unit: "pictures/s",
		Cases: kindNames(), Peers: renderPeers, Ratios: true,
		Note: "Each picture is another variant of one of a few photographs, so what is kept of a photograph may help; see «Sources asked " +
			"for once» for the other case. Below each rival: how many times its rate the edge has."},
	{Title: "Variants of 12 megapixels: processor time", Scenario: "render", Metric: "cpu", Unit: "ms per picture",
		Cases: kindNames(), Peers: renderPeers, Ratios: true},
	{Title: "Variants of 12 megapixels: size of a result", Scenario: "render", Metric: "bytes", Unit: "bytes",
		Cases: kindNames(), Peers: renderPeers,
		Note: "Sizes that differ much mean that encoders are set differently; see «How it was measured»."},
}

// Renders measures how many pictures a second are made of a few large photographs, none of them asked for before.
func Renders(ctx context.Context, b *Bench) error {
	r := &renders{Bench: b, peers: map[string]*peers.Renderer{}, asked: map[string]int{}, scenario: "render", kinds: kinds}
	defer r.stop()
	if err := r.findPhotos(); err != nil {
		return err
	}
	if err := r.start(ctx); err != nil {
		return err
	}
	b.rounds(func(round int, order *rand.Rand) {
		for _, k := range shuffled(order, kinds) {
			for _, name := range shuffled(order, renderPeers) {
				if r.peers[name] == nil || ctx.Err() != nil {
					continue
				}
				if err := r.measure(ctx, round, k, name); err != nil {
					r.failCase(r.scenario, k.name, name, err)
				}
			}
		}
		b.say("renders: round %d of %d", round+1, b.Rounds)
	})
	b.Tables = append(b.Tables, renderTables...)
	rates := report.FromTable(renderTables[0], &b.Figures, "renders")
	rates.Bars = true
	b.Plots = append(b.Plots, rates)
	b.Notes = append(b.Notes, r.notes()...)
	return ctx.Err()
}

func (r *renders) notes() []string {
	lines := []string{fmt.Sprintf("Renders: %d in flight, all cores, %d photographs (%s), every job with other parameters. JPEG quality 80 "+
		"with optimised Huffman tables, WebP quality 80 effort 2, AVIF quality 60 effort 0, unless a peer says otherwise:",
		inFlight, len(r.names), r.origin())}
	for _, name := range renderPeers {
		if p := r.peers[name]; p != nil && p.Notes != "" {
			lines = append(lines, fmt.Sprintf("%s: %s.", name, p.Notes))
		}
	}
	return lines
}

func (r *renders) origin() string {
	if r.Photos != "" {
		return "from " + r.Photos
	}
	return "synthetic, 4000×3000"
}

// measure asks for pictures of a kind for a while.
func (r *renders) measure(ctx context.Context, round int, k kind, name string) error {
	length := 5 * time.Second
	if r.Quick {
		length = 1500 * time.Millisecond
	}
	p := r.peers[name]
	before, err := proc.CPUTime(p.Pid)
	if err != nil {
		return err
	}
	end := time.Now().Add(length)
	done, sizes, err := r.drive(ctx, p, func(done int) (peers.Job, bool) {
		now := time.Now()
		if now.After(end) && done >= leastDone || now.After(end.Add(slowWait)) {
			return peers.Job{}, false
		}
		return r.next(name, k), true
	})
	if err != nil {
		return err
	}
	after, err := proc.CPUTime(p.Pid)
	if err != nil {
		return err
	}
	if len(done) < 2*inFlight {
		return fmt.Errorf("only %d pictures in %s", len(done), length+slowWait)
	}
	for metric, value := range map[string]float64{"rate": steadyRate(done), "cpu": milliseconds(after-before) / float64(len(done)),
		"bytes": float64(sizes) / float64(len(done))} {
		r.Figures.Add(report.Key{Scenario: "render", Case: k.name, Peer: name, Metric: metric}, round, value)
	}
	return nil
}
