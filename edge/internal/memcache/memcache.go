// Package memcache keeps hot Objects in memory: edge.Memory on top of ristretto, which admits by frequency, so that a
// scan through cold pictures does not push the popular ones out.
package memcache

import (
	"fmt"
	"hash/maphash"
	"sync/atomic"

	"github.com/dgraph-io/ristretto/v2"

	"github.com/pictor/pictor/edge"
)

// Options of a Cache. Zero values stand for the defaults.
type Options struct {
	MaxBytes  int64 // budget, 256 MiB by default
	MeanBytes int64 // what an Object is expected to weigh, 32 KiB by default; sizes the frequency counters
}

const (
	defaultMaxBytes  = 256 << 20
	defaultMeanBytes = 32 << 10

	// admitShare is the part of the budget that one Object may take: a few giants must not empty the cache.
	admitShare = 8
	// entryBytes is what an entry costs beside its bytes: the structs here and ristretto's items and map slots.
	// Without it a million tiny Objects would overrun the budget.
	entryBytes = 256
)

// Cache implements edge.Memory.
type Cache struct {
	entries  *ristretto.Cache[edge.Key, *entry]
	maxBytes int64

	evicted, rejected, oversized atomic.Int64
}

// entry repeats the key because ristretto looks up by hash only.
type entry struct {
	key edge.Key
	obj *edge.Object
}

// Stats are figures since New, apart from UsedBytes. Hits and misses are the caller's to count, who sees them by tier.
type Stats struct {
	UsedBytes, MaxBytes int64
	Evicted             int64 // Objects that gave way to others
	Rejected            int64 // Objects not admitted, or dropped in a burst of Sets
	Oversized           int64 // Objects too large for the budget
}

// New makes an empty cache.
func New(o Options) (*Cache, error) {
	if o.MaxBytes == 0 {
		o.MaxBytes = defaultMaxBytes
	}
	if o.MeanBytes == 0 {
		o.MeanBytes = defaultMeanBytes
	}
	c := &Cache{maxBytes: o.MaxBytes}
	seed := maphash.MakeSeed()
	entries, err := ristretto.NewCache(&ristretto.Config[edge.Key, *entry]{
		NumCounters: max(1000, 10*o.MaxBytes/o.MeanBytes),
		MaxCost:     o.MaxBytes,
		BufferItems: 64,
		// Ristretto's own hash of a named string type goes through reflection and allocates. It needs no second,
		// conflict hash: Get compares the key itself.
		KeyToHash:          func(key edge.Key) (uint64, uint64) { return maphash.String(seed, string(key)), 0 },
		IgnoreInternalCost: true, // entryBytes covers it
		OnEvict:            func(*ristretto.Item[*entry]) { c.evicted.Add(1) },
		OnReject:           func(*ristretto.Item[*entry]) { c.rejected.Add(1) },
	})
	if err != nil {
		return nil, fmt.Errorf("make memory cache of %d bytes: %w", o.MaxBytes, err)
	}
	c.entries = entries
	return c, nil
}

// Get implements edge.Memory. It does not allocate.
func (c *Cache) Get(key edge.Key) (*edge.Object, bool) {
	e, ok := c.entries.Get(key)
	if !ok || e.key != key {
		return nil, false
	}
	return e.obj, true
}

// Set implements edge.Memory. It takes effect a little later, if the Object is admitted at all.
func (c *Cache) Set(key edge.Key, obj *edge.Object) {
	cost := obj.Bytes() + int64(len(key)) + entryBytes
	if cost > c.maxBytes/admitShare {
		c.oversized.Add(1)
		return
	}
	if !c.entries.Set(key, &entry{key, obj}, cost) {
		c.rejected.Add(1)
	}
}

// Keys gives the keys of all that is there.
func (c *Cache) Keys() (all []edge.Key) {
	c.entries.IterValues(func(e *entry) (stop bool) {
		all = append(all, e.key)
		return false
	})
	return all
}

// Wait returns when earlier Sets have taken effect or been refused.
func (c *Cache) Wait() { c.entries.Wait() }

// Stats gives a snapshot.
func (c *Cache) Stats() Stats {
	return Stats{
		UsedBytes: c.maxBytes - c.entries.RemainingCost(),
		MaxBytes:  c.maxBytes,
		Evicted:   c.evicted.Load(),
		Rejected:  c.rejected.Load(),
		Oversized: c.oversized.Load(),
	}
}

// Close frees the cache. Nobody may use it any more: ristretto panics on a Set during Close.
func (c *Cache) Close() { c.entries.Close() }
