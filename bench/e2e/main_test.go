// Package e2e tests Pictor from outside, as whole programs on loopback.
package e2e

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/pictor/pictor/bench/client"
	"github.com/pictor/pictor/bench/stack"
)

// soak reports whether the long forms were asked for («make soak»).
var soak = os.Getenv("PICTOR_SOAK") != ""

// Bounds of what is promised. The long forms of the tests have the machine to themselves, and hold us to the very figure.
// In the short forms the machine may be busy with others, so the bounds are such as only something broken misses.
var (
	soon    = promised(time.Second, 4*time.Second)    // a change reaches all edges; one with a dead feed finds out after 5 s
	slowest = promised(2*time.Second, 20*time.Second) // for a damaged file; a worker that hangs takes longer
)

func promised(idle, busy time.Duration) time.Duration {
	if soak {
		return idle
	}
	return busy
}

// bin is where «make build» put the programs.
func bin(t testing.TB) string {
	t.Helper()
	folder := os.Getenv("PICTOR_BIN")
	if folder == "" {
		folder = filepath.Join("..", "..", ".build", "bin")
	}
	folder, err := filepath.Abs(folder)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Join(folder, "pictor-origin")); err != nil {
		t.Fatalf("the programs are not built (make build): %v", err)
	}
	return folder
}

// start runs a stack of its own for the test, without rate limits unless env says otherwise.
func start(t testing.TB, edges int, env ...string) *stack.Stack {
	t.Helper()
	return startIn(t, t.TempDir(), edges, env...)
}

func startIn(t testing.TB, data string, edges int, env ...string) *stack.Stack {
	t.Helper()
	return startAs(t, stack.Config{Data: data, Edges: edges, Env: env})
}

// startAs runs a stack as configured, with what all tests need.
func startAs(t testing.TB, c stack.Config) *stack.Stack {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	limits := []string{"PICTOR_LIMIT_UPLOAD_IP=off", "PICTOR_LIMIT_LOGIN_IP=off", "PICTOR_LIMIT_LOGIN_EMAIL=off",
		"PICTOR_EDGE_DISK_BYTES=268435456", "PICTOR_EDGE_MEMORY_BYTES=67108864", "PICTOR_EDGE_WORKERS=1",
		"PICTOR_EDGE_REFINE=off"} // or pictures would change while tests compare them
	c.Bin, c.Env, c.Note = bin(t), append(limits, c.Env...), os.Stderr
	s, err := stack.Start(ctx, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return s
}

func signIn(t testing.TB, s *stack.Stack) *client.Client {
	t.Helper()
	c, err := client.SignIn(context.Background(), s.Origin.URL, s.Admin.Email, s.Admin.Password)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func upload(t testing.TB, c *client.Client, filename string, content []byte, fields map[string]string) *client.Asset {
	t.Helper()
	a, err := c.Upload(context.Background(), filename, content, fields)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// get gives status, headers and body of a URL.
func get(t testing.TB, url string, headers ...string) (*http.Response, []byte) {
	t.Helper()
	resp, body, err := tryGet(url, headers...)
	if err != nil {
		t.Fatal(err)
	}
	return resp, body
}

func tryGet(url string, headers ...string) (*http.Response, []byte, error) {
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		return nil, nil, err
	}
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, nil, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, nil, fmt.Errorf("%s: %w", url, err)
	}
	return resp, body, nil
}

// total sums a metric over all edges.
func total(t testing.TB, s *stack.Stack, metric string) float64 {
	t.Helper()
	var sum float64
	for _, e := range s.Edges {
		n, err := e.Metric(metric)
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum
}

// wantOnce checks a count of work over all edges. An edge that has not taken a request on after 150 ms is passed over, and so
// may one that others are slow to hear of: the work is then done twice.
func wantOnce(t testing.TB, s *stack.Stack, metric string, want float64) {
	t.Helper()
	var passedOver float64
	for _, why := range []string{"unaccepted", "failed", "skipped"} {
		passedOver += total(t, s, "pictor_edge_peer_"+why+"_total")
	}
	n := total(t, s, metric)
	if t.Logf("%s is %v, %v requests passed an edge over", metric, n, passedOver); n < want || n > want+passedOver {
		t.Errorf("want %v", want)
	}
}

// within polls until the condition holds, and tells how long that took.
func within(t testing.TB, limit time.Duration, what string, holds func() bool) time.Duration {
	t.Helper()
	start := time.Now()
	for !holds() {
		if time.Since(start) > limit {
			t.Fatalf("%s: not within %s", what, limit)
		}
		time.Sleep(5 * time.Millisecond)
	}
	return time.Since(start)
}
