package scenario

import "github.com/pictor/pictor/bench/report"

// Goals are the promises that a run is measured by. A new one is two lines.
var Goals = []report.Goal{
	{Name: "hit 10 KB against the bare fasthttp handler", AtLeast: 0.90,
		Of: hitRate(hit10k, edgeName), Per: keys(hitRate(hit10k, "fasthttp"))},
	{Name: "hit 100 KB against the bare fasthttp handler", AtLeast: 0.90,
		Of: hitRate(hit100k, edgeName), Per: keys(hitRate(hit100k, "fasthttp"))},
	{Name: "hit 1 MB against the bare fasthttp handler", AtLeast: 0.90,
		Of: hitRate(hit1m, edgeName), Per: keys(hitRate(hit1m, "fasthttp"))},
	{Name: "hit 10 KB against nginx proxy_cache", AtLeast: 1.2,
		Of: hitRate(hit10k, edgeName), Per: keys(hitRate(hit10k, "nginx cache"))},
	{Name: "hit 10 KB against Varnish", AtLeast: 1.6,
		Of: hitRate(hit10k, edgeName), Per: keys(hitRate(hit10k, "varnish"))},
	{Name: "hit 10 KB, p99 in the closed loop of 64 connections", AtMost: 3, Unit: "ms",
		Of: hitKey(hit10k, edgeName, "p99")},
	{Name: "hit 10 KB, p99 in an open loop at 75 % of capacity", AtMost: 3, Unit: "ms",
		Of: report.Key{Scenario: "latency", Case: latencyCase(75), Peer: edgeName, Metric: "p99"}},
	{Name: "hit 100 KB against the better of nginx and Varnish", AtLeast: 0.95,
		Of:  hitRate(hit100k, edgeName),
		Per: keys(hitRate(hit100k, "nginx"), hitRate(hit100k, "nginx cache"), hitRate(hit100k, "varnish"))},
	{Name: "hit 1 MB, processor time against Varnish", AtMost: 1,
		Of: hitKey(hit1m, edgeName, "cpu"), Per: keys(hitKey(hit1m, "varnish", "cpu"))},
	{Name: "signed hit against the public one", AtLeast: 0.75,
		Of: hitRate(hitSigned, edgeName), Per: keys(hitRate(hit10k, edgeName))},
	{Name: "304 against the 10 KB hit", AtLeast: 1.1,
		Of: hitRate(hit304, edgeName), Per: keys(hitRate(hit10k, edgeName))},
	{Name: "hit on disk, 100 KB, against nginx static", AtLeast: 0.5,
		Of: diskRate(edgeName), Per: keys(diskRate("nginx"))},
	{Name: "first request of a 12-megapixel thumbnail, latency alone, against the libvips loop", AtMost: 1.1,
		Of: onceKey(edgeName, "latency"), Per: keys(onceKey(vipsName, "latency"))},
	{Name: "sources asked for once, rate of 12-megapixel thumbnails, against the libvips loop", AtLeast: 0.95,
		Of: onceKey(edgeName, "rate"), Per: keys(onceKey(vipsName, "rate"))},
	{Name: "page of 12 photographs in 144 variants, WebP effort 2, time against the libvips loop", AtMost: 0.45,
		Of: pageKey(pageUsual, edgeName, "time"), Per: keys(pageKey(pageUsual, vipsName, "time"))},
	{Name: "the same page, processor time", AtMost: 0.45,
		Of: pageKey(pageUsual, edgeName, "cpu"), Per: keys(pageKey(pageUsual, vipsName, "cpu"))},
	{Name: "page of 12 photographs in 144 variants, WebP effort 4, time against the libvips loop", AtMost: 0.6,
		Of: pageKey(pagePatient, edgeName, "time"), Per: keys(pageKey(pagePatient, vipsName, "time"))},
	{Name: "the same page, processor time", AtMost: 0.6,
		Of: pageKey(pagePatient, edgeName, "cpu"), Per: keys(pageKey(pagePatient, vipsName, "cpu"))},
	{Name: "200 px WebP with 100 AVIF jobs queued, p99 above that of an idle edge", AtMost: 60, Unit: "ms",
		Of: floodKey(floodMore, "p99")},
	{Name: "photographs from rungs, the worst SSIM against a direct render", AtLeast: 0.99, Unit: "SSIM",
		Of: rungsKey(rungsPhotos), Decimals: 4},
	{Name: "hard pictures from rungs, the worst SSIM against a direct render", AtLeast: 0.99, Unit: "SSIM",
		Of: rungsKey(rungsHard), Decimals: 4},
	{Name: "memory after 2000 mixed renders against after 200", AtMost: 1.1,
		Of: memoryKey("at the end"), Per: keys(memoryKey("after 200"))},
}

func keys(all ...report.Key) []report.Key { return all }

func hitRate(c, peer string) report.Key { return hitKey(c, peer, "rate") }

func diskRate(peer string) report.Key {
	return report.Key{Scenario: "disk", Case: hit100k, Peer: peer, Metric: "rate"}
}
