package scenario

import (
	"context"
	"fmt"

	"github.com/pictor/pictor/bench/peers"
	"github.com/pictor/pictor/bench/report"
)

// Cases of the page.
const (
	pageUsual   = "WebP effort 2"
	pagePatient = "WebP effort 4"
	pageBySize  = "effort 2, size by size"
)

// pageCase is a page: with an effort of the WebP encoder that is the same on all sides, the edge's own or libvips'
// default, and an order.
type pageCase struct {
	name   string
	effort int
	bySize bool // every photograph at one size before any at the next, as one visitor's screen after another's
}

var pageCases = []pageCase{{pageUsual, 2, false}, {pagePatient, 4, false}, {pageBySize, 2, true}}

func pageNames() []string {
	var names []string
	for _, c := range pageCases {
		names = append(names, c.name)
	}
	return names
}

var pagePeers = []string{edgeName, vipsName, tunedName, "ipx"}

var pageTables = []report.Table{
	{Title: "A page nobody asked for before: time", Scenario: "page", Metric: "time", Unit: "s", Cases: pageNames(), Peers: pagePeers, Ratios: true,
		Note: "From the first request to the last answer of all variants of all photographs, the edge's fetching of the originals from " +
			"the origin included; the others have them in a folder. Below each rival: the edge's share of its time."},
	{Title: "A page nobody asked for before: processor time", Scenario: "page", Metric: "cpu", Unit: "s", Cases: pageNames(), Peers: pagePeers,
		Ratios: true, Note: "The origin's share included."},
	{Title: "A page nobody asked for before: work after the last answer", Scenario: "page", Metric: "after", Unit: "s of processor time",
		Cases: pageNames(), Peers: []string{edgeName}, Note: "What the edge does for later, when nobody waits."},
	{Title: "A page nobody asked for before: size of all answers", Scenario: "page", Metric: "MB", Unit: "MB", Cases: pageNames(), Peers: pagePeers},
}

// pageShapes are the widths of a srcset and a thumbnail, in two formats.
func pageShapes(effort int) (all []peers.Job) {
	for _, j := range []peers.Job{{Width: 320}, {Width: 640}, {Width: 960}, {Width: 1280}, {Width: 1600}, {Width: 400, Height: 400}} {
		j.Quality, j.Effort = 80, effort
		for _, j.Format = range []string{"webp", "jpeg"} {
			all = append(all, j)
		}
	}
	return all
}

// jobs are what the page asks for, in its order.
func (c pageCase) jobs(sources []string) (all []peers.Job) {
	shapes := pageShapes(c.effort)
	for i := range len(sources) * len(shapes) {
		source, shape := i/len(shapes), i%len(shapes)
		if c.bySize {
			source, shape = i%len(sources), i/len(sources)
		}
		j := shapes[shape]
		j.Source = sources[source]
		all = append(all, j)
	}
	return all
}

// Page measures a gallery with a srcset when it is looked at for the first time: large photographs, each in many
// variants at once.
func Page(ctx context.Context, b *Bench) error {
	for _, c := range pageCases {
		if b.Quick && c.bySize {
			continue
		}
		if err := b.page(ctx, c); err != nil {
			return fmt.Errorf("%s: %w", c.name, err)
		}
	}
	b.Tables = append(b.Tables, pageTables...)
	times := report.FromTable(pageTables[0], &b.Figures, "page")
	times.Bars = true
	b.Plots = append(b.Plots, times)
	return ctx.Err()
}

func pageKey(c, peer, metric string) report.Key {
	return report.Key{Scenario: "page", Case: c, Peer: peer, Metric: metric}
}
