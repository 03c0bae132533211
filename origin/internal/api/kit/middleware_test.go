package kit

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/go-chi/chi/v5"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"

	"github.com/pictor/pictor/origin"
)

// failPlain is a dialect of few words.
func failPlain(w http.ResponseWriter, r *http.Request, err error) {
	NoteError(r, err)
	http.Error(w, kindNames[origin.KindOf(err)], http.StatusTeapot)
}

func newObserver(log io.Writer) *Observer {
	return &Observer{Log: slog.New(slog.NewTextHandler(log, nil)), Metrics: NewMetrics(prometheus.NewRegistry())}
}

func TestObserveWritesOneLineWithoutSecrets(t *testing.T) {
	var log bytes.Buffer
	observer := newObserver(&log)
	router := chi.NewRouter()
	router.Use(observer.Observe)
	router.Post("/v1/{thing}", func(w http.ResponseWriter, r *http.Request) {
		Note(r, slog.String("account", "anna"))
		_, _ = io.WriteString(w, "done")
	})
	r := httptest.NewRequest(http.MethodPost, "/v1/x?sig=topsecret&key=topsecret", strings.NewReader("topsecret"))
	r.Header.Set("Authorization", "ApiKey ck_1:topsecret")
	r.Header.Set("Cookie", SessionCookie+"=topsecret")
	w := httptest.NewRecorder()
	router.ServeHTTP(w, r)

	line := log.String()
	if strings.Count(line, "\n") != 1 {
		t.Errorf("one line expected, got %q", line)
	}
	if strings.Contains(line, "topsecret") {
		t.Errorf("a secret is in the log: %s", line)
	}
	for _, part := range []string{"id=" + w.Header().Get("X-Request-Id"), "account=anna", "method=POST", "path=/v1/x",
		`route="POST /v1/{thing}"`, "status=200", "bytes=4", "address=192.0.2.1"} {
		if !strings.Contains(line, part) {
			t.Errorf("%q is missing in %s", part, line)
		}
	}
	if n := testutil.ToFloat64(observer.Metrics.requests.WithLabelValues("POST /v1/{thing}", "200")); n != 1 {
		t.Errorf("counted %v requests, want 1", n)
	}
}

// Routes that strangers make up must not become metrics of their own.
func TestObserveCountsUnknownRoutesTogether(t *testing.T) {
	observer := newObserver(io.Discard)
	router := chi.NewRouter()
	router.Use(observer.Observe)
	router.Get("/", func(http.ResponseWriter, *http.Request) {})
	for _, target := range []string{"/a", "/b", "/c/d"} {
		router.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest(http.MethodGet, target, nil))
	}
	router.ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("BREW", "/", nil))
	if n := testutil.ToFloat64(observer.Metrics.requests.WithLabelValues("unmatched", "404")); n != 3 {
		t.Errorf("counted %v unmatched, want 3", n)
	}
	if n := testutil.CollectAndCount(observer.Metrics.requests); n != 2 { // one more for the 405
		t.Errorf("%d series, want 2", n)
	}
}

func TestRecover(t *testing.T) {
	var log bytes.Buffer
	router := chi.NewRouter()
	router.Use(newObserver(&log).Observe, Recover(failPlain))
	router.Get("/early", func(http.ResponseWriter, *http.Request) { panic("oh no") })
	router.Get("/late", func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		panic("oh no")
	})
	w := httptest.NewRecorder()
	router.ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/early", nil))
	if w.Code != http.StatusTeapot || strings.Contains(w.Body.String(), "oh no") {
		t.Errorf("got %d %q", w.Code, w.Body)
	}
	if !strings.Contains(log.String(), "oh no") || !strings.Contains(log.String(), "middleware_test.go") {
		t.Errorf("the log does not say what happened where: %s", &log)
	}
	server := httptest.NewServer(router)
	defer server.Close()
	resp, err := http.Get(server.URL + "/late")
	if err == nil {
		_, err = io.ReadAll(resp.Body)
		resp.Body.Close()
	}
	if err == nil {
		t.Error("half an answer came out as a whole one")
	}
}

