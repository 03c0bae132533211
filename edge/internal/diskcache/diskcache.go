// Package diskcache keeps Objects over restarts: edge.Disk on top of pebble. A sick disk costs misses, never a request:
// reads have a time limit, writes go through a bounded queue, and a store that reports trouble is taken out of use and
// opened again later, or set aside when it is damaged.
package diskcache

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pictor/pictor/edge"
)

// Options of a Cache. Dir must be given; other zero values stand for the defaults.
type Options struct {
	Dir          string
	MaxBytes     int64         // budget, 10 GiB by default
	QueueEntries int           // writes that may wait, 4096 by default
	QueueBytes   int64         // and their bytes, 64 MiB by default
	ReadTimeout  time.Duration // a slower read is a miss, 250 ms by default
	FlushEvery   time.Duration // what a crash may lose at low load, 10 min by default; each flush makes a file that stays
	Rest         time.Duration // from trouble to the first attempt to open again, 30 s by default; then twice as long
	// Hot gives what is served from memory; optional. Nobody asks the disk for that, so it would go with its generation and
	// be missing after a restart.
	Hot func() []edge.Key
	Log *slog.Logger

	fs vfs.FS // for tests
}

const (
	defaultMaxBytes     = 10 << 30
	defaultQueueEntries = 4096
	defaultQueueBytes   = 64 << 20
	defaultReadTimeout  = 250 * time.Millisecond
	defaultFlushEvery   = 10 * time.Minute
	defaultRest         = 30 * time.Second

	minMaxBytes = 1 << 20

	// batchBytes is about what is written at once.
	batchBytes = 2 << 20
	// closeLimit bounds every wait for a store to end: afterwards it is left behind.
	closeLimit = 10 * time.Second
	// firstOpen bounds the wait in Open: an edge starts beside a disk that does not answer.
	firstOpen = 10 * time.Second
	// maxRest is the longest wait between attempts to open.
	maxRest = 10 * time.Minute
)

// Folders below Options.Dir.
const (
	storeFolder      = "store"
	quarantineFolder = "quarantine" // the last damaged store, for inspection
)

// Cache implements edge.Disk.
type Cache struct {
	Options
	queue   *queue
	readers *readers
	bodies  buffers // of what is lent
	live    atomic.Pointer[store]

	aged      chan struct{} // has a token when a generation has begun since the last look at what is hot
	closing   chan struct{}
	closeOnce sync.Once
	done      chan struct{}
	lastErr   error         // of the ending; read after done is closed
	ending    chan struct{} // of run: closed when the last store is closed

	counters
}

// counters are shared with the stores.
type counters struct {
	hits, misses, written, dropped, promoted, damaged, slow, evicted, trips, quarantined atomic.Int64
}

// Stats are counts since Open, apart from the first five.
type Stats struct {
	Open         bool  // false while the breaker is open
	Bytes        int64 // counted against the budget
	DiskBytes    int64 // what the files took at the last of the regular flushes
	QueueEntries int
	QueueBytes   int64
	Hits, Misses int64 // of Get, hits in the queue included
	Written      int64 // Objects written
	Dropped      int64 // Objects not written: queue full, too large, or no store
	Promoted     int64 // hits in old generations, written again
	Damaged      int64 // entries found to be damaged, which were then deleted
	Slow         int64 // reads over the time limit or the number, and slow writes that pebble reports
	Evicted      int64 // generations given up
	Trips        int64 // stores taken out of use
	Quarantined  int64 // stores set aside because they were damaged
}

