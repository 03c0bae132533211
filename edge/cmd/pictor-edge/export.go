package main

import (
	"github.com/pictor/pictor/edge/internal/diskcache"
	"github.com/pictor/pictor/edge/internal/memcache"
	"github.com/pictor/pictor/edge/internal/originals"
	"github.com/pictor/pictor/edge/internal/peerhttp"
)

// export makes the figures of the parts metrics.
func (n *node) export(memory *memcache.Cache, disk *diskcache.Cache, blobs *originals.Store, peers *peerhttp.Client) {
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
}
