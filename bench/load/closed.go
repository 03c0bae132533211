package load

import (
	"time"

	"golang.org/x/sys/unix"
)

// closedTickMS bounds how long the closed loop waits before it looks at the clock.
const closedTickMS = 50

// closed asks on every connection again as soon as it was answered.
func (g *generator) closed() error {
	begin := g.now() + g.plan.Warmup
	end := begin + g.plan.Duration
	measuring := false
	for _, c := range g.all() {
		if err := g.again(c, nil); err != nil {
			return err
		}
	}
	take := func(c *conn, err error) error {
		if err == nil && measuring {
			g.count(c, g.now())
		}
		return g.again(c, err)
	}
	events := make([]unix.EpollEvent, g.plan.Conns)
	for now := g.now(); now < end; now = g.now() {
		if !measuring && now >= begin {
			if err := g.begin(now); err != nil {
				return err
			}
			measuring = true
		}
		if err := g.wait(events, closedTickMS, take); err != nil {
			return err
		}
	}
	g.lastAt = max(g.lastAt, end) // an answer that never came must not shorten the measurement
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