// Open opens the store in the folder, or begins to try: an error is one of the options, never of the disk.
func Open(o Options) (*Cache, error) {
	o.MaxBytes = cmp.Or(o.MaxBytes, defaultMaxBytes)
	o.QueueEntries = cmp.Or(o.QueueEntries, defaultQueueEntries)
	o.QueueBytes = cmp.Or(o.QueueBytes, defaultQueueBytes)
	o.ReadTimeout = cmp.Or(o.ReadTimeout, defaultReadTimeout)
	o.FlushEvery = cmp.Or(o.FlushEvery, defaultFlushEvery)
	o.Rest = cmp.Or(o.Rest, defaultRest)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.fs == nil {
		o.fs = vfs.Default
	}
	if o.Dir == "" || o.MaxBytes < minMaxBytes {
		return nil, fmt.Errorf("disk cache: needs a folder and at least %d bytes, got %q and %d", minMaxBytes, o.Dir, o.MaxBytes)
	}
	c := &Cache{Options: o, queue: newQueue(o.QueueEntries, o.QueueBytes), aged: make(chan struct{}, 1),
		closing: make(chan struct{}), done: make(chan struct{})}
	c.readers = newReaders(o.ReadTimeout, c.done)
	if o.Hot != nil {
		go c.keepHot()
	}
	opened := make(chan struct{})
	go c.run(sync.OnceFunc(func() { close(opened) }))
	select {
	case <-opened:
	case <-time.After(firstOpen):
		o.Log.Warn("disk cache does not open, going on without it", "folder", o.Dir)
	}
	return c, nil
}

// Get implements edge.Disk. The Object is the caller's own copy, or one that waits to be written.
func (c *Cache) Get(key edge.Key) (*edge.Object, bool) {
	f := c.find(key, nil, maxReads)
	return f.obj, f.obj != nil
}

// Lend implements edge.Disk. It leaves half of the reads to Get, which is asked once for all who wait for one key.
func (c *Cache) Lend(key edge.Key) (obj *edge.Object, done func(), ok bool) {
	f := c.find(key, &c.bodies, maxReads/2)
	if f.memory == nil {
		return f.obj, func() {}, f.obj != nil
	}
	return f.obj, func() { c.bodies.giveBack(f.memory) }, f.obj != nil
}

func (c *Cache) find(key edge.Key, memory *buffers, most int32) (f found) {
	if f.obj = c.queue.find(key); f.obj == nil {
		f = c.read(key, memory, most)
	}
	if f.obj == nil {
		c.misses.Add(1)
	} else {
		c.hits.Add(1)
	}
	return f
}

func (c *Cache) read(key edge.Key, memory *buffers, most int32) (f found) {
	s := c.store()
	if s == nil {
		return found{}
	}
	f, ok := c.readers.get(s, key, memory, most)
	switch {
	case !ok:
		c.slow.Add(1)
	case f.damaged:
		c.damaged.Add(1)
		c.queue.remove(key, f.generation)
	case f.obj != nil && f.old:
		f.memory = nil // it waits to be written now: nobody gets it back
		if c.queue.put(key, f.obj) {
			c.promoted.Add(1)
		}
	}
	return f
}

// Put implements edge.Disk.
func (c *Cache) Put(key edge.Key, obj *edge.Object) {
	// An entry that is a large part of a generation would make generations uneven.
	if c.store() == nil || obj.Bytes() > c.MaxBytes/perBudget/2 || !c.queue.put(key, obj) {
		c.dropped.Add(1)
	}
}

// store gives the open store, nil while there is none that is fit for use.
func (c *Cache) store() *store {
	if s := c.live.Load(); s != nil && !s.tripped() {
		return s
	}
	return nil
}

// Stats gives a snapshot.
func (c *Cache) Stats() Stats {
	st := Stats{Hits: c.hits.Load(), Misses: c.misses.Load(), Written: c.written.Load(), Dropped: c.dropped.Load(),
		Promoted: c.promoted.Load(), Damaged: c.damaged.Load(), Slow: c.slow.Load(), Evicted: c.evicted.Load(),
		Trips: c.trips.Load(), Quarantined: c.quarantined.Load()}
	st.QueueEntries, st.QueueBytes = c.queue.size()
	if s := c.store(); s != nil {
		st.Open, st.Bytes, st.DiskBytes = true, s.size.Load(), s.disk.Load()
	}
	return st
}

// Close writes what waits, flushes, and ends. On a disk that does not answer it gives up after a while.
func (c *Cache) Close() error {
	c.closeOnce.Do(func() { close(c.closing) })
	select {
	case <-c.done:
		return c.lastErr
	case <-time.After(2 * closeLimit):
		return errors.New("close disk cache: the disk does not answer")
	}
}
