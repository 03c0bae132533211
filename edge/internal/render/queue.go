package render

import (
	"context"
	"slices"
	"time"

	"github.com/pictor/pictor/edge"
)

// lane is a kind of worker.
type lane uint8

const (
	large      lane = iota // any job that somebody waits for
	small                  // one is kept for small ones, so that a thumbnail never waits behind a poster
	background             // jobs nobody waits for; started when there are some, and nice to all others
	lanes
)

// maxQueue bounds the tasks that wait, each of which holds a file open.
const maxQueue = 4096

// queue is what waits, and who could work. Guarded by Pool.mu.
type queue struct {
	tasks []*task // state waiting, for somebody; scanned, as they are few and a job takes milliseconds
	later []*task // state waiting, for nobody
	free  [lanes][]*worker

	backgroundUp bool // a background worker is there or on its way
	asking       bool // dispatchLocked will be called soon
	bursts       map[string]*burst
}

// enter takes a task in unless too much is waiting already. Tasks made by the pool itself have no bound.
func (p *Pool) enter(t *task, bounded bool) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return shuttingDown(nil)
	}
	t.arrived = time.Now()
	t.order()
	if bounded && !t.idle {
		if wait := p.waitLocked(t); wait > p.cfg.QueueTime || len(p.tasks) >= maxQueue {
			return &edge.Error{Kind: edge.Overloaded, Message: "too many pictures are waiting to be rendered",
				RetryAfter: retryAfter(wait, p.cfg.QueueTime)}
		}
	}
	if t.idle && len(p.later) >= maxQueue/8 {
		return &edge.Error{Kind: edge.Overloaded, Message: "too many pictures are waiting to be improved"}
	}
	p.planLocked(t)
	p.dispatchLocked()
	return nil
}

// waitLocked predicts how long the task would wait: what goes before it, shared by the workers.
func (p *Pool) waitLocked(t *task) time.Duration {
	var before time.Duration
	for _, other := range p.tasks {
		if other.key.Before(t.key) {
			before += other.cost
		}
	}
	for _, b := range p.bursts {
		for _, other := range b.held {
			before += other.cost
		}
	}
	return before / time.Duration(p.cfg.Workers)
}

// retryAfter is when half of the bound should be free again.
func retryAfter(wait, bound time.Duration) time.Duration {
	return min(max(wait-bound/2, time.Second), 30*time.Second).Round(time.Second)
}

func shuttingDown(cause error) error {
	return &edge.Error{Kind: edge.Unavailable, Message: "this node is shutting down", Err: cause}
}

// enqueueLocked puts a task where workers find it.
func (p *Pool) enqueueLocked(t *task) {
	if p.closing {
		p.overLocked(t, outcome{err: shuttingDown(nil)})
		return
	}
	t.state = waiting
	if t.idle {
		p.later = append(p.later, t)
		return
	}
	p.tasks = append(p.tasks, t)
}

// dispatchLocked hands out tasks for as long as there is a worker for one.
func (p *Pool) dispatchLocked() {
	for !p.closing {
		switch {
		case p.matchLocked(large, time.Duration(1<<62)):
		case p.neededLocked() && p.matchLocked(small, smallJob):
		case p.matchBackgroundLocked():
		default:
			return
		}
	}
}

const (
	// longJob is a job behind which no small one should have to wait.
	longJob = 80 * time.Millisecond
	// overdue is when a job counts as long whatever was predicted.
	overdue = 500 * time.Millisecond
)

// neededLocked says whether small jobs need the worker that is kept for them: when all others are at long jobs. One
// process more than there are cores only takes turns with the others, and what waits together for a moment is made
// together, see batch and burst.
func (p *Pool) neededLocked() bool {
	if len(p.tasks) == 0 || len(p.free[small]) == 0 {
		return false
	}
	for w := range p.workers {
		if w.lane == large && w.cost < longJob && time.Since(w.since) < overdue {
			p.askAgainLocked()
			return false
		}
	}
	return true
}

// askAgainLocked dispatches once more when jobs that were expected to be done may be overdue.
func (p *Pool) askAgainLocked() {
	if p.asking {
		return
	}
	p.asking = true
	time.AfterFunc(overdue, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.asking = false
		p.dispatchLocked()
	})
}

// matchLocked gives a free worker of the lane the first task that costs no more than most.
func (p *Pool) matchLocked(l lane, most time.Duration) bool {
	if len(p.free[l]) == 0 {
		return false
	}
	first := -1
	for i, t := range p.tasks {
		if t.cost <= most && (first < 0 || t.key.Before(p.tasks[first].key)) {
			first = i
		}
	}
	if first < 0 {
		return false
	}
	t := p.tasks[first]
	p.tasks = slices.Delete(p.tasks, first, first+1)
	p.assignLocked(t, p.takeLocked(l))
	return true
}

func (p *Pool) takeLocked(l lane) *worker {
	last := len(p.free[l]) - 1
	w := p.free[l][last]
	p.free[l] = p.free[l][:last]
	return w
}

// patience is how long work that nobody waits for is left alone while there is other work.
const patience = 10 * time.Second

