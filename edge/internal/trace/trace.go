// Package trace sends what single requests went through to an OpenTelemetry collector: edge.Tracer. Secrets do not get
// here: the edge gives it no query and no headers, and the only header it reads is traceparent.
package trace

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"math/rand/v2"
	"net/http"
	"net/url"
	"time"

	"github.com/valyala/fasthttp"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"golang.org/x/time/rate"

	"github.com/pictor/pictor/edge"
)

// Options of a Tracer. Endpoint and Node must be given.
type Options struct {
	Endpoint string  // base URL of a collector that takes OTLP over HTTP, or with a path the very URL
	Node     string  // name of this edge
	Sample   float64 // share of requests that are followed, 0 to 1; what a trusted proxy follows is followed in any case
	// Trusts says whether the request comes from a proxy whose traceparent is believed; by default none is.
	Trusts func(*fasthttp.RequestCtx) bool
	Log    *slog.Logger
}

// Tracer implements edge.Tracer. A nil Tracer follows nothing.
type Tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	trusts   func(*fasthttp.RequestCtx) bool
	below    uint64 // a random number below this means «follow»
}

// New makes a Tracer. The collector is not asked whether it is there.
func New(ctx context.Context, o Options) (*Tracer, error) {
	target, err := tracesURL(o.Endpoint)
	if err != nil {
		return nil, err
	}
	exporter, err := otlptracehttp.New(ctx, otlptracehttp.WithEndpointURL(target))
	if err != nil {
		return nil, fmt.Errorf("make exporter of traces: %w", err)
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	otel.SetErrorHandler(&handler{log: o.Log, sparsely: rate.Sometimes{Interval: time.Minute}})
	if o.Trusts == nil {
		o.Trusts = func(*fasthttp.RequestCtx) bool { return false }
	}
	about := resource.NewSchemaless(attribute.String("service.name", "pictor-edge"),
		attribute.String("service.instance.id", o.Node))
	// Whether a request is followed is decided in Request, before the library costs anything.
	provider := sdk.NewTracerProvider(sdk.WithBatcher(exporter), sdk.WithResource(about), sdk.WithSampler(sdk.AlwaysSample()))
	return &Tracer{provider: provider, tracer: provider.Tracer("github.com/pictor/pictor/edge"), trusts: o.Trusts,
		below: threshold(o.Sample)}, nil
}

// Edge is the Tracer as the edge takes it.
func (t *Tracer) Edge() edge.Tracer {
	if t == nil {
		return nil
	}
	return t
}

// handler logs what the library has to say, which it repeats with every batch.
type handler struct {
	log      *slog.Logger
	sparsely rate.Sometimes
}

// Handle is the library's call.
func (h *handler) Handle(err error) {
	h.sparsely.Do(func() { h.log.Warn("traces are lost", "err", err) })
}

func threshold(share float64) uint64 {
	if share >= 1 {
		return math.MaxUint64
	}
	return uint64(max(0, share) * math.MaxUint64)
}

// tracesURL completes a base URL as OTEL_EXPORTER_OTLP_ENDPOINT is completed.
func tracesURL(endpoint string) (string, error) {
	u, err := url.Parse(endpoint)
	if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return "", fmt.Errorf("must be a URL like http://127.0.0.1:4318, got %q", endpoint)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/traces"
	}
	return u.String(), nil
}

// closeLimit bounds the wait for a collector that does not answer.
const closeLimit = 3 * time.Second

// Close sends what is left.
func (t *Tracer) Close() error {
	if t == nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), closeLimit)
	defer cancel()
	if err := t.provider.Shutdown(ctx); err != nil {
		return fmt.Errorf("send the last traces: %w", err)
	}
	return nil
}

// Request implements edge.Tracer. For a request that is not followed it allocates nothing.
func (t *Tracer) Request(c *fasthttp.RequestCtx) (context.Context, edge.Span) {
	ctx := context.Background()
	if t.trusts(c) {
		ctx = w3c.Extract(ctx, fasthttpHeader{&c.Request.Header})
	}
	parent := trace.SpanContextFromContext(ctx)
	switch {
	case parent.IsSampled():
	case parent.IsValid(): // a proxy that says no
		return context.Background(), nil
	case rand.Uint64() >= t.below:
		return context.Background(), nil
	}
	ctx, s := t.tracer.Start(ctx, "request", trace.WithSpanKind(trace.SpanKindServer))
	return ctx, span{s}
}

// Step implements edge.Tracer. It begins no trace of its own.
func (t *Tracer) Step(ctx context.Context, name string) (context.Context, edge.Span) {
	if !trace.SpanContextFromContext(ctx).IsSampled() {
		return ctx, span{trace.SpanFromContext(ctx)}
	}
	ctx, s := t.tracer.Start(ctx, name)
	return ctx, span{s}
}

var w3c propagation.TraceContext

// Inject tells a peer what its work belongs to.
func (t *Tracer) Inject(ctx context.Context, h http.Header) {
	if t != nil && trace.SpanContextFromContext(ctx).IsSampled() {
		w3c.Inject(ctx, propagation.HeaderCarrier(h))
	}
}

// Peer follows the work for peers that follow it. Only peers must be let through to it: it believes them.
func (t *Tracer) Peer(next http.Handler) http.Handler {
	if t == nil {
		return next
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := w3c.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		if trace.SpanContextFromContext(ctx).IsSampled() {
			var s trace.Span
			ctx, s = t.tracer.Start(ctx, "work for a peer", trace.WithSpanKind(trace.SpanKindServer))
			defer s.End()
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// fasthttpHeader reads a header for the propagator.
type fasthttpHeader struct{ *fasthttp.RequestHeader }

func (h fasthttpHeader) Get(key string) string { return string(h.Peek(key)) }
func (h fasthttpHeader) Set(key, value string) { h.RequestHeader.Set(key, value) }
func (h fasthttpHeader) Keys() []string        { return nil } // not asked by this propagator

// span implements edge.Span.
type span struct{ trace.Span }

func (s span) Text(key, value string)         { s.SetAttributes(attribute.String(key, value)) }
func (s span) Number(key string, value int64) { s.SetAttributes(attribute.Int64(key, value)) }
func (s span) Trace() string                  { return s.SpanContext().TraceID().String() }

func (s span) End(err error) {
	if err != nil {
		message := "internal error"
		if e, ok := err.(*edge.Error); ok {
			message = e.Message // made for clients; the cause may name what they must not know
		}
		s.SetAttributes(attribute.String("error.type", edge.KindOf(err).String()))
		s.SetStatus(codes.Error, message)
	}
	s.Span.End()
}
