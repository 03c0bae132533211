package scenario

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/pictor/pictor/bench/client"
	"github.com/pictor/pictor/bench/load"
	"github.com/pictor/pictor/bench/peers"
	"github.com/pictor/pictor/bench/picture"
	"github.com/pictor/pictor/bench/proc"
	"github.com/pictor/pictor/bench/report"
	"github.com/pictor/pictor/bench/stack"
)

// Cases of hits.
const (
	hit10k    = "10 KB"
	hit100k   = "100 KB"
	hit1m     = "1 MB"
	hitSigned = "10 KB signed"
	hit304    = "304"
)

var hitCases = []string{hit10k, hit100k, hit1m, hitSigned, hit304}

var hitBytes = map[string]int{hit10k: 10 << 10, hit100k: 100 << 10, hit1m: 1 << 20}

var hitPeers = []string{edgeName, "fasthttp", "net/http", "nginx", "nginx cache", "varnish"}

func hitKey(c, peer, metric string) report.Key {
	return report.Key{Scenario: "hit", Case: c, Peer: peer, Metric: metric}
}

// hitConns is how many connections ask at once.
const hitConns = 64

// hitServer is a server under measurement.
type hitServer struct {
	name    string
	address string
	pid     int
	etag    string // of the 10 KB body, for 304
	cases   []string
}

// hits is the scenario: answers from memory, one core for the server, one for the load.
type hits struct {
	*Bench
	scenario string                  // for figures
	ops      string                  // the edge's operations listener
	answers  map[string]peers.Answer // by case
	servers  []*hitServer
	stops    []func()

	unfavoured error // why servers have no more than ordinary priority, or nil
	opened     int   // open loops
	disturbed  int   // of these, by others
	shared     error // why servers do not have their core for themselves in open loops, or nil
	ordinary   bool  // the generator was not allowed real-time priority
}

// Hits measures answers from memory, closed loop: rate, processor time, and how busy both sides are.
func Hits(ctx context.Context, b *Bench) error {
	h := &hits{Bench: b, scenario: "hit"}
	defer h.stop()
	if err := h.start(ctx); err != nil {
		return err
	}
	b.Tables = append(b.Tables, hitTables...)
	b.roundsWithin(hitPart, func(round int, order *rand.Rand) {
		for pass := range h.pace().hitPasses {
			h.pass(ctx, round*h.pace().hitPasses+pass, order)
		}
		b.say("hits: round %d of %d", round+1, b.Rounds)
	})
	h.wrk(ctx)
	bySize := hitTables[0]
	bySize.Title, bySize.Cases = "Hits from memory, 64 connections, one core", []string{hit10k, hit100k, hit1m}
	rates := report.FromTable(bySize, &b.Figures, "hits")
	rates.LogY = true
	b.Plots = append(b.Plots, rates)
	h.latencies(ctx)
	h.profile(ctx)
	b.Checks = append(b.Checks, h.plausible()...)
	b.Notes = append(b.Notes, fmt.Sprintf("Hits: %d keep-alive connections, closed loop, every server on core %d alone, the "+
		"load generator on core %d. All bodies are JPEG. fasthttp and net/http answer the edge's bytes and header "+
		"lines from a table; nginx reads files; nginx cache and Varnish asked the fasthttp handler once.", hitConns, b.Server, b.Load))
	b.Notes = append(b.Notes, h.priorities())
	return ctx.Err()
}

// priorities tells what keeps other programs out of the measurements.
func (h *hits) priorities() string {
	if h.unfavoured != nil {
		return fmt.Sprintf("Servers have ordinary priority (%v): what else runs on the machine shows in the figures.", h.unfavoured)
	}
	return fmt.Sprintf("All servers run at nice %d alike, so that other programs get little of their core.", proc.Favourite)
}

// hitPart of the scenario's time goes to closed loops, with what has to be started before; the rest to latencies.
const hitPart = 0.6

func (h *hits) pass(ctx context.Context, pass int, order *rand.Rand) {
	for _, c := range shuffled(order, hitCases) {
		for _, s := range shuffled(order, h.servers) {
			if ctx.Err() == nil {
				h.measure(ctx, pass, c, s)
			}
		}
	}
}

var hitTables = []report.Table{
	{Title: "Hits from memory: answers per second", Scenario: "hit", Metric: "rate", Unit: "answers/s", Peers: hitPeers,
		Cases: hitCases, Ratios: true,
		Note: "Below each rival: how many times its rate the edge has."},
	{Title: "Hits from memory: processor time of the server", Scenario: "hit", Metric: "cpu", Unit: "µs per answer",
		Cases: hitCases, Peers: hitPeers, Ratios: true},
	{Title: "Hits from memory: p99 in the closed loop", Scenario: "hit", Metric: "p99", Unit: "ms",
		Cases: hitCases, Peers: hitPeers},
}

func (h *hits) stop() {
	for _, stop := range h.stops {
		stop()
	}
}

