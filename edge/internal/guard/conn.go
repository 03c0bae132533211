package guard

import (
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"sync/atomic"
	"time"
)

// conn is one connection. Read and Write belong to one goroutine; Close may come from another.
type conn struct {
	net.Conn
	listener *Listener
	site     netip.Addr

	head    head
	size    int      // bytes of the present head, 0 between heads
	part    []byte   // a line whose end has not come yet
	refused *Refusal // nothing is read any more
	served  bool     // a head was handed on whole

	readUntil  time.Time // the deadlines that are set
	writeUntil time.Time
	unsent     int // what the client had not taken when Write last came to a halt, -1 before

	linger atomic.Bool // tell the client, before closing, what there still is to tell
	closed atomic.Bool
}

// Read hands on bytes of heads that hold so far. In the place of the first line that does not, it gives one NUL and
// after that the *Refusal: with the NUL fasthttp neither takes the head for whole nor the connection for idle.
func (c *conn) Read(p []byte) (int, error) {
	if c.refused != nil {
		return 0, c.refused
	}
	if c.head.last && c.size == 0 {
		return 0, io.EOF
	}
	if err := c.limitRead(); err != nil {
		return 0, err
	}
	n, err := c.Conn.Read(p)
	if n == 0 && c.size == 0 && errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, io.EOF // who said nothing gets no answer
	}
	return c.check(p[:n]), err
}

// check gives how many of the bytes may be handed on.
func (c *conn) check(p []byte) int {
	for at := 0; at < len(p); {
		if c.head.last && c.size == 0 {
			c.linger.Store(true)
			return at // behind the last request nothing counts
		}
		if c.size == 0 {
			c.head = head{}
		}
		end := bytes.IndexByte(p[at:], '\n') + 1
		if end == 0 {
			return c.keepPart(p, at)
		}
		c.size += end
		if refused := c.take(p[at : at+end]); refused != nil {
			return c.refuse(refused, p, at)
		}
		at += end
	}
	return len(p)
}

// take checks a line that has come to its end.
func (c *conn) take(line []byte) *Refusal {
	if c.size > c.listener.opt.HeadBytes {
		return errTooLarge
	}
	if len(c.part) > 0 {
		c.part = append(c.part, line...)
		line = c.part
		c.part = c.part[:0]
	}
	done, refused := c.head.line(line)
	if done {
		c.size, c.served = 0, true
	}
	return refused
}

// keepPart keeps a line's beginning, which is handed on already: without its end it does no harm.
func (c *conn) keepPart(p []byte, at int) int {
	c.size += len(p) - at
	if c.size > c.listener.opt.HeadBytes {
		return c.refuse(errTooLarge, p, at)
	}
	c.part = append(c.part, p[at:]...)
	return len(p)
}

func (c *conn) refuse(why *Refusal, p []byte, at int) int {
	c.refused = why
	c.linger.Store(true)
	p[at] = 0
	return at + 1
}

// limitRead sets the deadline for what comes next: a head that has begun ends in HeadTime, however slowly it trickles.
func (c *conn) limitRead() error {
	now, opt := time.Now(), &c.listener.opt
	switch {
	case c.size > 0 && c.head.began.IsZero():
		c.head.began = now
		return c.readBy(now.Add(opt.HeadTime))
	case c.size > 0:
		return nil
	case !c.served:
		return c.readBy(now.Add(opt.HeadTime))
	}
	until := now.Add(opt.IdleTime)
	if slack := until.Sub(c.readUntil); slack >= 0 && slack < opt.IdleTime/8 {
		return nil // moving a deadline costs more than checking a head
	}
	return c.readBy(until)
}

func (c *conn) readBy(until time.Time) error {
	c.readUntil = until
	return c.Conn.SetReadDeadline(until)
}

// Write sends for as long as the client keeps taking. A fixed time for an answer would cut those with slow lines, or be
// too long for those who take nothing.
func (c *conn) Write(p []byte) (written int, err error) {
	c.unsent = -1
	for {
		if err = c.limitWrite(); err != nil {
			return written, err
		}
		n, err := c.Conn.Write(p[written:])
		written += n
		if err == nil || !errors.Is(err, os.ErrDeadlineExceeded) || !c.moved(n) {
			return written, err
		}
		c.writeUntil = time.Time{}
	}
}

func (c *conn) limitWrite() error {
	stall := c.listener.opt.StallTime
	until := time.Now().Add(stall)
	if until.Sub(c.writeUntil) < stall/4 {
		return nil
	}
	c.writeUntil = until
	return c.Conn.SetWriteDeadline(until)
}

// moved reports whether the client has taken enough since the last halt, of which n bytes were new to the system. It
// looks at what the system holds for the client: from a large send buffer a slow client takes for minutes before there
// is room again for a single byte.
func (c *conn) moved(n int) bool {
	unsent, ok := queued(c.Conn)
	if !ok {
		return n > 0
	}
	before := c.unsent
	c.unsent = unsent
	return before < 0 || before+n-unsent >= stallBytes
}

// Linger makes Close wait until the client has read the last answer, or lingerTime is over.
func (c *conn) Linger() { c.linger.Store(true) }

// Limits of lingering.
const (
	lingerTime  = time.Second
	lingerBytes = 1 << 20
)

// Close ends the connection. Bytes that were not read would make the system send a reset, and that can overtake the
// answer: so, where it matters, they are read and dropped.
func (c *conn) Close() error {
	if c.closed.Swap(true) {
		return net.ErrClosed
	}
	c.listener.leave(c.site)
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok && c.linger.Load() && half.CloseWrite() == nil {
		_ = c.Conn.SetReadDeadline(time.Now().Add(lingerTime))
		_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
	}
	return c.Conn.Close()
}
