package guard

import (
	"bufio"
	"errors"
	"os"
	"time"

	"github.com/valyala/fasthttp"
)

// send writes the answer: its head and body at once, where the system takes them. The body is not copied.
func (c *conn) send(ctx *fasthttp.RequestCtx) error {
	resp := &ctx.Response
	if ctx.IsHead() {
		resp.SkipBody = true
	}
	body, ok := bodyOf(resp)
	if !ok {
		return c.stream(resp)
	}
	if !resp.SkipBody || len(body) > 0 || resp.Header.ContentLength() <= 0 { // HEAD may know without having it
		resp.Header.SetContentLength(len(body))
	}
	if resp.SkipBody || bodiless(resp.StatusCode()) {
		body = nil
	}
	head := resp.Header.Header()
	setDate(head, time.Now())
	return c.writeBoth(head, body)
}

// bodiless reports whether an answer with this status ends with its head (RFC 9112, section 6.3).
func bodiless(status int) bool {
	return status == fasthttp.StatusNotModified || status == fasthttp.StatusNoContent || status < fasthttp.StatusOK
}

// bodyOf gives a body that is in memory. One that must be given back comes as a stream with its Bytes: it is closed when
// the answer is sent.
func bodyOf(resp *fasthttp.Response) (body []byte, ok bool) {
	if !resp.IsBodyStream() {
		return resp.Body(), true
	}
	if stream, ok := resp.BodyStream().(interface{ Bytes() []byte }); ok {
		return stream.Bytes(), true
	}
	return nil, false
}

// stream writes an answer whose body is read piece by piece.
func (c *conn) stream(resp *fasthttp.Response) error {
	w := writers.Get().(*bufio.Writer)
	w.Reset(&datingWriter{to: c})
	defer func() {
		w.Reset(nil)
		writers.Put(w)
	}()
	err := resp.Write(w)
	if panicked, ok := errors.AsType[*fasthttp.ErrBodyStreamWritePanic](err); ok { // fasthttp survives that one
		c.server.opt.Log.Error(panicWhileAnswering, "err", panicked)
	}
	if err != nil {
		return err
	}
	return w.Flush()
}

// A body above atOnce begins with a small part, so that the client already reads while the rest is copied. With one call
// for all of it, 1 MB costs 1.3 times the processor time, because answers wait for their clients and leave the caches;
// 100 KB in two calls cost 1.4 times that of one.
const (
	atOnce    = 512 << 10
	firstPart = 16 << 10
)

// writeBoth tries what costs least: one call of the system, without a deadline, for it does not wait.
func (c *conn) writeBoth(head, body []byte) error {
	first := body
	if len(body) > atOnce {
		first = body[:firstPart]
	}
	n, err := c.socket.writeNow(head, first)
	if err != nil {
		return err
	}
	if n < len(head) {
		if _, err := c.Write(head[n:]); err != nil {
			return err
		}
		n = len(head)
	}
	_, err = c.Write(body[n-len(head):])
	return err
}

// Write sends for as long as the client keeps taking. A fixed time for an answer would cut those with slow lines, or be
// too long for those who take nothing.
func (c *conn) Write(p []byte) (written int, err error) {
	c.unsent = -1
	for written < len(p) {
		c.limitWrite()
		n, err := c.network.Write(p[written:])
		written += n
		switch {
		case err == nil:
			continue
		case !errors.Is(err, os.ErrDeadlineExceeded):
			return written, err
		case !c.moved(n):
			c.forgetUnsent()
			return written, err
		}
		c.writeUntil = time.Time{}
	}
	return written, nil
}

// forgetUnsent makes the system drop, when the connection is closed, what the client has not taken. Otherwise that, up to
// megabytes, would stay there for minutes and count for nobody.
func (c *conn) forgetUnsent() {
	if tcp, ok := c.network.(interface{ SetLinger(int) error }); ok {
		_ = tcp.SetLinger(0) // fails on a closed connection
	}
}

func (c *conn) limitWrite() {
	stall := c.server.opt.StallTime
	until := time.Now().Add(stall)
	if until.Sub(c.writeUntil) < stall/4 {
		return
	}
	c.writeUntil = until
	_ = c.network.SetWriteDeadline(until) // fails on a closed connection, and then so does the write
}

// moved reports whether the client has taken enough since the last halt, of which n bytes were new to the system. It
// looks at what the system holds for the client: from a large send buffer a slow client takes for minutes before there
// is room again for a single byte.
func (c *conn) moved(n int) bool {
	unsent, ok := queued(c.network)
	if !ok {
		return n > 0
	}
	before := c.unsent
	c.unsent = unsent
	return before < 0 || before+n-unsent >= stallBytes
}
