package diskcache

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/pictor/pictor/edge"
)

// store is one open pebble. Any number may get; one goroutine writes.
type store struct {
	*health
	db      *pebble.DB
	fs      vfs.FS
	dir     string
	budget  int64
	segment int64

	search atomic.Pointer[[]uint64] // generations as get looks through them, newest first
	places places
	size   atomic.Int64 // bytes of all generations
	disk   atomic.Int64 // bytes of all files when last measured

	// Of the writing goroutine.
	generations generations
	unflushed   int64           // bytes since the last flush was ordered
	flushing    <-chan struct{} // closed when that flush is done; nil when there was none

	inUse sync.RWMutex // read-held while reading, for ever held after close
}

// Sizes. An edge has a memory cache of its own in front: pebble gets little.
const (
	blockCacheBytes = 16 << 20
	openFiles       = 512
	maxSegment      = 8 << 20
	minSegment      = 256 << 10

	// separateFrom is the least value that is kept apart from its key: nearly all pictures. Moving keys between levels
	// then moves few bytes.
	separateFrom = 512
)

// segmentBytes is how much is written between flushes: what a crash may lose, and what waits in memory.
func segmentBytes(budget int64) int64 { return max(minSegment, min(maxSegment, budget/perBudget/4)) }

func openStore(dir string, fs vfs.FS, budget int64, h *health) (s *store, err error) {
	defer func() {
		if r := recover(); r != nil {
			s, err = nil, fmt.Errorf("%w: %v", errPanic, r)
		}
	}()
	segment := segmentBytes(budget)
	o := &pebble.Options{
		FS:                 &mended{FS: fs},
		Logger:             h,
		EventListener:      h.listener(),
		FormatMajorVersion: pebble.FormatValueSeparation,
		// A cache may lose its last writes, and without a log nothing is written twice. Tables and manifest are synced
		// before they count, so a crash leaves a sound, slightly older store.
		DisableWAL:   true,
		CacheSize:    blockCacheBytes + 8*segment, // pebble takes the memory of what waits to be flushed out of it
		MaxOpenFiles: openFiles,
		MemTableSize: uint64(2 * segment),
		// write orders flushes itself and waits for them where it can give up: pebble's own stalls never end on a full
		// disk, so they are set out of reach.
		MemTableStopWritesThreshold: 1000,
		L0StopWritesThreshold:       1000,
		CompactionConcurrencyRange:  func() (int, int) { return 1, 1 },
	}
	for i := range o.Levels {
		o.Levels[i].FilterPolicy = bloom.FilterPolicy(10)
	}
	o.ApplyCompressionSettings(func() pebble.DBCompressionSettings { return pebble.DBCompressionNone })
	o.Experimental.ValueSeparationPolicy = func() pebble.ValueSeparationPolicy {
		return pebble.ValueSeparationPolicy{
			Enabled:     true,
			MinimumSize: separateFrom,
			// Values are written once and never moved: garbage goes with its generation, and a compaction that read
			// them would end the process at a damaged file (see errPanic).
			MaxBlobReferenceDepth: 1 << 20,
			RewriteMinimumAge:     time.Hour,
			TargetGarbageRatio:    1,
		}
	}
	o.Experimental.SpanPolicyFunc = endAtGeneration
	db, err := pebble.Open(dir, o)
	if err != nil {
		return nil, err
	}
	s = &store{health: h, db: db, fs: fs, dir: dir, budget: budget, segment: segment}
	if err := s.readGenerations(); err != nil {
		return nil, errors.Join(err, db.Close())
	}
	return s, nil
}

// endAtGeneration makes pebble begin a new table, and with it a new file of values, where a generation ends. A table
// that reached into the next generation would keep the values of both on the disk when one of them is dropped.
func endAtGeneration(start []byte) (policy pebble.SpanPolicy, end []byte, err error) {
	id, ok := generationOf(start)
	if !ok {
		return policy, nil, nil
	}
	return policy, generationStart(id + 1), nil
}

