package e2e

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/pictor/pictor/bench/picture"
)

// respellings are targets that somebody might take for /v1/image/w_30/photo, or for a way out of it.
var respellings = []string{
	"//v1/image/w_30/photo", "/v1//image/w_30/photo", "/v1/image//w_30/photo", "/v1/image/w_30//photo",
	"/v1/image/w_30/photo/", "///v1/image/w_30/photo", "/v1/image/w_30/photo//", "/./v1/image/w_30/photo",
	"/v1/./image/w_30/photo", "/v1/image/./w_30/photo", "/v1/image/w_30/./photo", "/v1/image/w_30/photo/.",
	"/x/../v1/image/w_30/photo", "/v1/image/x/../w_30/photo", "/v1/image/w_30/x/../photo",
	"/v1/image/w_30/photo/..", "/../v1/image/w_30/photo", "/v1/image/w_30/%70hoto", "/v1/image/w%5F30/photo",
	"/v1/image%2Fw_30/photo", "/v1%2Fimage/w_30/photo", "/v1/image/w_30%2fphoto", "/%76%31/image/w_30/photo",
	"/v1/image/w_30/photo%20", "/v1/image/w_30/photo%00", "/v1/image/w_30/photo%00.jpg",
	"/v1/image/%2e/w_30/photo", "/v1/image/%2e%2e/image/w_30/photo", "/v1/image/.%2e/image/w_30/photo",
	"/v1/image/%252e%252e/w_30/photo", "/v1/image/w_30/%2570hoto", "/v1/image/w_30/photo%0d%0a",
	"/v1/image/w_30/photo%3Fv=1", "/v1/image/w_30/photo%23", "/v1/image/%c0%ae%c0%ae/image/w_30/photo",
	"/v1/image/\xc0\xae\xc0\xae/image/w_30/photo", "/v1/image/\xe0\x80\xae/w_30/photo",
	"/v1/image/w_30/\xef\xbd\x90hoto", "/v1/image/w_30/photo\xff", "/v1\\image\\w_30\\photo",
	"/v1/image\\w_30/photo", "/v1/image/w_30\\photo", "\\v1/image/w_30/photo", "/v1/image/w_30/photo#",
	"/v1/image/w_30/photo?v=1#x", "/v1/image/w_030/photo", "/v1/image/w_30,/photo", "/v1/image/,w_30/photo",
	"/v1/image/w_30,w_30/photo", "/v1/image/w_30.0/photo", "/v1/image/w_+30/photo", "/v1/image/w_3_0/photo",
	"/v1/image/w_30/%u0070hoto", "/v1/image/w_30/pho%to", "/v1/image/w_30/photo%",
	"/v1/image/w_30/photo?v=\xc3\xa4", "/v1/image/w_30/photo?v=\\",
}

// Every other spelling of a path is refused, and the connection goes on.
func TestRespellings(t *testing.T) {
	s := start(t, 1)
	c := signIn(t, s)
	upload(t, c, "p.png", picture.PNG(picture.Photo(120, 80, 1)), map[string]string{"public_id": "photo"})
	conn, err := net.Dial("tcp", edgeAddress(s))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	in := bufio.NewReader(conn)
	status := func(target string) int {
		t.Helper()
		fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", target)
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			t.Fatalf("%q: %v", target, err)
		}
		io.Copy(io.Discard, resp.Body)
		return resp.StatusCode
	}
	for _, target := range respellings {
		if !strings.HasPrefix(target, "/") {
			continue // no request target at all: see TestForms
		}
		if got := status(target); got != 400 {
			t.Errorf("%q: %d", target, got)
		}
	}
	for _, target := range []string{"/v1/image/w_30/photo", "http://elsewhere.example/v1/image/w_30/photo",
		"HTTPS://h:443/v1/image/w_30/photo"} {
		if got := status(target); got != 200 {
			t.Errorf("%q: %d", target, got)
		}
	}
	for _, path := range []string{"/", "/metrics", "/healthz", "/readyz", "/debug/pprof/", "/debug/pprof/heap", "/debug/vars",
		"/debug/explain", "/object", "/chunk", "/peer", "/admin", "/v1/edge/changes", "/server-status", "/.env", "http://h"} {
		if got := status(path); got != 404 && got != 400 {
			t.Errorf("%s answers %d on the public port", path, got)
		}
	}
}

