package main

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/catalog"
	"github.com/pictor/pictor/edge/internal/config"
	"github.com/pictor/pictor/edge/internal/guard"
	"github.com/pictor/pictor/edge/internal/ops"
	"github.com/pictor/pictor/edge/internal/peerhttp"
	"github.com/pictor/pictor/edge/internal/render"
	"github.com/pictor/pictor/edge/internal/ring"
	"github.com/pictor/pictor/edge/internal/usage"
	"github.com/pictor/pictor/shared/clientip"
)

// node is a running edge: three listeners and what works behind them.
type node struct {
	cfg      *config.Serve
	log      *slog.Logger
	edge     *edge.Edge
	ring     *ring.Ring
	pool     *render.Pool
	catalog  *catalog.Catalog
	meter    *usage.Meter
	metrics  *ops.Metrics
	peers    *peerhttp.Server
	proxies  clientip.Proxies
	draining atomic.Bool
}

// run serves until ctx ends, then drains.
func (n *node) run(ctx context.Context) error {
	listeners, err := listen(n.cfg)
	if err != nil {
		return err
	}
	work, stopWork := context.WithCancel(context.Background())
	var background sync.WaitGroup
	background.Go(func() { n.catalog.Run(work) })
	background.Go(func() { n.meter.Run(work, usageEvery) })
	background.Go(func() { n.keepPosition(work) })
	public, private := n.publicServer(), n.opsServer()
	n.exportServer(public)
	ended := make(chan error, 3)
	go func() {
		n.awaitKeys(ctx)
		ended <- public.Serve(listeners.public)
	}()
	go func() { ended <- n.peers.Serve(listeners.peers) }()
	go func() { ended <- private.Serve(listeners.ops) }()
	n.log.Info("edge serves", "public", listeners.public.Addr().String(), "peers", listeners.peers.Addr().String(),
		"ops", listeners.ops.Addr().String())
	select {
	case <-ctx.Done():
	case err = <-ended:
	}
	n.drain(public)
	stopWork()
	background.Wait()
	last, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if flushErr := n.meter.Flush(last); flushErr != nil {
		n.log.Warn("the last usage report was not delivered", "err", flushErr)
	}
	return errors.Join(err, private.Close())
}

// awaitKeys holds clients back, for keysWait at most, until signatures can be checked: after a restart, or when all of
// the system is being started. Their connections wait in the listener.
func (n *node) awaitKeys(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, keysWait)
	defer cancel()
	n.catalog.AwaitKeys(ctx)
}

const keysWait = 2 * time.Second

// drain leaves the ring before it stops listening: others must not send work that nobody will do. In the delay before
// that, load balancers can see that this node is not ready any more.
func (n *node) drain(public *guard.Server) {
	n.draining.Store(true)
	if err := n.ring.Drain(time.Second); err != nil {
		n.log.Warn("drain", "err", err)
	}
	time.Sleep(n.cfg.DrainDelay)
	ctx, cancel := context.WithTimeout(context.Background(), n.cfg.DrainWait)
	defer cancel()
	if err := public.Shutdown(ctx); err != nil {
		n.log.Warn("requests were cut off", "err", err)
	}
	if err := n.peers.Shutdown(ctx); err != nil {
		n.log.Warn("peers were cut off", "err", err)
	}
	if err := n.ring.Leave(time.Second); err != nil {
		n.log.Warn("leave", "err", err)
	}
}

func (n *node) opsServer() *http.Server {
	return &http.Server{Handler: n.metrics.Handler(ops.Answers{Ready: n.ready, Explain: n.edge.Explain}), ReadHeaderTimeout: n.cfg.HeadTime}
}

// ready proves that the edge can do its work: it knows the keys, follows the origin, and renders.
func (n *node) ready(ctx context.Context) error {
	switch {
	case n.draining.Load():
		return errors.New("draining")
	case n.catalog.Keys() == nil:
		return errors.New("the signing keys are not known yet")
	case !n.catalog.Fresh(time.Now()):
		return errors.New("the origin's change feed is silent")
	}
	return n.pool.Check(ctx)
}
