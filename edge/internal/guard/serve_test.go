package guard_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/guard"
)

// handled starts a server with this handler.
func handled(t testing.TB, opt guard.Options, handler func(*fasthttp.RequestCtx)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	opt.Handler, opt.Refuse = handler, edge.ServeRefusal
	g := guard.New(opt)
	ended := make(chan error, 1)
	go func() { ended <- g.Serve(l) }()
	t.Cleanup(func() {
		if err := g.Shutdown(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
		<-ended
	})
	return l.Addr().String()
}

func dial(t testing.TB, address string) *net.TCPConn {
	t.Helper()
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return c.(*net.TCPConn)
}

// Bodies of all sizes and kinds arrive whole, with their length, one after the other.
func TestBodies(t *testing.T) {
	bodies := map[string][]byte{"/none": nil, "/small": []byte("abc"), "/large": bytes.Repeat([]byte("0123456789"), 1<<19)}
	address := handled(t, guard.Options{}, func(c *fasthttp.RequestCtx) {
		switch kind, name, _ := strings.Cut(string(c.Request.Header.RequestURI())[1:], "/"); kind {
		case "raw":
			c.Response.SetBodyRaw(bodies["/"+name])
		case "stream":
			c.Response.SetBodyStream(bytes.NewReader(bodies["/"+name]), len(bodies["/"+name]))
		case "lent":
			c.Response.SetBodyStream(&lent{Reader: bytes.NewReader(nil), body: bodies["/"+name]}, len(bodies["/"+name]))
		}
	})
	c := dial(t, address)
	in := bufio.NewReader(c)
	for _, method := range []string{"GET", "HEAD"} {
		for _, kind := range []string{"raw", "stream", "lent"} {
			for name, want := range bodies {
				fmt.Fprintf(c, "%s /%s%s HTTP/1.1\r\nHost: h\r\n\r\n", method, kind, name)
				resp, err := http.ReadResponse(in, &http.Request{Method: method})
				if err != nil {
					t.Fatal(err)
				}
				if resp.ContentLength != int64(len(want)) {
					t.Errorf("%s %s%s: Content-Length %d", method, kind, name, resp.ContentLength)
				}
				got, err := io.ReadAll(resp.Body)
				if method == "HEAD" {
					want = nil
				}
				if err != nil || !bytes.Equal(got, want) {
					t.Errorf("%s %s%s: %d bytes, %v, want %d", method, kind, name, len(got), err, len(want))
				}
			}
		}
	}
}

// lent is a body that can be had without reading.
type lent struct {
	*bytes.Reader // empty: whoever reads gets nothing
	body          []byte
}

func (l *lent) Bytes() []byte { return l.body }

// However the requests and the end of a connection fall together, the server sees both.
func TestTheEndIsSeen(t *testing.T) {
	address := handled(t, guard.Options{}, func(*fasthttp.RequestCtx) {})
	for i := range 16 {
		c := dial(t, address)
		in := bufio.NewReader(c)
		for range i % 4 { // that makes the client a quick one
			io.WriteString(c, marker)
			if _, err := http.ReadResponse(in, nil); err != nil {
				t.Fatal(err)
			}
		}
		io.WriteString(c, marker)
		c.CloseWrite()
		began := time.Now()
		rest, err := io.ReadAll(in)
		if took := time.Since(began); err != nil || bytes.Count(rest, []byte(" 200 ")) != 1 || took > 8*time.Second {
			t.Fatalf("after %d requests: %q, %v, %s", i%4, rest, err, took)
		}
	}
}

func TestPipelined(t *testing.T) {
	address := handled(t, guard.Options{}, func(c *fasthttp.RequestCtx) { c.Response.SetBody(c.Request.Header.RequestURI()) })
	c := dial(t, address)
	const n = 3000 // more than fits the server's buffer at once
	go func() {
		for i := range n {
			fmt.Fprintf(c, "GET /%d HTTP/1.1\r\nHost: h\r\n\r\n", i)
		}
	}()
	in := bufio.NewReader(c)
	for i := range n {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatal(err)
		}
		if body, err := io.ReadAll(resp.Body); err != nil || string(body) != fmt.Sprintf("/%d", i) {
			t.Fatalf("answer %d is %q, %v", i, body, err)
		}
	}
}

// HTTP/1.0 closes unless asked otherwise; HTTP/1.1 stays unless asked otherwise.
func TestKeepAlive(t *testing.T) {
	address := handled(t, guard.Options{}, func(*fasthttp.RequestCtx) {})
	for head, want := range map[string]string{
		"GET / HTTP/1.0\r\n\r\n":                                    "close",
		"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n":          "keep-alive",
		"GET / HTTP/1.1\r\nHost: h\r\n\r\n":                         "",
		"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n":    "close",
		"GET / HTTP/1.1\r\nHost: h\r\nConnection: x, Close\r\n\r\n": "close",
	} {
		c := dial(t, address)
		io.WriteString(c, head)
		text := make([]byte, 4<<10)
		n, err := c.Read(text)
		_, line, _ := strings.Cut(string(text[:n]), "\r\nConnection: ")
		line, _, _ = strings.Cut(line, "\r\n")
		if err != nil || line != want {
			t.Errorf("%q: Connection %q, %v, want %q", head, line, err, want)
		}
		if want != "close" {
			c.CloseWrite()
		}
		if rest, err := io.ReadAll(c); err != nil || len(rest) > 0 {
			t.Errorf("%q: then %q, %v", head, rest, err)
		}
	}
}

