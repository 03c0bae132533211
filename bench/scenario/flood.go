package scenario

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/pictor/pictor/bench/client"
	"github.com/pictor/pictor/bench/peers"
	"github.com/pictor/pictor/bench/picture"
	"github.com/pictor/pictor/bench/report"
	"github.com/pictor/pictor/bench/stack"
)

// Cases of the flood, and what the second has above the first.
const (
	floodIdle  = "idle"
	flooded    = "100 AVIF jobs queued"
	floodMore  = "more"
	floodDepth = 100
)

var floodTables = []report.Table{floodTable("p50"), floodTable("p99")}

func floodTable(metric string) report.Table {
	return report.Table{Title: "A 200 px WebP while AVIFs of another picture wait: " + metric, Scenario: "flood", Metric: metric, Unit: "ms",
		Cases: []string{floodIdle, flooded, floodMore}, Peers: []string{edgeName}}
}

func floodKey(c, metric string) report.Key {
	return report.Key{Scenario: "flood", Case: c, Peer: edgeName, Metric: metric}
}

// Flood measures what thumbnails notice of long jobs that wait, in alternation with an edge that has nothing else to do.
func Flood(ctx context.Context, b *Bench) error {
	f, err := b.newFlood(ctx)
	if err != nil {
		return err
	}
	defer f.stack.Stop()
	rounds := b.Rounds
	if b.Quick {
		rounds = 2
	}
	for round := range rounds {
		idle, err := f.thumbnails(ctx)
		if err != nil {
			return fmt.Errorf("idle: %w", err)
		}
		busy, err := f.during(ctx)
		if err != nil {
			return fmt.Errorf("flooded: %w", err)
		}
		if err := f.calm(ctx); err != nil {
			return fmt.Errorf("after the flood: %w", err)
		}
		for _, metric := range []string{"p50", "p99"} {
			before, after := quantile(idle, metric), quantile(busy, metric)
			b.Figures.Add(floodKey(floodIdle, metric), round, before)
			b.Figures.Add(floodKey(flooded, metric), round, after)
			b.Figures.Add(floodKey(floodMore, metric), round, after-before)
		}
		b.say("flood: round %d of %d", round+1, rounds)
	}
	b.Tables = append(b.Tables, floodTables...)
	b.Notes = append(b.Notes, fmt.Sprintf("Flood: %d requests for other AVIFs of about 1600×1200 from 12 megapixels are always in flight; "+
		"meanwhile %d WebPs, 200 wide, each another, are asked for of a picture of 3 megapixels, one after the other. There is no cache "+
		"in between.", floodDepth, f.thumbnailCount()))
	return nil
}

// flood is an edge with two pictures.
type flood struct {
	*Bench
	stack         *stack.Stack
	posters, made int
}

func (b *Bench) newFlood(ctx context.Context) (*flood, error) {
	s, err := b.edge(ctx)
	if err != nil {
		return nil, err
	}
	f := &flood{Bench: b, stack: s}
	if err := f.upload(ctx); err != nil {
		s.Stop()
		return nil, err
	}
	return f, nil
}

// upload brings both pictures to the edge's disk.
func (f *flood) upload(ctx context.Context) error {
	c, err := client.SignIn(ctx, f.stack.Origin.URL, f.stack.Admin.Email, f.stack.Admin.Password)
	if err != nil {
		return err
	}
	for name, photo := range map[string][]byte{"poster": picture.JPEG(picture.Photo(4000, 3000, 0)),
		"thumbnail": picture.JPEG(picture.Photo(2000, 1500, 1))} {
		if _, err := c.Upload(ctx, name+".jpg", photo, map[string]string{"public_id": name}); err != nil {
			return err
		}
		if _, err := peers.Fetch(ctx, f.stack.Edges[0].URL+"/v1/image/"+name); err != nil {
			return err
		}
	}
	return nil
}

// thumbnailCount of one measurement: enough for a p99.
func (f *flood) thumbnailCount() int {
	if f.Quick {
		return 100
	}
	return 200
}

// nthThumbnail gives ever other ones, all 200 wide.
func nthThumbnail(i int) peers.Job {
	return peers.Job{Source: "thumbnail", Width: 200, Height: 150 - i/40%60, Format: "webp", Quality: 80 - i%40}
}

// nthPoster gives ever other ones.
func nthPoster(i int) peers.Job {
	return peers.Job{Source: "poster", Width: 1600 - i%100, Height: 1200 - i/100, Format: "avif", Quality: 60}
}

// thumbnails asks for some, one after the other, and gives how long they took, in order.
func (f *flood) thumbnails(ctx context.Context) ([]time.Duration, error) {
	var took []time.Duration
	for range f.thumbnailCount() {
		target := f.stack.Edges[0].URL + peers.EdgeTarget(nthThumbnail(f.made))
		f.made++
		begun := time.Now()
		if _, err := peers.Fetch(ctx, target); err != nil {
			return nil, err
		}
		took = append(took, time.Since(begun))
	}
	slices.Sort(took)
	return took, nil
}

// during asks for thumbnails while the flood stands. The edge may go on with it for a while.
func (f *flood) during(ctx context.Context) ([]time.Duration, error) {
	ctx, end := context.WithCancelCause(ctx)
	var waiting sync.WaitGroup
	defer waiting.Wait()
	defer end(nil)
	next := make(chan peers.Job)
	waiting.Go(func() {
		defer close(next)
		for ; ctx.Err() == nil; f.posters++ {
			select {
			case next <- nthPoster(f.posters):
			case <-ctx.Done():
			}
		}
	})
	for range floodDepth {
		waiting.Go(func() {
			for j := range next {
				if _, err := peers.Fetch(ctx, f.stack.Edges[0].URL+peers.EdgeTarget(j)); err != nil {
					end(err) // after the end it changes nothing
				}
			}
		})
	}
	if err := f.await(ctx, waitingMetric, func(n float64) bool { return n >= queued }); err != nil {
		return nil, err
	}
	took, err := f.thumbnails(ctx)
	if cause := context.Cause(ctx); cause != nil {
		return nil, cause // a poster's failure ended the thumbnails
	}
	if err != nil {
		return nil, err
	}
	return took, f.stillQueued()
}

// queued is what must wait at the least: of the jobs in flight, some are being made, and some are just asked for.
const queued = floodDepth * 3 / 4

// Metrics of the edge's renderer.
const (
	waitingMetric = "pictor_edge_render_waiting"
	busyMetric    = "pictor_edge_render_busy"
)

// await waits until a metric of the edge is as it should be.
func (f *flood) await(ctx context.Context, metric string, holds func(float64) bool) error {
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	for {
		switch n, err := f.stack.Edges[0].Metric(metric); {
		case err != nil:
			return err
		case holds(n):
			return nil
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// calm waits until nothing of the flood is left.
func (f *flood) calm(ctx context.Context) error {
	none := func(n float64) bool { return n == 0 }
	if err := f.await(ctx, waitingMetric, none); err != nil {
		return err
	}
	return f.await(ctx, busyMetric, none)
}

// stillQueued makes sure that the measurement was one during a flood.
func (f *flood) stillQueued() error {
	n, err := f.stack.Edges[0].Metric(waitingMetric)
	if err == nil && n < queued {
		return fmt.Errorf("only %.0f jobs still waited at the end", n)
	}
	return err
}

// quantile of sorted times, in milliseconds.
func quantile(sorted []time.Duration, name string) float64 {
	share := map[string]int{"p50": 50, "p99": 99}[name]
	return milliseconds(sorted[max(0, len(sorted)*share/100-1)])
}
