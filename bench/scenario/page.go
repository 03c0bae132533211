package scenario

import (
	"context"
	"fmt"
	"image"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/bench/client"
	"github.com/pictor/pictor/bench/peers"
	"github.com/pictor/pictor/bench/picture"
	"github.com/pictor/pictor/bench/proc"
	"github.com/pictor/pictor/bench/report"
	"github.com/pictor/pictor/bench/stack"
)

// pageEfforts of the WebP encoder, the same on all sides: the edge's own, and libvips' default.
var pageEfforts = []int{2, 4}

func pageCase(effort int) string { return fmt.Sprintf("WebP effort %d", effort) }

var pageCases = []string{pageCase(2), pageCase(4)}

var pagePeers = []string{edgeName, vipsName, tunedName, "ipx"}

var pageTables = []report.Table{
	{Title: "A page nobody asked for before: time", Scenario: "page", Metric: "time", Unit: "s", Cases: pageCases, Peers: pagePeers, Ratios: true,
		Note: "From the first request to the last answer of all variants of all photographs, the edge's fetching of the originals from " +
			"the origin included; the others have them in a folder. Below each rival: the edge's share of its time."},
	{Title: "A page nobody asked for before: processor time", Scenario: "page", Metric: "cpu", Unit: "s", Cases: pageCases, Peers: pagePeers,
		Ratios: true, Note: "The origin's share included."},
	{Title: "A page nobody asked for before: work after the last answer", Scenario: "page", Metric: "after", Unit: "s of processor time",
		Cases: pageCases, Peers: []string{edgeName}, Note: "What the edge does for later, when nobody waits."},
	{Title: "A page nobody asked for before: size of all answers", Scenario: "page", Metric: "MB", Unit: "MB", Cases: pageCases, Peers: pagePeers},
}

// pagePhotos are the originals of a page, as cameras make them; a quick run takes a few.
var pagePhotos = []struct {
	size        image.Point
	progressive bool
	quick       bool
}{
	{size: image.Pt(4000, 3000), quick: true}, {size: image.Pt(5184, 3456)}, {size: image.Pt(3000, 4000), progressive: true},
	{size: image.Pt(6000, 4000), quick: true}, {size: image.Pt(4608, 3456)}, {size: image.Pt(4272, 2848)},
	{size: image.Pt(4928, 3264), progressive: true, quick: true}, {size: image.Pt(3456, 4608)}, {size: image.Pt(5472, 3648)},
	{size: image.Pt(4032, 3024)}, {size: image.Pt(4000, 6000)}, {size: image.Pt(5616, 3744), progressive: true},
}

// pageJobs are what a page with these sources asks for: photograph by photograph, each at the widths of a srcset and as
// a thumbnail, in two formats.
func pageJobs(sources []string, effort int) (all []peers.Job) {
	shapes := []peers.Job{{Width: 320}, {Width: 640}, {Width: 960}, {Width: 1280}, {Width: 1600}, {Width: 400, Height: 400}}
	for _, source := range sources {
		for _, j := range shapes {
			j.Source, j.Quality, j.Effort = source, 80, effort
			for _, j.Format = range []string{"webp", "jpeg"} {
				all = append(all, j)
			}
		}
	}
	return all
}

// Page measures a gallery with a srcset when it is looked at for the first time: large photographs, each in many
// variants at once.
func Page(ctx context.Context, b *Bench) error {
	for _, effort := range pageEfforts {
		if err := b.page(ctx, effort); err != nil {
			return fmt.Errorf("%s: %w", pageCase(effort), err)
		}
	}
	b.Tables = append(b.Tables, pageTables...)
	times := report.FromTable(pageTables[0], &b.Figures, "page")
	times.Bars = true
	b.Plots = append(b.Plots, times)
	return ctx.Err()
}

// pageRounds is how often a page is measured: it takes long, and its ratios hold still.
func (b *Bench) pageRounds() int {
	if b.Quick {
		return 1
	}
	return min(b.Rounds, 3)
}