func TestTooManyConnections(t *testing.T) {
	address := handled(t, guard.Options{Conns: 2}, func(*fasthttp.RequestCtx) {})
	ask := func(c net.Conn) (*http.Response, error) {
		io.WriteString(c, marker)
		return http.ReadResponse(bufio.NewReader(c), nil)
	}
	first, second := dial(t, address), dial(t, address)
	for _, c := range []net.Conn{first, second} {
		if resp, err := ask(c); err != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
	}
	resp, err := ask(dial(t, address))
	if err != nil || resp.StatusCode != 503 || !resp.Close || resp.Header.Get("Retry-After") == "" ||
		resp.Header.Get("Cache-Control") != "no-store" {
		t.Fatalf("one too many: %v, %v", resp, err)
	}
	var said struct{ Error string }
	if err := json.NewDecoder(resp.Body).Decode(&said); err != nil || said.Error == "" {
		t.Errorf("it was told %q, %v", said.Error, err)
	}
	second.Close()
	for deadline := time.Now().Add(time.Minute); ; {
		if resp, err := ask(dial(t, address)); err == nil && resp.StatusCode == 200 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("a connection that is gone still counts")
		}
	}
}

// Shutdown waits for answers, and no longer than it may.
func TestShutdownWaits(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked, answer := make(chan struct{}), make(chan struct{})
	g := guard.New(guard.Options{Refuse: edge.ServeRefusal, Handler: func(*fasthttp.RequestCtx) {
		asked <- struct{}{}
		<-answer
	}})
	go g.Serve(l)
	for range 2 {
		io.WriteString(dial(t, l.Addr().String()), marker)
		<-asked
	}
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan error, 1)
	go func() { stopped <- g.Shutdown(ctx) }()
	answer <- struct{}{}
	for g.Conns() > 1 { // one was answered
		time.Sleep(time.Millisecond)
	}
	select {
	case err := <-stopped:
		t.Fatalf("it did not wait: %v", err)
	default:
	}
	cancel()
	if err := <-stopped; err != context.Canceled {
		t.Error(err)
	}
	close(answer)
}

// A request and its answer allocate nothing, whatever the size of the body.
func TestRequestsDoNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	body := bytes.Repeat([]byte("x"), 100<<10)
	address := handled(t, guard.Options{}, func(c *fasthttp.RequestCtx) { c.Response.SetBodyRaw(body) })
	c := dial(t, address)
	request, answer := []byte(marker), make([]byte, 200<<10)
	ask := func() {
		if _, err := c.Write(request); err != nil {
			t.Fatal(err)
		}
		for n := 0; n < len(body); {
			got, err := c.Read(answer)
			if n += got; err != nil {
				t.Fatal(err)
			}
		}
	}
	for range 100 {
		ask()
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	const n = 2000
	for range n {
		ask()
	}
	runtime.ReadMemStats(&after)
	if mallocs := after.Mallocs - before.Mallocs; mallocs > n/10 {
		t.Errorf("%d allocations in %d requests", mallocs, n)
	}
}

// A handler that panics, or a body, costs its connection: what was not answered is not answered, half an answer is seen to
// be one, and others are served on.
func TestPanics(t *testing.T) {
	log := make(logged, 10)
	address := handled(t, guard.Options{Log: slog.New(slog.NewTextHandler(log, nil))}, func(c *fasthttp.RequestCtx) {
		switch string(c.Request.Header.RequestURI()) {
		case "/handler":
			c.SetBodyString("prepared")
			panic("oh dear")
		case "/body":
			c.Response.SetBodyStream(io.MultiReader(bytes.NewReader(make([]byte, 200_000)), broken{}), 300_000)
		}
	})
	other := dial(t, address)
	served := bufio.NewReader(other)
	for _, path := range []string{"/handler", "/body"} {
		c := dial(t, address)
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path)
		if n, err := readAnswer(c); err == nil {
			t.Errorf("%s: a whole answer, of %d bytes", path, n)
		}
		if line := <-log; !strings.Contains(line, "panic while answering") || !strings.Contains(line, "oh dear") {
			t.Errorf("%s: logged %s", path, line)
		}
		fmt.Fprint(other, "GET / HTTP/1.1\r\nHost: h\r\n\r\n")
		if resp, err := http.ReadResponse(served, nil); err != nil || resp.StatusCode != 200 {
			t.Fatalf("after %s: %v, %v", path, resp, err)
		}
	}
}

// logged are the lines of a log.
type logged chan string

func (l logged) Write(line []byte) (int, error) {
	l <- string(line)
	return len(line), nil
}

// readAnswer gives the size of the answer's body, and an error if not all of it comes.
func readAnswer(from io.Reader) (int64, error) {
	resp, err := http.ReadResponse(bufio.NewReader(from), nil)
	if err != nil {
		return 0, err
	}
	return io.Copy(io.Discard, resp.Body)
}

type broken struct{}

func (broken) Read([]byte) (int, error) { panic("oh dear") }
