package catalog

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// A blob is gone when the feed said so, until somebody reads a newer Manifest that refers to it again, or goneFor has
// passed: the longest that work which began before may go on. An edge that works for others reads no Manifests, so to
// remember it for ever would be wrong.
const (
	goneFor  = 10 * time.Minute
	goneMost = 1 << 16
)

// tombstones remember by digest which blobs are gone.
type tombstones struct {
	lru *lru.Cache[string, tombstone]
}

type tombstone struct {
	seq   uint64 // of the change that said so
	until time.Time
}

func newTombstones() tombstones {
	cache, err := lru.New[string, tombstone](goneMost)
	if err != nil {
		panic(err) // only for sizes that are not positive
	}
	return tombstones{cache}
}

func (t tombstones) add(digest string, seq uint64, now time.Time) {
	t.lru.Add(digest, tombstone{seq, now.Add(goneFor)})
}

// remove is for a blob that an asset referred to at the change number; an older reading means nothing.
func (t tombstones) remove(digest string, seq uint64) {
	if found, ok := t.lru.Peek(digest); ok && found.seq <= seq {
		t.lru.Remove(digest)
	}
}

func (t tombstones) has(digest string, now time.Time) bool {
	found, ok := t.lru.Peek(digest)
	return ok && now.Before(found.until)
}

// dropLocked notes that the blob is gone, and has what is kept of it dropped.
func (c *Catalog) dropLocked(digest string, seq uint64) {
	c.gone.add(digest, seq, c.opt.Now())
	c.drop(digest)
}

// Gone reports whether the last asset let go of the blob a while ago, so that nothing of it is to be kept.
func (c *Catalog) Gone(digest string) bool { return c.gone.has(digest, c.opt.Now()) }

// Tell has drop told of every blob that is gone, after Gone knows it. It must not block, or ask the Catalog for more than
// Gone. Call it before Run.
func (c *Catalog) Tell(drop func(digest string)) { c.drop = drop }
