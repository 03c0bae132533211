package trace_test

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/valyala/fasthttp"
	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	otlp "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/trace"
)

// spans is a collector.
type spans struct {
	t       *testing.T
	mu      sync.Mutex
	byName  map[string]*otlp.Span
	nodeOf  map[string]string
	request []byte
}

func collect(t *testing.T) (*spans, string) {
	s := &spans{t: t, byName: map[string]*otlp.Span{}, nodeOf: map[string]string{}}
	server := httptest.NewServer(s)
	t.Cleanup(server.Close)
	return s, server.URL
}

func (s *spans) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	var batch collector.ExportTraceServiceRequest
	if r.URL.Path != "/v1/traces" || err != nil || proto.Unmarshal(body, &batch) != nil {
		s.t.Errorf("%s %s: %v", r.Method, r.URL, err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.request = append(s.request, body...)
	for _, resource := range batch.ResourceSpans {
		node := ""
		for _, a := range resource.Resource.Attributes {
			if a.Key == "service.instance.id" {
				node = a.Value.GetStringValue()
			}
		}
		for _, scope := range resource.ScopeSpans {
			for _, span := range scope.Spans {
				s.byName[span.Name], s.nodeOf[span.Name] = span, node
			}
		}
	}
}

func (s *spans) text(name, key string) string {
	for _, a := range s.byName[name].GetAttributes() {
		if a.Key == key {
			return a.Value.GetStringValue()
		}
	}
	return ""
}

func start(t *testing.T, o trace.Options) *trace.Tracer {
	t.Helper()
	tracer, err := trace.New(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	return tracer
}

func request(headers ...string) *fasthttp.RequestCtx {
	var c fasthttp.RequestCtx
	var req fasthttp.Request
	req.SetRequestURI("/v1/image/w_4/photo?sig=k1.secret")
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	c.Init(&req, nil, nil)
	return &c
}

func TestAcrossTwoNodes(t *testing.T) {
	got, endpoint := collect(t)
	a := start(t, trace.Options{Endpoint: endpoint, Node: "a", Sample: 1})
	b := start(t, trace.Options{Endpoint: endpoint, Node: "b", Sample: 0}) // what a follows, b follows
	peer := httptest.NewServer(b.Peer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		_, step := b.Step(r.Context(), "render")
		step.Text("pictor.spec", "w_4")
		step.End(&edge.Error{Kind: edge.Damaged, Message: "cannot be decoded", Err: errors.New("/srv/secret")})
	})))
	defer peer.Close()

	ctx, s := a.Request(request())
	stepCtx, step := a.Step(ctx, "peer")
	req, err := http.NewRequestWithContext(stepCtx, "POST", peer.URL, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	a.Inject(stepCtx, req.Header)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	resp.Body.Close()
	step.End(nil)
	s.Number("http.response.status_code", 422)
	s.End(errors.New("internal /srv/secret"))
	for _, tracer := range []*trace.Tracer{a, b} {
		if err := tracer.Close(); err != nil {
			t.Fatal(err)
		}
	}
	for _, link := range [][3]string{{"request", "", "a"}, {"peer", "request", "a"}, {"work for a peer", "peer", "b"},
		{"render", "work for a peer", "b"}} {
		span := got.byName[link[0]]
		if span == nil {
			t.Fatalf("no span %q in %v", link[0], got.byName)
		}
		if !bytes.Equal(span.ParentSpanId, got.byName[link[1]].GetSpanId()) || got.nodeOf[link[0]] != link[2] ||
			!bytes.Equal(span.TraceId, got.byName["request"].TraceId) {
			t.Errorf("%q is not below %q at %s", link[0], link[1], link[2])
		}
	}
	if kind := got.text("render", "error.type"); kind != "damaged" || got.byName["render"].Status.Message != "cannot be decoded" {
		t.Errorf("render failed with %q, %v", kind, got.byName["render"].Status)
	}
	if bytes.Contains(got.request, []byte("secret")) {
		t.Error("a secret reached the collector")
	}
}

func TestTraceparentOfTrustedProxiesOnly(t *testing.T) {
	const id = "4bf92f3577b34da6a3ce929d0e0e4736"
	_, endpoint := collect(t)
	for _, c := range []struct {
		flags    string
		trusted  bool
		sample   float64
		followed bool
		sameID   bool
	}{
		{"01", true, 0, true, true},
		{"00", true, 1, false, false},
		{"01", false, 0, false, false},
		{"01", false, 1, true, false},
		{"xx", true, 1, true, false},
	} {
		tracer := start(t, trace.Options{Endpoint: endpoint, Node: "a", Sample: c.sample,
			Trusts: func(*fasthttp.RequestCtx) bool { return c.trusted }})
		_, span := tracer.Request(request("traceparent", "00-"+id+"-00f067aa0ba902b7-"+c.flags))
		if (span != nil) != c.followed || span != nil && (span.Trace() == id) != c.sameID {
			t.Errorf("%+v: got %v", c, span)
		}
		if span != nil {
			span.End(nil)
		}
		if err := tracer.Close(); err != nil {
			t.Error(err)
		}
	}
}

func TestUnfollowedCostsNothing(t *testing.T) {
	_, endpoint := collect(t)
	tracer := start(t, trace.Options{Endpoint: endpoint, Node: "a"})
	defer tracer.Close()
	c := request("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
	if n := testing.AllocsPerRun(100, func() {
		if _, span := tracer.Request(c); span != nil {
			t.Error("followed")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
	ctx, step := tracer.Step(context.Background(), "render")
	step.Text("a", "b")
	step.End(nil)
	header := http.Header{}
	if tracer.Inject(ctx, header); len(header) != 0 {
		t.Errorf("a peer is told %v", header)
	}
}

// Without a collector there is no Tracer, and everything goes its way.
func TestNone(t *testing.T) {
	var none *trace.Tracer
	header := http.Header{}
	none.Inject(t.Context(), header)
	if none.Edge() != nil || len(header) != 0 || none.Close() != nil {
		t.Error("no Tracer is one")
	}
	answer := httptest.NewRecorder()
	none.Peer(http.NotFoundHandler()).ServeHTTP(answer, httptest.NewRequest("GET", "/", nil))
	if answer.Code != 404 {
		t.Errorf("got %d", answer.Code)
	}
}

func TestEndpoint(t *testing.T) {
	for _, endpoint := range []string{"", "127.0.0.1:4318", "ftp://x", "http://"} {
		if _, err := trace.New(t.Context(), trace.Options{Endpoint: endpoint}); err == nil {
			t.Errorf("%q is taken", endpoint)
		}
	}
}

// A collector that is gone costs spans, never time of a request, and little at the end.
func TestCollectorIsGone(t *testing.T) {
	server := httptest.NewServer(http.NotFoundHandler())
	server.Close()
	tracer := start(t, trace.Options{Endpoint: server.URL, Node: "a", Sample: 1})
	for range 10_000 {
		_, span := tracer.Request(request())
		span.End(nil)
	}
	_ = tracer.Close()
}
