package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/edge/internal/render/worker"
	"github.com/pictor/pictor/shared/freeport"
)

// actAs makes the test binary the program itself: the pool starts it as a worker, and tests as an edge.
const actAs = "PICTOR_TEST_RUN"

func TestMain(m *testing.M) {
	switch {
	case len(os.Args) == 2 && os.Args[1] == "render":
		os.Exit(worker.Main())
	case os.Getenv(actAs) != "":
		main()
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// flags are those of an edge on free ports, whose origin is not there.
func flags(t *testing.T) (all []string, public, ops string) {
	t.Helper()
	ports := freeport.ForTest(t, 5)
	public, ops = ports[0], ports[1]
	return []string{"serve", "--listen", public, "--ops-listen", ops, "--peer-listen", ports[2], "--gossip-listen", ports[3],
		"--origin", ports[4], "--data", t.TempDir(), "--workers", "1", "--network", "local", "--name", "edge-under-test",
		"--cluster-key", strings.Repeat("k", 32), "--drain-wait", "30s"}, public, ops
}

// start runs an edge in this process.
func start(t *testing.T, more ...string) (public, ops string) {
	t.Helper()
	args, public, ops := flags(t)
	args = append(args, more...)
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	var log bytes.Buffer
	go func() { ended <- run(ctx, args, &log) }()
	t.Cleanup(func() {
		stop()
		if err := <-ended; err != nil {
			t.Errorf("%v\n%s", err, log.String())
		}
	})
	waitFor(t, ops)
	return public, ops
}

// waitFor waits until the process lives.
func waitFor(t *testing.T, ops string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(20 * time.Millisecond) {
		if resp, err := http.Get("http://" + ops + "/healthz"); err == nil {
			resp.Body.Close()
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the edge does not start")
		}
	}
}

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

// An edge without its origin lives, says that it is not ready, and why.
func TestOperations(t *testing.T) {
	public, ops := start(t)
	if status, text := get(t, "http://"+ops+"/readyz"); status != 503 || text != "the signing keys are not known yet\n" {
		t.Errorf("ready: %d %s", status, text)
	}
	if status, _ := get(t, "http://"+public+"/metrics"); status != 404 {
		t.Errorf("metrics on the public port: %d", status)
	}
	if status, _ := get(t, "http://"+public+"/v1/image/photo"); status != 503 {
		t.Errorf("a picture without an origin: %d", status)
	}
	t.Run("explain", func(t *testing.T) { testExplain(t, ops) })
	t.Run("deploy", func(t *testing.T) { testDeployed(t, ops) })
}

func testExplain(t *testing.T, ops string) {
	f := func(want string, args ...string) {
		t.Helper()
		var out bytes.Buffer
		err := run(t.Context(), append([]string{"explain"}, args...), &out)
		if err != nil {
			fmt.Fprintln(&out, err)
		}
		if !strings.Contains(out.String(), want) {
			t.Errorf("%v: got\n%s", args, out.String())
		}
	}
	url := "https://images.example/v1/image/w_4/photo?v=3"
	f("refused    unavailable", "--ops", ops, url)
	f("signature  none", "--ops", ops, url)
	f("name       photo in cloud\nasks for   a transform\nv          3\n", "--offline", url)
	f("no edge answers", "--ops", freeport.ForTest(t, 1)[0], url)
	f("percent-encoding", "--offline", "/v1/image/%70hoto")
}

var metric = regexp.MustCompile(`\b(pictor|go|process)_[a-z0-9_]+`)

// Every metric that the dashboard and the alerts use is there.
func testDeployed(t *testing.T, ops string) {
	_, text := get(t, "http://"+ops+"/metrics")
	known := map[string]bool{}
	for line := range strings.Lines(text) {
		name, _, _ := strings.Cut(line, " ")
		name, _, _ = strings.Cut(name, "{")
		known[name] = true
	}
	for _, file := range []string{"grafana/pictor-edge.json", "prometheus/alerts.yml"} {
		content, err := os.ReadFile(filepath.Join("../../../deploy", file))
		if err != nil {
			t.Fatal(err)
		}
		used := metric.FindAllString(string(content), -1)
		if len(used) < 5 {
			t.Errorf("%s uses only %v", file, used)
		}
		slices.Sort(used)
		for _, name := range slices.Compact(used) {
			if !known[name] {
				t.Errorf("%s uses %s, which does not exist", file, name)
			}
		}
	}
}

// Each client behind a trusted proxy has a limit of its own; what the proxy cannot know, nobody believes.
func TestLimitsBehindProxy(t *testing.T) {
	public, ops := start(t, "--trusted-proxies", "127.0.0.1", "--limit-miss-ip", "2/h")
	ask := func(client string) *http.Response {
		t.Helper()
		req, err := http.NewRequest("GET", "http://"+public+"/v1/image/photo", nil)
		if err != nil {
			t.Fatal(err)
		}
		if client != "" {
			req.Header.Set("X-Forwarded-For", client)
		}
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		resp.Body.Close()
		return resp
	}
	for _, c := range []struct {
		client string
		want   int
	}{{"192.0.2.1", 503}, {"192.0.2.1", 503}, {"198.51.100.9, 192.0.2.1", 429}, {"192.0.2.2", 503},
		{"2001:db8::1", 503}, {"2001:db8::2", 503}, {"2001:db8::3", 429}, {"", 503}, {"", 503}, {"", 503}} {
		got := ask(c.client)
		if got.StatusCode != c.want {
			t.Errorf("%q: %d, want %d", c.client, got.StatusCode, c.want)
		}
		if h := got.Header; c.want == 429 && (h.Get("X-RateLimit-Limit") != "2" || h.Get("X-RateLimit-Remaining") != "0" || h.Get("Retry-After") == "") {
			t.Errorf("%q: %v", c.client, h)
		}
	}
	if _, text := get(t, "http://"+ops+"/metrics"); !strings.Contains(text, `pictor_edge_refused_total{limit="miss_ip"} 2`) {
		t.Error("refusals are not counted")
	}
}

func TestHeapLimit(t *testing.T) {
	const gib = 1 << 30
	for _, c := range []struct {
		container      uint64
		workers        int
		least, largest uint64
	}{{16 * gib, 4, 11 * gib, 13 * gib}, {gib, 4, gib * 3 / 10, gib / 2}, {64 * gib, 64, 24 * gib, 32 * gib}} {
		if got := heapLimit(c.container, c.workers); got < c.least || got > c.largest {
			t.Errorf("%d GiB, %d workers: %d MiB", c.container/gib, c.workers, got>>20)
		}
	}
}
