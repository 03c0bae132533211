// Package render makes pictures in worker processes: a decoder that crashes costs one request, work can really be
// stopped, and memory that a library leaked or tore to pieces goes with its process. This is the pool's side, without
// libvips; package worker is the other.
package render

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/rungs"
)

// Reasons are what Options.Replaced is told.
var Reasons = []string{"crash", "deadline", "gone", "age", "size", "suspect"}

// Options of a Pool; what is zero gets its default.
type Options struct {
	Command []string // starts a worker; default: this program with the argument «render»
	Workers int      // for jobs of any size, one more is kept for small ones; default: one per processor

	QueueTime     time.Duration // the longest predicted wait at which a job is taken in, default 20 s
	FallbackAfter time.Duration // the longest predicted wait at which there is time for the best format, see Fallback; 0 is any
	Rungs         *rungs.Store  // reduced copies of sources; nil for none

	WebPEffort   int           // of the encoder while somebody waits, default 2
	CPUTime      time.Duration // processor time of a job, default 30 s
	WallTime     time.Duration // duration of a job, default 2 min: longer, because a busy machine is not the job's fault
	MemoryBytes  int64         // a worker may use on top of an empty one, default 2 GiB
	RecycleBytes int64         // resident size at which a worker is replaced after its job, default 512 MiB
	RecycleJobs  int           // jobs after which a worker is replaced, default 2000

	Log      *slog.Logger
	Replaced func(reason string) // called for each worker replaced, with one of Reasons; may be nil
	Now      func() time.Time    // time.Now by default
}

func (o Options) withDefaults() (Options, error) {
	if len(o.Command) == 0 {
		program, err := os.Executable()
		if err != nil {
			return o, err
		}
		o.Command = []string{program, "render"}
	}
	setDefault(&o.Workers, runtime.GOMAXPROCS(0))
	setDefault(&o.WebPEffort, 2)
	setDefault(&o.QueueTime, 20*time.Second)
	setDefault(&o.CPUTime, 30*time.Second)
	setDefault(&o.WallTime, 2*time.Minute)
	setDefault(&o.MemoryBytes, 2<<30)
	setDefault(&o.RecycleBytes, 512<<20)
	setDefault(&o.RecycleJobs, 2000)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Replaced == nil {
		o.Replaced = func(string) {}
	}
	return o, nil
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// Pool is an edge.Renderer of worker processes.
type Pool struct {
	cfg       Options
	learned   learned
	fallbacks atomic.Int64
	strikes   *strikes
	closed    chan struct{}
	tasksDone sync.WaitGroup // goroutines of the pool

	mu      sync.Mutex           // never held across I/O but the start of a process
	workers map[*worker]struct{} // alive
	closing bool
	seen    *simplelru.LRU[string, struct{}] // sources of which a variant was wanted
	queue
}

// maxSeen bounds the sources that are remembered as wanted once.
const maxSeen = 1 << 14

var _ edge.Renderer = (*Pool)(nil)

// Open starts the workers and waits until all of them are ready.
func Open(options Options) (*Pool, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("find the program of render workers: %w", err)
	}
	seen, err := simplelru.NewLRU[string, struct{}](maxSeen, nil)
	if err != nil {
		return nil, fmt.Errorf("make index of sources: %w", err)
	}
	p := &Pool{cfg: options, strikes: newStrikes(options.Now), closed: make(chan struct{}), seen: seen,
		workers: map[*worker]struct{}{}, queue: queue{bursts: map[string]*burst{}}}
	for i := range options.Workers + 1 {
		lane := large
		if i == 0 {
			lane = small
		}
		w, err := p.start(lane)
		if err != nil {
			p.Close()
			return nil, err
		}
		p.offer(w)
	}
	return p, nil
}

// Render implements edge.Renderer. A job beyond the limits of transforms is Invalid.
func (p *Pool) Render(ctx context.Context, job edge.Job, files ...*os.File) ([]byte, error) {
	return p.render(ctx, job, files, true)
}

// render makes a picture; unbounded work is not turned away by a full queue.
func (p *Pool) render(ctx context.Context, job edge.Job, files []*os.File, bounded bool) ([]byte, error) {
	t, err := p.newTask(job, files)
	if err != nil {
		return nil, err
	}
	p.find(t)
	if err := p.enter(t, bounded); err != nil {
		t.close()
		return nil, err
	}
	return p.await(ctx, t)
}

// receive waits for the answer.
func (p *Pool) receive(t *task, w *worker) outcome {
	o := w.receive()
	if w.broken != "" {
		o.err = p.verdict(t, w, o.err)
	}
	return o
}

// spawnLocked runs a goroutine that Close waits for.
func (p *Pool) spawnLocked(f func()) {
	if !p.closing {
		p.tasksDone.Go(f)
	}
}

// stopped is the error for a caller who did not wait.
func stopped(ctx context.Context) error {
	kind := edge.Unavailable
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		kind = edge.Timeout
	}
	return &edge.Error{Kind: kind, Message: "rendering was not waited for", Err: context.Cause(ctx)}
}

// Close ends all workers; jobs that are still running fail.
func (p *Pool) Close() error {
	p.mu.Lock()
	if p.closing {
		p.mu.Unlock()
		return nil
	}
	p.closing = true
	close(p.closed)
	for w := range p.workers {
		w.kill()
	}
	for _, t := range slices.Concat(p.tasks, p.later) {
		p.overLocked(t, outcome{err: shuttingDown(nil)})
	}
	p.tasks, p.later = nil, nil
	p.mu.Unlock()
	p.tasksDone.Wait()
	return nil
}

// Stats is what the pool is doing right now.
type Stats struct {
	Workers, Free int           // alive, and ready for a job; what is neither free nor busy is on its way in or out
	Busy          int           // workers that have been handed a job and have not answered
	Waiting       int           // jobs that somebody waits for and no worker has
	Background    int           // jobs that nobody waits for and no worker has
	Quarantined   int           // sources that are not tried
	Backlog       time.Duration // predicted cost of what waits
	Fallbacks     int64         // since Open: how often Fallback did not say the first
}

// Stats gives a snapshot.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	defer p.mu.Unlock()
	st := Stats{Workers: len(p.workers), Waiting: len(p.tasks), Background: len(p.later), Fallbacks: p.fallbacks.Load()}
	for _, free := range p.free {
		st.Free += len(free)
	}
	for w := range p.workers {
		if w.tasks > 0 {
			st.Busy++
		}
	}
	for _, b := range p.bursts {
		st.Waiting += len(b.held)
	}
	for _, t := range p.tasks {
		st.Backlog += t.cost
	}
	st.Quarantined = p.strikes.quarantined()
	return st
}
