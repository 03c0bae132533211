package guard

import (
	"net"
	"sync"
	"time"
)

// client is a connection as handlers see it (fasthttp.RequestCtx.Conn).
type client struct {
	net.Conn
	conn *conn
}

// WhenGone calls leave, from another goroutine, when the client turns out to have gone before stop is called. A client
// that closes its side only is taken to have gone too, as by most servers; who asks for what takes no time is answered
// all the same.
func (c *client) WhenGone(leave func()) (stop func()) {
	w := &c.conn.server.watch
	w.add(c.conn, leave)
	return func() { w.drop(c.conn) }
}

// watch looks now and then for those who went away while they waited. One goroutine looks for all, as long as there are
// any: the system is not asked to tell, as it would tell of everybody.
type watch struct {
	mu      sync.Mutex // guards what follows; never held across I/O
	waiting map[*conn]func()
	looking bool
}

const lookEvery = 250 * time.Millisecond

func (w *watch) add(c *conn, leave func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.waiting == nil {
		w.waiting = map[*conn]func(){}
	}
	w.waiting[c] = leave
	if !w.looking {
		w.looking = true
		go w.look()
	}
}

// drop gives what was to be called for the connection, if anything still was.
func (w *watch) drop(c *conn) (leave func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	leave = w.waiting[c]
	delete(w.waiting, c)
	return leave
}

func (w *watch) look() {
	for {
		time.Sleep(lookEvery)
		conns := w.all()
		if conns == nil {
			return
		}
		for _, c := range conns {
			if !c.socket.gone() {
				continue
			}
			if leave := w.drop(c); leave != nil {
				leave()
			}
		}
	}
}

// all gives those who wait. When it gives nil, looking has ended.
func (w *watch) all() []*conn {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) == 0 {
		w.looking = false
		return nil
	}
	conns := make([]*conn, 0, len(w.waiting))
	for c := range w.waiting {
		conns = append(conns, c)
	}
	return conns
}
