package catalog

import (
	"context"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/wire"
)

// limits knows the accounts whose limits were read, and which of them must be read again. A name that changes is asked
// for when somebody wants it; but nobody may want a profile, while pictures of the account go on being served.
type limits struct {
	known map[string]bool // accounts → whether they are waiting
	queue []string        // those that are
	wake  chan struct{}   // holds one word that the queue is not empty
}

func newLimits() limits {
	return limits{known: make(map[string]bool), wake: make(chan struct{}, 1)}
}

// note is for an account whose limits have just been read.
func (l *limits) note(account string) {
	if _, ok := l.known[account]; !ok {
		l.known[account] = false
	}
}

// change is for an account whose profile changed: its limits may have, too.
func (l *limits) change(account string) {
	if waiting, ok := l.known[account]; !ok || waiting {
		return // who is not known is read in time, with the first picture
	}
	l.known[account] = true
	l.queue = append(l.queue, account)
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// next gives an account to be read.
func (l *limits) next() (account string, ok bool) {
	if len(l.queue) == 0 {
		return "", false
	}
	account, l.queue = l.queue[0], l.queue[1:]
	l.known[account] = false
	return account, true
}

// forget is for when all pictures have to be read again, and limits with them.
func (l *limits) forget() {
	clear(l.known)
	l.queue = nil
}

// readLimits reads what waits, one account after the other, until ctx ends.
func (c *Catalog) readLimits(ctx context.Context) {
	const pause = time.Second // for an origin in trouble
	for {
		account, ok := c.nextLimits()
		if !ok {
			select {
			case <-ctx.Done():
				return
			case <-c.limits.wake:
			}
			continue
		}
		_, err := c.Find(ctx, wire.ProfileName(account)) // which makes them known
		if err == nil || edge.KindOf(err) == edge.NotFound {
			continue
		}
		c.opt.Log.Warn("read limits of an account", "account", account, "err", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		c.mu.Lock()
		c.limits.change(account)
		c.mu.Unlock()
	}
}

func (c *Catalog) nextLimits() (account string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.limits.next()
}

// limit makes known what was read of the account's limits. Numbers of the log mean something between two purges.
func (e entry) limit(purges uint64) {
	if e.known != nil {
		e.known.Meter.Limit(e.known.Limits, purges, e.seq)
	}
}
