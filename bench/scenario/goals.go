package scenario

import "github.com/pictor/pictor/bench/report"

// Goals are the promises that a run is measured by. A new one is a line.
var Goals = []report.Goal{
	{Name: "hit 10 KB against the bare fasthttp handler", Of: hit(hit10k, edgeName), Per: keys(hit(hit10k, "fasthttp")), AtLeast: 0.90},
	{Name: "hit 100 KB against the bare fasthttp handler", Of: hit(hit100k, edgeName), Per: keys(hit(hit100k, "fasthttp")), AtLeast: 0.90},
	{Name: "hit 1 MB against the bare fasthttp handler", Of: hit(hit1m, edgeName), Per: keys(hit(hit1m, "fasthttp")), AtLeast: 0.90},
	{Name: "hit 10 KB against nginx proxy_cache", Of: hit(hit10k, edgeName), Per: keys(hit(hit10k, "nginx cache")), AtLeast: 1.2},
	{Name: "hit 10 KB against Varnish", Of: hit(hit10k, edgeName), Per: keys(hit(hit10k, "varnish")), AtLeast: 1.6},
	{Name: "hit 10 KB, p99 in the closed loop of 64 connections", Of: report.Key{Scenario: "hit", Case: hit10k, Peer: edgeName, Metric: "p99"}, AtMost: 3, Unit: "ms"},
	{Name: "hit 10 KB, p99 in an open loop at 75 % of capacity", Of: report.Key{Scenario: "latency", Case: latencyCase(75), Peer: edgeName,
		Metric: "p99"}, AtMost: 3, Unit: "ms"},
	{Name: "hit 100 KB against the better of nginx and Varnish", Of: hit(hit100k, edgeName),
		Per: keys(hit(hit100k, "nginx"), hit(hit100k, "nginx cache"), hit(hit100k, "varnish")), AtLeast: 0.95},
	{Name: "hit 1 MB, processor time against Varnish", Of: report.Key{Scenario: "hit", Case: hit1m, Peer: edgeName, Metric: "cpu"},
		Per: keys(report.Key{Scenario: "hit", Case: hit1m, Peer: "varnish", Metric: "cpu"}), AtMost: 1},
	{Name: "signed hit against the public one", Of: hit(hitSigned, edgeName), Per: keys(hit(hit10k, edgeName)), AtLeast: 0.75},
	{Name: "304 against the 10 KB hit", Of: hit(hit304, edgeName), Per: keys(hit(hit10k, edgeName)), AtLeast: 1.1},
	{Name: "hit on disk, 100 KB, against nginx static", Of: report.Key{Scenario: "disk", Case: hit100k, Peer: edgeName, Metric: "rate"},
		Per: keys(report.Key{Scenario: "disk", Case: hit100k, Peer: "nginx", Metric: "rate"}), AtLeast: 0.5},
	{Name: "first request of a 12-megapixel thumbnail, latency alone, against the libvips loop", Of: onceKey(edgeName, "latency"),
		Per: keys(onceKey(vipsName, "latency")), AtMost: 1.1},
	{Name: "sources asked for once, rate of 12-megapixel thumbnails, against the libvips loop", Of: onceKey(edgeName, "rate"),
		Per: keys(onceKey(vipsName, "rate")), AtLeast: 0.95},
	{Name: "page of 12 photographs in 144 variants, WebP effort 2, time against the libvips loop", Of: pageKey(pageUsual, edgeName, "time"),
		Per: keys(pageKey(pageUsual, vipsName, "time")), AtMost: 0.45},
	{Name: "the same page, processor time", Of: pageKey(pageUsual, edgeName, "cpu"), Per: keys(pageKey(pageUsual, vipsName, "cpu")), AtMost: 0.45},
	{Name: "page of 12 photographs in 144 variants, WebP effort 4, time against the libvips loop", Of: pageKey(pagePatient, edgeName, "time"),
		Per: keys(pageKey(pagePatient, vipsName, "time")), AtMost: 0.6},
	{Name: "the same page, processor time", Of: pageKey(pagePatient, edgeName, "cpu"), Per: keys(pageKey(pagePatient, vipsName, "cpu")), AtMost: 0.6},
	{Name: "200 px WebP with 100 AVIF jobs queued, p99 above that of an idle edge", Of: floodKey(floodMore, "p99"), AtMost: 60, Unit: "ms"},
	{Name: "photographs from rungs, the worst SSIM against a direct render", Of: rungsKey(rungsPhotos), AtLeast: 0.99, Unit: "SSIM"},
	{Name: "hard pictures from rungs, the worst SSIM against a direct render", Of: rungsKey(rungsHard), AtLeast: 0.99, Unit: "SSIM"},
	{Name: "memory after 2000 mixed renders against after 200", Of: memoryKey("at the end"), Per: keys(memoryKey("after 200")), AtMost: 1.1},
}

func memoryKey(c string) report.Key {
	return report.Key{Scenario: "memory", Case: c, Peer: edgeName, Metric: "MB"}
}

func hit(c, peer string) report.Key {
	return report.Key{Scenario: "hit", Case: c, Peer: peer, Metric: "rate"}
}

func keys(all ...report.Key) []report.Key { return all }

func onceKey(peer, metric string) report.Key {
	return report.Key{Scenario: "once", Case: onceCase, Peer: peer, Metric: metric}
}
