package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/catalog"
	"github.com/pictor/pictor/edge/internal/config"
	"github.com/pictor/pictor/edge/internal/diskcache"
	"github.com/pictor/pictor/edge/internal/limits"
	"github.com/pictor/pictor/edge/internal/memcache"
	"github.com/pictor/pictor/edge/internal/ops"
	"github.com/pictor/pictor/edge/internal/originals"
	"github.com/pictor/pictor/edge/internal/originhttp"
	"github.com/pictor/pictor/edge/internal/peerhttp"
	"github.com/pictor/pictor/edge/internal/render"
	"github.com/pictor/pictor/edge/internal/ring"
	"github.com/pictor/pictor/edge/internal/rungs"
	"github.com/pictor/pictor/edge/internal/trace"
	"github.com/pictor/pictor/edge/internal/usage"
	"github.com/pictor/pictor/shared/clientip"
	"github.com/pictor/pictor/shared/logs"
)

// usageEvery is how often an edge reports what it served.
const usageEvery = time.Second

// rungShare is the part of the memory and of the folder of originals that goes to reduced copies of originals.
const rungShare = 4

// spareShare of the memory is used on top of it while originals cannot be kept on disk.
const spareShare = 2

// serve runs the edge until ctx ends: leaves first, then the core, then the listeners; closed in reverse.
func serve(ctx context.Context, cfg *config.Serve, stdout io.Writer) (err error) {
	log, err := logs.New(stdout, cfg.LogLevel, cfg.LogFormat)
	if err != nil {
		return err
	}
	slog.SetDefault(log)
	limitMemory(cfg, log)
	key, err := cfg.Key()
	if err != nil {
		return err
	}
	serverTLS, clientTLS, err := key.TLS()
	if err != nil {
		return err
	}
	proxies, err := cfg.Proxies()
	if err != nil {
		return err
	}
	closing := closers{}
	defer func() { err = errors.Join(err, closing.close()) }()

	tracer, err := newTracer(ctx, cfg, proxies, log)
	if err != nil {
		return err
	}
	closing.add(tracer.Close)
	metrics := ops.NewMetrics()
	origin := originhttp.New(cfg.Origin, clientTLS)
	closing.add(func() error { origin.Close(); return nil })
	meter := usage.New(nodeName(cfg), origin, log, time.Now)
	known := catalog.New(origin, catalog.Options{StaleFor: cfg.StaleFor, Since: readPosition(cfg.Data), Meter: meter.Counter,
		Log: log})
	memory, err := memcache.New(memcache.Options{MaxBytes: cfg.MemoryBytes - cfg.MemoryBytes/rungShare})
	if err != nil {
		return fmt.Errorf("PICTOR_EDGE_MEMORY_BYTES: %w", err)
	}
	closing.add(func() error { memory.Close(); return nil })
	disk, err := diskcache.Open(diskcache.Options{Dir: filepath.Join(cfg.Data, "objects"), MaxBytes: cfg.DiskBytes,
		Hot: memory.Keys, Log: log})
	if err != nil {
		return fmt.Errorf("PICTOR_EDGE_DATA: %w", err)
	}
	closing.add(disk.Close)
	reduced, err := rungs.Open(rungs.Options{Dir: filepath.Join(cfg.Data, "rungs"), MemoryBytes: cfg.MemoryBytes / rungShare,
		DiskBytes: cfg.OriginalsBytes / rungShare, Gone: known.Gone, Log: log})
	if err != nil {
		return fmt.Errorf("PICTOR_EDGE_DATA: %w", err)
	}
	closing.add(reduced.Close)
	pool, err := render.Open(render.Options{Workers: cfg.WorkerCount(), CPUTime: cfg.RenderTimeout, FallbackAfter: cfg.FallbackAfter,
		MemoryBytes: cfg.WorkerBytes, WebPEffort: cfg.WebPEffort, Rungs: reduced, Log: log,
		Replaced: metrics.Replaced})
	if err != nil {
		return fmt.Errorf("start render workers: %w", err)
	}
	closing.add(pool.Close)
	members, err := ring.Start(ring.Options{Name: nodeName(cfg), Listen: cfg.GossipListen,
		Advertise: advertised(cfg, cfg.GossipListen), Peer: cmp.Or(advertised(cfg, cfg.PeerListen), cfg.PeerListen),
		Weight: cfg.Weight, Secret: key.GossipKey(), Seeds: cfg.Join, Timing: timing(cfg.Network), Log: log})
	if err != nil {
		return fmt.Errorf("PICTOR_EDGE_GOSSIP_LISTEN: %w", err)
	}
	closing.add(members.Close)
	peers := peerhttp.NewClient(peerhttp.ClientOptions{TLS: clientTLS, Inject: tracer.Inject})
	closing.add(func() error { peers.Close(); return nil })
	blobs, err := originals.Open(originals.Options{Dir: filepath.Join(cfg.Data, "originals"),
		MaxBytes: cfg.OriginalsBytes - cfg.OriginalsBytes/rungShare, SpareBytes: cfg.MemoryBytes / spareShare,
		Origin: origin, Ring: members, Peers: peers, Gone: known.Gone, Log: log})
	if err != nil {
		return fmt.Errorf("PICTOR_EDGE_DATA: %w", err)
	}
	e := edge.New(edge.Parts{
		Catalog:   known,
		Keys:      known.Keys,
		Memory:    memory,
		Disk:      disk,
		Originals: blobs,
		Ring:      members,
		Peers:     peers,
		Renderer:  pool,
		Limiter:   newLimiter(cfg, proxies),
		Client:    clientOf(proxies),
		Observer:  metrics,
		Drop:      func(digest string) { blobs.Drop(digest); reduced.Drop(digest) },
		Fallback:  fallback(cfg, pool),
		Coloured:  meter.Colour,
		Tracer:    tracer.Edge(),
		Log:       log,
		Policy: edge.Policy{PublicAge: cfg.PublicAge, Refine: cfg.Refine == "on", StaleWhileRevalidate: cfg.StaleWhileRevalidate,
			StaleIfError: cfg.StaleIfError, ClientHints: cfg.ClientHints, SignedOnly: cfg.NewVariants == "signed",
			LogHits: uint32(cfg.LogHits)},
	})
	known.Tell(e.Forget)
	node := node{cfg: cfg, log: log, edge: e, ring: members, pool: pool, catalog: known, meter: meter, metrics: metrics,
		proxies: proxies, peers: peerhttp.NewServer(peerhttp.Work{Object: e.ServePeer, Chunk: blobs.OwnerChunk},
			peerhttp.ServerOptions{TLS: serverTLS, Wrap: tracer.Peer, Log: log})}
	node.export(memory, disk, blobs, peers, reduced)
	return node.run(ctx)
}

