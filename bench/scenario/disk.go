package scenario

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/pictor/pictor/bench/client"
	"github.com/pictor/pictor/bench/load"
	"github.com/pictor/pictor/bench/peers"
	"github.com/pictor/pictor/bench/picture"
	"github.com/pictor/pictor/bench/report"
	"github.com/pictor/pictor/bench/stack"
)

// diskMemory is the least memory that an edge takes for its cache: what is asked for is many times that.
const diskMemory = 8 << 20

// diskTables show what Disk measures.
var diskTables = []report.Table{diskTable, {Title: "Hits on disk: processor time of the server", Scenario: "disk", Metric: "cpu",
	Unit: "µs per answer", Cases: diskTable.Cases, Peers: diskTable.Peers, Ratios: true}}

var diskTable = report.Table{Title: "Hits on disk: answers per second", Scenario: "disk", Metric: "rate", Unit: "answers/s",
	Cases: []string{hit100k}, Peers: []string{edgeName, "nginx"}, Ratios: true,
	Note: "The edge reads from pebble, nginx reads files; nothing comes from the disk itself. Pebble's own cache of blocks, " +
		"up to 80 MiB, has a part of the bodies, the page cache all of them."}

// Disk measures answers of 100 KB from the edge's disk cache beside nginx with the same bodies as files.
func Disk(ctx context.Context, b *Bench) error {
	h := &hits{Bench: b, scenario: "disk"}
	defer h.stop()
	s, err := h.pinnedEdge(ctx, fmt.Sprintf("PICTOR_EDGE_MEMORY_BYTES=%d", diskMemory))
	if err != nil {
		return err
	}
	h.stops = append(h.stops, s.Stop)
	answers, err := h.prepareDisk(ctx, s)
	if err != nil {
		return err
	}
	if err := h.pin(s); err != nil {
		return err
	}
	h.answers = map[string]peers.Answer{hit100k: answers[0]}
	h.add(edgeName, []string{hit100k}, &peers.Server{Address: strings.TrimPrefix(s.Edges[0].URL, "http://"), Pid: s.Edges[0].Pid()})
	h.rival(ctx, "nginx", h.Server, []string{hit100k}, func(ctx context.Context, at peers.Place) (*peers.Server, error) {
		return peers.StartNginxStatic(ctx, at, answers)
	})
	b.Tables = append(b.Tables, diskTables...)
	memory, disk, err := tiers(s)
	if err != nil {
		return err
	}
	b.rounds(func(round int, order *rand.Rand) {
		for _, server := range shuffled(order, h.servers) {
			if ctx.Err() == nil {
				h.measureDisk(ctx, round, order, server, answers)
			}
		}
	})
	memoryAfter, diskAfter, err := tiers(s)
	if err != nil {
		return err
	}
	fromMemory, fromDisk := memoryAfter-memory, diskAfter-disk
	b.Checks = append(b.Checks, fmt.Sprintf("Hits on disk: %d bodies of about 100 KB in random order, %d MiB of memory cache; %.0f %% "+
		"of the edge's answers came from disk, the others from memory.", len(answers), diskMemory>>20, 100*fromDisk/(fromMemory+fromDisk)))
	return ctx.Err()
}

func tiers(s *stack.Stack) (memory, disk float64, err error) {
	if memory, err = s.Edges[0].Metric("pictor_edge_requests_total", `tier="memory"`); err != nil {
		return 0, 0, err
	}
	disk, err = s.Edges[0].Metric("pictor_edge_requests_total", `tier="disk"`)
	return memory, disk, err
}

// prepareDisk renders many variants of about the same size.
func (h *hits) prepareDisk(ctx context.Context, s *stack.Stack) ([]peers.Answer, error) {
	c, err := client.SignIn(ctx, s.Origin.URL, s.Admin.Email, s.Admin.Password)
	if err != nil {
		return nil, err
	}
	photo := picture.JPEG(picture.Photo(1200, 900, 2))
	if _, err := c.Upload(ctx, "disk.jpg", photo, map[string]string{"public_id": "disk"}); err != nil {
		return nil, err
	}
	width, err := widthFor(ctx, s.Edges[0].URL, "disk", hitBytes[hit100k])
	if err != nil {
		return nil, err
	}
	side := 28
	if h.Quick {
		side = 18
	}
	answers, errs := make([]peers.Answer, side*side), make([]error, side*side)
	var asking sync.WaitGroup
	turns := make(chan struct{}, 4)
	for i := range answers {
		turns <- struct{}{}
		asking.Go(func() {
			target := fmt.Sprintf("/v1/image/w_%d,h_%d,c_fill,q_90,f_jpg/disk", width-i%side, width*3/4-i/side)
			answers[i], errs[i] = peers.Capture(s.Edges[0].URL, target)
			<-turns
		})
	}
	asking.Wait()
	for _, err := range errs {
		if err != nil {
			return nil, err
		}
	}
	return answers, nil
}

func (h *hits) measureDisk(ctx context.Context, round int, order *rand.Rand, s *hitServer, answers []peers.Answer) {
	plan := load.Plan{Address: s.address, Status: http.StatusOK, Conns: hitConns, Warmup: time.Second, Duration: 4 * time.Second}
	if h.Quick {
		plan.Warmup, plan.Duration = 200*time.Millisecond, time.Second
	}
	for _, a := range shuffled(order, answers) {
		plan.Requests = append(plan.Requests, load.Request(s.address, a.Target))
	}
	r, cpu, err := h.timed(ctx, plan, s)
	if err != nil {
		h.Fail(h.scenario, s.name, err)
		return
	}
	for metric, value := range map[string]float64{"rate": r.Rate(), "cpu": cpu} {
		h.Figures.Add(report.Key{Scenario: h.scenario, Case: hit100k, Peer: s.name, Metric: metric}, round, value)
	}
}
