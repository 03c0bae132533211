package guard_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/pictor/pictor/edge/internal/guard"
)

// Who waits and goes away is noticed; who stays, and whoever comes later over the same server, is not disturbed.
func TestWhenGone(t *testing.T) {
	left, free := make(chan string, 3), make(chan struct{})
	address := handled(t, guard.Options{}, func(c *fasthttp.RequestCtx) {
		name, gone := string(c.RequestURI()), make(chan struct{})
		stop := c.Conn().(interface{ WhenGone(func()) func() }).WhenGone(func() { close(gone) })
		defer stop()
		select {
		case <-gone:
			left <- name
		case <-free:
		}
	})
	ask := func(text string) io.ReadWriteCloser {
		conn := dial(t, address)
		if _, err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
		return conn
	}
	stays := ask("GET /stays HTTP/1.1\r\nHost: h\r\n\r\n")
	eager := ask("GET /eager HTTP/1.1\r\nHost: h\r\n\r\nGET /next HTTP/1.1\r\nHost: h\r\n\r\n")
	ask("GET /goes HTTP/1.1\r\nHost: h\r\n\r\n").Close()
	if got := <-left; got != "/goes" {
		t.Fatalf("%s has left, not the one that went", got)
	}
	time.Sleep(600 * time.Millisecond) // two looks: time enough to err about the others
	close(free)
	for _, conn := range []io.Reader{stays, eager} {
		if got := statusOf(t, conn); got != http.StatusOK {
			t.Errorf("who stayed got %d", got)
		}
	}
	if len(left) > 0 {
		t.Errorf("%s is said to have left", <-left)
	}
}

func statusOf(t *testing.T, conn io.Reader) int {
	t.Helper()
	head := make([]byte, len("HTTP/1.1 200"))
	if _, err := io.ReadFull(conn, head); err != nil {
		t.Fatal(err)
	}
	return int(head[9]-'0')*100 + int(head[10]-'0')*10 + int(head[11]-'0')
}
