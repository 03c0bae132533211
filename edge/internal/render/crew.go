package render

import (
	"slices"
	"time"
)

// How the workers of a Pool come, rest and go; what they do stands in queue.go.

// backgroundLife is how long a worker without background jobs stays.
const backgroundLife = 30 * time.Second

// release makes the worker available again, or another one in its place.
func (p *Pool) release(w *worker) {
	if reason := p.retire(w); reason != "" {
		p.cfg.Replaced(reason)
		if w = p.replace(w, reason); w == nil {
			return
		}
	}
	p.offer(w)
}

// offer puts a worker among the free ones, if it lives. One that ended since its last job was nobody's: lost did not
// find it, so it is replaced here, before a job needs it.
func (p *Pool) offer(w *worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return
	}
	if _, alive := p.workers[w]; !alive {
		w.broken = "gone"
		p.tasksDone.Go(func() { p.release(w) })
		return
	}
	p.free[w.lane] = append(p.free[w.lane], w)
	p.dispatchLocked()
	if w.lane == background {
		w.rested = time.Now()
		time.AfterFunc(backgroundLife, func() { p.retireBackground(w) })
	}
}

func (p *Pool) startBackground() {
	w, err := p.start(background)
	if err != nil {
		p.cfg.Log.Error("background render worker does not start", "err", err)
		p.mu.Lock()
		p.backgroundUp = false
		p.mu.Unlock()
		return
	}
	p.offer(w)
}

// retireBackground ends a background worker that has had nothing to do for a while.
func (p *Pool) retireBackground(w *worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if slices.Contains(p.free[background], w) && time.Since(w.rested) >= backgroundLife {
		p.forgetLocked(w)
		p.backgroundUp = false
		w.kill()
	}
}

// forgetLocked takes a worker from the free ones and says whether it was there.
func (p *Pool) forgetLocked(w *worker) bool {
	i := slices.Index(p.free[w.lane], w)
	if i < 0 {
		return false
	}
	p.free[w.lane] = slices.Delete(p.free[w.lane], i, i+1)
	return true
}

// lost is called when a process has ended: if it was free, another takes its place before a job needs it.
func (p *Pool) lost(w *worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closing && p.forgetLocked(w) {
		w.broken = "gone"
		p.tasksDone.Go(func() { p.release(w) })
	}
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
