package load

import (
	"bufio"
	"bytes"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/pictor/pictor/shared/freeport"
)

// serve runs a server for the test; answer writes what it likes for the n-th request of all.
func serve(t *testing.T, answer func(c net.Conn, n int64)) (address string, asked *atomic.Int64) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	asked = new(atomic.Int64)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer c.Close()
				for in := bufio.NewReader(c); ; {
					if _, err := http.ReadRequest(in); err != nil {
						return
					}
					answer(c, asked.Add(1))
				}
			}()
		}
	}()
	return l.Addr().String(), asked
}

func write(c net.Conn, parts ...string) {
	for _, part := range parts {
		_, _ = c.Write([]byte(part)) // the generator may be gone
	}
}

func good(body string) string {
	return fmt.Sprintf("HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(body), body)
}

func plan(address string) Plan {
	return Plan{Address: address, Requests: [][]byte{Request(address, "/x")}, Status: 200, Conns: 4, Duration: time.Second}
}

func run(t *testing.T, p Plan) *Result {
	t.Helper()
	r, err := Run(p)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestClosedLoopCountsWhatWasServed(t *testing.T) {
	body := strings.Repeat("b", 300_000) // many times the buffer
	address, asked := serve(t, func(c net.Conn, _ int64) { write(c, good(body)) })
	p := plan(address)
	p.Warmup = time.Second
	r := run(t, p)
	if r.Answers == 0 || r.Errors != 0 || r.Bytes != r.Answers*int64(len(body)) {
		t.Fatalf("%+v, want whole bodies and no errors", r)
	}
	if missing := asked.Load() - r.Served; missing < 0 || missing > int64(p.Conns) {
		t.Errorf("%d answers of %d that were asked for", r.Served, asked.Load())
	}
	if r.Answers >= r.Served {
		t.Errorf("%d answers, %d with the warm-up", r.Answers, r.Served)
	}
	if r.Elapsed < p.Duration {
		t.Errorf("measured %s of %s", r.Elapsed, p.Duration)
	}
}

// All connections stall together once. In a closed loop that would be one bad latency a connection; the clients of an
// open loop go on coming, and each of them waits.
func TestOpenLoopCountsFromWhenARequestWasDue(t *testing.T) {
	const stall = 500 * time.Millisecond
	var resume atomic.Pointer[time.Time]
	address, _ := serve(t, func(c net.Conn, n int64) {
		if n == 100 {
			until := time.Now().Add(stall)
			resume.Store(&until)
		}
		if until := resume.Load(); until != nil {
			time.Sleep(time.Until(*until))
		}
		write(c, good("x"))
	})
	p := plan(address)
	p.Rate, p.Duration, p.Seed = 500, time.Second, 1
	r := run(t, p)
	if due := expectedArrivals(p); r.Answers+r.Unanswered != due || r.Errors != 0 {
		t.Fatalf("%d answers and %d without one of %d due: %s", r.Answers, r.Unanswered, due, r.FirstError)
	}
	// Half of the requests were due during the stall, evenly spread over it: three tenths waited for 0.2 s and longer.
	if r.Latency.P90 < 200*time.Millisecond {
		t.Errorf("p90 is %s, with every second request due in a stall of %s", r.Latency.P90, stall)
	}
	if r.Latency.Max < stall*8/10 {
		t.Errorf("the longest latency is %s", r.Latency.Max)
	}
	if r.Late.P90 > stall*3/5 { // it would be four fifths
		t.Errorf("a tenth of the requests were %s late by the generator: it takes the server's stall for its own", r.Late.P90)
	}
}

// Four requests are a second overdue and have connections that were free all the time: the generator was late. The
// others wait for connections, which is the server's doing.
func TestLatenessIsTheGeneratorsOwn(t *testing.T) {
	address, _ := serve(t, func(net.Conn, int64) {})
	g, err := newGenerator(plan(address))
	if err != nil {
		t.Fatal(err)
	}
	defer g.close()
	const ago = -time.Second
	o := &openLoop{generator: g, arrivals: newArrivals(1e6, 1, ago), idle: g.all(), from: ago}
	for _, c := range o.idle {
		c.freed = ago
	}
	o.arrivals.advance(ago + time.Millisecond)
	if err := o.sendDue(); err != nil {
		t.Fatal(err)
	}
	if late := g.result().Late; g.late.TotalCount() != 4 || late.P50 < -ago*99/100 {
		t.Errorf("%d requests were sent late, half of them by %s", g.late.TotalCount(), late.P50)
	}
}

// expectedArrivals is how many requests a plan without warm-up makes due; the beginning of the run does not matter.
func expectedArrivals(p Plan) int64 {
	a := newArrivals(p.Rate, p.Seed, 0)
	a.advance(p.Duration)
	return int64(a.waiting())
}

func TestOpenLoopCountsWhatWasNeverAnswered(t *testing.T) {
	address, _ := serve(t, func(net.Conn, int64) {})
	p := plan(address)
	p.Rate, p.Seed = 200, 2
	r := run(t, p)
	if r.Answers != 0 || r.Unanswered != expectedArrivals(p) {
		t.Fatalf("%d answers, %d without one of %d due", r.Answers, r.Unanswered, expectedArrivals(p))
	}
	if r.Latency.P50 < unansweredWait {
		t.Errorf("p50 is %s, but nothing was answered in %s", r.Latency.P50, unansweredWait)
	}
}

func TestOpenLoopSurvivesServersThatHangUp(t *testing.T) {
	address, _ := serve(t, func(c net.Conn, n int64) {
		write(c, good("x"))
		if n%10 == 0 {
			c.Close() // while the connection is idle, or as the next request is sent
		}
	})
	p := plan(address)
	p.Rate, p.Seed = 100, 3
	r := run(t, p)
	if r.Answers+r.Errors < expectedArrivals(p) || r.Errors == 0 || r.Unanswered != 0 {
		t.Fatalf("%d answers, %d errors, %d unanswered of %d due", r.Answers, r.Errors, r.Unanswered, expectedArrivals(p))
	}
}

func TestAnswersInPieces(t *testing.T) {
	pieces := []string{"HTTP/1.1 20", "0 OK\r\ncontent-len", "gth: 5\r\n\r", "\n", "he", "llo"}
	address, _ := serve(t, func(c net.Conn, _ int64) {
		for _, piece := range pieces {
			write(c, piece)
			time.Sleep(time.Millisecond) // so that they come one by one
		}
	})
	r := run(t, plan(address))
	if r.Answers == 0 || r.Errors != 0 || r.Bytes != 5*r.Answers {
		t.Fatalf("%+v", r)
	}
}

func TestBadAnswersAreErrors(t *testing.T) {
	for name, answer := range map[string]string{
		"another status":      "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
		"no length":           "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"odd length":          "HTTP/1.1 200 OK\r\nContent-Length: +1\r\n\r\nx",
		"negative length":     "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"more than announced": "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nxy",
		"not HTTP":            "SSH-2.0-something\r\n\r\n",
		"an endless head":     "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 3*readBytes),
	} {
		t.Run(name, func(t *testing.T) {
			address, _ := serve(t, func(c net.Conn, _ int64) { write(c, answer) })
			p := plan(address)
			p.Duration = 20 * time.Second // ended by the errors
			if r, err := Run(p); err == nil {
				t.Fatalf("%+v, want an error", r)
			}
		})
	}
}

func TestNotModifiedHasNoBody(t *testing.T) {
	address, _ := serve(t, func(c net.Conn, _ int64) { write(c, "HTTP/1.1 304 Not Modified\r\nETag: \"x\"\r\n\r\n") })
	p := plan(address)
	p.Status = 304
	if r := run(t, p); r.Answers == 0 || r.Errors != 0 || r.Bytes != 0 {
		t.Fatalf("%+v", r)
	}
}

func TestRequestsAreTakenInTurn(t *testing.T) {
	var seen [3]atomic.Int64
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var i int
		fmt.Sscanf(r.URL.Path, "/%d", &i)
		seen[i].Add(1)
		w.Header().Set("Content-Length", "0")
	})}
	defer server.Close()
	go server.Serve(l)
	p := plan(l.Addr().String())
	p.Requests = nil
	for i := range seen {
		p.Requests = append(p.Requests, Request(p.Address, fmt.Sprintf("/%d", i)))
	}
	run(t, p)
	least, most := seen[0].Load(), seen[0].Load()
	for i := range seen {
		least, most = min(least, seen[i].Load()), max(most, seen[i].Load())
	}
	if least == 0 || most-least > int64(p.Conns) {
		t.Fatalf("asked %d to %d times", least, most)
	}
}

