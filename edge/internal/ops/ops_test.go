package ops_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/ops"
	"github.com/pictor/pictor/shared/transform"
)

func TestMetrics(t *testing.T) {
	m := ops.NewMetrics()
	m.Counter("pictor_edge_origin_fetches_total", "Downloads.", func() int64 { return 7 })
	for range 3 {
		m.Served(edge.TierMemory, 200, 100, time.Millisecond)
	}
	m.Served(edge.TierNone, 404, 20, time.Millisecond)
	m.Rendered(edge.Job{Spec: transform.Spec{Format: transform.WebP}}, time.Second, nil)
	m.Rendered(edge.Job{}, time.Second, &edge.Error{Kind: edge.Damaged})
	m.Refused(edge.LimitMissIP)
	m.Replaced("crash")
	text := get(t, m, "/metrics", 200)
	for _, line := range []string{`pictor_edge_requests_total{status="200",tier="memory"} 3`,
		`pictor_edge_requests_total{status="404",tier="none"} 1`, `pictor_edge_requests_total{status="200",tier="render"} 0`,
		"pictor_edge_sent_bytes_total 320", "pictor_edge_renders_total 1", `pictor_edge_render_failures_total{kind="damaged"} 1`,
		"pictor_edge_origin_fetches_total 7", `pictor_edge_refused_total{limit="miss_ip"} 1`,
		`pictor_edge_refused_total{limit="variants"} 0`, `pictor_edge_render_workers_replaced_total{reason="crash"} 1`,
		`pictor_edge_request_seconds_count{tier="memory"} 3`, `pictor_edge_request_seconds_count{tier="disk"} 0`} {
		if !strings.Contains(text, line+"\n") {
			t.Errorf("%q is missing", line)
		}
	}
}

func TestHealth(t *testing.T) {
	m := ops.NewMetrics()
	get(t, m, "/healthz", 200)
	get(t, m, "/readyz", 503)
	get(t, m, "/debug/pprof/", 200)
	if got := get(t, m, "/debug/explain?target=%2Fv1%2Fimage%2Fx%3Fv%3D1&accept=image%2F*", 200); got != "target  /v1/image/x?v=1\na       image/*\n" {
		t.Errorf("got %q", got)
	}
}

func get(t *testing.T, m *ops.Metrics, path string, want int) string {
	t.Helper()
	server := httptest.NewServer(m.Handler(ops.Answers{
		Ready: func(context.Context) error { return errors.New("draining") },
		Explain: func(_ context.Context, target, accept string) []edge.Finding {
			return []edge.Finding{{Name: "target", Text: target}, {Name: "a", Text: accept}}
		}}))
	defer server.Close()
	resp, err := http.Get(server.URL + path)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil || resp.StatusCode != want {
		t.Errorf("%s: %d %v", path, resp.StatusCode, err)
	}
	return string(text)
}

func TestServedDoesNotAllocate(t *testing.T) {
	m := ops.NewMetrics()
	if n := testing.AllocsPerRun(1000, func() { m.Served(edge.TierMemory, 200, 100, time.Millisecond) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
