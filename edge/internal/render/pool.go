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
	"sync"
	"sync/atomic"
	"time"

	"github.com/pictor/pictor/edge"
)

// Options of a Pool; what is zero gets its default.
type Options struct {
	Command []string // starts a worker; default: this program with the argument «render»
	Workers int      // for jobs of any size, one more is kept for small ones; default: one per processor
	Queue   int      // jobs that may wait for a worker; default 64 per worker

	CPUTime      time.Duration // processor time of a job, default 30 s
	WallTime     time.Duration // duration of a job, default 2 min: longer, because a busy machine is not the job's fault
	MemoryBytes  int64         // a worker may use on top of an empty one, default 2 GiB
	RecycleBytes int64         // resident size at which a worker is replaced after its job, default 512 MiB
	RecycleJobs  int           // jobs after which a worker is replaced, default 2000

	Log      *slog.Logger
	Replaced func(reason string) // called for each worker replaced: crash, deadline, gone, age or size; may be nil
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
	setDefault(&o.Queue, 64*o.Workers)
	setDefault(&o.CPUTime, 30*time.Second)
	setDefault(&o.WallTime, 2*time.Minute)
	setDefault(&o.MemoryBytes, 2<<30)
	setDefault(&o.RecycleBytes, 512<<20)
	setDefault(&o.RecycleJobs, 2000)
	if o.Log == nil {
		o.Log = slog.Default()
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
	cfg Options
	lanes
	waiting atomic.Int64 // jobs without a worker yet
	backlog atomic.Int64 // predicted nanoseconds of all jobs that are waiting or running
	closed  chan struct{}
	tasks   sync.WaitGroup // goroutines of the pool

	mu      sync.Mutex           // never held across I/O but the start of a process
	workers map[*worker]struct{} // alive
	closing bool
}

var _ edge.Renderer = (*Pool)(nil)

// Open starts the workers and waits until all of them are ready.
func Open(options Options) (*Pool, error) {
	options, err := options.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("find the program of render workers: %w", err)
	}
	p := &Pool{cfg: options, lanes: newLanes(options.Workers), workers: map[*worker]struct{}{},
		closed: make(chan struct{})}
	for i := range options.Workers + 1 {
		lane := p.large
		if i == 0 {
			lane = p.small
		}
		w, err := p.start(lane)
		if err != nil {
			p.Close()
			return nil, err
		}
		lane <- w
	}
	return p, nil
}

// Render implements edge.Renderer. A job beyond the limits of transforms is Invalid.
func (p *Pool) Render(ctx context.Context, job edge.Job, file *os.File) ([]byte, error) {
	if p.waiting.Load() >= int64(p.cfg.Queue) {
		return nil, &edge.Error{Kind: edge.Overloaded, Message: "too many pictures are waiting to be rendered",
			RetryAfter: p.retryAfter()}
	}
	return p.render(ctx, job, file)
}

func (p *Pool) render(ctx context.Context, job edge.Job, file *os.File) ([]byte, error) {
	cost, err := predict(job)
	if err != nil {
		return nil, err
	}
	p.backlog.Add(int64(cost))
	w, turn, err := p.handOver(ctx, job, file, cost)
	if err != nil {
		p.backlog.Add(-int64(cost))
		return nil, err
	}
	done := make(chan outcome, 1)
	p.spawn(func() {
		done <- p.finish(w)
		p.backlog.Add(-int64(cost))
		p.release(w)
	})
	select {
	case o := <-done:
		return o.body, o.err
	case <-ctx.Done():
		w.abandon(turn)
		return nil, stopped(ctx)
	}
}

// handOver gives the job to a worker. One that died while it was idle costs no job.
func (p *Pool) handOver(ctx context.Context, job edge.Job, file *os.File, cost time.Duration) (*worker, int, error) {
	for {
		w, err := p.acquire(ctx, cost)
		if err != nil {
			return nil, 0, err
		}
		turn, err := w.send(job, file)
		if err == nil {
			return w, turn, nil
		}
		w.broken = "gone"
		p.spawn(func() { p.release(w) })
	}
}

type outcome struct {
	body []byte
	err  error
}

// finish waits for the answer.
func (p *Pool) finish(w *worker) outcome {
	body, err := w.receive()
	if w.broken != "" {
		err = p.verdict(w, err)
	}
	return outcome{body, err}
}

// spawn runs a goroutine that Close waits for.
func (p *Pool) spawn(f func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		go f() // Close may be past waiting; nothing is left that f could keep alive
		return
	}
	p.tasks.Go(f)
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
	p.mu.Unlock()
	p.tasks.Wait()
	return nil
}

// Stats is what the pool is doing right now.
type Stats struct{ Workers, Busy, Waiting int }

// Stats counts workers that are alive, those with a job, and jobs that wait.
func (p *Pool) Stats() Stats {
	p.mu.Lock()
	alive := len(p.workers)
	p.mu.Unlock()
	return Stats{Workers: alive, Busy: max(0, alive-len(p.small)-len(p.large)), Waiting: int(p.waiting.Load())}
}
