package scenario

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/pictor/pictor/bench/client"
	"github.com/pictor/pictor/bench/peers"
	"github.com/pictor/pictor/bench/picture"
	"github.com/pictor/pictor/bench/proc"
	"github.com/pictor/pictor/bench/stack"
)

// pageRounds is how often a page is measured: it takes long, and its ratios hold still. What is shown without a goal is
// measured once.
func (b *Bench) pageRounds(c pageCase) int {
	if b.Quick || c.bySize {
		return 1
	}
	return min(b.Rounds, 3)
}

func (b *Bench) page(ctx context.Context, c pageCase) error {
	p := &page{pageCase: c, renders: &renders{Bench: b, peers: map[string]*peers.Renderer{}, asked: map[string]int{}, scenario: "page",
		kinds: []kind{{"WebP", peers.Job{Width: 320, Format: "webp", Quality: 80, Effort: c.effort}},
			{"JPEG", peers.Job{Width: 320, Format: "jpeg", Quality: 80}}}}}
	defer p.stop()
	if err := p.begin(ctx); err != nil {
		return err
	}
	for round := range b.pageRounds(c) {
		for _, name := range shuffled(rand.New(rand.NewPCG(b.Seed, uint64(round))), pagePeers) {
			rival := name != edgeName && name != vipsName // shown, not judged: one round
			if p.peers[name] == nil || ctx.Err() != nil || rival && round > 0 {
				continue
			}
			if err := p.round(ctx, round, name); err != nil {
				b.failCase("page", c.name, name, err)
			}
		}
		b.say("page, %s: round %d of %d", c.name, round+1, b.pageRounds(c))
	}
	if c.name == pageUsual {
		b.Notes = append(b.Notes, p.notes()...)
	}
	return ctx.Err()
}

// page is a run of one case.
type page struct {
	*renders
	pageCase
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
	if !p.Quick && !p.bySize {
		p.joinTunedImagor(ctx, folder, p.effort)
		p.joinIPX(ctx, folder, p.effort)
	}
	return nil
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
	pictures, err := p.ask(ctx, peer, p.jobs(sources))
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
		p.Figures.Add(pageKey(p.name, name, metric), round, value)
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
	notes := []string{fmt.Sprintf("The page: %d photographs of 12 to 24 megapixels (%s), each at 320, 640, 960, 1280 and 1600 "+
		"wide and as a 400×400 fill, in WebP and JPEG of quality 80: %d variants, asked for photograph by photograph unless it "+
		"says size by size, %d in flight, all cores. The edge has never seen any of it, and fetches the originals meanwhile.",
		len(p.sources), p.origins(), len(p.jobs(p.sources)), inFlight)}
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
