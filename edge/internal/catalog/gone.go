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

type graves struct{ lru *lru.Cache[string, grave] }

type grave struct {
	seq   uint64
	until time.Time
}

func newGraves() graves {
	cache, err := lru.New[string, grave](goneMost)
	if err != nil {
		panic(err) // only for sizes that are not positive
	}
	return graves{cache}
}

func (g graves) add(digest string, seq uint64, now time.Time) {
	g.lru.Add(digest, grave{seq, now.Add(goneFor)})
}

// revive notes that at the change number an asset referred to the blob.
func (g graves) revive(digest string, seq uint64) {
	if found, ok := g.lru.Peek(digest); ok && found.seq <= seq {
		g.lru.Remove(digest)
	}
}

func (g graves) has(digest string, now time.Time) bool {
	found, ok := g.lru.Peek(digest)
	return ok && now.Before(found.until)
}

// bury notes that the blob is gone, and has what is kept of it dropped; c.mu is held.
func (c *Catalog) bury(digest string, seq uint64) {
	c.gone.add(digest, seq, c.opt.Now())
	c.drop(digest)
}

// Gone reports whether the last asset let go of the blob a while ago, so that nothing of it is to be kept.
func (c *Catalog) Gone(digest string) bool { return c.gone.has(digest, c.opt.Now()) }

// Tell has drop told of every blob that is gone, after Gone knows it. It must not block, or ask the Catalog for more than
// Gone. Call it before Run.
func (c *Catalog) Tell(drop func(digest string)) { c.drop = drop }
