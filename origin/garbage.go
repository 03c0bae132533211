package origin

import (
	"context"
	"fmt"
	"hash/maphash"
	"sync"
	"time"

	"github.com/pictor/pictor/shared/wire"
)

// digestLocks keep the garbage collector off a blob between its Commit and the transaction that refers to it: uploads
// share, the collector excludes. They are held across I/O on purpose, and always taken before a transaction begins.
// They work within one process: a blob store belongs to one origin.
type digestLocks struct {
	stripes [64]sync.RWMutex
}

var stripeSeed = maphash.MakeSeed()

func (l *digestLocks) of(digest string) *sync.RWMutex {
	return &l.stripes[maphash.String(stripeSeed, digest)%uint64(len(l.stripes))]
}

// letGo is called when an asset refers to the blob no longer. When nothing else does, edges are told to drop what they
// keep of it.
func (c *Core) letGo(tx Tx, digest string) error {
	if err := tx.ReleaseBlob(digest, c.cfg.Now()); err != nil {
		return err
	}
	if used, err := tx.BlobInUse(digest); err != nil || used {
		return err
	}
	_, err := tx.Change(wire.BlobName(digest))
	return err
}

// CollectGarbage removes blobs that no asset has referred to, and that nobody has uploaded, for the grace period, and
// stagings abandoned as long.
func (c *Core) CollectGarbage(ctx context.Context, grace time.Duration) (removed int, err error) {
	before := c.cfg.Now().Add(-grace)
	err = c.cfg.Blobs.Sweep(ctx, before, func(digest string) error {
		gone, err := c.collect(ctx, digest, before)
		if err != nil {
			return fmt.Errorf("collect blob %s: %w", digest, err)
		}
		if gone {
			removed++
		}
		return nil
	})
	return removed, err
}

// collect removes the blob if it is garbage. The record goes first: a file without a record is found again, a record
// without a file would be a promise broken.
func (c *Core) collect(ctx context.Context, digest string, before time.Time) (gone bool, err error) {
	var garbage bool
	look := func(tx ReadTx) (err error) {
		garbage, err = isGarbage(tx, digest, before)
		return err
	}
	// A look without the lock first: nearly all blobs are in use.
	if err := c.cfg.Store.View(ctx, look); err != nil || !garbage {
		return false, err
	}
	c.digests.of(digest).Lock()
	defer c.digests.of(digest).Unlock()
	err = c.cfg.Store.Update(ctx, func(tx Tx) error {
		if err := look(tx); err != nil || !garbage {
			return err
		}
		garbage, err = tx.DeleteBlob(digest)
		return err
	})
	if err != nil || !garbage {
		return false, err
	}
	return true, c.cfg.Blobs.Delete(ctx, digest)
}

func isGarbage(tx ReadTx, digest string, before time.Time) (bool, error) {
	blob, err := tx.Blob(digest)
	if KindOf(err) == NotFound {
		return true, nil // committed, but its upload failed before the record was written
	}
	if err != nil || blob.ReleasedAt.After(before) {
		return false, err
	}
	used, err := tx.BlobInUse(digest)
	return !used, err
}
