package guard_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/guard"
)

// server answers as pictor-edge does.
type server struct {
	guard   *guard.Server
	address string
	mu      sync.Mutex
	seen    []string // targets that reached the handler
}

func serve(t testing.TB, opt guard.Options, body func() []byte) *server {
	t.Helper()
	return serveInPieces(t, 0, opt, body)
}

// serveInPieces reads at most so many bytes at once.
func serveInPieces(t testing.TB, piece int, opt guard.Options, body func() []byte) *server {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if piece > 0 {
		l = pieces{l, piece}
	}
	s := &server{address: l.Addr().String()}
	opt.Handler = func(c *fasthttp.RequestCtx) {
		s.mu.Lock()
		s.seen = append(s.seen, string(c.Request.Header.RequestURI()))
		s.mu.Unlock()
		if body != nil {
			c.Response.SetBodyRaw(body())
		}
	}
	opt.Refuse = edge.ServeRefusal
	s.guard = guard.New(opt)
	ended := make(chan error, 1)
	go func() { ended <- s.guard.Serve(l) }()
	t.Cleanup(func() {
		if err := s.guard.Shutdown(t.Context()); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return s
}

// pieces makes every read short.
type pieces struct {
	net.Listener
	bytes int
}

func (l pieces) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	return pieceConn{c, l.bytes}, err
}

type pieceConn struct {
	net.Conn
	bytes int
}

func (c pieceConn) Read(p []byte) (int, error) { return c.Conn.Read(p[:min(len(p), c.bytes)]) }

func (c pieceConn) CloseWrite() error { return c.Conn.(*net.TCPConn).CloseWrite() }

func (s *server) dial(t testing.TB) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	if err := c.SetDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	return c
}

// exchange sends the bytes, says that no more will come, and gives the statuses of all answers.
func (s *server) exchange(t testing.TB, text string) (statuses []int) {
	t.Helper()
	c := s.dial(t)
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	if err := c.(*net.TCPConn).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	for in := bufio.NewReader(c); ; {
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			if err != io.ErrUnexpectedEOF && err != io.EOF {
				t.Errorf("%.60q: %v", text, err)
			}
			return statuses
		}
		io.Copy(io.Discard, resp.Body)
		statuses = append(statuses, resp.StatusCode)
	}
}

func (s *server) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.seen)
}

const marker = "GET /marker HTTP/1.1\r\nHost: h\r\n\r\n"

// inPieces runs the test with requests that come at once, and byte by byte.
func inPieces(t *testing.T, test func(t *testing.T, s *server)) {
	for _, piece := range []int{0, 1, 7} {
		t.Run(fmt.Sprint(piece), func(t *testing.T) { test(t, serveInPieces(t, piece, guard.Options{}, nil)) })
	}
}

func TestGoodHeads(t *testing.T) { inPieces(t, testGoodHeads) }

func testGoodHeads(t *testing.T, s *server) {
	for _, head := range []string{
		"GET / HTTP/1.1\r\nHost: h\r\n\r\n",
		"\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n",
		"GET /a?b=http://c/d#e HTTP/1.1\r\nhost:h:80\r\nX: a b\tc \r\nx-y_z!:\r\nContent-length:0\r\n\r\n",
		"GET /\xc0\xae\\%00// HTTP/1.1\r\nHost: [::1]:8080\r\nContent-Length: \t0\t\r\n\r\n",
		"GET http://other/x HTTP/1.1\r\nHost: h\r\n\r\n",
		"GET HTTPS://other HTTP/1.1\r\nHost: h\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: h\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n",
		"GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\nConnection: closely, not-close\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\n" + strings.Repeat("a:\r\n", 127) + "\r\n",
		"GET / HTTP/1.1\r\nHost: h\r\nX: " + strings.Repeat("a", 14<<10) + "\r\n\r\n",
	} {
		if statuses := s.exchange(t, head+marker); fmt.Sprint(statuses) != "[200 200]" {
			t.Errorf("%.60q: %v", head, statuses)
		}
	}
}

func TestBadHeads(t *testing.T) { inPieces(t, testBadHeads) }

