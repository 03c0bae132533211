package edge_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/delivery"
	"github.com/pictor/pictor/shared/wire"
)

// raw gives the bytes that answer the bytes of a request, which must close its connection.
func (w *world) raw(request string) string {
	w.t.Helper()
	ends := fasthttputil.NewPipeConns()
	server := &fasthttp.Server{Handler: w.edge.Serve, NoDefaultContentType: true,
		NoDefaultServerHeader: true}
	served := make(chan error, 1)
	go func() { served <- server.ServeConn(ends.Conn1()) }()
	if _, err := io.WriteString(ends.Conn2(), request); err != nil {
		w.t.Fatal(err)
	}
	got, err := io.ReadAll(ends.Conn2())
	if err != nil {
		w.t.Fatal(err)
	}
	<-served
	return string(got)
}

func (w *world) rawGet(method, target string, lines ...string) (head, body string) {
	w.t.Helper()
	answer := w.raw(method + " " + target + " HTTP/1.1\r\nHost: edge\r\n" + strings.Join(append(lines, "Connection: close"), "\r\n") + "\r\n\r\n")
	head, body, _ = strings.Cut(answer, "\r\n\r\n")
	return head, body
}

func TestHeadersOnTheWire(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	for range 2 { // rendered, then from memory
		head, _ := w.rawGet("GET", "/v1/image/f_auto,w_4/photo")
		for _, line := range []string{"ETag: \"", "Vary: Accept", "Age: 0", "Accept-Ranges: bytes", "Last-Modified: ",
			"Access-Control-Allow-Origin: *", "Cross-Origin-Resource-Policy: cross-origin", "Timing-Allow-Origin: *",
			"Cache-Status: pictor; ", "Server-Timing: "} {
			if strings.Count(head, "\r\n"+line) != 1 {
				t.Errorf("%q stands %d times in %s", line, strings.Count(head, "\r\n"+line), head)
			}
		}
	}
}

// What HEAD says is what GET says, for every kind of answer.
func TestHeadIsGetWithoutBody(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	w.add("big", make([]byte, 5<<20), nil)
	w.add("secret", picture, func(m *wire.Manifest) { m.Visibility = wire.Private })
	etag := w.get("/v1/image/photo").Header.Get("ETag")
	for name, parts := range map[string][]string{
		"hit":          {"/v1/image/photo"},
		"stream":       {"/v1/image/big"},
		"not modified": {"/v1/image/photo", "If-None-Match: " + etag},
		"precondition": {"/v1/image/photo", "If-Match: \"other\""},
		"not found":    {"/v1/image/none"},
		"forbidden":    {"/v1/image/secret"},
		"malformed":    {"/v1/image/a%20b"},
	} {
		get, body := w.rawGet("GET", parts[0], parts[1:]...)
		head, none := w.rawGet("HEAD", parts[0], parts[1:]...)
		if steady(get) != steady(head) || none != "" {
			t.Errorf("%s: HEAD gives %s\nwith %d bytes, GET\n%s", name, head, len(none), get)
		}
		if n := fmt.Sprintf("\r\nContent-Length: %d\r\n", len(body)); name != "not modified" && !strings.Contains(get, n) {
			t.Errorf("%s: %d bytes behind %s", name, len(body), get)
		}
	}
	ranged, _ := w.rawGet("HEAD", "/v1/image/photo", "Range: bytes=0-1")
	if whole, _ := w.rawGet("HEAD", "/v1/image/photo"); steady(ranged) != steady(whole) {
		t.Errorf("Range has a meaning for HEAD: %s", ranged)
	}
}

