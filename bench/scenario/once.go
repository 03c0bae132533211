package scenario

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/pictor/pictor/bench/client"
	"github.com/pictor/pictor/bench/peers"
	"github.com/pictor/pictor/bench/picture"
	"github.com/pictor/pictor/bench/proc"
	"github.com/pictor/pictor/bench/report"
)

const onceCase = "400×400 JPEG"

var oncePeers = []string{edgeName, vipsName, tunedName, "ipx"}

var onceTables = []report.Table{
	{Title: "Sources asked for once: pictures per second", Scenario: "once", Metric: "rate", Unit: "pictures/s", Cases: []string{onceCase},
		Peers: oncePeers, Ratios: true, Note: "Nothing that was learned of one picture helps with the next. Below each rival: how many times " +
			"its rate the edge has."},
	{Title: "Sources asked for once: processor time", Scenario: "once", Metric: "cpu", Unit: "ms per picture", Cases: []string{onceCase},
		Peers: oncePeers, Ratios: true},
	{Title: "First request of a 12-megapixel thumbnail: latency, one in flight", Scenario: "once", Metric: "latency", Unit: "ms, median of a round",
		Cases: []string{onceCase}, Peers: oncePeers, Ratios: true},
}

func onceKey(peer, metric string) report.Key {
	return report.Key{Scenario: "once", Case: onceCase, Peer: peer, Metric: metric}
}

// Once measures thumbnails of photographs that nobody has asked for before. The edge has fetched the originals from
// the origin, as the others have them in a folder.
func Once(ctx context.Context, b *Bench) error {
	r := &renders{Bench: b, peers: map[string]*peers.Renderer{}, scenario: "once"}
	defer r.stop()
	if err := r.paint("photo-0", func() []byte { return picture.JPEG(picture.Photo(4000, 3000, 0)) }); err != nil {
		return err
	}
	sources, err := r.place("sources", -1)
	if err != nil {
		return err
	}
	s, err := r.edge(ctx)
	if err != nil {
		return err
	}
	r.stops = append(r.stops, s.Stop)
	c, err := client.SignIn(ctx, s.Origin.URL, s.Admin.Email, s.Admin.Password)
	if err != nil {
		return err
	}
	o := &once{renders: r, folder: sources.Dir, origin: c, edge: s.Edges[0].URL}
	r.joinEdge(ctx, s)
	r.joinVips(ctx, sources.Dir)
	r.joinTunedImagor(ctx, sources.Dir, webpEffort)
	r.joinIPX(ctx, sources.Dir, webpEffort)
	b.rounds(func(round int, order *rand.Rand) {
		if err := o.round(ctx, round, order); err != nil {
			b.Fail("once", "a round", err)
		}
		b.say("once: round %d of %d", round+1, b.Rounds)
	})
	b.Tables = append(b.Tables, onceTables...)
	return ctx.Err()
}

// once makes sources that nobody has seen: the same photograph with another comment in it.
type once struct {
	*renders
	folder string
	origin *client.Client
	edge   string
	made   int
}

func (o *once) round(ctx context.Context, round int, order *rand.Rand) error {
	together, alone := 40, 12
	if o.Quick {
		together, alone = 16, 5
	}
	for _, name := range shuffled(order, oncePeers) {
		p := o.peers[name]
		if p == nil || ctx.Err() != nil {
			continue
		}
		fresh, err := o.fresh(ctx, together+alone, name == edgeName)
		if err != nil {
			return err
		}
		if err := o.measure(ctx, round, name, p, fresh[:together], fresh[together:]); err != nil {
			o.Fail("once", name, err)
		}
		if err := o.forget(ctx, fresh, name == edgeName); err != nil {
			return err
		}
	}
	return nil
}

func (o *once) measure(ctx context.Context, round int, name string, p *peers.Renderer, together, alone []string) error {
	job := func(source string) peers.Job {
		return peers.Job{Source: source, Width: 400, Height: 400, Format: "jpeg", Quality: 80}
	}
	var latencies []float64
	for _, source := range alone {
		begun := time.Now()
		if _, err := p.Do(ctx, job(source)); err != nil {
			return err
		}
		latencies = append(latencies, milliseconds(time.Since(begun)))
	}
	before, err := proc.CPUTime(p.Pid)
	if err != nil {
		return err
	}
	turn := 0
	done, _, err := o.drive(ctx, p, func(int) (peers.Job, bool) {
		if turn == len(together) {
			return peers.Job{}, false
		}
		turn++
		return job(together[turn-1]), true
	})
	if err != nil {
		return err
	}
	after, err := proc.CPUTime(p.Pid)
	if err != nil {
		return err
	}
	slices.Sort(latencies)
	for metric, value := range map[string]float64{"latency": latencies[len(latencies)/2], "rate": steadyRate(done),
		"cpu": milliseconds(after-before) / float64(len(done))} {
		o.Figures.Add(onceKey(name, metric), round, value)
	}
	return nil
}

// fresh makes sources; those for the edge are uploaded, and asked for as they are, so that it has them on its disk.
func (o *once) fresh(ctx context.Context, count int, forEdge bool) ([]string, error) {
	photo, err := os.ReadFile(o.photos["photo-0"])
	if err != nil {
		return nil, err
	}
	var names []string
	for range count {
		o.made++
		name := fmt.Sprintf("once-%d", o.made)
		names = append(names, name)
		source := withComment(photo, name)
		if !forEdge {
			if err := os.WriteFile(filepath.Join(o.folder, name+".jpg"), source, 0o600); err != nil {
				return nil, err
			}
			continue
		}
		if _, err := o.origin.Upload(ctx, name+".jpg", source, map[string]string{"public_id": name}); err != nil {
			return nil, err
		}
		if _, err := peers.Fetch(ctx, o.edge+"/v1/image/"+name); err != nil {
			return nil, err
		}
	}
	return names, nil
}

func (o *once) forget(ctx context.Context, names []string, forEdge bool) error {
	for _, name := range names {
		var err error
		if forEdge {
			err = o.origin.Delete(ctx, name)
		} else {
			err = os.Remove(filepath.Join(o.folder, name+".jpg"))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// withComment puts a comment segment behind a JPEG's first marker: other bytes, the same picture.
func withComment(jpeg []byte, text string) []byte {
	size := len(text) + 2
	segment := append([]byte{0xff, 0xfe, byte(size >> 8), byte(size)}, text...)
	return slices.Concat(jpeg[:2], segment, jpeg[2:])
}
