package server_test

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/origin/internal/server"
	"github.com/pictor/pictor/origin/internal/server/servertest"
)

// get gives status and body of a URL.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	resp, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(body)
}

func TestOps(t *testing.T) {
	o := servertest.Start(t, servertest.Options{})
	ops := "http://" + o.OpsAddr().String()
	for _, path := range []string{"/healthz", "/readyz", "/debug/pprof/", "/debug/pprof/goroutine?debug=1"} {
		if status, body := get(t, ops+path); status != http.StatusOK {
			t.Errorf("%s: got %d %s", path, status, body)
		}
	}
	if status, _ := get(t, o.URL+"/metrics"); status != http.StatusNotFound {
		t.Errorf("the public listener gives away metrics: %d", status)
	}
}

func TestMetricsAreThereFromTheStart(t *testing.T) {
	o := servertest.Start(t, servertest.Options{})
	_, body := get(t, "http://"+o.OpsAddr().String()+"/metrics")
	for _, line := range []string{"\npictor_origin_uploads_total 0\n",
		"\npictor_origin_upload_failures_total{kind=\"unsupported\"} 0\n", "\ngo_goroutines ", "\nprocess_open_fds "} {
		if !strings.Contains(body, line) {
			t.Errorf("%q is missing", line)
		}
	}
}

func TestMetricsCount(t *testing.T) {
	o := servertest.Start(t, servertest.Options{})
	who, _ := o.Admin(t)
	key := o.Key(t, who)
	for _, file := range [][]byte{servertest.PNG(10, 10), []byte("<svg/>")} {
		body, kind := form(t, file)
		r, err := http.NewRequest(http.MethodPost, o.URL+"/v1/upload", bytes.NewReader(body))
		if err != nil {
			t.Fatal(err)
		}
		r.Header.Set("Content-Type", kind)
		r.Header.Set("Authorization", "ApiKey "+key)
		resp, err := http.DefaultClient.Do(r)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
	}
	_, body := get(t, "http://"+o.OpsAddr().String()+"/metrics")
	for _, line := range []string{"\npictor_origin_uploads_total 1\n",
		"\npictor_origin_upload_failures_total{kind=\"unsupported\"} 1\n",
		"\npictor_origin_requests_total{route=\"POST /v1/upload\",status=\"201\"} 1\n",
		"\npictor_origin_requests_total{route=\"POST /v1/upload\",status=\"415\"} 1\n",
		"\npictor_origin_request_seconds_count{route=\"POST /v1/upload\"} 2\n"} {
		if !strings.Contains(body, line) {
			t.Errorf("%q is missing", line)
		}
	}
	if strings.Contains(o.Log.String(), key) {
		t.Error("the API key is in the log")
	}
}

func form(t *testing.T, file []byte) (body []byte, contentType string) {
	t.Helper()
	var out bytes.Buffer
	w := multipart.NewWriter(&out)
	part, err := w.CreateFormFile("file", "a.png")
	if err != nil {
		t.Fatal(err)
	}
	_, _ = part.Write(file)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes(), w.FormDataContentType()
}

// An upload that is under way when the origin is told to stop is finished and acknowledged; nobody new gets in.
func TestShutdownFinishesUploads(t *testing.T) {
	o := servertest.Start(t, servertest.Options{})
	who, _ := o.Admin(t)
	conn, reader, rest := halfAnUpload(t, o, o.Key(t, who))
	unused, err := net.Dial("tcp", o.Addr().String()) // must not hold up the end
	if err != nil {
		t.Fatal(err)
	}
	defer unused.Close()

	stopped := make(chan error, 1)
	go func() { stopped <- o.Stop() }()
	waitRefused(t, o.Addr().String())
	if status, _ := get(t, "http://"+o.OpsAddr().String()+"/readyz"); status != http.StatusServiceUnavailable {
		t.Errorf("a draining origin says %d about being ready", status)
	}
	if _, err := conn.Write(rest); err != nil {
		t.Fatal(err)
	}
	resp, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusCreated {
		t.Errorf("got %d, want 201", resp.StatusCode)
	}
	start := time.Now()
	if err := <-stopped; err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 4*time.Second { // net/http waits for five where a connection is silent
		t.Errorf("the origin took %s more to stop", took)
	}
}

// One that does not come to an end is cut off.
func TestShutdownDoesNotWaitForever(t *testing.T) {
	o := servertest.Start(t, servertest.Options{DrainWait: 100 * time.Millisecond})
	who, _ := o.Admin(t)
	halfAnUpload(t, o, o.Key(t, who))
	start := time.Now()
	if err := o.Stop(); err != nil {
		t.Error(err)
	}
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("the origin took %s to stop", took)
	}
}

// halfAnUpload returns when the origin has begun to read it.
func halfAnUpload(t *testing.T, o *servertest.Origin, key string) (net.Conn, *bufio.Reader, []byte) {
	t.Helper()
	body, kind := form(t, servertest.PNG(100, 100))
	conn, err := net.Dial("tcp", o.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(time.Minute))
	fmt.Fprintf(conn, "POST /v1/upload HTTP/1.1\r\nHost: x\r\nContent-Type: %s\r\nContent-Length: %d\r\n"+
		"Authorization: ApiKey %s\r\nExpect: 100-continue\r\n\r\n", kind, len(body), key)
	reader := bufio.NewReader(conn)
	resp, err := http.ReadResponse(reader, nil)
	if err != nil || resp.StatusCode != http.StatusContinue {
		t.Fatalf("want 100 Continue, got %+v, %v", resp, err)
	}
	if _, err := conn.Write(body[:len(body)/2]); err != nil {
		t.Fatal(err)
	}
	return conn, reader, body[len(body)/2:]
}

func waitRefused(t *testing.T, address string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		conn.Close()
	}
	t.Fatal("a draining origin still takes connections")
}

func TestTakenPortNamesTheKnob(t *testing.T) {
	o := servertest.Start(t, servertest.Options{})
	taken, free := o.Addr().String(), "127.0.0.1:0"
	for _, tt := range []struct{ public, ops, edge, knob string }{
		{taken, free, free, "PICTOR_ORIGIN_LISTEN"},
		{free, taken, free, "PICTOR_ORIGIN_OPS_LISTEN"},
		{free, free, taken, "PICTOR_ORIGIN_EDGE_LISTEN"},
	} {
		_, err := server.New(server.Config{Core: o.Core, Cluster: o.Cluster, Log: slog.New(slog.DiscardHandler),
			Listen: tt.public, OpsListen: tt.ops, EdgeListen: tt.edge, DeliveryURL: servertest.DeliveryURL})
		if err == nil || !strings.Contains(err.Error(), tt.knob+": ") {
			t.Errorf("got %v, want one that names %s", err, tt.knob)
		}
	}
}

// Requests that no handler sees must be harmless, and slow heads must not be waited for.
func TestHugeHeadIsRefused(t *testing.T) {
	o := servertest.Start(t, servertest.Options{})
	r, err := http.NewRequestWithContext(context.Background(), http.MethodGet, o.URL+"/", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Long", strings.Repeat("a", 64<<10))
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
		t.Errorf("got %d, want 431", resp.StatusCode)
	}
}
