package guard_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/guard"
)

const crowdIdle = time.Second

// Hundreds of clients that ask, wait, hurry, break off and misbehave in all ways at once: each gets exactly the answers to
// what it asked, in order; every lent body is given back once; and nothing of it remains.
func TestCrowd(t *testing.T) {
	clients, lasts := 100, 2*time.Second
	if os.Getenv("PICTOR_SOAK") != "" {
		clients, lasts = 200, time.Minute
	}
	files, routines := openFiles(t), runtime.NumGoroutine()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var site crowdSite
	g := guard.New(guard.Options{Handler: site.serve, Refuse: edge.ServeRefusal, IdleTime: crowdIdle})
	ended := make(chan error, 1)
	go func() { ended <- g.Serve(l) }()
	var crew sync.WaitGroup
	var asked atomic.Int64
	until := time.Now().Add(lasts)
	for i := range clients {
		crew.Go(func() {
			v := visitor{t: t, address: l.Addr().String(), rand: rand.New(rand.NewPCG(uint64(i), 1))}
			for time.Now().Before(until) && !t.Failed() {
				v.visit()
			}
			asked.Add(v.asked)
		})
	}
	crew.Wait()
	if err := errors.Join(g.Shutdown(t.Context()), <-ended); err != nil {
		t.Error(err)
	}
	if lent, back := site.lent.Load(), site.back.Load(); lent != back || lent == 0 {
		t.Errorf("%d bodies were lent, %d came back", lent, back)
	}
	eventually(t, "connections", func() int { return g.Conns() }, 0)
	eventually(t, "files", func() int { return openFiles(t) }, files)
	eventually(t, "goroutines", runtime.NumGoroutine, routines+1) // fasthttp's clock
	t.Logf("%d requests", asked.Load())
}

func eventually(t *testing.T, what string, count func() int, most int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); count() > most; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Errorf("%d %s are left, want %d", count(), what, most)
			return
		}
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip("needs /proc")
	}
	return len(files)
}

// crowdSite answers /kind/size with bodies of this size.
type crowdSite struct{ lent, back atomic.Int64 }

func (s *crowdSite) serve(c *fasthttp.RequestCtx) {
	target := string(c.Request.Header.RequestURI())
	if c.UserValue("seen") != nil || len(c.Response.Header.Peek("X-Target")) > 0 {
		panic("the context still knows the request before")
	}
	c.SetUserValue("seen", true)
	c.Response.Header.Set("X-Target", target)
	c.Response.Header.Set("X-Client", c.RemoteAddr().String())
	body := crowdBody(target)
	switch kind, _, _ := strings.Cut(target[1:], "/"); kind {
	case "raw":
		c.Response.SetBodyRaw(body)
	case "stream":
		c.Response.SetBodyStream(bytes.NewReader(body), len(body))
	case "lent":
		s.lent.Add(1)
		c.Response.SetBodyStream(&borrowed{lent{bytes.NewReader(nil), body}, &s.back}, len(body))
	case "broken":
		half := io.LimitReader(bytes.NewReader(body), int64(len(body)/2))
		c.Response.SetBodyStream(io.MultiReader(half, failing{}), len(body))
	case "none":
		c.SetStatusCode(fasthttp.StatusNotModified)
	}
}

// crowdBody is different for every target.
func crowdBody(target string) []byte {
	size, _ := strconv.Atoi(target[strings.LastIndexByte(target, '/')+1:])
	return bytes.Repeat([]byte(target), size/len(target)+1)[:size]
}

// borrowed counts how often it is given back.
type borrowed struct {
	lent
	back *atomic.Int64
}

func (b *borrowed) Close() error {
	b.back.Add(1)
	return nil
}

type failing struct{}

func (failing) Read([]byte) (int, error) { return 0, errors.New("the disk is gone") }

// visitor is one client after the other.
type visitor struct {
	t       *testing.T
	address string
	rand    *rand.Rand
	asked   int64

	conn   *net.TCPConn
	in     *bufio.Reader
	said   time.Time // when it last began to ask
	silent bool      // before that it waited so long that the server may have closed the connection
}

type crowdRequest struct{ method, target string }

func (r crowdRequest) String() string {
	return r.method + " " + r.target + " HTTP/1.1\r\nHost: h\r\nX-Spaces: \t" + strings.Repeat(" ", len(r.target)%7) + "\r\n\r\n"
}

// visit is one connection.
func (v *visitor) visit() {
	conn, err := net.Dial("tcp", v.address)
	if err != nil {
		v.t.Error(err)
		return
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(time.Minute))
	v.conn, v.in, v.said = conn.(*net.TCPConn), bufio.NewReader(conn), time.Now()
	for range 1 + v.rand.IntN(6) {
		if !v.round() {
			return
		}
	}
	switch v.rand.IntN(4) {
	case 0:
		v.end()
	case 1:
		v.provoke()
	case 2:
		v.breakOff()
	}
}

// round asks for some pictures at once, and reports whether the connection is still good.
func (v *visitor) round() bool {
	v.pause()
	requests := v.requests()
	if !v.say(requests) {
		return v.gone("writing")
	}
	return v.hear(requests)
}