func TestPlansThatCannotBeCarriedOut(t *testing.T) {
	address := freeport.ForTest(t, 1)[0]
	for name, p := range map[string]Plan{
		"nobody listens": plan(address),
		"no requests":    {Address: address, Conns: 1, Duration: time.Second},
		"no connections": {Address: address, Requests: [][]byte{{1}}, Duration: time.Second},
		"no duration":    {Address: address, Requests: [][]byte{{1}}, Conns: 1},
	} {
		if r, err := Run(p); err == nil {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

func TestArrivals(t *testing.T) {
	const rate, seconds = 1000, 100
	a, same, other := newArrivals(rate, 7, 0), newArrivals(rate, 7, 0), newArrivals(rate, 8, 0)
	for _, a := range []*arrivals{a, same, other} {
		a.advance(seconds * time.Second)
	}
	if n := a.waiting(); n < rate*seconds*98/100 || n > rate*seconds*102/100 {
		t.Errorf("%d in %d s at %d a second", n, seconds, rate)
	}
	if a.waiting() != same.waiting() || a.waiting() == other.waiting() {
		t.Error("the seed does not decide")
	}
	for last := time.Duration(0); a.waiting() > 0; {
		next := a.next()
		if next < last || next != same.next() {
			t.Fatal("not in order, or not the same")
		}
		last = next
	}
}

func TestPercentiles(t *testing.T) {
	h := hdrhistogram.New(100, int64(longestLatency), 3)
	for ms := 1; ms <= 1000; ms++ {
		if err := h.RecordValue(int64(ms) * int64(time.Millisecond)); err != nil {
			t.Fatal(err)
		}
	}
	got := summary(h)
	for _, c := range []struct {
		name      string
		got, want time.Duration
	}{
		{"p50", got.P50, 500 * time.Millisecond}, {"p90", got.P90, 900 * time.Millisecond},
		{"p99", got.P99, 990 * time.Millisecond}, {"p99.9", got.P999, 999 * time.Millisecond},
		{"max", got.Max, 1000 * time.Millisecond}, {"mean", got.Mean, 500500 * time.Microsecond},
	} {
		if diff := (c.got - c.want).Abs(); diff > c.want/500 {
			t.Errorf("%s is %s, want %s", c.name, c.got, c.want)
		}
	}
}

func TestRequest(t *testing.T) {
	got := Request("h:1", "/a?b", "If-None-Match: \"x\"")
	if want := "GET /a?b HTTP/1.1\r\nHost: h:1\r\nIf-None-Match: \"x\"\r\n\r\n"; !bytes.Equal(got, []byte(want)) {
		t.Errorf("%q", got)
	}
}
