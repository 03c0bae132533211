package render

import (
	"os"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/render/pipe"
	"github.com/pictor/pictor/edge/internal/rungs"
	"github.com/pictor/pictor/shared/wire"
)

// task is work on its way through the pool.
type task struct {
	work
	estimate
	digest  string
	bytes   int64    // of the source
	clean   int64    // bytes of it, cleaned
	blame   string   // names what strikes are counted for: the digest, and that of the overlay
	file    *os.File // the source: open for as long as the task is not done
	over    *wire.Source
	drawn   *os.File // the overlay, open for as long
	owned   bool     // file is the task's to close
	out     *os.File // takes pixels
	rung    *rungs.Rung
	fresh   bool // needs a worker that has seen no other picture
	idle    bool // nobody waits: only when there is nothing else to do
	arrived time.Time
	key     time.Time // place in the queue
	done    chan outcome

	// Guarded by Pool.mu.
	state   state
	direct  bool // no rung: one turned out bad, or could not be made
	counted bool // in burst.wanted
	worker  *worker
	turn    int
	batch   *batch        // what the worker has with it; nil when alone
	sent    chan struct{} // closed when the worker has the job, or has turned out to be gone
}

type state uint8

const (
	waiting state = iota // for a worker
	held                 // for a rung
	running
	over
)

// outcome is what becomes of a task.
type outcome struct {
	body  []byte
	bands int
	cpu   time.Duration // that the worker says it used
	err   error
}

const (
	// smallJob is the longest job that the kept worker takes: a thumbnail of a large photograph is one.
	smallJob = 50 * time.Millisecond

	// Tasks are served in the order of arrival + passing × cost: a thumbnail of 30 ms overtakes every job of twice its
	// cost that has not waited for 3 s already, and nothing is overtaken for longer than maxPassing. Constant in time,
	// so it is computed once.
	passing    = 100
	maxPassing = 20 * time.Second
)

// order sets the task's place in the queue.
func (t *task) order() {
	t.key = t.arrived.Add(min(passing*t.cost, maxPassing))
}

// request is the task in the words of the worker.
func (t *task) request(cpu time.Duration) (pipe.Request, []*os.File) {
	r := pipe.Request{Source: t.source, Bytes: t.bytes, Spec: t.spec.String(), CPU: cpu, ToRung: t.toRung,
		Pixels: t.pixels, Best: t.best, Clean: t.clean}
	if t.batch != nil {
		for _, other := range t.batch.tasks[1:] {
			r.Also = append(r.Also, other.spec.String())
		}
	}
	files := []*os.File{t.file}
	if t.rung != nil {
		r.Bytes, files[0] = t.rung.Bytes, t.rung.File
		r.Clean = 0 // what is so much smaller is smaller; and only the source knows its colours
		r.Rung = &pipe.Rung{Width: t.rung.Width, Height: t.rung.Height, Bands: t.rung.Bands}
	}
	if t.pixels {
		files = append(files, t.out)
	}
	if t.over != nil {
		r.Over = &pipe.Overlay{Source: t.over.Picture(), Bytes: t.over.Bytes}
		files = append(files, t.drawn)
	}
	return r, files
}

// close frees what the task has for itself.
func (t *task) close() {
	if t.rung != nil {
		t.rung.File.Close()
	}
	if t.owned {
		t.file.Close()
	}
	if t.out != nil {
		t.out.Close()
	}
}

// newTask reads a job.
func (p *Pool) newTask(job edge.Job, files []*os.File) (*task, error) {
	if len(files) == 0 || job.Overlay != nil && len(files) < 2 {
		return nil, &edge.Error{Kind: edge.Internal, Message: "a job needs its files"}
	}
	file := files[0]
	w, err := newWork(job)
	if err != nil {
		return nil, err
	}
	t := &task{work: w, digest: job.Source.Digest, bytes: job.Source.Bytes, clean: job.Source.CleanBytes, file: file,
		idle: job.Best, done: make(chan outcome, 1)}
	t.blame = t.digest
	if t.over = job.Overlay; t.over != nil {
		// A bad overlay must not bring a good picture into quarantine.
		t.blame, t.drawn = t.digest+" "+t.over.Digest, files[1]
	}
	if t.fresh, err = p.strikes.check(t.blame); err != nil {
		return nil, err
	}
	t.progressive = isProgressive(w, file)
	t.estimate = p.learned.estimate(&t.work)
	return t, nil
}

// retake makes the task read the rung; nil is the source.
func (t *task) retake(p *Pool, r *rungs.Rung) {
	if t.rung != nil {
		t.rung.File.Close()
	}
	t.rung = r
	t.readSource()
	if r != nil {
		t.reads = readOf(r)
	}
	t.estimate = p.learned.estimate(&t.work)
}
