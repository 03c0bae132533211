package render

import (
	"context"
	"time"

	"github.com/pictor/pictor/edge"
)

// lanes hold the idle workers. One is kept for small jobs, so that a thumbnail never waits behind a poster; small jobs
// may also take the others.
type lanes struct{ small, large chan *worker }

func newLanes(workers int) lanes {
	return lanes{small: make(chan *worker, 1), large: make(chan *worker, workers)}
}

// acquire waits for a worker that may do a job of that cost. Waiting jobs are served in order.
func (p *Pool) acquire(ctx context.Context, cost time.Duration) (*worker, error) {
	small := p.small
	if cost > smallJob {
		small = nil // never ready
	}
	if p.isClosed() {
		return nil, shuttingDown(nil)
	}
	p.waiting.Add(1)
	defer p.waiting.Add(-1)
	select {
	case w := <-p.large:
		return w, nil
	case w := <-small:
		return w, nil
	case <-ctx.Done():
		return nil, stopped(ctx)
	case <-p.closed:
		return nil, shuttingDown(nil)
	}
}

func shuttingDown(cause error) error {
	return &edge.Error{Kind: edge.Unavailable, Message: "this node is shutting down", Err: cause}
}

// release makes the worker available again, or another one in its place.
func (p *Pool) release(w *worker) {
	if reason := p.retire(w); reason != "" {
		p.cfg.Replaced(reason)
		if w = p.replace(w, reason); w == nil {
			return
		}
	}
	w.lane <- w // never blocks: a lane has room for all its workers
}

// replace ends a worker and starts its successor, trying again for as long as the pool is open.
func (p *Pool) replace(old *worker, reason string) *worker {
	old.kill()
	<-old.gone
	p.cfg.Log.Debug("render worker replaced", "pid", old.pid(), "reason", reason)
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 10*time.Second) {
		w, err := p.start(old.lane)
		if err == nil {
			return w
		}
		select {
		case <-p.closed:
			return nil
		case <-time.After(wait):
			p.cfg.Log.Error("render worker does not start", "err", err)
		}
	}
}

// retire says why a worker has to go, or nothing.
func (p *Pool) retire(w *worker) string {
	switch {
	case w.broken != "":
		return w.broken
	case w.jobs >= p.cfg.RecycleJobs:
		return "age"
	case w.residentBytes() > p.cfg.RecycleBytes:
		return "size"
	}
	return ""
}

// retryAfter is when the work that is queued now should be done.
func (p *Pool) retryAfter() time.Duration {
	wait := time.Duration(p.backlog.Load() / int64(p.cfg.Workers)).Round(time.Second)
	return min(max(wait, time.Second), 30*time.Second)
}
