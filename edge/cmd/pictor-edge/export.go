package main

import (
	"time"

	"github.com/pictor/pictor/edge/internal/diskcache"
	"github.com/pictor/pictor/edge/internal/guard"
	"github.com/pictor/pictor/edge/internal/memcache"
	"github.com/pictor/pictor/edge/internal/originals"
	"github.com/pictor/pictor/edge/internal/peerhttp"
	"github.com/pictor/pictor/edge/internal/rungs"
)

// figure is a metric that is read when somebody asks.
type figure struct {
	name, help string
	read       func() int64
}

func (n *node) counters(all ...figure) {
	for _, f := range all {
		n.metrics.Counter("pictor_edge_"+f.name+"_total", f.help, f.read)
	}
}

func (n *node) gauges(all ...figure) {
	for _, f := range all {
		n.metrics.Gauge("pictor_edge_"+f.name, f.help, f.read)
	}
}

// export makes the figures of the parts metrics.
func (n *node) export(memory *memcache.Cache, disk *diskcache.Cache, blobs *originals.Store, peers *peerhttp.Client,
	reduced *rungs.Store) {
	n.exportMemory(memory)
	n.exportDisk(disk)
	n.exportOriginals(blobs)
	n.exportPeers(peers)
	n.exportRing()
	n.exportRender(reduced)
	n.gauges(
		figure{"flights", "Results that are being looked for or made.", func() int64 { return int64(n.edge.Flights()) }},
		figure{"feed_age_seconds", "Time since the origin's change feed was last heard.",
			func() int64 { return int64(time.Since(n.catalog.Heard()).Seconds()) }},
		figure{"draining", "1 while the edge is shutting down.", func() int64 { return one(n.draining.Load()) }},
	)
	n.counters(figure{"manifest_lookups", "Names asked of the origin.", n.catalog.Lookups})
}

func (n *node) exportRender(s *rungs.Store) {
	n.gauges(
		figure{"render_workers", "Render processes alive.", func() int64 { return int64(n.pool.Stats().Workers) }},
		figure{"render_busy", "Render processes with a job.", func() int64 { return int64(n.pool.Stats().Busy) }},
		figure{"render_waiting", "Renders that wait for a worker.", func() int64 { return int64(n.pool.Stats().Waiting) }},
		figure{"render_backlog_ms", "Predicted milliseconds of the renders that wait.",
			func() int64 { return n.pool.Stats().Backlog.Milliseconds() }},
		figure{"render_background", "Improvements and rungs that wait for idle time.",
			func() int64 { return int64(n.pool.Stats().Background) }},
		figure{"render_quarantined", "Sources that broke the renderer and are not tried.",
			func() int64 { return int64(n.pool.Stats().Quarantined) }},
		figure{"rung_memory_bytes", "Bytes of rungs in memory.", func() int64 { return s.Stats().MemoryBytes }},
		figure{"rung_disk_bytes", "Bytes of rungs on disk.", func() int64 { return s.Stats().DiskBytes }},
	)
	n.counters(
		figure{"render_fallbacks", "Renders in the format that takes least time, because too much was waiting for the best.",
			func() int64 { return n.pool.Stats().Fallbacks }},
		figure{"rung_hits", "Renders that began with a rung.", func() int64 { return s.Stats().Hits }},
		figure{"rungs", "Rungs made.", func() int64 { st := s.Stats(); return st.Held + st.Kept }},
	)
}

func (n *node) exportMemory(c *memcache.Cache) {
	n.gauges(
		figure{"memory_bytes", "Bytes in the memory cache.", func() int64 { return c.Stats().UsedBytes }},
		figure{"memory_max_bytes", "Budget of the memory cache.", func() int64 { return c.Stats().MaxBytes }},
	)
	n.counters(
		figure{"memory_evicted", "Objects that gave way to others in memory.", func() int64 { return c.Stats().Evicted }},
		figure{"memory_rejected", "Objects not taken into memory.", func() int64 { return c.Stats().Rejected }},
	)
}

