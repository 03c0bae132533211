// Package ops is what operators see of an edge: metrics, health and profiles, on a listener of their own.
package ops

import (
	"context"
	"fmt"
	"net/http"
	"net/http/pprof"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/render"
	"github.com/pictor/pictor/shared/transform"
)

// Metrics implements edge.Observer and holds the registry.
type Metrics struct {
	registry *prometheus.Registry
	requests *prometheus.CounterVec
	served   [tiers][statuses]atomic.Pointer[prometheus.Counter] // spares the hot path the hashing of labels
	bytes    prometheus.Counter
	duration [tiers]prometheus.Observer
	renders  prometheus.Counter
	inspects prometheus.Counter
	failures *prometheus.CounterVec
	render   *prometheus.HistogramVec
	refused  *prometheus.CounterVec
	replaced *prometheus.CounterVec
	refines  prometheus.Counter
	saved    prometheus.Counter
}

const (
	tiers    = 8   // more than there are
	statuses = 600 // HTTP's
)

// NewMetrics makes the metrics an edge always has; Counter and Gauge add those of its parts.
func NewMetrics() *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry()}
	m.requests = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "pictor_edge_requests_total",
		Help: "Answers on the public listener, by where they came from."}, []string{"tier", "status"})
	m.bytes = prometheus.NewCounter(prometheus.CounterOpts{Name: "pictor_edge_sent_bytes_total",
		Help: "Body bytes of answers."})
	duration := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "pictor_edge_request_seconds",
		Help:    "Time from a parsed request head to an answer handed to the network.",
		Buckets: prometheus.ExponentialBuckets(0.00001, 4, 11)}, []string{"tier"})
	m.renders = prometheus.NewCounter(prometheus.CounterOpts{Name: "pictor_edge_renders_total",
		Help: "Pictures rendered for somebody who waited."})
	m.inspects = prometheus.NewCounter(prometheus.CounterOpts{Name: "pictor_edge_inspections_total",
		Help: "Pictures looked at for the origin, after they were delivered."})
	m.failures = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "pictor_edge_render_failures_total",
		Help: "Renders that gave no picture."}, []string{"kind"})
	m.render = prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "pictor_edge_render_seconds",
		Help:    "Time a render took, waiting for a worker included.",
		Buckets: prometheus.ExponentialBuckets(0.004, 2, 13)}, []string{"format"})
	m.refused = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "pictor_edge_refused_total",
		Help: "Requests that a limit refused."}, []string{"limit"})
	m.replaced = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "pictor_edge_render_workers_replaced_total",
		Help: "Render processes that were replaced, by reason."}, []string{"reason"})
	m.registry.MustRegister(m.requests, m.bytes, duration, m.renders, m.inspects, m.failures, m.render, m.refused, m.replaced,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, tier := range edge.Tiers() {
		m.counter(tier, http.StatusOK)
		m.duration[tier] = duration.WithLabelValues(tier.String())
	}
	m.refines = prometheus.NewCounter(prometheus.CounterOpts{Name: "pictor_edge_refines_total",
		Help: "Pictures that were asked for again and encoded once more, with patience."})
	m.saved = prometheus.NewCounter(prometheus.CounterOpts{Name: "pictor_edge_refine_saved_bytes_total",
		Help: "Bytes that pictures lost when they were encoded once more."})
	m.registry.MustRegister(m.refines, m.saved)
	m.begin()
	return m
}

// begin makes the counters exist from the start, at 0: a rate over one that appears with its first event misses it.
func (m *Metrics) begin() {
	for _, kind := range edge.Kinds() {
		m.failures.WithLabelValues(kind.String())
	}
	for _, format := range []transform.Format{transform.JPEG, transform.PNG, transform.WebP, transform.AVIF, transform.GIF} {
		m.render.WithLabelValues(format.String())
	}
	for _, limit := range edge.LimitNames {
		m.refused.WithLabelValues(limit)
	}
	for _, reason := range render.Reasons {
		m.replaced.WithLabelValues(reason)
	}
}

// Counter adds a figure of a part of the edge that only grows; it is read when somebody asks.
func (m *Metrics) Counter(name, help string, read func() int64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help},
		func() float64 { return float64(read()) }))
}

// Gauge adds a figure of a part of the edge that goes up and down; it is read when somebody asks.
func (m *Metrics) Gauge(name, help string, read func() int64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help},
		func() float64 { return float64(read()) }))
}

// Served implements edge.Observer.
func (m *Metrics) Served(tier edge.Tier, status int, bytes int64, took time.Duration) {
	m.counter(tier, status).Inc()
	m.bytes.Add(float64(bytes))
	m.duration[tier].Observe(took.Seconds())
}

func (m *Metrics) counter(tier edge.Tier, status int) prometheus.Counter {
	slot := &m.served[tier%tiers][status%statuses]
	if known := slot.Load(); known != nil {
		return *known
	}
	counter := m.requests.WithLabelValues(tier.String(), strconv.Itoa(status)) // the same for the same labels
	slot.Store(&counter)
	return counter
}

// Refined implements edge.Observer.
func (m *Metrics) Refined(_ edge.Job, _ time.Duration, saved int64, err error) {
	if err != nil {
		m.failures.WithLabelValues(edge.KindOf(err).String()).Inc()
		return
	}
	m.refines.Inc()
	m.saved.Add(float64(saved))
}

// Rendered implements edge.Observer.
func (m *Metrics) Rendered(job edge.Job, took time.Duration, err error) {
	if err != nil {
		m.failures.WithLabelValues(edge.KindOf(err).String()).Inc()
		return
	}
	if job.Best {
		m.inspects.Inc()
		return
	}
	m.renders.Inc()
	m.render.WithLabelValues(job.Spec.Format.String()).Observe(took.Seconds())
}

// Refused implements edge.Observer.
func (m *Metrics) Refused(limit string) { m.refused.WithLabelValues(limit).Inc() }

// Replaced counts a render process that was replaced.
func (m *Metrics) Replaced(reason string) { m.replaced.WithLabelValues(reason).Inc() }

// Answers are what the listener asks the edge.
type Answers struct {
	Ready   func(context.Context) error // proves that the edge can do its work
	Explain func(ctx context.Context, target, accept string) []edge.Finding
}

// PathExplain answers ?target=&accept= with one finding a line.
const PathExplain = "/debug/explain"

// Handler serves /healthz (the process lives), /readyz (it can work), /metrics, /debug/explain and /debug/pprof/.
func (m *Metrics) Handler(a Answers) http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { say(w, http.StatusOK, "ok") })
	mux.HandleFunc("GET /readyz", func(w http.ResponseWriter, r *http.Request) {
		if err := a.Ready(r.Context()); err != nil {
			say(w, http.StatusServiceUnavailable, err.Error())
			return
		}
		say(w, http.StatusOK, "ready")
	})
	mux.Handle("GET /metrics", promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{}))
	mux.HandleFunc("GET "+PathExplain, func(w http.ResponseWriter, r *http.Request) {
		say(w, http.StatusOK, Format(a.Explain(r.Context(), r.FormValue("target"), r.FormValue("accept"))))
	})
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/cmdline", pprof.Cmdline)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	return mux
}

// Format writes findings one a line, for people and for tools.
func Format(all []edge.Finding) string {
	width := 0
	for _, f := range all {
		width = max(width, len(f.Name))
	}
	var lines []string
	for _, f := range all {
		lines = append(lines, fmt.Sprintf("%-*s  %s", width, f.Name, f.Text))
	}
	return strings.Join(lines, "\n")
}

func say(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(text + "\n")) // who asks and hangs up does not want to know
}