func (h *hits) start(ctx context.Context) error {
	s, err := h.pinnedEdge(ctx)
	if err != nil {
		return err
	}
	h.stops, h.ops = append(h.stops, s.Stop), s.Edges[0].OpsURL
	if h.answers, err = prepareHits(ctx, s); err != nil {
		return err
	}
	if err := h.pin(s); err != nil {
		return err
	}
	h.add(edgeName, hitCases, &peers.Server{Address: strings.TrimPrefix(s.Edges[0].URL, "http://"), Pid: s.Edges[0].Pid()})
	h.startRivals(ctx)
	return nil
}

// startRivals starts the others; one that cannot is reported and left out.
func (h *hits) startRivals(ctx context.Context) {
	var list, files []peers.Answer
	for c, a := range h.answers {
		list = append(list, a)
		if c != hitSigned {
			files = append(files, a)
		}
	}
	plain := []string{hit10k, hit100k, hit1m, hit304}
	upstream := ""
	h.rival(ctx, "upstream", h.Load, nil, func(ctx context.Context, at peers.Place) (*peers.Server, error) {
		s, err := peers.StartFastHTTP(ctx, at, list)
		if err == nil {
			upstream = s.Address
		}
		return s, err
	})
	h.rival(ctx, "fasthttp", h.Server, hitCases, func(ctx context.Context, at peers.Place) (*peers.Server, error) {
		return peers.StartFastHTTP(ctx, at, list)
	})
	h.rival(ctx, "net/http", h.Server, hitCases, func(ctx context.Context, at peers.Place) (*peers.Server, error) {
		return peers.StartNetHTTP(ctx, at, list)
	})
	h.rival(ctx, "nginx", h.Server, plain, func(ctx context.Context, at peers.Place) (*peers.Server, error) {
		return peers.StartNginxStatic(ctx, at, files)
	})
	h.rival(ctx, "nginx cache", h.Server, plain, func(ctx context.Context, at peers.Place) (*peers.Server, error) {
		return peers.StartNginxCache(ctx, at, upstream)
	})
	h.rival(ctx, "varnish", h.Server, plain, func(ctx context.Context, at peers.Place) (*peers.Server, error) {
		return peers.StartVarnish(ctx, at, upstream)
	})
}

func (h *hits) rival(ctx context.Context, name string, cpu int, cases []string,
	start func(context.Context, peers.Place) (*peers.Server, error)) {
	at, err := h.place(name, cpu)
	if err != nil {
		h.Fail(h.scenario, name, err)
		return
	}
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	s, err := start(ctx, at)
	if err != nil {
		h.Fail(h.scenario, name, err)
		return
	}
	h.stops = append(h.stops, s.Stop)
	if len(cases) > 0 {
		h.add(name, cases, s)
	}
}

// add takes a server in, if it answers what the edge answers.
func (h *hits) add(name string, cases []string, s *peers.Server) {
	server := &hitServer{name: name, address: s.Address, pid: s.Pid, cases: cases}
	for _, c := range cases {
		if c == hit304 {
			continue
		}
		a, err := peers.Capture("http://"+s.Address, h.answers[c].Target)
		if err == nil && !bytes.Equal(a.Body, h.answers[c].Body) {
			err = fmt.Errorf("its body for %s differs from the edge's", c)
		}
		if err != nil {
			h.Fail(h.scenario, name, err)
			return
		}
		if c == hit10k {
			server.etag = a.Get("Etag")
		}
	}
	if err := proc.Favour(s.Pid); err != nil {
		h.unfavoured = err
	}
	h.servers = append(h.servers, server)
}

func (h *hits) measure(ctx context.Context, round int, c string, s *hitServer) {
	if !slices.Contains(s.cases, c) {
		return
	}
	r, cpu, err := h.timed(ctx, h.plan(c, s), s)
	if err != nil {
		h.failCase(h.scenario, c, s.name, err)
		return
	}
	for metric, value := range map[string]float64{
		"rate": r.Rate(), "cpu": cpu, "p99": milliseconds(r.Latency.P99), "p50": milliseconds(r.Latency.P50),
		"server busy": cpu * r.Rate() / 1e6, "load busy": r.Busy.Seconds() / r.Elapsed.Seconds(),
	} {
		h.Figures.Add(report.Key{Scenario: h.scenario, Case: c, Peer: s.name, Metric: metric}, round, value)
	}
}

// timed carries out a plan and gives the server's processor time in microseconds an answer.
func (h *hits) timed(ctx context.Context, plan load.Plan, s *hitServer) (*load.Result, float64, error) {
	before, err := proc.CPUTime(s.pid)
	if err != nil {
		return nil, 0, err
	}
	r, err := h.load(ctx, plan)
	for tries := 1; errors.Is(err, errNoAnswer) && tries < 3; tries++ {
		r, err = h.load(ctx, plan)
	}
	if err != nil {
		return nil, 0, err
	}
	after, err := proc.CPUTime(s.pid)
	if err != nil {
		return nil, 0, err
	}
	return r, float64((after - before).Nanoseconds()) / 1e3 / float64(r.Served), nil
}

