// Package server runs the origin: its three listeners (public API, edges, operations) and its chores.
package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"golang.org/x/sync/errgroup"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/api/kit"
	"github.com/pictor/pictor/origin/internal/edgeapi"
	"github.com/pictor/pictor/shared/cluster"
	"github.com/pictor/pictor/shared/silent"
)

// Config is what a Server is made of.
type Config struct {
	Core    *origin.Core
	Cluster cluster.Key
	Log     *slog.Logger

	Listen, OpsListen, EdgeListen string // addresses; port 0 is a free one

	Dialects       []string          // names of those that are spoken; nil: all
	Hosts          map[string]string // virtual hosts of dialects, by name; a dialect may have none
	DeliveryURL    string            // absolute, without a trailing slash
	PublicURL      string            // the same; "" when unknown
	Proxies        kit.Proxies
	MaxUploadBytes int64            // the core's
	DrainWait      time.Duration    // for running requests, once told to stop
	Now            func() time.Time // nil: time.Now
}

func (c Config) speaks(dialect string) bool {
	return c.Dialects == nil || slices.Contains(c.Dialects, dialect)
}

// Server is an origin that listens.
type Server struct {
	cfg      Config
	registry *prometheus.Registry
	metrics  *kit.Metrics
	edges    *edgeapi.API
	draining atomic.Bool

	public, ops, edge *listener
}

// New binds the listeners, so that a taken port is an error before anything runs. Run must follow.
func New(cfg Config) (*Server, error) {
	s := &Server{cfg: cfg, registry: prometheus.NewRegistry(), edges: edgeapi.New(cfg.Core, cfg.Log)}
	s.registry.MustRegister(collectors.NewGoCollector(),
		collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.metrics = kit.NewMetrics(s.registry)
	api, err := s.api()
	if err != nil {
		return nil, err
	}
	secret, _, err := cfg.Cluster.TLS()
	if err != nil {
		return nil, err
	}
	if s.public, err = listen("PICTOR_ORIGIN_LISTEN", cfg.Listen, api, cfg.Log); err != nil {
		return nil, err
	}
	if s.ops, err = listen("PICTOR_ORIGIN_OPS_LISTEN", cfg.OpsListen, s.opsHandler(), cfg.Log); err != nil {
		return nil, errors.Join(err, s.public.Close())
	}
	if s.edge, err = listen("PICTOR_ORIGIN_EDGE_LISTEN", cfg.EdgeListen, s.edges.Handler(), cfg.Log); err != nil {
		return nil, errors.Join(err, s.public.Close(), s.ops.Close())
	}
	s.edge.server.TLSConfig = secret
	return s, nil
}

// Addr is where the public API listens.
func (s *Server) Addr() net.Addr { return s.public.Addr() }

// OpsAddr is where operators look.
func (s *Server) OpsAddr() net.Addr { return s.ops.Addr() }

// EdgeAddr is where edges connect to.
func (s *Server) EdgeAddr() net.Addr { return s.edge.Addr() }

// Run serves until ctx ends or a listener fails. Then it lets running requests finish within DrainWait. When it
// returns, nothing uses the core any more.
func (s *Server) Run(ctx context.Context) error {
	group, ctx := errgroup.WithContext(ctx)
	for _, l := range []*listener{s.public, s.ops, s.edge} {
		group.Go(l.serve)
	}
	group.Go(func() error { s.chores(ctx); return nil })
	group.Go(func() error {
		<-ctx.Done()
		return s.shutdown()
	})
	s.cfg.Log.Info("listening", "public", s.Addr().String(), "ops", s.OpsAddr().String(), "edges", s.EdgeAddr().String())
	return group.Wait()
}

// shutdown ends operations last, so that those who watch see the draining.
func (s *Server) shutdown() error {
	s.cfg.Log.Info("draining", "at_most", s.cfg.DrainWait)
	s.draining.Store(true)
	s.edges.EndStreams()
	ctx, cancel := context.WithTimeout(context.Background(), s.cfg.DrainWait)
	defer cancel()
	var both errgroup.Group
	both.Go(func() error { return s.public.drain(ctx) })
	both.Go(func() error { return s.edge.drain(ctx) })
	return errors.Join(both.Wait(), s.ops.drain(ctx))
}

// listener is one bound address with its server.
type listener struct {
	net.Listener
	server *http.Server

	silent silent.Conns
}

func listen(knob, address string, handler http.Handler, log *slog.Logger) (*listener, error) {
	bound, err := net.Listen("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", knob, err)
	}
	l := &listener{Listener: bound}
	l.server = &http.Server{
		Handler:                      handler,
		ReadHeaderTimeout:            10 * time.Second,
		IdleTimeout:                  2 * time.Minute,
		MaxHeaderBytes:               32 << 10,
		DisableGeneralOptionsHandler: true, // or «OPTIONS *» would go without the hardening headers
		ErrorLog:                     slog.NewLogLogger(log.Handler(), slog.LevelDebug),
		ConnState:                    func(conn net.Conn, state http.ConnState) { l.silent.Note(conn, state == http.StateNew) },
		Protocols:                    new(http.Protocols),
	}
	l.server.Protocols.SetHTTP1(true) // HTTP/2 would put all blobs an edge fetches under one flow-control window
	return l, nil
}

func (l *listener) serve() error {
	var err error
	if l.server.TLSConfig != nil {
		err = l.server.ServeTLS(l.Listener, "", "")
	} else {
		err = l.server.Serve(l.Listener)
	}
	if errors.Is(err, http.ErrServerClosed) {
		return nil
	}
	return err
}

// drain waits for running requests, and cuts off those that take longer than ctx.
func (l *listener) drain(ctx context.Context) error {
	l.silent.Close()
	if err := l.server.Shutdown(ctx); !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return l.server.Close()
}