func (b *Bench) page(ctx context.Context, effort int) error {
	p := &page{effort: effort, renders: &renders{Bench: b, peers: map[string]*peers.Renderer{}, asked: map[string]int{}, scenario: "page",
		kinds: []kind{{"WebP", peers.Job{Width: 320, Format: "webp", Quality: 80, Effort: effort}},
			{"JPEG", peers.Job{Width: 320, Format: "jpeg", Quality: 80}}}}}
	defer p.stop()
	if err := p.begin(ctx); err != nil {
		return err
	}
	for round := range b.pageRounds() {
		for _, name := range shuffled(rand.New(rand.NewPCG(b.Seed, uint64(round))), pagePeers) {
			rival := name != edgeName && name != vipsName // shown, not judged: one round
			if p.peers[name] == nil || ctx.Err() != nil || rival && round > 0 {
				continue
			}
			if err := p.round(ctx, round, name); err != nil {
				b.failCase("page", pageCase(effort), name, err)
			}
		}
		b.say("page, %s: round %d of %d", pageCase(effort), round+1, b.pageRounds())
	}
	if effort == pageEfforts[0] {
		b.Notes = append(b.Notes, p.notes()...)
	}
	return ctx.Err()
}

// page is a run with one effort.
type page struct {
	*renders
	effort  int
	sources []string // of the page, in its order
	stack   *stack.Stack
	origin  *client.Client
	uploads int
}

// begin finds the photographs and starts everybody, who shows with another photograph that he can do it.
func (p *page) begin(ctx context.Context) error {
	if err := p.paint("photo-0", func() []byte { return picture.JPEG(picture.Photo(4000, 3000, 0)) }); err != nil {
		return err
	}
	if err := p.findPage(); err != nil {
		return err
	}
	p.sources, p.names = p.names[1:], p.names[:1]
	folder, err := p.photoFolder()
	if err != nil {
		return err
	}
	if p.stack, err = p.edge(ctx, fmt.Sprintf("PICTOR_EDGE_WEBP_EFFORT=%d", p.effort)); err != nil {
		return err
	}
	p.stops = append(p.stops, p.stack.Stop)
	if p.origin, err = p.upload(ctx, p.stack); err != nil {
		return err
	}
	p.joinEdge(ctx, p.stack)
	p.joinVips(ctx, folder)
	if !p.Quick {
		p.joinTunedImagor(ctx, folder, p.effort)
		p.joinIPX(ctx, folder, p.effort)
	}
	return nil
}

// findPage takes the user's photographs, twelve at most, or paints some.
func (p *page) findPage() error {
	if p.Photos != "" {
		files, err := filepath.Glob(filepath.Join(p.Photos, "*.jpg"))
		for i, file := range files[:min(len(files), len(pagePhotos))] {
			p.addPhoto(fmt.Sprintf("page-%d", i), file)
		}
		return err
	}
	for i, photo := range pagePhotos {
		if p.Quick && !photo.quick {
			continue
		}
		err := p.paint(fmt.Sprintf("page-%d", i), func() []byte { return camera(photo.size, photo.progressive, uint64(200+i)) })
		if err != nil {
			return err
		}
	}
	return nil
}

// camera makes a photograph as a file.
func camera(size image.Point, progressive bool, seed uint64) []byte {
	photo := picture.JPEG(picture.Photo(size.X, size.Y, seed))
	if !progressive {
		return photo
	}
	img, err := vips.NewJpegloadBuffer(photo, nil)
	if err != nil {
		panic(err) // it was just made
	}
	defer img.Close()
	photo, err = img.JpegsaveBuffer(&vips.JpegsaveBufferOptions{Q: 90, OptimizeCoding: true, Interlace: true})
	if err != nil {
		panic(err)
	}
	return photo
}