func (h *hits) plan(c string, s *hitServer) load.Plan {
	p := load.Plan{Address: s.address, Status: http.StatusOK, Conns: hitConns, Warmup: h.pace().hitWarmup, Duration: h.pace().hit}
	if c == hit304 {
		p.Status = http.StatusNotModified
		p.Requests = [][]byte{load.Request(s.address, h.answers[hit10k].Target, "If-None-Match: "+s.etag)}
		return p
	}
	p.Requests = [][]byte{load.Request(s.address, h.answers[c].Target)}
	return p
}

// plausible tells whether the server was the bottleneck: its core must be busy, and the load's core must not be full.
func (h *hits) plausible() []string {
	lines := []string{h.disturbances()}
	for _, c := range []string{hit10k, hit100k, hit1m} {
		line := "Hits of " + c + ", share of its core that the server used · that the generator used:"
		for _, s := range h.servers {
			server, ok := h.Figures.Spread(hitKey(c, s.name, "server busy"))
			load, _ := h.Figures.Spread(hitKey(c, s.name, "load busy"))
			if ok {
				line += fmt.Sprintf(" %s %.0f %% · %.0f %%;", s.name, 100*server.Median, 100*load.Median)
			}
		}
		lines = append(lines, strings.TrimSuffix(line, ";"))
	}
	return lines
}

// disturbances counts measurements in which both sides waited for something else, most likely for other programs.
func (h *hits) disturbances() string {
	all, disturbed := 0, 0
	for _, s := range h.servers {
		for _, c := range s.cases {
			server := h.Figures.Rounds(hitKey(c, s.name, "server busy"))
			load := h.Figures.Rounds(hitKey(c, s.name, "load busy"))
			for round := range server {
				all++
				if max(server[round], load[round]) < undisturbed {
					disturbed++
				}
			}
		}
	}
	return fmt.Sprintf("Hits: %d of %d measurements were disturbed: neither the server nor the generator had %.0f %% of its core. With "+
		"many of these, trust the processor times more than the rates.", disturbed, all, 100*undisturbed)
}

// undisturbed is the share of its core that one of the two sides has when nothing else runs.
const undisturbed = 0.85

// prepareHits uploads a picture and finds transforms of it whose results have the wanted sizes.
func prepareHits(ctx context.Context, s *stack.Stack) (map[string]peers.Answer, error) {
	c, err := client.SignIn(ctx, s.Origin.URL, s.Admin.Email, s.Admin.Password)
	if err != nil {
		return nil, err
	}
	photo := picture.JPEG(picture.Photo(2400, 1800, 1))
	if _, err := c.Upload(ctx, "hit.jpg", photo, map[string]string{"public_id": "hit"}); err != nil {
		return nil, err
	}
	answers := map[string]peers.Answer{}
	for name, size := range hitBytes {
		width, err := widthFor(ctx, s.Edges[0].URL, "hit", size)
		if err != nil {
			return nil, err
		}
		if answers[name], err = peers.Capture(s.Edges[0].URL, hitTarget("hit", width)); err != nil {
			return nil, err
		}
	}
	_, transform, _ := strings.Cut(answers[hit10k].Target, "/v1/image/")
	signed, err := c.Sign(ctx, "hit", strings.TrimSuffix(transform, "/hit"), 24*3600)
	if err != nil {
		return nil, err
	}
	target := strings.TrimPrefix(signed, s.Edges[0].URL)
	answers[hitSigned], err = peers.Capture(s.Edges[0].URL, target)
	return answers, err
}

func hitTarget(name string, width int) string {
	return fmt.Sprintf("/v1/image/w_%d,c_inside,q_90,f_jpg/%s", width, name)
}

// widthFor searches the width whose JPEG is nearest to a size; more pixels are more bytes.
func widthFor(ctx context.Context, base, name string, size int) (int, error) {
	low, high := 16, 2400
	for high-low > 1+low/100 {
		middle := (low + high) / 2
		body, err := peers.Fetch(ctx, base+hitTarget(name, middle))
		if err != nil {
			return 0, fmt.Errorf("find a picture of %d bytes: %w", size, err)
		}
		if len(body) < size {
			low = middle
		} else {
			high = middle
		}
	}
	body, err := peers.Fetch(ctx, base+hitTarget(name, high))
	if err != nil {
		return 0, err
	}
	if len(body) < size*9/10 || len(body) > size*11/10 {
		return 0, fmt.Errorf("no picture of about %d bytes was found, the nearest has %d", size, len(body))
	}
	return high, nil
}

func milliseconds(d time.Duration) float64 { return float64(d.Nanoseconds()) / 1e6 }
