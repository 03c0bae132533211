package diskcache

import (
	"errors"
	"slices"
	"syscall"
	"time"
)

// run keeps a store open until Close: it opens one, writes what the queue brings, and when the store trips leaves it
// and begins again after a rest. opened is called after the first attempt.
func (c *Cache) run(opened func()) {
	defer close(c.done)
	rest, trouble := c.Rest, error(nil)
	for {
		s := c.open(trouble)
		if s != nil {
			c.live.Store(s)
			opened()
			began := time.Now()
			trouble = c.serve(s)
			c.live.Store(nil)
			c.end(s, trouble)
			if time.Since(began) > maxRest {
				rest = c.Rest
			}
		}
		opened()
		select {
		case <-c.closing:
			return
		case <-time.After(rest):
			rest = min(2*rest, maxRest)
		}
	}
}

// serve writes until the store trips, which is the error, or the cache closes.
func (c *Cache) serve(s *store) error {
	s.measure()
	flush := time.NewTicker(c.FlushEvery)
	defer flush.Stop()
	for {
		select {
		case <-c.queue.ready:
			c.writeQueue(s)
		case <-flush.C:
			if err := s.flushIfDirty(); err != nil {
				s.trip(err)
			}
			s.measure()
		case <-s.broken:
			return s.err
		case <-c.closing:
			c.lastErr = c.finish(s)
			return nil
		}
	}
}

// writeQueue writes until the queue is empty or the store has tripped.
func (c *Cache) writeQueue(s *store) {
	for {
		taken := c.queue.take(batchBytes)
		if len(taken) == 0 {
			return
		}
		newest := s.generations.newest().id
		err := s.write(taken)
		c.queue.done(taken)
		if s.generations.newest().id != newest {
			c.notice()
		}
		if err != nil {
			s.trip(err)
		}
		if s.tripped() {
			c.dropped.Add(int64(len(taken)))
			return
		}
	}
}

// finish brings everything to the disk.
func (c *Cache) finish(s *store) error {
	late := time.AfterFunc(closeLimit, func() { s.trip(errors.New("the disk does not answer")) })
	defer late.Stop()
	c.writeQueue(s)
	if err := s.flushIfDirty(); err != nil {
		return err
	}
	return s.flushed()
}

// end closes a store, if that is possible in time; else it is left behind, and its lock keeps it from being opened
// again until it is done.
func (c *Cache) end(s *store, trouble error) {
	if trouble != nil {
		c.trips.Add(1)
		c.dropped.Add(int64(c.queue.drop()))
		c.Log.Error("disk cache is taken out of use", "err", trouble)
	}
	c.ending = make(chan struct{})
	var err error
	go func() {
		err = s.close()
		close(c.ending)
	}()
	select {
	case <-c.ending:
		if trouble == nil {
			c.lastErr = errors.Join(c.lastErr, err)
		}
	case <-time.After(closeLimit):
		c.Log.Error("disk cache does not close", "folder", c.Dir)
	}
}

// ended reports whether the last store, if there was one, is closed.
func (c *Cache) ended() bool {
	if c.ending == nil {
		return true
	}
	select {
	case <-c.ending:
		return true
	default:
		return false
	}
}

// open gives a store, or nil when it has to be tried again later. trouble is why the last one was left.
func (c *Cache) open(trouble error) *store {
	if !c.ended() {
		return nil
	}
	if isDamage(trouble) {
		c.quarantine(trouble)
	}
	s, err := c.openOnce()
	if err != nil && !c.salvage(err) {
		return nil
	}
	if err != nil {
		if s, err = c.openOnce(); err != nil {
			c.Log.Error("disk cache cannot be opened anew", "err", err)
			return nil
		}
	}
	limit := c.MaxBytes
	if errors.Is(trouble, syscall.ENOSPC) {
		limit = s.generations.bytes() / 2 // the budget is more than there is
	}
	if err := s.shrink(limit); err != nil {
		s.trip(err)
	}
	return s
}

func (c *Cache) openOnce() (*store, error) {
	return openStore(c.path(storeFolder), c.fs, c.MaxBytes, newHealth(c.Log, &c.counters))
}

func (c *Cache) path(folder string) string { return c.fs.PathJoin(c.Dir, folder) }

// surroundings are errors that say nothing about the store: it may be all right when they have gone. EAGAIN and EACCES
// are also how the lock of another process looks.
var surroundings = []error{syscall.EACCES, syscall.EPERM, syscall.EROFS, syscall.EIO, syscall.EAGAIN, syscall.EMFILE,
	syscall.ENFILE, syscall.ENOMEM, syscall.ENOTDIR}

// salvage makes way for a new store when the old one cannot be opened, and reports whether it did.
func (c *Cache) salvage(err error) bool {
	is := func(target error) bool { return errors.Is(err, target) }
	switch {
	case is(syscall.ENOSPC):
		// Not even a manifest can be written. A cache is worth less than room on the disk.
		c.Log.Error("no room for the disk cache, emptying it", "err", err)
		return c.fs.RemoveAll(c.path(quarantineFolder)) == nil && c.fs.RemoveAll(c.path(storeFolder)) == nil
	case slices.ContainsFunc(surroundings, is):
		c.Log.Error("disk cache cannot be opened", "err", err)
		return false
	default:
		return c.quarantine(err)
	}
}

// quarantine sets a damaged store aside for inspection. At most one is kept.
func (c *Cache) quarantine(reason error) bool {
	c.quarantined.Add(1)
	c.Log.Error("disk cache is damaged, setting it aside", "folder", c.path(quarantineFolder), "err", reason)
	err := c.fs.RemoveAll(c.path(quarantineFolder))
	if err == nil {
		err = c.fs.Rename(c.path(storeFolder), c.path(quarantineFolder))
	}
	if err != nil {
		c.Log.Error("damaged disk cache cannot be set aside", "err", err)
	}
	return err == nil
}
