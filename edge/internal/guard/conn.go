package guard

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// conn is one connection. All but state belongs to the goroutine that serves it.
type conn struct {
	network net.Conn
	client  client // what handlers see of it
	socket  socket
	server  *Server
	site    netip.Addr
	state   atomic.Uint32 // see below

	in      *bufio.Reader        // nil while nothing is there to be read
	ctx     *fasthttp.RequestCtx // nil while nothing is answered
	head    head                 // of the request that is being read
	checked int                  // bytes of it that were checked already: whole lines
	began   time.Time            // when more of it had to be waited for; zero while it came at once
	served  bool                 // a request was answered

	read    time.Time // when bytes last came
	brisk   bool      // they come quickly one after the other
	drained bool      // the last read took all that was there
	settled bool      // the last attempt to read found nothing
	late    bool      // it is the last, for there was silence for too long

	readUntil  time.Time // the deadlines that are set
	writeUntil time.Time
	unsent     int  // what the client had not taken when Write last came to a halt, -1 before
	linger     bool // see to it, before closing, that the client reads the last answer
}

// States of a connection, between it and Shutdown.
const (
	stateNew  uint32 = iota // the first request has not come wholly
	stateIdle               // nor has the next: the connection may be closed
	stateBusy
	stateClosed
)

func newConn(s *Server, network net.Conn) *conn {
	c := &conn{network: network, server: s, site: s.opt.Site(network.RemoteAddr())}
	c.client = client{network, c}
	c.socket = socketOf(network)
	return c
}

// serve answers until there is nothing more to answer.
func (c *conn) serve() {
	defer c.end()
	defer c.survive()
	c.settled = true
	for {
		c.rest()
		err := c.socket.each(c.turn)
		if !errors.Is(err, os.ErrDeadlineExceeded) || !c.overslept() {
			return
		}
	}
}

const panicWhileAnswering = "panic while answering"

// survive is for a handler that panics: it costs its connection, not those of all others.
func (c *conn) survive() {
	p := recover()
	if p == nil {
		return
	}
	c.server.opt.Log.Error(panicWhileAnswering, "err", p, "stack", string(debug.Stack()))
	c.in, c.ctx = nil, nil // not for the pools: who knows what still holds them
	c.forgetUnsent()       // half an answer must not look like a whole one
}

// turnAway gives a connection the only answer that it will get.
func (c *conn) turnAway(why *Refusal) {
	defer c.end()
	c.refuse(why)
}

// briskTime and settleTime are about reading once for a request instead of twice. After an answer, usually nothing is
// there, and an attempt to read finds just that. Where the last read took all there was, the system will tell when there
// is more, so the attempt is left out. The exception is the end of the connection: when it came together with the last
// bytes, the system has told already. So it is left out only for a client whose requests come within briskTime, and made
// up for after settleTime of silence.
const (
	briskTime  = 50 * time.Millisecond
	settleTime = 100 * time.Millisecond
)

// turn answers what is there, and reports whether to wait for more.
func (c *conn) turn() (again bool, err error) {
	for {
		err := c.fill()
		if err == errNothing && c.late {
			return false, nil
		}
		if err == errNothing {
			c.settled = true
			break
		}
		if err != nil {
			return false, err
		}
		if !c.answerAll() {
			return false, nil
		}
		if c.socket.blocks() || c.drained && c.brisk && c.in.Buffered() == 0 {
			break
		}
	}
	c.rest()
	return true, nil
}

// fill reads once.
func (c *conn) fill() error {
	if c.in == nil {
		c.in = c.server.readers.Get().(*bufio.Reader)
		c.in.Reset(c)
	}
	if _, err := c.in.Peek(c.in.Buffered() + 1); err != nil {
		return err
	}
	now := time.Now()
	c.brisk, c.read = now.Sub(c.read) < briskTime, now
	c.settled, c.late = c.socket.blocks(), false
	return nil
}

// Read is for in.
func (c *conn) Read(p []byte) (int, error) {
	n, err := c.socket.read(p)
	c.drained = n < len(p)
	return n, err
}

// answerAll answers the requests that are there whole, and reports whether there may be more.
func (c *conn) answerAll() bool {
	for c.in.Buffered() > 0 {
		whole, refused := c.scan()
		switch {
		case refused != nil:
			c.refuse(refused)
			return false
		case !whole:
			return true
		case !c.answer():
			c.linger = c.in.Buffered() > 0 // behind the last request nothing counts
			return false
		}
	}
	return true
}

// scan checks the lines that have come to their end, and reports whether a head has.
func (c *conn) scan() (whole bool, _ *Refusal) {
	text, _ := c.in.Peek(c.in.Buffered()) // cannot fail
	for {
		end := bytes.IndexByte(text[c.checked:], '\n') + 1
		if c.checked+end > c.server.opt.HeadBytes || end == 0 && len(text) > c.server.opt.HeadBytes {
			return false, c.head.tooLarge()
		}
		if end == 0 {
			return false, nil
		}
		line := text[c.checked : c.checked+end]
		c.checked += end
		if done, refused := c.head.line(line); done || refused != nil {
			return done, refused
		}
	}
}