func TestForms(t *testing.T) {
	s := start(t, 1)
	for head, want := range map[string]string{
		"OPTIONS * HTTP/1.1\r\nHost: h\r\nConnection: close":            "[204]",
		"OPTIONS /v1/image/x HTTP/1.1\r\nHost: h\r\nConnection: close":  "[204]",
		"GET * HTTP/1.1\r\nHost: h":                                     "[400]",
		"CONNECT h:443 HTTP/1.1\r\nHost: h":                             "[400]",
		"GET h:80 HTTP/1.1\r\nHost: h":                                  "[400]",
		"GET \\v1/image/x HTTP/1.1\r\nHost: h":                          "[400]",
		"GET v1/image/x HTTP/1.1\r\nHost: h":                            "[400]",
		"GET ftp://h/x HTTP/1.1\r\nHost: h":                             "[400]",
		"GET http://h@g/x HTTP/1.1\r\nHost: h":                          "[400]",
		"DELETE /v1/image/x HTTP/1.1\r\nHost: h\r\nConnection: close":   "[405]",
		"TRACE /v1/image/x HTTP/1.1\r\nHost: h\r\nConnection: close":    "[405]",
		"get /v1/image/x HTTP/1.1\r\nHost: h\r\nConnection: close":      "[405]",
		"PROPFIND /v1/image/x HTTP/1.1\r\nHost: h\r\nConnection: close": "[405]",
	} {
		if got, closed := converse(t, edgeAddress(s), head+"\r\n\r\n", patience); fmt.Sprint(got) != want || !closed {
			t.Errorf("%q: %v, closed %v, want %s", head, got, closed, want)
		}
	}
}

// Thousands of silent connections, and as many that never finish a head, are closed in time; meanwhile hits are answered.
func TestSilentClients(t *testing.T) {
	const silent, wait = 5000, 3 * time.Second
	var files syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files); err != nil || files.Cur < silent+500 {
		t.Skipf("only %d files may be open", files.Cur)
	}
	s := start(t, 1, "PICTOR_EDGE_IDLE_TIME="+wait.String(), "PICTOR_EDGE_HEAD_TIME="+wait.String())
	c := signIn(t, s)
	upload(t, c, "p.png", picture.PNG(picture.Photo(120, 80, 1)), map[string]string{"public_id": "photo"})
	hit := s.Edges[0].URL + "/v1/image/w_30/photo"
	get(t, hit)

	kinds := []string{
		"",                            // never says a word
		"GET /v1/image/w_30/photo HT", // never comes to an end
		"GET /v1/image/w_30/photo HTTP/1.1\r\nHost: h\r\nX: ",
		"GET /v1/image/w_30/photo HTTP/1.1\r\nHost: h\r\n\r\n", // served, then idle
	}
	var open []net.Conn
	defer func() {
		for _, c := range open {
			c.Close()
		}
	}()
	for i := range silent {
		c, err := net.Dial("tcp", edgeAddress(s))
		if err != nil {
			t.Fatal(err)
		}
		open = append(open, c)
		if _, err := io.WriteString(c, kinds[i%len(kinds)]); err != nil {
			t.Fatal(err)
		}
	}
	var closed atomic.Int64
	var waiting sync.WaitGroup
	deadline := time.Now().Add(wait + time.Minute)
	for _, c := range open {
		waiting.Go(func() {
			_ = c.SetReadDeadline(deadline)
			if _, err := io.Copy(io.Discard, c); !errors.Is(err, os.ErrDeadlineExceeded) {
				closed.Add(1)
			}
		})
	}
	var took []time.Duration
	for closed.Load() < silent && time.Now().Before(deadline) {
		began := time.Now()
		if resp, _ := get(t, hit); resp.StatusCode != 200 {
			t.Fatalf("a hit among silent clients: %d", resp.StatusCode)
		}
		took = append(took, time.Since(began))
		time.Sleep(5 * time.Millisecond)
	}
	waiting.Wait()
	slices.Sort(took)
	if n := closed.Load(); n != silent {
		t.Errorf("%d of %d connections were closed in time", n, silent)
	}
	if p99 := took[len(took)*99/100]; len(took) < 10 || p99 > 2*time.Second {
		t.Errorf("%d hits, 99 %% of them within %s", len(took), p99)
	}
	t.Logf("%d hits among %d silent clients: median %s, worst %s", len(took), silent, took[len(took)/2], took[len(took)-1])
}