func testBadHeads(t *testing.T, s *server) {
	good := "GET / HTTP/1.1\r\nHost: h\r\n"
	for text, want := range map[string]int{
		"GET / HTTP/1.1\nHost: h\r\n\r\n":                                  400,
		"GET / HTTP/1.1\r\nHost: h\n\r\n":                                  400,
		good + "\n":                                                        400,
		good + "X: a\nY: b\r\n\r\n":                                        400,
		good + "X: a\rY: b\r\n\r\n":                                        400,
		good + "X: a\r\r\n\r\n":                                            400,
		good + " folded: x\r\n\r\n":                                        400,
		good + "X: a\r\n\tb\r\n\r\n":                                       400,
		"GET / HTTP/1.1\r\n Host: h\r\n\r\n":                               400,
		good + "X : a\r\n\r\n":                                             400,
		good + "X\t: a\r\n\r\n":                                            400,
		good + "X Y: a\r\n\r\n":                                            400,
		good + ": a\r\n\r\n":                                               400,
		good + "X\r\n\r\n":                                                 400,
		good + "X\x00: a\r\n\r\n":                                          400,
		good + "X: a\x00\r\n\r\n":                                          400,
		good + "X: a\x7f\r\n\r\n":                                          400,
		good + "X\xc3\xa4: a\r\n\r\n":                                      400,
		good + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n":               400,
		good + "transfer-encoding: identity\r\n\r\n":                       400,
		good + "Transfer-Encoding:\r\n\r\n":                                400,
		good + "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n":              400,
		good + "Transfer-Encoding\x0b: chunked\r\n\r\n0\r\n\r\n":           400,
		good + "Content-Length: 5\r\n\r\nhello":                            400,
		good + "Content-Length: 0\r\nContent-Length: 0\r\n\r\n":            400,
		good + "Content-Length: 0\r\nContent-Length: 5\r\n\r\nhello":       400,
		good + "Content-Length: +0\r\n\r\n":                                400,
		good + "Content-Length: -1\r\n\r\n":                                400,
		good + "Content-Length: 0, 0\r\n\r\n":                              400,
		good + "Content-Length: 00\r\n\r\n":                                400,
		good + "Content-Length: 0x0\r\n\r\n":                               400,
		good + "Content-Length:\r\n\r\n":                                   400,
		good + "Content-Length: 18446744073709551616\r\n\r\n":              400,
		good + "Host: h\r\n\r\n":                                           400,
		"GET / HTTP/1.1\r\n\r\n":                                           400,
		"GET / HTTP/1.1\r\nHost:\r\n\r\n":                                  400,
		"GET / HTTP/1.1\r\nHost: a b\r\n\r\n":                              400,
		"GET / HTTP/1.1\r\nHost: a,b\r\n\r\n":                              400,
		"GET / HTTP/1.1\r\nHost: a/b\r\n\r\n":                              400,
		"GET / HTTP/1.1\r\nHost: u@h\r\n\r\n":                              400,
		"GET / HTTP/1.1\r\nHost: h:x\r\n\r\n":                              400,
		"GET / HTTP/1.1\r\nHost: h:80:80\r\n\r\n":                          400,
		"GET / HTTP/1.1\r\nHost: [::1\r\n\r\n":                             400,
		"GET / HTTP/1.1\r\nHost: [::1]x\r\n\r\n":                           400,
		"GET http://u@h/ HTTP/1.1\r\nHost: h\r\n\r\n":                      400,
		"GET http:///x HTTP/1.1\r\nHost: h\r\n\r\n":                        400,
		"GET ftp://h/ HTTP/1.1\r\nHost: h\r\n\r\n":                         400,
		"GET h:80 HTTP/1.1\r\nHost: h\r\n\r\n":                             400,
		"CONNECT h:443 HTTP/1.1\r\nHost: h\r\n\r\n":                        400,
		"GET * HTTP/1.1\r\nHost: h\r\n\r\n":                                400,
		"GET x HTTP/1.1\r\nHost: h\r\n\r\n":                                400,
		"GET  / HTTP/1.1\r\nHost: h\r\n\r\n":                               400,
		"GET /  HTTP/1.1\r\nHost: h\r\n\r\n":                               400,
		"GET / x HTTP/1.1\r\nHost: h\r\n\r\n":                              400,
		"GET\t/ HTTP/1.1\r\nHost: h\r\n\r\n":                               400,
		" GET / HTTP/1.1\r\nHost: h\r\n\r\n":                               400,
		"GET /\x00 HTTP/1.1\r\nHost: h\r\n\r\n":                            400,
		"GET /\x0c HTTP/1.1\r\nHost: h\r\n\r\n":                            400,
		"GET /\r HTTP/1.1\r\nHost: h\r\n\r\n":                              400,
		"G{T / HTTP/1.1\r\nHost: h\r\n\r\n":                                400,
		"GET / HTTP/1.1 \r\nHost: h\r\n\r\n":                               400,
		"GET / http/1.1\r\nHost: h\r\n\r\n":                                400,
		"GET / HTTP/1.2\r\nHost: h\r\n\r\n":                                505,
		"GET / HTTP/2.0\r\nHost: h\r\n\r\n":                                505,
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n":                                 505,
		"GET /\r\n":                                                        400,
		"GET / \r\n\r\n":                                                   400,
		"\n" + good + "\r\n":                                               400,
		"\r\n\r\n" + good + "\r\n":                                         400,
		"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n":                   400,
		good + "Expect: 100-continue\r\n\r\n":                              417,
		good + strings.Repeat("a:\r\n", 128) + "\r\n":                      431,
		good + "X: " + strings.Repeat("a", 15<<10) + "\r\n\r\n":            431,
		good + strings.Repeat("X: "+strings.Repeat("a", 990)+"\r\n", 16):   431,
		"GET /" + strings.Repeat("a", 15<<10) + " HTTP/1.1\r\nHost: h\r\n": 414,
	} {
		for prefix, first := range map[string][]int{"": nil, marker: {200}} {
			before := s.count()
			statuses := s.exchange(t, prefix+text+strings.Repeat(marker, 3))
			if fmt.Sprint(statuses) != fmt.Sprint(append(first, want)) {
				t.Errorf("%.70q after %d good ones: %v, want %d", text, len(first), statuses, want)
			}
			if n := s.count() - before; n != len(first) {
				t.Errorf("%.70q: %d requests reached the handler", text, n-len(first))
			}
		}
	}
}

