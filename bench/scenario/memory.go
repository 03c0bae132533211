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
	memoryAlike = 300 // thumbnails
)

var memoryTable = report.Table{Title: "Memory", Scenario: "memory", Metric: "MB", Unit: "MB",
	Cases: []string{"peak", "after 200", "at the end"}, Peers: renderPeers,
	Note: fmt.Sprintf("Resident size of a peer with its children, shared pages counted once, while originals of 1 to 24 megapixels "+
		"become JPEG, WebP, AVIF and PNG, %d in flight: %d by the edge, %d by each of the others, or as many as they make in half a minute. "+
		"The edge has %d MiB of memory cache here.", inFlight, memoryAll, memoryRival, diskMemory>>20)}

var alikeTable = report.Table{Title: "Memory for thumbnails of 12 megapixels: peak", Scenario: "memory", Metric: "MB", Unit: "MB",
	Cases: []string{alikeCase}, Peers: renderPeers,
	Note: fmt.Sprintf("The same while one original of 4000×3000 becomes %d JPEGs of 400×400 at quality 95, which the edge makes from the "+
		"original each, %d in flight. imgproxy 4, which cannot be installed beside the others, was measured elsewhere at 195 MB, and "+
		"imagor at 271 MB.", memoryAlike, inFlight)}

const alikeCase = "peak, thumbnails"

func memoryKey(c string) report.Key {
	return report.Key{Scenario: "memory", Case: c, Peer: edgeName, Metric: "MB"}
}

// alike is what the thumbnails are.
var alike = kind{"thumbnails", peers.Job{Width: 400, Height: 400, Format: "jpeg", Quality: 95}}

// mixed are the sizes of the originals.
var mixed = []struct{ width, height int }{{1200, 900}, {3000, 2000}, {4000, 3000}, {6000, 4000}}

// mixedKinds are asked for in turn: four formats at four sizes.
var mixedKinds = []kind{
	{"small JPEG", peers.Job{Width: 400, Height: 400, Format: "jpeg", Quality: 80}},
	{"WebP", peers.Job{Width: 800, Format: "webp", Quality: 80, Effort: webpEffort}},
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
	// The smallest cache, full after the first pictures: growth after that is not what was asked for.
	if err := r.start(ctx, fmt.Sprintf("PICTOR_EDGE_MEMORY_BYTES=%d", diskMemory)); err != nil {
		return err
	}
	if err := r.peaks(ctx); err != nil {
		return err
	}
	plot := report.Plot{File: "memory", Title: "Memory while pictures of 1 to 24 megapixels are made", X: "pictures made", Y: "MB"}
	for i, name := range renderPeers {
		if r.peers[name] == nil {
			continue
		}
		count, limit := memoryRival, rivalWait
		if name == edgeName {
			count, limit = memoryAll, edgeWait
		}
		all, alone, err := r.follow(ctx, name, count, limit, func(left int) peers.Job { return r.next(name, r.kinds[left%len(r.kinds)]) })
		if err != nil {
			r.Fail("memory", name, err)
			continue
		}
		b.say("memory: %s", name)
		plot.Series = append(plot.Series, report.Series{Name: name, Points: all, Colour: i})
		if name == edgeName {
			plot.Series = append(plot.Series, report.Series{Name: name + " without workers", Points: alone, Colour: i, Dashed: true})
		}
		r.judge(name, all)
	}
	b.Plots = append(b.Plots, plot)
	b.Tables = append(b.Tables, memoryTable, alikeTable)
	return ctx.Err()
}

// peaks measures everybody at the same thumbnails, before there is anything else in their memory.
func (r *renders) peaks(ctx context.Context) error {
	for _, name := range renderPeers {
		if r.peers[name] == nil || ctx.Err() != nil {
			continue
		}
		curve, _, err := r.follow(ctx, name, memoryAlike, rivalWait, func(left int) peers.Job {
			j, _ := alike.nth(left, []string{"mixed-2"})
			return j
		})
		if err != nil {
			r.failCase("memory", alikeCase, name, err)
			continue
		}
		r.Figures.Add(report.Key{Scenario: "memory", Case: alikeCase, Peer: name, Metric: "MB"}, 0, peak(curve))
		r.say("memory of thumbnails: %s", name)
	}
	return ctx.Err()
}

func peak(curve []report.Point) (most float64) {
	for _, p := range curve {
		most = max(most, p.Y)
	}
	return most
}

// Who has not made all pictures after this long is taken as far as it came.
const (
	rivalWait = 30 * time.Second
	edgeWait  = 10 * time.Minute
)

// sampleEvery is how often memory is looked at.
const sampleEvery = 100 * time.Millisecond

// follow makes so many pictures and gives memory by their number, with and without the peer's children.
func (r *renders) follow(ctx context.Context, name string, count int, limit time.Duration,
	job func(left int) peers.Job) (all, alone []report.Point, err error) {
	p := r.peers[name]
	var mu sync.Mutex // guards left
	left := count
	end := time.Now().Add(limit)
	next := func() (peers.Job, bool) {
		mu.Lock()
		defer mu.Unlock()
		if left--; left < 0 || time.Now().After(end) {
			return peers.Job{}, false
		}
		return job(left), true
	}
	done := make(chan error, 1)
	var made atomic.Int64
	go func() { done <- r.fly(ctx, p, next, func(peers.Job, []byte) { made.Add(1) }) }()
	tick := time.NewTicker(sampleEvery)
	defer tick.Stop()
	for {
		select {
		case err := <-done:
			return all, alone, err
		case <-tick.C:
			own, whole, err := proc.Memory(p.Pid)
			if err != nil {
				return nil, nil, err
			}
			all, alone = append(all, at(made.Load(), whole)), append(alone, at(made.Load(), own))
		}
	}
}

// at is a point of a curve of megabytes.
func at(made, bytes int64) report.Point {
	mb := float64(bytes) / 1e6
	return report.Point{X: float64(made), Y: mb, Low: mb, High: mb}
}

// judge notes the peak, the mean around the 200th picture, and the mean of the last 200.
func (r *renders) judge(name string, curve []report.Point) {
	if len(curve) == 0 {
		return
	}
	last := curve[len(curve)-1].X
	var early, late []float64
	for _, p := range curve {
		if p.X >= memoryEarly/2 && p.X <= memoryEarly*3/2 {
			early = append(early, p.Y)
		}
		if p.X >= last-memoryEarly/2 {
			late = append(late, p.Y)
		}
	}
	for c, value := range map[string]float64{"peak": peak(curve), "after 200": mean(early), "at the end": mean(late)} {
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