// readGenerations finds what an earlier run left.
func (s *store) readGenerations() error {
	last, err := s.lastKey()
	if err != nil {
		return fmt.Errorf("find newest generation: %w", err)
	}
	if last == nil {
		s.setGenerations(generations{{id: 1}})
		return nil
	}
	id, ok := generationOf(last)
	if !ok {
		return errBadGenerations
	}
	text, closer, err := s.db.Get(generationStart(id))
	if err != nil {
		return fmt.Errorf("read generations: %w", err)
	}
	defer closer.Close()
	g, err := decodeGenerations(text)
	if err != nil {
		return err
	}
	s.setGenerations(g)
	return nil
}

// lastKey gives the last key there is, or nil.
func (s *store) lastKey() ([]byte, error) {
	it, err := s.db.NewIter(nil)
	if err != nil {
		return nil, err
	}
	var last []byte
	if it.Last() {
		last = append(last, it.Key()...) // lent until the next move
	}
	return last, it.Close()
}

func (s *store) setGenerations(g generations) {
	s.generations = g
	ids := g.ids()
	s.search.Store(&ids)
	s.size.Store(g.bytes())
}

// found is what get knows of a key.
type found struct {
	obj        *edge.Object // nil: none
	memory     *[]byte      // of the Object's Body
	generation uint64       // where it was, or where something damaged was
	old        bool         // the generation goes soon
	damaged    bool
}

// get looks where the entry was last, and then through the generations, newest first. Nearly all that have nothing are
// ruled out by their filters. The Object is in memory of from, or in its own where that is nil.
func (s *store) get(key edge.Key, from *buffers) (f found) {
	if !s.inUse.TryRLock() {
		return found{}
	}
	defer s.inUse.RUnlock()
	defer s.guard()
	ids := *s.search.Load()
	stored := dataKey(0, key)
	place := s.places.of(stored)
	if last := place.generation(); slices.Contains(ids, last) && s.getFrom(last, ids[0], stored, key, from, &f) {
		return f
	}
	for _, id := range ids {
		if s.getFrom(id, ids[0], stored, key, from, &f) {
			place.found(id)
			return f
		}
	}
	return found{}
}

// getFrom looks in one generation, and reports whether there is something, be it damaged.
func (s *store) getFrom(id, newest uint64, stored []byte, key edge.Key, from *buffers, f *found) bool {
	setGeneration(stored, id)
	value, closer, err := s.db.Get(stored)
	if errors.Is(err, pebble.ErrNotFound) {
		return false
	}
	f.generation, f.old = id, newest-id >= promoteAge
	if err == nil {
		f.memory = from.copyOf(value) // pebble lends it
		err = closer.Close()          // gives the error of a value that is kept apart from its key; that is nil then
	}
	// Pebble has checked what it read from the disk. What stays in memory or goes to the disk again is checked from end to
	// end; of the copy, which is hot in the processor's cache.
	if err == nil && (from == nil || f.old) {
		err = checkEntry(*f.memory)
	}
	if err == nil {
		f.obj, err = decodeEntry(*f.memory, key)
	}
	f.damaged = errors.Is(err, errBadEntry) || pebble.IsCorruptionError(err)
	return true
}

// write does all the writes at once. After an error the store is not to be used any more.
func (s *store) write(writes []*write) error {
	defer s.guard()
	if s.generations.full(s.budget) {
		if err := s.nextGeneration(); err != nil {
			return err
		}
	}
	batch := s.db.NewBatch()
	defer batch.Close()
	bytes, newest := int64(0), s.generations.newest()
	moved := make([]place, 0, len(writes))
	for _, w := range writes {
		if w.obj == nil {
			if err := batch.Delete(dataKey(w.from, w.key), nil); err != nil {
				return fmt.Errorf("delete entry: %w", err)
			}
			continue
		}
		key := dataKey(newest.id, w.key)
		bytes += put(batch, key, w)
		moved = append(moved, s.places.of(key))
	}
	newest.bytes += bytes
	s.size.Add(bytes)
	if err := batch.Set(generationStart(newest.id), s.generations.encode(), nil); err != nil {
		return fmt.Errorf("set generations: %w", err)
	}
	if err := batch.Commit(pebble.NoSync); err != nil {
		return fmt.Errorf("write entries: %w", err)
	}
	for _, p := range moved {
		p.moved(newest.id)
	}
	s.counters.written.Add(int64(len(moved)))
	if s.unflushed += bytes; s.unflushed >= s.segment {
		return s.flush()
	}
	return nil
}

