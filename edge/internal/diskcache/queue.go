package diskcache

import (
	"sync"

	"github.com/pictor/pictor/edge"
)

// queue holds what is to be written. An Object can be found in it from the moment it is put until it is on disk, or
// lost. It never makes anyone wait: what does not fit is dropped.
type queue struct {
	maxEntries int
	maxBytes   int64
	ready      chan struct{} // has a token when something may be waiting

	mu      sync.Mutex // never held across I/O
	byKey   map[edge.Key]*write
	waiting []*write
	bytes   int64 // of waiting writes and of those taken and not yet done
	entries int
}

// write is one change to the disk.
type write struct {
	key   edge.Key
	obj   *edge.Object // nil deletes
	from  uint64       // the generation to delete from
	bytes int64
}

func newQueue(maxEntries int, maxBytes int64) *queue {
	return &queue{maxEntries: maxEntries, maxBytes: maxBytes, ready: make(chan struct{}, 1),
		byKey: make(map[edge.Key]*write)}
}

func (q *queue) find(key edge.Key) *edge.Object {
	q.mu.Lock()
	defer q.mu.Unlock()
	if w := q.byKey[key]; w != nil {
		return w.obj
	}
	return nil
}

// put reports whether there was room.
func (q *queue) put(key edge.Key, obj *edge.Object) bool {
	w := &write{key: key, obj: obj, bytes: int64(entryBytes(key, obj))}
	q.mu.Lock()
	defer q.mu.Unlock()
	if old := q.byKey[key]; old != nil && old.obj.ETag == obj.ETag {
		return true // on its way already
	}
	if !q.addLocked(w) {
		return false
	}
	q.byKey[key] = w
	return true
}

// remove takes a damaged entry off the disk.
func (q *queue) remove(key edge.Key, from uint64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.addLocked(&write{key: key, from: from})
}

func (q *queue) addLocked(w *write) bool {
	if q.entries >= q.maxEntries || q.bytes+w.bytes > q.maxBytes {
		return false
	}
	q.waiting = append(q.waiting, w)
	q.entries++
	q.bytes += w.bytes
	select {
	case q.ready <- struct{}{}:
	default:
	}
	return true
}

// take gives the writes to do next, up to about maxBytes, or none.
func (q *queue) take(maxBytes int64) []*write {
	q.mu.Lock()
	defer q.mu.Unlock()
	n, bytes := 0, int64(0)
	for n < len(q.waiting) && bytes < maxBytes {
		bytes += q.waiting[n].bytes
		n++
	}
	taken := q.waiting[:n:n]
	if q.waiting = q.waiting[n:]; len(q.waiting) == 0 {
		q.waiting = nil
	}
	return taken
}

// done forgets writes that were taken.
func (q *queue) done(taken []*write) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, w := range taken {
		q.entries--
		q.bytes -= w.bytes
		if q.byKey[w.key] == w {
			delete(q.byKey, w.key)
		}
	}
}

// drop forgets all that waits and says how much that was.
func (q *queue) drop() int {
	all := q.take(q.maxBytes + 1)
	q.done(all)
	return len(all)
}

// crowded reports whether less than half of the room is left.
func (q *queue) crowded() bool {
	entries, bytes := q.size()
	return entries > q.maxEntries/2 || bytes > q.maxBytes/2
}

func (q *queue) size() (entries int, bytes int64) {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.entries, q.bytes
}