func TestNothingBehindTheLast(t *testing.T) {
	s := serve(t, guard.Options{}, nil)
	for _, value := range []string{"close", "Close", "keep-alive, CLOSE", "x ,close\t"} {
		statuses := s.exchange(t, "GET / HTTP/1.1\r\nHost: h\r\nConnection: "+value+"\r\n\r\n"+marker+marker)
		if fmt.Sprint(statuses) != "[200]" {
			t.Errorf("%s: %v", value, statuses)
		}
	}
}

// What one end learns of the other's silence.
func TestTimes(t *testing.T) {
	s := serve(t, guard.Options{HeadTime: 300 * time.Millisecond, IdleTime: 600 * time.Millisecond}, nil)
	const most = 8 * time.Second
	ends := func(name string, c net.Conn, began time.Time, least time.Duration, answer string) {
		t.Helper()
		got, err := io.ReadAll(c)
		took := time.Since(began)
		if err != nil || took < least || took > most || !bytes.Contains(got, []byte(answer)) || answer == "" && len(got) > 0 {
			t.Errorf("%s: %.60q, %v after %s", name, got, err, took)
		}
	}
	began := time.Now()
	silent := s.dial(t)
	ends("silent from the start", silent, began, 200*time.Millisecond, "")
	began = time.Now()
	idle := s.dial(t)
	io.WriteString(idle, marker)
	if _, err := http.ReadResponse(bufio.NewReader(idle), nil); err != nil {
		t.Fatal(err)
	}
	ends("idle", idle, began, 400*time.Millisecond, "")
	began = time.Now()
	slow := s.dial(t)
	stop := make(chan struct{})
	var trickling sync.WaitGroup
	trickling.Go(func() {
		for _, b := range []byte("GET / HTTP/1.1\r\nX: " + strings.Repeat("a", 1000)) {
			select {
			case <-stop:
				return
			case <-time.After(20 * time.Millisecond):
			}
			if _, err := slow.Write([]byte{b}); err != nil {
				return
			}
		}
	})
	ends("trickling a head", slow, began, 200*time.Millisecond, "408")
	close(stop)
	trickling.Wait()
}

// A slow reader gets all of a long answer though it takes many times StallTime; one that stops reading is cut.
func TestReaders(t *testing.T) {
	const size, stall = 12 << 20, 600 * time.Millisecond
	answer := make([]byte, size)
	s := serve(t, guard.Options{StallTime: stall}, func() []byte { return answer })
	slow, stalled := s.dial(t), s.dial(t)
	io.WriteString(slow, marker)
	io.WriteString(stalled, marker)
	began, n := time.Now(), 0
	for buf := make([]byte, 512<<10); n < size; {
		time.Sleep(stall / 6)
		got, err := slow.Read(buf)
		if n += got; err != nil {
			t.Fatalf("cut after %d bytes and %s: %v", n, time.Since(began), err)
		}
	}
	if took := time.Since(began); took < 3*stall {
		t.Fatalf("too quick (%s) to prove anything", took)
	}
	time.Sleep(8*stall - time.Since(began))
	rest, err := io.ReadAll(stalled)
	if len(rest) >= size {
		t.Errorf("a reader that stopped for %s got all of it: %v", 8*stall, err)
	}
}