// answer answers the request whose head was found whole, and reports whether another may follow.
func (c *conn) answer() (again bool) {
	if !c.state.CompareAndSwap(stateIdle, stateBusy) && !c.state.CompareAndSwap(stateNew, stateBusy) {
		return false
	}
	ctx, behind := c.context(), c.in.Buffered()-c.checked
	if err := ctx.Request.Header.Read(c.in); err != nil || c.in.Buffered() != behind { // two readers must see one end
		c.refuse(errHeader)
		return false
	}
	originForm(&ctx.Request.Header)
	last := c.head.last || ctx.Request.Header.ConnectionClose()
	c.head, c.checked, c.began, c.served = head{}, 0, time.Time{}, true
	ctx.Response.Header.SetNoDefaultContentType(true)
	c.server.opt.Handler(ctx)
	last = last || ctx.Response.Header.ConnectionClose() || c.server.stopping.Load()
	switch {
	case last:
		ctx.Response.Header.SetConnectionClose()
	case !ctx.Request.Header.IsHTTP11():
		ctx.Response.Header.Set("Connection", "keep-alive")
	}
	err := c.send(ctx)
	ctx.Request.Reset()
	ctx.Response.Reset()
	return err == nil && !last && c.state.CompareAndSwap(stateBusy, stateIdle) && !c.server.closing.Load()
}

// refuse answers what is no request.
func (c *conn) refuse(why *Refusal) {
	ctx := c.context()
	ctx.Response.Header.SetNoDefaultContentType(true)
	c.server.opt.Refuse(ctx, why.Status, why.Message)
	ctx.Response.Header.SetConnectionClose()
	c.linger = true
	_ = c.send(ctx) // there is nobody else to tell
}

func (c *conn) context() *fasthttp.RequestCtx {
	if c.ctx == nil {
		c.ctx = contexts.Get().(*fasthttp.RequestCtx)
		c.ctx.Init2(&c.client, nil, false)
	}
	return c.ctx
}

// rest sets the deadline for what comes next. A client that is silent gives its buffers back.
func (c *conn) rest() {
	opt := &c.server.opt
	switch {
	case c.in != nil && c.in.Buffered() > 0: // a head that has begun ends in HeadTime, however slowly it trickles
		if c.began.IsZero() {
			c.began = time.Now() // not when it was read: then an answer was to be made first
			c.readBy(c.began.Add(opt.HeadTime))
		}
	case !c.served:
		c.release()
		if c.readUntil.IsZero() {
			c.readBy(time.Now().Add(opt.HeadTime))
		}
	case !c.settled:
		if until := c.read.Add(settleTime); !c.readUntil.After(c.read) || c.readUntil.After(until) {
			c.readBy(until)
		}
	default:
		c.release()
		until := time.Now().Add(opt.IdleTime)
		if slack := until.Sub(c.readUntil); slack < 0 || slack >= opt.IdleTime/8 { // moving a deadline costs more than checking a head
			c.readBy(until)
		}
	}
}

func (c *conn) readBy(until time.Time) {
	c.readUntil = until
	_ = c.network.SetReadDeadline(until) // fails on a closed connection, and then so does what follows
}

// overslept is for when nothing came in time. It reports whether to go on: who said nothing gets no answer, but a process
// that was kept from running sees its deadlines before it sees what has come.
func (c *conn) overslept() bool {
	switch {
	case c.in != nil && c.in.Buffered() > 0:
		c.refuse(errSlow)
		return false
	case c.socket.blocks() || c.late:
		return false
	case c.served && !c.settled:
		c.settled = true // or the next attempt to read tells otherwise
	default:
		c.late, c.readUntil = true, time.Time{}
	}
	return true
}

// release gives back what only a talking client needs.
func (c *conn) release() {
	if c.in != nil {
		c.in.Reset(nil)
		c.server.readers.Put(c.in)
		c.in = nil
	}
	if c.ctx != nil {
		c.ctx.Request.Reset()
		c.ctx.Response.Reset()
		c.ctx.ResetUserValues()
		c.ctx.Init2(nil, nil, false)
		contexts.Put(c.ctx)
		c.ctx = nil
	}
}

// Limits of lingering.
const (
	lingerTime  = time.Second
	lingerBytes = 1 << 20
)

// end closes the connection. Bytes that were not read would make the system send a reset, and that can overtake the
// answer: so, where it matters, they are read and dropped.
func (c *conn) end() {
	c.release()
	if half, ok := c.network.(interface{ CloseWrite() error }); ok && c.linger && half.CloseWrite() == nil {
		c.readBy(time.Now().Add(lingerTime))
		_, _ = io.CopyN(io.Discard, c.network, lingerBytes)
	}
	_ = c.network.Close() // Shutdown may have done it
	c.server.leave(c)
}
