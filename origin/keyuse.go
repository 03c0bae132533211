package origin

import (
	"context"
	"sync"
	"time"
)

// usedEvery is how exact LastUsedAt and Requests are: a write for every request would cost more than the request.
const usedEvery = time.Minute

// keyUses counts the use of API keys between two writes. What a crash loses is at most usedEvery of each key.
type keyUses struct {
	mu    sync.Mutex // never held across I/O
	byKey map[string]keyUse
}

type keyUse struct {
	requests      int64
	last, written time.Time
}

// noteUse counts one request, and writes when that is due. That it fails is no reason to turn a valid key away.
func (c *Core) noteUse(ctx context.Context, key APIKey) {
	if !c.uses.add(key, c.cfg.Now()) {
		return
	}
	if err := c.flushUse(ctx, key.ID); err != nil {
		c.cfg.Log.Warn("cannot note the use of an API key", "key", key.ID, "err", err)
	}
}

// add counts, and reports whether what is counted should be written.
func (u *keyUses) add(key APIKey, now time.Time) (due bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	use, known := u.byKey[key.ID]
	if !known {
		use.written = key.LastUsedAt
	}
	use.requests++
	use.last = now
	if due = now.Sub(use.written) >= usedEvery; due {
		use.written = now
	}
	u.byKey[key.ID] = use
	return due
}

// take gives what is to be written.
func (u *keyUses) take(id string) keyUse {
	u.mu.Lock()
	defer u.mu.Unlock()
	use := u.byKey[id]
	u.byKey[id] = keyUse{last: use.last, written: use.written}
	return use
}

// giveBack is for what could not be written.
func (u *keyUses) giveBack(id string, use keyUse) {
	u.mu.Lock()
	defer u.mu.Unlock()
	now := u.byKey[id]
	now.requests += use.requests
	u.byKey[id] = now
}

func (u *keyUses) ids() (ids []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for id, use := range u.byKey {
		if use.requests > 0 {
			ids = append(ids, id)
		} else {
			delete(u.byKey, id)
		}
	}
	return ids
}

// FlushUses writes all that was counted of API keys.
func (c *Core) FlushUses(ctx context.Context) error {
	for _, id := range c.uses.ids() {
		if err := c.flushUse(ctx, id); err != nil {
			return err
		}
	}
	return nil
}

func (c *Core) flushUse(ctx context.Context, id string) error {
	use := c.uses.take(id)
	if use.requests == 0 {
		return nil
	}
	err := c.cfg.Store.Update(ctx, func(tx Tx) error {
		key, err := tx.APIKey(id) // again: it may have been revoked since it was read
		if KindOf(err) == NotFound {
			return nil // gone with its account
		}
		if err != nil {
			return err
		}
		key.Requests += use.requests
		if use.last.After(key.LastUsedAt) {
			key.LastUsedAt = use.last
		}
		if err := tx.UpdateAPIKey(key); err != nil {
			return err
		}
		return tx.AddActivity(key.Account, use.last, Activity{Calls: use.requests})
	})
	if err != nil {
		c.uses.giveBack(id, use)
	}
	return err
}