func (n *node) exportDisk(c *diskcache.Cache) {
	n.gauges(
		figure{"disk_open", "0 while the disk cache is out of use.", func() int64 { return one(c.Stats().Open) }},
		figure{"disk_bytes", "Bytes in the disk cache.", func() int64 { return c.Stats().Bytes }},
		figure{"disk_max_bytes", "Budget of the disk cache.", func() int64 { return c.MaxBytes }},
		figure{"disk_queue_bytes", "Bytes that wait to be written to the disk cache.", func() int64 { return c.Stats().QueueBytes }},
	)
	n.counters(
		figure{"disk_hits", "Look-ups in the disk cache that found something.", func() int64 { return c.Stats().Hits }},
		figure{"disk_misses", "Look-ups in the disk cache that found nothing.", func() int64 { return c.Stats().Misses }},
		figure{"disk_written", "Objects written to the disk cache.", func() int64 { return c.Stats().Written }},
		figure{"disk_dropped", "Objects not written to the disk cache: queue full, too large, or out of use.",
			func() int64 { return c.Stats().Dropped }},
		figure{"disk_slow", "Reads of the disk cache over their time, and slow writes.", func() int64 { return c.Stats().Slow }},
		figure{"disk_damaged", "Damaged entries of the disk cache, deleted.", func() int64 { return c.Stats().Damaged }},
		figure{"disk_trips", "Times that the disk cache was taken out of use.", func() int64 { return c.Stats().Trips }},
		figure{"disk_quarantined", "Times that the disk cache was begun anew because it was damaged.",
			func() int64 { return c.Stats().Quarantined }},
		figure{"disk_evicted", "Generations of the disk cache given up for room.", func() int64 { return c.Stats().Evicted }},
	)
}

func (n *node) exportOriginals(s *originals.Store) {
	n.gauges(
		figure{"originals_bytes", "Bytes of kept originals.", func() int64 { return s.Stats().Bytes }},
		figure{"originals_max_bytes", "Budget of kept originals.", func() int64 { return s.MaxBytes }},
		figure{"originals_memory_bytes", "Bytes of originals in memory, because the disk did not take them.",
			func() int64 { return s.Stats().MemoryBytes }},
	)
	n.counters(
		figure{"origin_fetches", "Downloads of originals from the origin.", func() int64 { return s.Stats().OriginFetches }},
		figure{"origin_fetched_bytes", "Bytes of originals from the origin.", func() int64 { return s.Stats().OriginBytes }},
		figure{"originals_in_memory", "Originals that the disk did not take, and memory did.",
			func() int64 { return s.Stats().Borrowed }},
		figure{"originals_corrupt", "Originals that did not have their hash.", func() int64 { return s.Stats().Corrupt }},
		figure{"originals_peer_chunks", "Parts of originals that came from owners.", func() int64 { return s.Stats().PeerChunks }},
	)
}

func (n *node) exportPeers(c *peerhttp.Client) {
	n.gauges(figure{"peer_running", "Requests of other edges under way here.", func() int64 { return n.peers.Stats().Running }})
	n.counters(
		figure{"peer_requests", "Requests to other edges.", func() int64 { return c.Stats().Requests }},
		figure{"peer_unaccepted", "Requests that other edges did not take on in time.", func() int64 { return c.Stats().Unaccepted }},
		figure{"peer_failed", "Requests to other edges that broke off.", func() int64 { return c.Stats().Failed }},
		figure{"peer_skipped", "Requests spared an edge that had just failed.", func() int64 { return c.Stats().Skipped }},
		figure{"peer_corrupt", "Answers of other edges that did not have their tag.", func() int64 { return c.Stats().Corrupt }},
		figure{"peer_served", "Requests taken on for other edges.", func() int64 { return n.peers.Stats().Served }},
		figure{"peer_refused", "Requests of other edges not taken on.", func() int64 { return n.peers.Stats().Refused }},
	)
}

func (n *node) exportRing() {
	n.gauges(figure{"ring_members", "Live edges, this one included.", func() int64 { return int64(n.ring.Stats().Members) }})
	n.counters(
		figure{"ring_joins", "Calls to the seeds that reached one.", func() int64 { return n.ring.Stats().Joins }},
		figure{"ring_join_failures", "Calls to the seeds that reached none.", func() int64 { return n.ring.Stats().JoinFailures }},
	)
}

// exportServer is for when the public server is there.
func (n *node) exportServer(s *guard.Server) {
	n.gauges(figure{"connections", "Open connections on the public listener.",
		func() int64 { return int64(s.Conns()) }})
}

func one(yes bool) int64 {
	if yes {
		return 1
	}
	return 0
}