// steady takes out what depends on the moment.
func steady(head string) string {
	var lines []string
	for _, line := range strings.Split(head, "\r\n") {
		if !strings.HasPrefix(line, "Date:") && !strings.HasPrefix(line, "Server-Timing:") {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

func TestWhereAnAnswerCameFrom(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	w.add("secret", picture, func(m *wire.Manifest) { m.Visibility = wire.Private })
	for i, want := range []string{"pictor; fwd=miss; stored; detail=render", "pictor; hit; detail=memory", "pictor; hit; detail=memory"} {
		got := w.get("/v1/image/w_4/photo")
		tier := want[strings.LastIndex(want, "=")+1:]
		if got.Header.Get("Cache-Status") != want || !strings.HasPrefix(got.Header.Get("Server-Timing"), tier) {
			t.Errorf("answer %d: %q %q", i, got.Header.Get("Cache-Status"), got.Header.Get("Server-Timing"))
		}
	}
	for range 2 {
		got := w.get(delivery.SignCloud(w.keys, "secret", "w_4", now.Add(time.Hour)))
		if got.StatusCode != 200 || got.Header.Get("Cache-Status") != "" || got.Header.Get("Server-Timing") != "" {
			t.Errorf("a private answer tells %q, %q", got.Header.Get("Cache-Status"), got.Header.Get("Server-Timing"))
		}
	}
}

// Age is 0 while the feed lives; without it, it is the time for which nobody could have told of a change.
func TestAge(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	age := func(want string) {
		t.Helper()
		for _, target := range []string{"/v1/image/photo", "/v1/image/w_4/photo", "/v1/image/w_4/photo?v=3"} {
			for range 2 {
				if got := w.get(target).Header.Get("Age"); got != want {
					t.Errorf("%s: Age %q, want %q", target, got, want)
				}
			}
		}
	}
	age("0")
	w.stale, w.heard = true, now.Add(-90*time.Second)
	age("90")
	if got := w.get("/v1/image/photo", "If-None-Match", "*"); got.StatusCode != 304 || got.Header.Get("Age") != "90" {
		t.Errorf("304: %d, Age %q", got.StatusCode, got.Header.Get("Age"))
	}
	w.mu.Lock()
	w.names["photo"].Asked = now.Add(-30 * time.Second)
	w.mu.Unlock()
	age("30")
	w.stale = false
	age("0")
}

func TestPreconditions(t *testing.T) {
	w := newWorld(t)
	m := w.add("photo", picture, nil)
	etag := w.get("/v1/image/photo").Header.Get("ETag")
	at := time.Unix(m.UpdatedAt, 0).UTC()
	date := func(d time.Duration) string { return at.Add(d).Format(http.TimeFormat) }
	for _, c := range []struct {
		lines  string
		status int
	}{
		{"If-Match: " + etag, 200},
		{"If-Match: *", 200},
		{"If-Match: \"x\", " + etag, 200},
		{"If-Match: \"x\"\r\nIf-Match: " + etag, 200},
		{"If-Match: W/" + etag, 412}, // compared strongly
		{"If-Match: \"x\"", 412},
		{"If-Match: \"x\"\r\nIf-None-Match: " + etag, 412},
		{"If-Match: " + etag + "\r\nIf-Unmodified-Since: " + date(-time.Hour), 200},
		{"If-Unmodified-Since: " + date(0), 200},
		{"If-Unmodified-Since: " + date(-time.Second), 412},
		{"If-Unmodified-Since: soon", 200},
		{"If-None-Match: \"x\"\r\nIf-None-Match: " + etag, 304},
		{"If-None-Match:" + etag + " \t", 304},
		{"If-None-Match: \"x\"\r\nIf-None-Match: \"y\"", 200},
		{"If-Modified-Since: " + at.Format("Monday, 02-Jan-06 15:04:05 GMT"), 304},
		{"If-Modified-Since: " + at.Format(time.ANSIC), 304},
		{"If-Modified-Since: " + date(time.Hour), 304},
		{"Range: bytes=0-1\r\nIf-None-Match: " + etag, 304},
		{"Range: bytes=0-1", 206},
		{"Range: BYTES=0-1", 206},
		{"Range: bytes=0-1\r\nRange: bytes=0-1", 200},
		{"Range: bytes=0-1\r\nIf-Range: " + date(0), 206},
		{"Range: bytes=0-1\r\nIf-Range: " + date(time.Second), 200},
		{"Range: bytes=0-1\r\nIf-Range: W/" + etag, 200},
		{"Range: bytes=0-1\r\nIf-Range:", 200},
		{"Range: bytes=999999-", 416},
	} {
		head, body := w.rawGet("GET", "/v1/image/photo", c.lines)
		if !strings.HasPrefix(head, fmt.Sprintf("HTTP/1.1 %d ", c.status)) {
			t.Errorf("%q: %.40q, want %d", c.lines, head, c.status)
		}
		if entity := strings.Contains(head, "\r\nETag: "); entity != (c.status < 400) {
			t.Errorf("%q: %d, an entity's tag: %v", c.lines, c.status, entity)
		}
		if c.status == 304 && (body != "" || strings.Contains(head, "\r\nContent-Length") || strings.Contains(head, "\r\nContent-Type")) {
			t.Errorf("%q: 304 describes a body: %s", c.lines, head)
		}
	}
}

// A date does not prove that a part belongs to what the client has, where the same URL may give other bytes with the same
// date: in another format, or encoded once more.
func TestDatedParts(t *testing.T) {
	w := newWorld(t)
	w.remake(edge.Policy{Refine: true})
	var refines atomic.Int64
	w.render = func(_ context.Context, job edge.Job) ([]byte, error) {
		if job.Best {
			refines.Add(1)
		}
		return []byte("rendered " + job.Spec.String()), nil
	}
	m := w.add("photo", picture, nil)
	date := time.Unix(m.UpdatedAt, 0).UTC().Format(http.TimeFormat)
	for target, status := range map[string]int{"/v1/image/photo": 206, "/v1/image/w_4,f_png/photo": 206,
		"/v1/image/w_4,f_webp/photo": 200, "/v1/image/w_4,f_auto/photo": 200} {
		for range 3 { // made, found, remembered
			tag := w.get(target).Header.Get("ETag")
			if got := w.get(target, "Range", "bytes=0-1", "If-Range", date); got.StatusCode != status {
				t.Errorf("%s: %d, want %d", target, got.StatusCode, status)
			}
			if got := w.get(target, "Range", "bytes=0-1", "If-Range", tag); got.StatusCode != 206 {
				t.Errorf("%s by its tag: %d", target, got.StatusCode)
			}
		}
	}
	w.eventually(func() bool { return refines.Load() == 2 })
}

func TestVaryOnErrors(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	for name, parts := range map[string][]string{
		"200": {"/v1/image/f_auto/photo"}, "304": {"/v1/image/f_auto/photo", "If-None-Match: *"},
		"412": {"/v1/image/f_auto/photo", "If-Match: \"x\""}, "416": {"/v1/image/f_auto/photo", "Range: bytes=9999-"},
		"404": {"/v1/image/f_auto/none"}, "206": {"/v1/image/f_auto/photo", "Range: bytes=0-0"},
	} {
		head, _ := w.rawGet("GET", parts[0], parts[1:]...)
		if !strings.HasPrefix(head, "HTTP/1.1 "+name) || !strings.Contains(head, "\r\nVary: Accept\r\n") {
			t.Errorf("%s: %s", name, head)
		}
	}
}

// Several Accept lines are one list, when a picture is made and when it is remembered.
func TestAcceptLines(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	for range 3 {
		for lines, want := range map[string]string{
			"Accept: image/webp": "image/webp", "Accept: text/html\r\nAccept: image/webp": "image/webp",
			"Accept: image/webp\r\nAccept: image/avif": "image/avif", "Accept: image/avif\r\nAccept: */*": "image/avif",
			"Accept: image/*\r\nAccept: */*": "image/jpeg", "Accept:\r\nAccept: image/avif;q=0\r\nAccept: image/webp": "image/webp",
		} {
			if head, _ := w.rawGet("GET", "/v1/image/f_auto,w_4/photo", lines); !strings.Contains(head, "\r\nContent-Type: "+want+"\r\n") {
				t.Errorf("%q: want %s, got %s", lines, want, head)
			}
		}
	}
}

func TestLongURL(t *testing.T) {
	w := newWorld(t)
	for length, want := range map[int]int{delivery.MaxTargetBytes: 404, delivery.MaxTargetBytes + 1: 414} {
		got := w.get("/v1/image/photo?" + strings.Repeat("v", length-len("/v1/image/photo?")))
		if got.StatusCode != want || got.Header.Get("Cache-Control") == "" || got.Close {
			t.Errorf("%d bytes: %d %v", length, got.StatusCode, got.Header)
		}
	}
}

func TestStaleness(t *testing.T) {
	for want, policy := range map[string]edge.Policy{
		"public, max-age=60":                           {PublicAge: time.Minute},
		"public, max-age=60, stale-while-revalidate=5": {PublicAge: time.Minute, StaleWhileRevalidate: 5 * time.Second},
		"public, max-age=7, stale-while-revalidate=1, stale-if-error=2": {PublicAge: 7 * time.Second,
			StaleWhileRevalidate: time.Second, StaleIfError: 2 * time.Second},
		"public, no-cache": {StaleWhileRevalidate: time.Hour, StaleIfError: time.Hour},
	} {
		w := newWorld(t)
		w.add("photo", picture, nil)
		w.remake(policy)
		if got := w.get("/v1/image/photo").Header.Get("Cache-Control"); got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

// A stream that is cut in the middle tells so by its length, and a part of it is the part.
func TestStreamedParts(t *testing.T) {
	w := newWorld(t)
	big := bytes.Repeat([]byte("0123456789abcdef"), 320<<10)
	w.add("big", big, nil)
	head, body := w.rawGet("GET", "/v1/image/big", "Range: bytes=1048570-1048600")
	if !strings.Contains(head, "\r\nContent-Length: 31\r\n") || body != string(big[1048570:1048601]) {
		t.Errorf("%s\n%q", head, body)
	}
}