func TestConnectionsPerSite(t *testing.T) {
	site := netip.MustParseAddr("192.0.2.1")
	s := serve(t, guard.Options{PerSite: 3, Site: func(net.Addr) netip.Addr { return site }}, nil)
	var open []net.Conn
	for range 3 {
		c := s.dial(t)
		io.WriteString(c, marker)
		if resp, err := http.ReadResponse(bufio.NewReader(c), nil); err != nil || resp.StatusCode != 200 {
			t.Fatal(resp, err)
		}
		open = append(open, c)
	}
	resp, err := http.ReadResponse(bufio.NewReader(s.dial(t)), nil)
	if err != nil || resp.StatusCode != 429 || resp.Header.Get("Cache-Control") != "no-store" || !resp.Close {
		t.Fatalf("one too many: %v %v", resp, err)
	}
	if body, err := io.ReadAll(resp.Body); err != nil || int64(len(body)) != resp.ContentLength {
		t.Errorf("got %q, %v", body, err)
	}
	open[1].Close()
	for range 3000 {
		if statuses := s.exchange(t, marker); fmt.Sprint(statuses) == "[200]" {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Error("a closed connection still counts")
}

// A server that stops answers who has connected, waits a moment for those who have not asked yet, and for nobody who was
// answered before.
func TestShutdownAnswersWhoHasJustCome(t *testing.T) {
	s := serve(t, guard.Options{}, nil)
	kept, late, silent := s.dial(t), s.dial(t), s.dial(t)
	fromKept := bufio.NewReader(kept)
	io.WriteString(kept, marker)
	if resp, err := http.ReadResponse(fromKept, nil); err != nil || resp.Close {
		t.Fatal(resp, err)
	}
	for s.guard.Conns() < 3 { // the system accepts before the server does
		time.Sleep(time.Millisecond)
	}
	began, stopped := time.Now(), make(chan error, 1)
	go func() { stopped <- s.guard.Shutdown(t.Context()) }()
	if _, err := fromKept.ReadByte(); err != io.EOF {
		t.Errorf("the connection that was answered before: %v, want its end", err)
	}
	io.WriteString(late, marker)
	if resp, err := http.ReadResponse(bufio.NewReader(late), nil); err != nil || resp.StatusCode != 200 || !resp.Close {
		t.Errorf("the connection that had just come: %v, %v", resp, err)
	}
	if n, err := silent.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("the connection that says nothing: %d bytes, %v, want its end", n, err)
	}
	if err := <-stopped; err != nil || time.Since(began) > 20*time.Second {
		t.Errorf("it took %s: %v", time.Since(began), err)
	}
}

// What is accepted while the server stops is answered, too.
func TestShutdownAnswersWhomItAccepts(t *testing.T) {
	ours, theirs := net.Pipe()
	defer ours.Close()
	l := &lastCall{conn: theirs, closed: make(chan struct{})}
	g := guard.New(guard.Options{Handler: func(*fasthttp.RequestCtx) {}, Refuse: edge.ServeRefusal})
	ended, stopped := make(chan error, 1), make(chan error, 1)
	go func() { ended <- g.Serve(l) }()
	go func() { stopped <- g.Shutdown(t.Context()) }()
	<-l.closed
	go io.WriteString(ours, marker)
	if resp, err := http.ReadResponse(bufio.NewReader(ours), nil); err != nil || resp.StatusCode != 200 {
		t.Errorf("%v, %v", resp, err)
	}
	if err := errors.Join(<-stopped, <-ended); err != nil {
		t.Error(err)
	}
}

// lastCall has one connection to accept, when it is closed.
type lastCall struct {
	conn   net.Conn
	once   sync.Once
	closed chan struct{}
}

func (l *lastCall) Accept() (c net.Conn, err error) {
	<-l.closed
	if c, l.conn = l.conn, nil; c == nil {
		return nil, net.ErrClosed
	}
	return c, nil
}

func (l *lastCall) Close() error {
	l.once.Do(func() { close(l.closed) })
	return nil
}

func (l *lastCall) Addr() net.Addr { return &net.TCPAddr{} }