// fallback is nil where every picture is worth its wait: then nobody works out what could stand in for it.
func fallback(cfg *config.Serve, pool *render.Pool) func([]edge.Job) int {
	if cfg.FallbackAfter <= 0 {
		return nil
	}
	return pool.Fallback
}

// newLimiter takes the addresses of an IPv6 network for one client. Proxies speak for many, and so does what runs on this
// machine: they are not limited.
func newLimiter(cfg *config.Serve, proxies clientip.Proxies) *limits.Limiter {
	site := func(client netip.Addr) netip.Addr {
		if client.IsLoopback() || proxies.Trusts(client) {
			return netip.Addr{}
		}
		return clientip.Site(client)
	}
	return limits.New(limits.Options{MissIP: cfg.LimitMissIP, ViewsIP: cfg.LimitViewsIP, Variants: cfg.VariantsPerAsset,
		Site: site})
}

// newTracer is nil where there is no collector.
func newTracer(ctx context.Context, cfg *config.Serve, proxies clientip.Proxies, log *slog.Logger) (*trace.Tracer, error) {
	if cfg.OTLPEndpoint == "" {
		return nil, nil
	}
	trusts := func(c *fasthttp.RequestCtx) bool { return proxies.Trusts(clientip.Peer(c.RemoteAddr())) }
	tracer, err := trace.New(ctx, trace.Options{Endpoint: cfg.OTLPEndpoint, Node: nodeName(cfg), Sample: cfg.TraceSample,
		Trusts: trusts, Log: log})
	if err != nil {
		return nil, fmt.Errorf("PICTOR_OTLP_ENDPOINT: %w", err)
	}
	return tracer, nil
}

// nodeName is unique in the cluster and the same after a restart: it decides what the node owns.
func nodeName(cfg *config.Serve) string {
	if cfg.Name != "" {
		return cfg.Name
	}
	host, err := os.Hostname()
	if err != nil {
		host = "edge"
	}
	return host + "/" + cfg.PeerListen
}

// advertised is a listen address under the host that others know this node by; empty where that is the same.
func advertised(cfg *config.Serve, listen string) string {
	_, port, err := net.SplitHostPort(listen)
	if cfg.Advertise == "" || err != nil {
		return ""
	}
	return net.JoinHostPort(cfg.Advertise, port)
}

func timing(network string) ring.Timing {
	switch network {
	case "local":
		return ring.Loopback
	case "wan":
		return ring.WAN
	default:
		return ring.LAN
	}
}

// closers end things in the reverse order of their making.
type closers struct{ all []func() error }

func (c *closers) add(end func() error) { c.all = append(c.all, end) }

func (c *closers) close() error {
	var errs []error
	for i := len(c.all) - 1; i >= 0; i-- {
		errs = append(errs, c.all[i]())
	}
	return errors.Join(errs...)
}
