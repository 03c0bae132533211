// Package silent lets a net/http server end soon: its Shutdown waits five seconds for each connection over which no
// request has come yet.
package silent

import (
	"io"
	"sync"
	"sync/atomic"
)

// Conns are the connections of a server that are silent. The zero value is ready for use.
type Conns struct {
	conns   sync.Map // of io.Closer
	closing atomic.Bool
}

// Note is for the server's ConnState; isNew means http.StateNew. A connection that comes while they are being closed sees
// to itself: it is in the map before it looks, as Close says what it does before it looks into the map.
func (c *Conns) Note(conn io.Closer, isNew bool) {
	if !isNew {
		c.conns.Delete(conn)
		return
	}
	c.conns.Store(conn, nil)
	if c.closing.Load() {
		_ = conn.Close()
	}
}

// Close closes them, and those that are still to come. Call it before Shutdown. A client that finds one closed has sent
// nothing, and can ask again or elsewhere.
func (c *Conns) Close() {
	c.closing.Store(true)
	c.conns.Range(func(conn, _ any) bool {
		_ = conn.(io.Closer).Close()
		return true
	})
}
