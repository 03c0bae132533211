package guard_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/pictor/pictor/edge/internal/guard"
)

// The time for a request head does not run while an answer is made.
func TestHeadTimeBehindASlowAnswer(t *testing.T) {
	const headTime = 2 * time.Second
	answer := make(chan struct{})
	address := handled(t, guard.Options{HeadTime: headTime}, func(*fasthttp.RequestCtx) { <-answer })
	c := dial(t, address)
	in := bufio.NewReader(c)
	io.WriteString(c, marker+marker[:10])
	time.Sleep(headTime + headTime/10)
	close(answer)
	if resp, err := http.ReadResponse(in, nil); err != nil || resp.StatusCode != 200 {
		t.Fatal(resp, err)
	}
	time.Sleep(headTime / 40) // until the server waits for the rest
	io.WriteString(c, marker[10:])
	if resp, err := http.ReadResponse(in, nil); err != nil || resp.StatusCode != 200 {
		t.Fatal(resp, err)
	}
}

// An answer that may have no body has none, and one that has less than it says is not begun.
func TestBodiesThatMayNotBe(t *testing.T) {
	address := handled(t, guard.Options{}, func(c *fasthttp.RequestCtx) {
		switch string(c.Path()) {
		case "/204", "/304":
			c.SetStatusCode(map[string]int{"/204": 204, "/304": 304}[string(c.Path())])
			c.SetBodyString("there is none")
		case "/less":
			c.Response.SetBodyStream(&lent{body: nil}, 10)
		}
	})
	c := dial(t, address)
	in := bufio.NewReader(c)
	for path, status := range map[string]int{"/204": 204, "/304": 304, "/less": 200} {
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path)
		resp, err := http.ReadResponse(in, nil)
		if err != nil || resp.StatusCode != status {
			t.Fatal(path, resp, err)
		}
		if body, err := io.ReadAll(resp.Body); err != nil || len(body) > 0 || in.Buffered() > 0 {
			t.Errorf("%s: %q, %v, and %d bytes behind it", path, body, err, in.Buffered())
		}
	}
}

// Of a client that is cut off the system keeps nothing: what it has not taken would stay there for minutes.
func TestCutOffLeavesNothing(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("reads Linux's table of sockets")
	}
	s := serve(t, guard.Options{StallTime: 100 * time.Millisecond}, func() []byte { return make([]byte, 12<<20) })
	c := s.dial(t)
	io.WriteString(c, marker)
	in := bufio.NewReader(c)
	if _, err := in.ReadByte(); err != nil {
		t.Fatal(err)
	}
	eventually(t, "connections", s.guard.Conns, 0)
	if line := socketBetween(t, c.RemoteAddr(), c.LocalAddr()); line != "" {
		t.Errorf("the system still has %s", line)
	}
}

// socketBetween finds a socket in the system's table by the ports of its two ends.
func socketBetween(t *testing.T, here, there net.Addr) string {
	t.Helper()
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	port := func(a net.Addr) string { return fmt.Sprintf(":%04X", a.(*net.TCPAddr).Port) }
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line)
		if len(f) > 4 && strings.HasSuffix(f[1], port(here)) && strings.HasSuffix(f[2], port(there)) {
			return strings.Join(f[1:5], " ")
		}
	}
	return ""
}