// pause is none, a short one, one that ends when the server's patience does, or one that is just as long as it needs to
// see that a client in a hurry is not any more.
func (v *visitor) pause() {
	jitter := time.Duration(v.rand.IntN(8000)-4000) * time.Microsecond
	switch v.rand.IntN(8) {
	case 0:
		time.Sleep(crowdIdle - time.Duration(v.rand.IntN(int(crowdIdle/8))) + jitter)
	case 1:
		time.Sleep(100*time.Millisecond + jitter)
	case 2:
		time.Sleep(jitter)
	}
}

func (v *visitor) requests() []crowdRequest {
	sizes := []int{0, 1, 300, 10_000, 100_000, 600_000}
	list := make([]crowdRequest, 1+v.rand.IntN(1+v.rand.IntN(12)))
	for i := range list {
		kind := []string{"raw", "stream", "lent", "none"}[v.rand.IntN(4)]
		method := []string{"GET", "GET", "HEAD"}[v.rand.IntN(3)]
		list[i] = crowdRequest{method, fmt.Sprintf("/%s/%d/%d", kind, v.rand.Uint32(), sizes[v.rand.IntN(len(sizes))])}
	}
	v.asked += int64(len(list))
	return list
}

// say sends the requests, cut at any places.
func (v *visitor) say(requests []crowdRequest) bool {
	defer func(before time.Time) { v.silent = time.Since(before) > crowdIdle*3/4 }(v.said)
	v.said = time.Now()
	var text strings.Builder
	for _, r := range requests {
		text.WriteString(r.String())
	}
	for left := text.String(); left != ""; {
		n := len(left)
		if v.rand.IntN(3) == 0 {
			n = 1 + v.rand.IntN(n)
		}
		if _, err := io.WriteString(v.conn, left[:n]); err != nil {
			return false
		}
		if left = left[n:]; left != "" {
			time.Sleep(time.Duration(v.rand.IntN(2000)) * time.Microsecond)
		}
	}
	return true
}

func (v *visitor) hear(requests []crowdRequest) bool {
	for i, r := range requests {
		resp, err := http.ReadResponse(v.in, &http.Request{Method: r.method})
		if err != nil {
			return v.gone(fmt.Sprintf("reading answer %d of %d: %v", i, len(requests), err))
		}
		if target, client := resp.Header.Get("X-Target"), resp.Header.Get("X-Client"); resp.Close || target != r.target ||
			client != v.conn.LocalAddr().String() {
			v.t.Errorf("%s is answered with %d, %v", r, resp.StatusCode, resp.Header)
			return false
		}
		want := crowdBody(r.target)
		none := resp.StatusCode == http.StatusNotModified
		if !none && resp.ContentLength != int64(len(want)) {
			v.t.Errorf("%s: Content-Length %d", r, resp.ContentLength)
		}
		if none || r.method == "HEAD" {
			want = nil
		}
		if got, err := io.ReadAll(resp.Body); err != nil || !bytes.Equal(got, want) {
			v.t.Errorf("%s: %d bytes, %v, want %d", r, len(got), err, len(want))
			return false
		}
		v.silent = false // where one was answered, all are
	}
	return true
}

// gone is for a connection that ends: it may after silence only.
func (v *visitor) gone(when string) bool {
	if !v.silent {
		v.t.Errorf("the connection ended while %s", when)
	}
	return false
}

// end asks once more, and says that this was the last time.
func (v *visitor) end() {
	requests := v.requests()
	if !v.say(requests) || v.conn.CloseWrite() != nil {
		v.gone("ending")
		return
	}
	if v.hear(requests) {
		v.nothingFollows("a client's end")
	}
}

// provoke sends requests of which the last can't be answered whole, or at all.
func (v *visitor) provoke() {
	requests := v.requests()
	broken := crowdRequest{"GET", fmt.Sprintf("/broken/%d/%d", v.rand.Uint32(), 2+v.rand.IntN(300_000))}
	bad := v.rand.IntN(2) == 0
	last := broken.String()
	if bad {
		last = "GET /no HTTP/1.1\r\nno\r\n\r\n"
	}
	if !v.say(requests) {
		v.gone("provoking")
		return
	}
	behind := strings.Repeat(requests[0].String(), v.rand.IntN(40))
	if _, err := io.WriteString(v.conn, last+behind); err != nil || !v.hear(requests) {
		return
	}
	resp, err := http.ReadResponse(v.in, nil)
	switch {
	case err != nil && bad:
		v.t.Errorf("no refusal: %v", err)
	case err != nil: // what there was of a broken answer may not have been sent at all
	case bad:
		if _, err := io.Copy(io.Discard, resp.Body); resp.StatusCode != 400 || !resp.Close || err != nil {
			v.t.Errorf("refused with %d %v, %v", resp.StatusCode, resp.Header, err)
		}
		v.nothingFollows("a refusal")
	default:
		if n, err := io.Copy(io.Discard, resp.Body); err == nil {
			v.t.Errorf("a broken answer of %d bytes looks whole", n)
		}
	}
}

func (v *visitor) nothingFollows(what string) {
	if n, err := v.in.ReadByte(); err != io.EOF {
		v.t.Errorf("behind %s: %q, %v", what, n, err)
	}
}

// breakOff leaves in the middle of an answer, or of a request.
func (v *visitor) breakOff() {
	requests := v.requests()
	if v.rand.IntN(4) == 0 {
		io.WriteString(v.conn, requests[0].String()[:20])
	} else if v.say(requests) {
		io.CopyN(io.Discard, v.in, int64(v.rand.IntN(50_000)))
	}
	if v.rand.IntN(2) == 0 {
		v.conn.SetLinger(0) // a reset
	}
}
