package main

import (
	"github.com/pictor/pictor/edge/internal/diskcache"
	"github.com/pictor/pictor/edge/internal/memcache"
	"github.com/pictor/pictor/edge/internal/originals"
	"github.com/pictor/pictor/edge/internal/peerhttp"
	"github.com/pictor/pictor/edge/internal/rungs"
)

// export makes the figures of the parts metrics.
func (n *node) export(memory *memcache.Cache, disk *diskcache.Cache, blobs *originals.Store, peers *peerhttp.Client,
	reduced *rungs.Store) {
	counter, gauge := n.metrics.Counter, n.metrics.Gauge
	counter("pictor_edge_origin_fetches_total", "Downloads of originals from the origin.",
		func() int64 { return blobs.Stats().OriginFetches })
	counter("pictor_edge_origin_fetched_bytes_total", "Bytes of originals from the origin.",
		func() int64 { return blobs.Stats().OriginBytes })
	counter("pictor_edge_manifest_lookups_total", "Names asked of the origin.", n.catalog.Lookups)
	counter("pictor_edge_peer_requests_total", "Requests to other edges.", func() int64 { return peers.Stats().Requests })
	counter("pictor_edge_peer_served_total", "Requests taken on for other edges.", func() int64 { return n.peers.Stats().Served })
	gauge("pictor_edge_ring_members", "Live edges, this one included.", func() int64 { return int64(n.ring.Stats().Members) })
	gauge("pictor_edge_memory_bytes", "Bytes in the memory cache.", func() int64 { return memory.Stats().UsedBytes })
	gauge("pictor_edge_disk_bytes", "Bytes in the disk cache.", func() int64 { return disk.Stats().Bytes })
	gauge("pictor_edge_originals_bytes", "Bytes of kept originals.", func() int64 { return blobs.Stats().Bytes })
	gauge("pictor_edge_render_workers", "Render processes alive.", func() int64 { return int64(n.pool.Stats().Workers) })
	gauge("pictor_edge_render_waiting", "Renders that wait for a worker.", func() int64 { return int64(n.pool.Stats().Waiting) })
	gauge("pictor_edge_render_backlog_ms", "Predicted milliseconds of the renders that wait.",
		func() int64 { return n.pool.Stats().Backlog.Milliseconds() })
	gauge("pictor_edge_render_background", "Improvements and rungs that wait for idle time.",
		func() int64 { return int64(n.pool.Stats().Background) })
	gauge("pictor_edge_render_quarantined", "Sources that broke the renderer and are not tried.",
		func() int64 { return int64(n.pool.Stats().Quarantined) })
	counter("pictor_edge_rung_hits_total", "Renders that began with a rung.", func() int64 { return reduced.Stats().Hits })
	counter("pictor_edge_rungs_total", "Rungs made.", func() int64 { st := reduced.Stats(); return st.Held + st.Kept })
	gauge("pictor_edge_rung_memory_bytes", "Bytes of rungs in memory.", func() int64 { return reduced.Stats().MemoryBytes })
	gauge("pictor_edge_rung_disk_bytes", "Bytes of rungs on disk.", func() int64 { return reduced.Stats().DiskBytes })
}
