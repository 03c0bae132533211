package main

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pictor/pictor/edge/internal/diskcache"
	"github.com/pictor/pictor/edge/internal/memcache"
	"github.com/pictor/pictor/edge/internal/originals"
	"github.com/pictor/pictor/edge/internal/peerhttp"
)

// export makes the figures of the parts metrics.
func (n *node) export(memory *memcache.Cache, disk *diskcache.Cache, blobs *originals.Store, peers *peerhttp.Client) {
	counter := func(name, help string, read func() int64) {
		n.metrics.Func(prometheus.CounterValue, "pictor_edge_"+name, help, func() float64 { return float64(read()) })
	}
	gauge := func(name, help string, read func() int64) {
		n.metrics.Func(prometheus.GaugeValue, "pictor_edge_"+name, help, func() float64 { return float64(read()) })
	}
	counter("origin_fetches_total", "Downloads of originals from the origin.",
		func() int64 { return blobs.Stats().OriginFetches })
	counter("origin_fetched_bytes_total", "Bytes of originals from the origin.",
		func() int64 { return blobs.Stats().OriginBytes })
	counter("manifest_lookups_total", "Names asked of the origin.", n.catalog.Lookups)
	counter("peer_requests_total", "Requests to other edges.", func() int64 { return peers.Stats().Requests })
	counter("peer_served_total", "Requests taken on for other edges.", func() int64 { return n.peers.Stats().Served })
	gauge("ring_members", "Live edges, this one included.", func() int64 { return int64(n.ring.Stats().Members) })
	gauge("memory_bytes", "Bytes in the memory cache.", func() int64 { return memory.Stats().UsedBytes })
	gauge("disk_bytes", "Bytes in the disk cache.", func() int64 { return disk.Stats().Bytes })
	gauge("originals_bytes", "Bytes of kept originals.", func() int64 { return blobs.Stats().Bytes })
	gauge("render_workers", "Render processes alive.", func() int64 { return int64(n.pool.Stats().Workers) })
	gauge("render_waiting", "Renders that wait for a worker.", func() int64 { return int64(n.pool.Stats().Waiting) })
}