// matchBackgroundLocked gives out work that nobody waits for: when there is no other, or at least, after a while, a
// worker is free for the next request.
func (p *Pool) matchBackgroundLocked() bool {
	if len(p.later) == 0 || len(p.tasks) > 0 || len(p.free[large]) == 0 {
		return false
	}
	idle := len(p.free[large]) == p.cfg.Workers && len(p.free[small]) > 0
	if !idle && time.Since(p.later[0].arrived) < patience {
		return false
	}
	if len(p.free[background]) == 0 {
		if !p.backgroundUp {
			p.backgroundUp = true
			p.tasksDone.Go(p.startBackground)
		}
		return false
	}
	t := p.later[0]
	p.later = slices.Delete(p.later, 0, 1)
	p.assignLocked(t, p.takeLocked(background))
	return true
}

func (p *Pool) assignLocked(t *task, w *worker) {
	sent := make(chan struct{})
	t.batch = p.companionsLocked(t)
	w.since, w.cost = time.Now(), 0
	for _, one := range t.all() {
		one.state, one.worker, one.sent, one.batch = running, w, sent, t.batch
		w.cost = max(w.cost, one.cost)
	}
	p.tasksDone.Go(func() { p.work(t, w) })
}

// work does a task with a worker that is this goroutine's alone.
func (p *Pool) work(t *task, w *worker) {
	if t.fresh && w.jobs > 0 {
		if w = p.replace(w, "suspect"); w == nil {
			close(t.sent)
			p.finish(t, outcome{err: shuttingDown(nil)})
			return
		}
	}
	if !p.hand(t, w) {
		p.release(w)
		return
	}
	tasks := t.all() // one that is tried again may get other companions
	for i, one := range tasks {
		begun := time.Now()
		o := outcome{err: errGone}
		if w.broken == "" {
			o = p.receive(one, w)
		}
		if w.broken == "" && o.err == nil && i == 0 { // the others of a batch cost less than they would alone
			p.learned.learn(one.estimate, o.took(time.Since(begun)))
		}
		p.finish(one, o)
	}
	if t.fresh && w.broken == "" {
		p.strikes.passed(t.blame)
	}
	p.release(w)
}

// errGone is for those of a batch whose turn had not come when the worker ended.
var errGone = &edge.Error{Kind: edge.Unavailable, Message: "the renderer was stopped", RetryAfter: time.Second}

// took is what a task cost: a worker that was taken over may say anything.
func (o outcome) took(wall time.Duration) time.Duration {
	if o.cpu > 0 && o.cpu < wall {
		return o.cpu
	}
	return wall
}

// hand sends the task. A worker that died while it was free costs no task: it waits for another one.
func (p *Pool) hand(t *task, w *worker) bool {
	turn, err := w.send(t)
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, one := range t.all() {
		one.worker, one.turn = w, turn
	}
	close(t.sent)
	if err == nil {
		w.tasks = len(t.all())
		return true
	}
	w.broken = "gone"
	for _, one := range t.all() {
		p.enqueueLocked(one)
	}
	p.dispatchLocked()
	return false
}

// await gives the outcome to the caller, or drops the task when the caller leaves.
func (p *Pool) await(ctx context.Context, t *task) ([]byte, error) {
	select {
	case o := <-t.done:
		return o.body, o.err
	case <-ctx.Done():
		p.leave(ctx, t)
		return nil, stopped(ctx)
	}
}

// leave ends a task that nobody waits for any more. On return its files are not used.
func (p *Pool) leave(ctx context.Context, t *task) {
	for {
		p.mu.Lock()
		switch t.state {
		case waiting, held:
			p.removeLocked(t)
			p.overLocked(t, outcome{err: stopped(ctx)})
		case running:
			sent, w := t.sent, t.worker
			p.mu.Unlock()
			<-sent
			p.mu.Lock()
			if t.state == running && t.sent == sent {
				if t.batch.allLeft() {
					w.abandon(t.turn)
				}
				p.mu.Unlock()
				return
			}
			p.mu.Unlock()
			continue // it waits again, or is over
		}
		p.mu.Unlock()
		return
	}
}

// removeLocked takes a task out of wherever it waits.
func (p *Pool) removeLocked(t *task) {
	is := func(other *task) bool { return other == t }
	p.tasks = slices.DeleteFunc(p.tasks, is)
	p.later = slices.DeleteFunc(p.later, is)
	if b := p.bursts[t.digest]; b != nil {
		b.held = slices.DeleteFunc(b.held, is)
		if maker := b.maker; maker != nil && len(b.held) == 0 && maker.state == waiting {
			p.tasks = slices.DeleteFunc(p.tasks, func(other *task) bool { return other == maker })
			p.overLocked(maker, outcome{err: shuttingDown(nil)})
		}
	}
}

// finish ends a task and gives its outcome.
func (p *Pool) finish(t *task, o outcome) {
	if p.retry(t, o) {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.overLocked(t, o)
	p.dispatchLocked()
}

func (p *Pool) overLocked(t *task, o outcome) {
	if t.state == running {
		t.worker.tasks--
	}
	t.state = over
	p.settleLocked(t, o)
	t.close()
	t.done <- o
}
