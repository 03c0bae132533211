package diskcache

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/pictor/pictor/edge"
)

// maxReads bounds the reads under way. When a disk hangs, they all do; then every Get is a miss at once.
const maxReads = 64

// readers are goroutines that read for those who cannot wait: a read that takes too long is left behind, and occupies
// one of maxReads until it ends. The goroutines stay, because pebble needs a deep stack: to grow that of a new goroutine
// took a quarter of the time of a read.
type readers struct {
	limit    time.Duration
	queue    chan *read // never full: it has room for all that may be under way
	underway atomic.Int32
	started  atomic.Int32 // readers; no fewer than reads under way, so none waits for another that hangs
	end      <-chan struct{}
	idle     sync.Pool // of *read
}

// read is one read and the wait for it.
type read struct {
	store  *store
	key    edge.Key
	memory *buffers // where the Object goes; nil for memory of its own
	answer chan found
	timer  *time.Timer
}

func newReaders(limit time.Duration, end <-chan struct{}) *readers {
	return &readers{limit: limit, queue: make(chan *read, maxReads), end: end}
}

// get is store.get in bounded time. It is not ok when there was not the time, or more than most reads were under way.
func (r *readers) get(s *store, key edge.Key, memory *buffers, most int32) (f found, ok bool) {
	n := r.underway.Add(1)
	if n > most {
		r.underway.Add(-1)
		return found{}, false
	}
	one := r.prepare()
	one.store, one.key, one.memory = s, key, memory
	r.queue <- one
	r.employ(n)
	select {
	case f = <-one.answer:
		one.timer.Stop()
		one.store = nil
		r.idle.Put(one)
		return f, true
	case <-one.timer.C:
		return found{}, false // the reader still has it
	}
}

func (r *readers) prepare() *read {
	if one, ok := r.idle.Get().(*read); ok {
		one.timer.Reset(r.limit)
		return one
	}
	return &read{answer: make(chan found, 1), timer: time.NewTimer(r.limit)}
}

// employ sees to it that there are n readers.
func (r *readers) employ(n int32) {
	for have := r.started.Load(); have < n; have = r.started.Load() {
		if r.started.CompareAndSwap(have, have+1) {
			go r.work()
		}
	}
}

func (r *readers) work() {
	for {
		select {
		case one := <-r.queue:
			f := one.store.get(one.key, one.memory)
			r.underway.Add(-1) // before the answer: who has it may ask again
			one.answer <- f
		case <-r.end:
			return
		}
	}
}
