package load

import (
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// openTickMS is how long the open loop sleeps where nothing is due: not at all. It has a core for itself, and waking up
// would count as the server's latency.
const openTickMS = 0

// openBatch is how many answers are read before the clock is looked at again: what is due must not wait for all of them.
const openBatch = 8

// openLoop sends requests when they are due, or as soon after that as a connection is free.
type openLoop struct {
	*generator
	arrivals *arrivals
	idle     []*conn // the longest idle first
	from, to time.Duration
}

func (g *generator) open() error {
	from := g.now() + g.plan.Warmup
	o := &openLoop{generator: g, arrivals: newArrivals(g.plan.Rate, g.plan.Seed, g.now()), idle: g.all(),
		from: from, to: from + g.plan.Duration}
	events := make([]unix.EpollEvent, openBatch)
	for now := g.now(); now < o.to+unansweredWait; now = g.now() {
		if g.firstAt == 0 && now >= o.from {
			if err := g.begin(o.from); err != nil {
				return err
			}
		}
		o.arrivals.advance(min(now, o.to))
		if err := o.sendDue(); err != nil {
			return err
		}
		if now >= o.to && len(o.idle) == len(g.conns) {
			break
		}
		if err := g.wait(events, openTickMS, o.take); err != nil {
			return err
		}
	}
	o.giveUp()
	return nil
}

func (o *openLoop) sendDue() error {
	for len(o.idle) > 0 && o.arrivals.waiting() > 0 {
		c, due := o.idle[0], o.arrivals.next()
		o.idle = o.idle[1:]
		if due >= o.from {
			record(o.late, o.now()-max(due, c.freed))
		}
		if err := o.send(c, due); err != nil {
			if err := o.take(c, err); err != nil {
				return err
			}
		}
	}
	return nil
}

// take frees the connection. A request that failed had a latency too: leaving it out would flatter.
func (o *openLoop) take(c *conn, err error) error {
	measured := c.busy && c.due >= o.from
	if !c.busy { // closed by the server while it was idle
		o.idle = slices.DeleteFunc(o.idle, func(other *conn) bool { return other == c })
	}
	c.busy = false
	switch {
	case err == nil && measured:
		o.count(c, o.now())
	case err != nil && measured:
		record(o.hist, o.now()-c.due)
	}
	if err != nil {
		if c, err = o.replace(c, err); err != nil {
			return err
		}
	}
	c.freed = o.now()
	o.idle = append(o.idle, c)
	return nil
}

// giveUp counts what was due but has no answer, with the time that it has waited so far.
func (o *openLoop) giveUp() {
	now := o.now()
	for _, c := range o.all() {
		if c.busy {
			o.abandon(c.due, now)
		}
	}
	for o.arrivals.waiting() > 0 {
		o.abandon(o.arrivals.next(), now)
	}
	o.lastAt = max(o.lastAt, o.to)
}

func (o *openLoop) abandon(due, now time.Duration) {
	if due < o.from {
		return
	}
	o.unanswered++
	record(o.hist, now-due)
}