// put encodes straight into the batch.
func put(batch *pebble.Batch, key []byte, w *write) int64 {
	op := batch.SetDeferred(len(key), int(w.bytes))
	copy(op.Key, key)
	encodeEntry(op.Value, w.key, w.obj)
	if err := op.Finish(); err != nil {
		panic(err) // only for batches with an index
	}
	return int64(len(key)) + w.bytes
}

// flush orders a flush, once the one before is done.
func (s *store) flush() error {
	if err := s.flushed(); err != nil {
		return err
	}
	done, err := s.db.AsyncFlush()
	if err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	s.flushing, s.unflushed = done, 0
	return nil
}

func (s *store) flushIfDirty() error {
	if s.unflushed == 0 {
		return nil
	}
	return s.flush()
}

// flushed waits for the flush under way. It can take for ever on a sick disk; trip ends the wait.
func (s *store) flushed() error {
	if s.flushing == nil {
		return nil
	}
	select {
	case <-s.flushing:
		s.flushing = nil
		return nil
	case <-s.broken:
		return s.err
	}
}

// nextGeneration begins a new generation and makes room for it. Flushing first keeps the files of generations apart, so
// that dropping one frees whole files and rewrites nothing.
func (s *store) nextGeneration() error {
	if err := s.flush(); err != nil {
		return err
	}
	g := append(generations{}, s.generations...)
	s.setGenerations(append(g, generation{id: g.newest().id + 1}))
	if err := s.shrink(s.budget - s.budget/perBudget); err != nil {
		return err
	}
	s.awaitSpace()
	return nil
}

// awaitSpace gives pebble a second to remove files, which it does in the background: in a burst of writes the folder
// would outgrow the budget by half.
func (s *store) awaitSpace() {
	const pause = 10 * time.Millisecond
	for range time.Second / pause {
		if s.measure(); s.disk.Load() <= s.budget {
			return
		}
		select {
		case <-s.broken:
			return
		case <-time.After(pause):
		}
	}
}

// shrink drops the oldest generations until no more than toBytes are left. The newest stays.
func (s *store) shrink(toBytes int64) error {
	for len(s.generations) > 1 && s.generations.bytes() > toBytes {
		oldest := s.generations[0]
		s.setGenerations(append(generations{}, s.generations[1:]...))
		if err := s.excise(oldest.id); err != nil {
			return err
		}
		s.counters.evicted.Add(1)
	}
	return nil
}

// excise drops a generation: its files leave the manifest and the disk, nothing is rewritten and no tombstone stays.
func (s *store) excise(id uint64) error {
	span := pebble.KeyRange{Start: generationStart(id), End: generationStart(id + 1)}
	if err := s.db.Excise(context.Background(), span); err != nil {
		return fmt.Errorf("drop generation %d: %w", id, err)
	}
	return nil
}

// close frees the store. It waits for readers and for pebble's jobs, which a sick disk may hold up for ever: the caller
// bounds the wait.
func (s *store) close() (err error) {
	s.inUse.Lock() // for good
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("%w: %v", errPanic, r)
		}
	}()
	return s.db.Close()
}

// measure sums up the files. Pebble's own figure forgets the files of values when a store is opened again.
func (s *store) measure() {
	names, err := s.fs.List(s.dir)
	if err != nil {
		return
	}
	var sum int64
	for _, name := range names {
		if info, err := s.fs.Stat(s.fs.PathJoin(s.dir, name)); err == nil { // it may be gone by now
			sum += info.Size()
		}
	}
	s.disk.Store(sum)
}
