package kit

import (
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/pictor/pictor/origin"
)

// Metrics counts what the dialects do.
type Metrics struct {
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	uploads  prometheus.Counter
	failures *prometheus.CounterVec
}

// NewMetrics registers the counters. Those without open-ended labels exist from the start, at 0.
func NewMetrics(registry prometheus.Registerer) *Metrics {
	m := &Metrics{
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "pictor_origin_requests_total",
			Help: "Requests answered, by route and status."}, []string{"route", "status"}),
		seconds: prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "pictor_origin_request_seconds",
			Help:    "Time from the end of the request's head to the end of the answer.",
			Buckets: prometheus.ExponentialBuckets(0.001, 2.5, 12)}, []string{"route"}),
		uploads: prometheus.NewCounter(prometheus.CounterOpts{Name: "pictor_origin_uploads_total",
			Help: "Uploads stored and acknowledged."}),
		failures: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "pictor_origin_upload_failures_total",
			Help: "Uploads of known clients that were not stored, by reason."}, []string{"kind"}),
	}
	registry.MustRegister(m.requests, m.seconds, m.uploads, m.failures)
	for _, kind := range kindNames {
		m.failures.WithLabelValues(kind)
	}
	return m
}

// Upload counts the end of an upload.
func (m *Metrics) Upload(err error) {
	if err != nil {
		m.failures.WithLabelValues(kindNames[origin.KindOf(err)]).Inc()
		return
	}
	m.uploads.Inc()
}

func (m *Metrics) request(route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, strconv.Itoa(status)).Inc()
	m.seconds.WithLabelValues(route).Observe(took.Seconds())
}
