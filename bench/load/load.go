// Package load sends requests to one server over keep-alive connections and measures the answers. It is made to be
// cheaper than any server: one thread on one core, requests written as they were formatted once, bodies thrown away by
// the kernel without a copy.
//
// Closed loop: each connection asks again as soon as it was answered. That finds the rate a server can hold, but its
// latencies are those of a client that waits politely. Open loop: requests are due at times that nobody's slowness
// moves, as from many independent clients, and a latency counts from the time the request was due, whether or not a
// connection was free then: no coordinated omission.
package load

import (
	"fmt"
	"time"
)

// Plan is one measurement.
type Plan struct {
	Address  string   // host:port
	Requests [][]byte // heads of GET requests without bodies, see Request; taken in turn
	Status   int      // of every answer; anything else is an error
	Conns    int
	Warmup   time.Duration // not measured
	Duration time.Duration
	Rate     float64 // requests due each second, at random times (Poisson); 0 is closed loop
	Seed     uint64  // of the due times
}

// Result of a Plan.
type Result struct {
	Answers    int64         // good ones
	Served     int64         // answers with those of the warm-up, which cost the server time too
	Bytes      int64         // of bodies
	Elapsed    time.Duration // in which they came
	Errors     int64
	FirstError string
	Unanswered int64         // open loop: due in time, but not answered soon after the end; their latency is a lower bound
	Busy       time.Duration // processor time that the generator took; in an open loop it never rests
	Latency    Latency
	// Late is the generator's own part in Latency, open loop only: how long requests that were due, and had a free
	// connection, waited to be sent. Answers wait as long to be seen.
	Late     Latency
	Realtime bool // the generator ran before everything else on its core
}

// Rate is answers per second.
func (r *Result) Rate() float64 { return float64(r.Answers) / r.Elapsed.Seconds() }

// Latency summarises how long answers took to their last byte.
type Latency struct {
	P50, P90, P99, P999, Max, Mean time.Duration
}

// Request formats a GET request for a raw target, with more header lines as «Name: value».
func Request(host, target string, header ...string) []byte {
	head := fmt.Sprintf("GET %s HTTP/1.1\r\nHost: %s\r\n", target, host)
	for _, line := range header {
		head += line + "\r\n"
	}
	return []byte(head + "\r\n")
}

// unansweredWait is how long after the end of an open loop answers are still waited for.
const unansweredWait = 2 * time.Second

// maxErrors ends a measurement that has become meaningless.
const maxErrors = 1000

// Run carries out a Plan. It keeps its thread for itself until the end.
func Run(p Plan) (*Result, error) {
	if len(p.Requests) == 0 || p.Conns < 1 || p.Duration <= 0 {
		return nil, fmt.Errorf("load: needs requests, connections and a duration, got %d, %d and %s",
			len(p.Requests), p.Conns, p.Duration)
	}
	g, err := newGenerator(p)
	if err != nil {
		return nil, err
	}
	defer g.close()
	if p.Rate > 0 {
		err = g.open()
	} else {
		err = g.closed()
	}
	if err != nil {
		return nil, err
	}
	return g.result(), nil
}