// round measures one peer.
func (p *page) round(ctx context.Context, round int, name string) error {
	sources, err := p.sourcesFor(ctx, name)
	if err != nil {
		return err
	}
	peer, begun := p.peers[name], time.Now()
	before, err := p.used(name)
	if err != nil {
		return err
	}
	pictures, err := p.ask(ctx, peer, pageJobs(sources, p.effort))
	if err != nil {
		return err
	}
	took := time.Since(begun)
	used, err := p.used(name)
	if err != nil {
		return err
	}
	figures := map[string]float64{"time": took.Seconds(), "cpu": (used - before).Seconds()}
	if name == edgeName {
		after, err := p.settle(ctx)
		if err != nil {
			return err
		}
		figures["after"] = (after - used).Seconds()
		if err := p.forget(ctx, sources); err != nil {
			return err
		}
	}
	for j, body := range pictures {
		if err := isResult(body, j); err != nil {
			return fmt.Errorf("%+v: %w", j, err)
		}
		figures["MB"] += float64(len(body)) / 1e6
	}
	for metric, value := range figures {
		p.Figures.Add(pageKey(p.effort, name, metric), round, value)
	}
	return nil
}

// sourcesFor gives the names of the page's sources. For the edge they are new: the same photographs with other comments
// in them.
func (p *page) sourcesFor(ctx context.Context, name string) ([]string, error) {
	if name != edgeName {
		return p.sources, nil
	}
	p.uploads++
	var names []string
	for _, source := range p.sources {
		photo, err := os.ReadFile(p.photos[source])
		if err != nil {
			return nil, err
		}
		name := fmt.Sprintf("%s-%d", source, p.uploads)
		if _, err := p.origin.Upload(ctx, name+".jpg", withComment(photo, name), map[string]string{"public_id": name}); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	_, err := p.settle(ctx)
	return names, err
}

// ask makes all jobs, in their order.
func (p *page) ask(ctx context.Context, peer *peers.Renderer, jobs []peers.Job) (map[peers.Job][]byte, error) {
	var mu sync.Mutex // guards what follows
	turn, pictures := 0, map[peers.Job][]byte{}
	err := p.fly(ctx, peer, func() (peers.Job, bool) {
		mu.Lock()
		defer mu.Unlock()
		if turn == len(jobs) {
			return peers.Job{}, false
		}
		turn++
		return jobs[turn-1], true
	}, func(j peers.Job, body []byte) {
		mu.Lock()
		defer mu.Unlock()
		pictures[j] = body
	})
	return pictures, err
}

// used is the processor time that a peer has used so far, for the edge with its origin.
func (p *page) used(name string) (time.Duration, error) {
	used, err := proc.CPUTime(p.peers[name].Pid)
	if err != nil || name != edgeName {
		return used, err
	}
	origin, err := proc.CPUTime(p.stack.Origin.Pid())
	return used + origin, err
}

// quiet is how long the edge and the origin must do nothing to count as idle.
const quiet = 400 * time.Millisecond

// settle waits until the edge and the origin do nothing any more, and gives the processor time that they have used.
func (p *page) settle(ctx context.Context) (time.Duration, error) {
	used, err := p.used(edgeName)
	for last := time.Duration(-1); err == nil && used != last; {
		select {
		case <-ctx.Done():
			return 0, ctx.Err()
		case <-time.After(quiet):
		}
		last = used
		used, err = p.used(edgeName)
	}
	return used, err
}

func (p *page) forget(ctx context.Context, sources []string) error {
	for _, source := range sources {
		if err := p.origin.Delete(ctx, source); err != nil {
			return err
		}
	}
	return nil
}

func (p *page) notes() []string {
	notes := []string{fmt.Sprintf("The page: %d photographs of 12 to 24 megapixels (%s), each at 320, 640, 960, 1280 and 1600 wide and as a "+
		"400×400 fill, in WebP and JPEG of quality 80: %d variants, asked for photograph by photograph, %d in flight, all cores. The edge "+
		"has never seen any of it, and fetches the originals meanwhile.", len(p.sources), p.origins(), len(pageJobs(p.sources, 2)), inFlight)}
	if p.Quick {
		notes = append(notes, "Quick: the page is smaller, was asked for once, and not of imagor and ipx.")
	}
	return notes
}

func (p *page) origins() string {
	if p.Photos != "" {
		return "from " + p.Photos
	}
	return "synthetic, one in four progressive"
}

func pageKey(effort int, peer, metric string) report.Key {
	return report.Key{Scenario: "page", Case: pageCase(effort), Peer: peer, Metric: metric}
}
