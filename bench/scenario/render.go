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
	{"1200 wide WebP", peers.Job{Width: 1200, Format: "webp", Quality: 80, Effort: webpEffort}},
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
	vipsName  = "libvips loop"
	tunedName = "imagor (tuned)"
)

// webpEffort is the edge's own.
const webpEffort = 2

var renderPeers = []string{edgeName, vipsName, "imagor", tunedName, "ipx", "thumbor"}

var renderTables = []report.Table{
	{Title: "Variants of 12 megapixels: pictures per second", Scenario: "render", Metric: "rate", Unit: "pictures/s",
		Cases: kindNames(), Peers: renderPeers, Ratios: true,
		Note: "Each picture is another variant of one of a few photographs, so what is kept of a photograph may help; see «Sources asked " +
			"for once» for the other case. Below each rival: how many times its rate the edge has."},
	{Title: "Variants of 12 megapixels: processor time", Scenario: "render", Metric: "cpu", Unit: "ms per picture",
		Cases: kindNames(), Peers: renderPeers, Ratios: true},
	{Title: "Variants of 12 megapixels: size of a result", Scenario: "render", Metric: "bytes", Unit: "bytes",
		Cases: kindNames(), Peers: renderPeers,
		Note: "Sizes that differ much mean that encoders are set differently; see «How encoders were set»."},
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
	return []string{fmt.Sprintf("Renders: %d in flight, all cores, %d photographs (%s), every job with other parameters. Quality 80 for "+
		"JPEG and WebP, 60 for AVIF; see «How encoders were set».", inFlight, len(r.names), r.origin())}
}

// Sheets tell what there is to know beside the figures.
func (b *Bench) Sheets() []report.Sheet {
	if len(b.encoders) == 0 {
		return nil
	}
	s := report.Sheet{Title: "How encoders were set", Head: []string{"", "JPEG", "WebP", "AVIF", "otherwise"},
		Note: "The quality is the job's for everybody. What efforts cost and give is in [decision 3](../../../docs/decisions/0003-efforts.md), with " +
			"the command that measures it. imgproxy needs a system library that no package registry has in a form which could " +
			"be installed beside the others, and is not measured."}
	s.Rows = append(s.Rows, []string{edgeName, "baseline, 4:2:0, Huffman tables of its own", fmt.Sprintf("effort %d, or as a page says", webpEffort),
		"8 bits, 4:2:0, effort 0", "libvips in processes of its own, over HTTP"})
	for _, name := range renderPeers {
		if e, ok := b.encoders[name]; ok {
			s.Rows = append(s.Rows, []string{name, e.JPEG, e.WebP, e.AVIF, e.Rest})
		}
	}
	return []report.Sheet{s}
}

func (r *renders) origin() string {
	if r.Photos != "" {
		return "from " + r.Photos
	}
	return "synthetic, 4000×3000"
}

// measure asks for pictures of a kind for a while.
func (r *renders) measure(ctx context.Context, round int, k kind, name string) error {
	length := r.pace().render
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
