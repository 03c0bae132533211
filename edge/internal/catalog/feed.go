package catalog

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"github.com/pictor/pictor/shared/signing"
	"github.com/pictor/pictor/shared/wire"
)

// fromNow asks the feed for no history: a number beyond every log, which the origin answers with where it stands.
const fromNow = math.MaxUint64

// Run follows the feed until ctx ends, connecting again after every break.
func (c *Catalog) Run(ctx context.Context) {
	var reading sync.WaitGroup
	reading.Go(func() { c.readLimits(ctx) })
	defer reading.Wait()
	const least, most = 50 * time.Millisecond, 2 * time.Second
	wait := least
	for ctx.Err() == nil {
		start := c.opt.Now()
		err := c.follow(ctx)
		if ctx.Err() != nil {
			return
		}
		if c.opt.Now().Sub(start) > most {
			wait = least
		}
		c.opt.Log.Warn("change feed broke off, connecting again", "err", err, "in", wait)
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
		wait = min(2*wait, most)
	}
}

// follow reads one connection of the feed. The keys may have changed while there was none, so they come first.
func (c *Catalog) follow(ctx context.Context) error {
	if err := c.fetchKeys(ctx); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	silence := time.AfterFunc(c.opt.Lease, cancel) // a connection that died without a word
	defer silence.Stop()
	c.mu.Lock()
	after := c.applied
	c.mu.Unlock()
	return c.origin.Changes(ctx, after, func(change wire.Change) {
		silence.Reset(c.opt.Lease)
		if change.Keys {
			if err := c.fetchKeys(ctx); err != nil {
				c.opt.Log.Error("fetch signing keys", "err", err)
				cancel() // the next connection fetches them again
			}
		}
		c.apply(change)
	})
}

func (c *Catalog) fetchKeys(ctx context.Context) error {
	keyring, err := c.origin.Keyring(ctx)
	if err != nil {
		return fmt.Errorf("fetch signing keys: %w", err)
	}
	keys, err := signing.New(keyring.Keys)
	if err != nil {
		return fmt.Errorf("origin's signing keys: %w", err)
	}
	if c.keys.Swap(keys) == nil {
		close(c.keyed)
	}
	return nil
}

// apply takes one line: forget the name that changed, or note that the log has been followed to its end.
func (c *Catalog) apply(change wire.Change) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if change.Epoch != c.epoch || change.Seq < c.applied && change.Name == nil {
		c.restart(change)
	}
	if change.Name != nil {
		c.forget(*change.Name, change.Seq)
		switch change.Name.Namespace {
		case wire.NamespaceProfile:
			c.limits.change(change.Name.Name)
		case wire.NamespaceBlob:
			c.dropLocked(change.Name.Name, change.Seq)
		}
		c.applied = change.Seq
		return
	}
	if change.Seq <= c.applied {
		c.heard.Store(c.opt.Now().UnixNano())
	}
}

// Position is how far the log was followed.
type Position struct {
	Epoch string
	Seq   uint64
}

// Position gives how far the log was followed: drop was told of every blob that went up to there.
func (c *Catalog) Position() Position {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Position{c.epoch, c.applied}
}

// restart begins anew at the log's end: the first connection, or a restored database. Nothing remembered counts.
func (c *Catalog) restart(change wire.Change) {
	c.epoch, c.applied, c.recent = change.Epoch, change.Seq, recent{}
	c.entries.Purge()
	c.gone.lru.Purge()
	c.limits.forget()
	c.purges++
}

func (c *Catalog) forget(name wire.Name, seq uint64) {
	c.recent.add(name, seq)
	if known, ok := c.entries.Peek(name); ok && known.seq < seq {
		c.entries.Remove(name)
	}
}