func TestSameOrigin(t *testing.T) {
	protect, err := SameOrigin(failPlain, "https://images.example.com")
	if err != nil {
		t.Fatal(err)
	}
	handler := protect(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	tests := []struct {
		name, method string
		header       map[string]string
		passes       bool
	}{
		{"no browser", "POST", nil, true},
		{"own page", "POST", map[string]string{"Sec-Fetch-Site": "same-origin"}, true},
		{"own page, old browser", "POST", map[string]string{"Origin": "http://origin.test"}, true},
		{"own page behind a proxy", "POST", map[string]string{"Origin": "https://images.example.com"}, true},
		{"typed", "POST", map[string]string{"Sec-Fetch-Site": "none"}, true},
		{"other site", "POST", map[string]string{"Sec-Fetch-Site": "cross-site", "Origin": "https://evil.test"}, false},
		{"sister site", "DELETE", map[string]string{"Sec-Fetch-Site": "same-site", "Origin": "https://x.origin.test"}, false},
		{"other site, old browser", "PATCH", map[string]string{"Origin": "https://evil.test"}, false},
		{"sandboxed frame", "POST", map[string]string{"Origin": "null"}, false},
		{"other site, reading", "GET", map[string]string{"Sec-Fetch-Site": "cross-site"}, true},
		{"other site with a key of its own", "POST", map[string]string{"Sec-Fetch-Site": "cross-site",
			"Authorization": "ApiKey ck_1:cs_1"}, true},
	}
	for _, tt := range tests {
		r := httptest.NewRequest(tt.method, "http://origin.test/v1/x", nil)
		for name, value := range tt.header {
			r.Header.Set(name, value)
		}
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if passed := w.Code == http.StatusOK; passed != tt.passes {
			t.Errorf("%s: passed is %v, want %v", tt.name, passed, tt.passes)
		}
	}
}

// lineOf is a listener with one connection.
type lineOf chan net.Conn

func (l lineOf) Accept() (net.Conn, error) {
	if conn, open := <-l; open {
		return conn, nil
	}
	return nil, net.ErrClosed
}
func (l lineOf) Close() error   { close(l); return nil }
func (l lineOf) Addr() net.Addr { return &net.TCPAddr{} }

// slowly sends the head of an upload and then a byte at each interval, and gives the answer. It is for a bubble of synctest, in
// which no machine is too busy to keep the pace.
func slowly(t *testing.T, handler http.Handler, interval time.Duration, bytes int) *http.Response {
	t.Helper()
	conn, far := net.Pipe()
	line := make(lineOf, 1)
	line <- far
	server := &http.Server{Handler: handler}
	var both sync.WaitGroup
	both.Go(func() { server.Serve(line) })
	defer both.Wait()
	defer server.Close()
	defer conn.Close()
	both.Go(func() {
		fmt.Fprintf(conn, "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n", bytes)
		for range bytes {
			time.Sleep(interval)
			if _, err := conn.Write([]byte("x")); err != nil {
				return
			}
		}
	})
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		t.Fatal(err)
	}
	return resp
}

func TestPace(t *testing.T) {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := readBody(r.Body, 1000); err != nil {
			failPlain(w, r, err)
			return
		}
		time.Sleep(1200 * time.Millisecond) // longer than Idle: work after the body must not be cut off
		if r.Context().Err() != nil {
			w.WriteHeader(http.StatusGatewayTimeout)
		}
	})
	tests := []struct {
		name     string
		pace     Pace
		interval time.Duration
		bytes    int
		want     int
	}{
		{"steady", Pace{Idle: time.Second, BytesPerSecond: 1}, 20 * time.Millisecond, 75, http.StatusOK},
		{"stalled", Pace{Idle: 100 * time.Millisecond, BytesPerSecond: 1}, time.Hour, 1, http.StatusTeapot},
		{"dripping", Pace{Idle: 200 * time.Millisecond, BytesPerSecond: 1 << 20}, 20 * time.Millisecond, 900, http.StatusTeapot},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				if resp := slowly(t, tt.pace.Limit(handler), tt.interval, tt.bytes); resp.StatusCode != tt.want {
					t.Errorf("got %d, want %d", resp.StatusCode, tt.want)
				}
			})
		})
	}
}

func TestSessionCookie(t *testing.T) {
	w := httptest.NewRecorder()
	SetSession(w, "token", time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC), true)
	ClearSession(w, false)
	want := []string{
		"pictor_session=token; Path=/; Expires=Wed, 02 Jan 2030 03:04:05 GMT; HttpOnly; Secure; SameSite=Lax",
		"pictor_session=; Path=/; Max-Age=0; HttpOnly; SameSite=Lax",
	}
	if got := w.Header()["Set-Cookie"]; strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got %q, want %q", got, want)
	}
}
