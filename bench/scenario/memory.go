package scenario

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pictor/pictor/bench/peers"
	"github.com/pictor/pictor/bench/picture"
	"github.com/pictor/pictor/bench/proc"
	"github.com/pictor/pictor/bench/report"
)

// Memory is judged after so many renders, and again after all.
const (
	memoryEarly = 200
	memoryAll   = 2000
	memoryRival = 300 // rivals are shown, not judged
)

var memoryTable = report.Table{Title: "Memory", Scenario: "memory", Metric: "MB", Unit: "MB",
	Cases: []string{"peak", "after 200", "at the end"}, Peers: renderPeers,
	Note: fmt.Sprintf("Resident size of a peer with its children, shared pages counted once, while originals of 1 to 24 megapixels "+
		"become JPEG, WebP, AVIF and PNG, %d in flight: %d by the edge, %d by each of the others.", inFlight, memoryAll, memoryRival)}

// mixed are the sizes of the originals.
var mixed = []struct{ width, height int }{{1200, 900}, {3000, 2000}, {4000, 3000}, {6000, 4000}}

// mixedKinds are asked for in turn: four formats at four sizes.
var mixedKinds = []kind{
	{"small JPEG", peers.Job{Width: 400, Height: 400, Format: "jpeg", Quality: 80}},
	{"WebP", peers.Job{Width: 800, Format: "webp", Quality: 80, Effort: 2}},
	{"AVIF", peers.Job{Width: 640, Format: "avif", Quality: 60}},
	{"PNG", peers.Job{Width: 320, Height: 320, Format: "png", Quality: 80}},
}

// Memory follows the resident size while pictures of 1 to 24 megapixels are made in four formats, all from distinct
// parameters. It takes minutes and is not part of a quick run.
func Memory(ctx context.Context, b *Bench) error {
	if b.Quick {
		b.Notes = append(b.Notes, "Quick: memory over time was left out.")
		return nil
	}
	r := &renders{Bench: b, peers: map[string]*peers.Renderer{}, asked: map[string]int{}, kinds: mixedKinds, scenario: "memory"}
	defer r.stop()
	for i, size := range mixed {
		name := fmt.Sprintf("mixed-%d", i)
		if err := r.paint(name, func() []byte { return picture.JPEG(picture.Photo(size.width, size.height, uint64(100+i))) }); err != nil {
			return err
		}
	}
	if err := r.start(ctx); err != nil {
		return err
	}
	plot := report.Plot{File: "memory", Title: "Memory while pictures of 1 to 24 megapixels are made", X: "pictures made", Y: "MB"}
	for i, name := range renderPeers {
		if r.peers[name] == nil {
			continue
		}
		count := memoryRival
		if name == edgeName {
			count = memoryAll
		}
		curve, err := r.follow(ctx, name, count)
		if err != nil {
			r.Fail("memory", name, err)
			continue
		}
		b.say("memory: %s", name)
		plot.Series = append(plot.Series, report.Series{Name: name, Points: curve, Colour: i})
		r.judge(name, curve)
	}
	b.Plots = append(b.Plots, plot)
	b.Tables = append(b.Tables, memoryTable)
	return ctx.Err()
}

// sampleEvery is how often memory is looked at.
const sampleEvery = 200 * time.Millisecond

// follow makes so many pictures and gives memory by their number.
func (r *renders) follow(ctx context.Context, name string, count int) ([]report.Point, error) {
	p := r.peers[name]
	var mu sync.Mutex // guards left
	left := count
	next := func() (peers.Job, bool) {
		mu.Lock()
		defer mu.Unlock()
		if left--; left < 0 {
			return peers.Job{}, false
		}
		return r.next(name, r.kinds[left%len(r.kinds)]), true
	}
	done := make(chan error, 1)
	var made atomic.Int64
	go func() { done <- r.fly(ctx, p, next, func([]byte) { made.Add(1) }) }()
	var curve []report.Point
	for tick := time.NewTicker(sampleEvery); ; {
		select {
		case err := <-done:
			tick.Stop()
			return curve, err
		case <-tick.C:
			bytes, err := proc.Memory(p.Pid)
			if err != nil {
				return nil, err
			}
			mb := float64(bytes) / 1e6
			curve = append(curve, report.Point{X: float64(made.Load()), Y: mb, Low: mb, High: mb})
		}
	}
}

// judge notes the peak, the mean around the 200th picture, and the mean of the last 200.
func (r *renders) judge(name string, curve []report.Point) {
	if len(curve) == 0 {
		return
	}
	last := curve[len(curve)-1].X
	var peak float64
	var early, late []float64
	for _, p := range curve {
		peak = max(peak, p.Y)
		if p.X >= memoryEarly/2 && p.X <= memoryEarly*3/2 {
			early = append(early, p.Y)
		}
		if p.X >= last-memoryEarly/2 {
			late = append(late, p.Y)
		}
	}
	for c, value := range map[string]float64{"peak": peak, "after 200": mean(early), "at the end": mean(late)} {
		r.Figures.Add(report.Key{Scenario: "memory", Case: c, Peer: name, Metric: "MB"}, 0, value)
	}
}

func mean(values []float64) float64 {
	var sum float64
	for _, v := range values {
		sum += v
	}
	return sum / float64(max(1, len(values)))
}
