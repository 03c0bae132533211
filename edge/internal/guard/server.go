package guard

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"
)

// Server answers what comes over the connections of listeners. Make it with New.
type Server struct {
	opt      Options
	stopping atomic.Bool // every answer is the last of its connection
	closing  atomic.Bool // and no connection waits for another request
	readers  sync.Pool   // of *bufio.Reader
	watch    watch

	mu        sync.Mutex // guards what follows; never held across I/O but closing
	listeners []net.Listener
	accepting int // of them, those that Serve still takes connections from
	conns     map[*conn]struct{}
	sites     map[netip.Addr]int
	refusing  int           // connections beyond a limit that are being told so; they are not in conns
	empty     chan struct{} // closed when a stopping server accepts no more, and the last connection has left
}

// New makes a Server.
func New(opt Options) *Server {
	opt.setDefaults()
	s := &Server{opt: opt, conns: map[*conn]struct{}{}, sites: map[netip.Addr]int{}, empty: make(chan struct{})}
	s.readers.New = func() any { return bufio.NewReaderSize(nil, opt.HeadBytes+1<<10) } // room to see that a head is too long
	return s
}

// maxRefusing bounds what those cost who are told that they are too many; more are cut off without a word.
const maxRefusing = 1024

// When there are no file descriptors left, others are given time to end their connections.
const (
	acceptPause = 20 * time.Millisecond
	acceptTold  = time.Minute // between two lines about it in the log
)

// Serve answers until Shutdown, and then gives nil, or until the listener fails.
func (s *Server) Serve(l net.Listener) error {
	s.begin(l)
	defer s.accepted()
	var told time.Time
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			s.welcome(c) // also when stopping: whoever was let in gets an answer
		case s.stopping.Load():
			return nil
		case errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF):
			return err
		default:
			if time.Since(told) > acceptTold {
				s.opt.Log.Warn("cannot take connections", "err", err)
				told = time.Now()
			}
			time.Sleep(acceptPause)
		}
	}
}

func (s *Server) begin(l net.Listener) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listeners = append(s.listeners, l)
	s.accepting++
	if s.stopping.Load() {
		l.Close()
	}
}

// accepted is the inverse of begin.
func (s *Server) accepted() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.accepting--
	s.checkEmptyLocked()
}

// welcome serves the connection, or says why not.
func (s *Server) welcome(network net.Conn) {
	c := newConn(s, network)
	why, ok := s.enter(c)
	switch {
	case why == nil:
		go c.serve()
	case ok:
		go c.turnAway(why)
	default:
		network.Close()
	}
}

// enter counts a new connection. If it is one too many, ok says whether to tell so.
func (s *Server) enter(c *conn) (why *Refusal, ok bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case len(s.conns) >= s.opt.Conns:
		why = errFull
	case c.site.IsValid() && s.sites[c.site] >= s.opt.PerSite:
		why = errTooMany
	default:
		s.conns[c] = struct{}{}
		if c.site.IsValid() {
			s.sites[c.site]++
		}
		return nil, true
	}
	if s.refusing >= maxRefusing {
		return why, false
	}
	s.refusing++
	return why, true
}

// leave is the inverse of enter.
func (s *Server) leave(c *conn) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if _, ok := s.conns[c]; !ok {
		s.refusing--
		return
	}
	delete(s.conns, c)
	if c.site.IsValid() {
		if s.sites[c.site]--; s.sites[c.site] == 0 {
			delete(s.sites, c.site)
		}
	}
	s.checkEmptyLocked()
}

func (s *Server) checkEmptyLocked() {
	if !s.stopping.Load() || s.accepting > 0 || len(s.conns) > 0 {
		return
	}
	select {
	case <-s.empty:
	default:
		close(s.empty)
	}
}

// Conns is the number of open connections.
func (s *Server) Conns() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.conns)
}

// firstWait is how long a stopping server waits for the first request of a connection: it was made, and so will the
// request be, most likely. A client asks again by itself only where a connection has answered before. nextWait is for the
// next request: clients that are busy hear with its answer that it was the last, instead of losing what is on its way.
const (
	firstWait = time.Second
	nextWait  = 100 * time.Millisecond
)

// Shutdown stops listening, closes connections that ask for nothing, and waits for the answers that are being made. When
// ctx ends before that, the rest is cut off, and the error is that of ctx.
func (s *Server) Shutdown(ctx context.Context) error {
	s.stopping.Store(true)
	s.stop()
	first, next := time.NewTimer(firstWait), time.NewTimer(nextWait)
	defer first.Stop()
	defer next.Stop()
	for {
		select {
		case <-s.empty:
			return nil
		case <-next.C:
			s.closing.Store(true)
			s.closeAll(stateIdle)
		case <-first.C:
			s.closeAll(stateNew)
		case <-ctx.Done():
			s.cutOff()
			return ctx.Err()
		}
	}
}

// stop closes the listeners.
func (s *Server) stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, l := range s.listeners {
		l.Close()
	}
	s.checkEmptyLocked()
}

// closeAll closes the connections that are in a state.
func (s *Server) closeAll(state uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		if c.state.CompareAndSwap(state, stateClosed) {
			c.network.Close()
		}
	}
}

// cutOff closes all connections. It waits for none: Close of one that answers returns when its handler does.
func (s *Server) cutOff() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for c := range s.conns {
		go c.network.Close()
	}
}

var (
	contexts = sync.Pool{New: func() any { return new(fasthttp.RequestCtx) }}
	writers  = sync.Pool{New: func() any { return bufio.NewWriterSize(nil, 64<<10) }}
)
