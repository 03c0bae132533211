package load

import (
	"time"

	"golang.org/x/sys/unix"
)

// closedTickMS bounds how long the closed loop waits before it looks at the clock.
const closedTickMS = 50

// closed asks on every connection again as soon as it was answered.
func (g *generator) closed() error {
	for _, c := range g.all() {
		if err := g.again(c, nil); err != nil {
			return err
		}
	}
	if err := g.turnUntil(g.now()+g.plan.Warmup, g.again); err != nil {
		return err
	}
	if err := g.begin(g.now()); err != nil {
		return err
	}
	end := g.firstAt + g.plan.Duration
	measured := func(c *conn, err error) error {
		if err == nil {
			g.count(c, g.now())
		}
		return g.again(c, err)
	}
	if err := g.turnUntil(end, measured); err != nil {
		return err
	}
	g.lastAt = max(g.lastAt, end) // an answer that never came must not shorten the measurement
	return nil
}

func (g *generator) turnUntil(end time.Duration, ready func(*conn, error) error) error {
	events := make([]unix.EpollEvent, g.plan.Conns)
	for g.now() < end {
		if err := g.wait(events, closedTickMS, ready); err != nil {
			return err
		}
	}
	return nil
}

// again asks the next thing, on another connection when this one failed.
func (g *generator) again(c *conn, err error) error {
	for {
		if err == nil {
			err = g.send(c, g.now())
		}
		if err == nil {
			return nil
		}
		if c, err = g.replace(c, err); err != nil {
			return err
		}
	}
}

// begin starts measuring.
func (g *generator) begin(now time.Duration) error {
	g.firstAt, g.lastAt = now, now
	var err error
	g.busyFrom, err = threadTime()
	return err
}
