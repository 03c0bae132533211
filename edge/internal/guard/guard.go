// Package guard is an HTTP/1 server for requests without bodies. It hands on request heads that are beyond doubt, gives
// every connection its time, counts connections, and sends an answer with one call of the system.
//
// It stands in the place of fasthttp's server, and speaks with its types. That one copies bodies, writes a large answer
// in pieces, tries to read once more before it waits, and holds 40 KB for a connection that is silent: see
// docs/decisions/0009-hit-path.md.
package guard

import (
	"log/slog"
	"net"
	"net/netip"
	"time"

	"github.com/valyala/fasthttp"
)

// Options of a Server; zero fields take the defaults. The handlers are needed.
type Options struct {
	// Handler answers a request. It must not keep the context. Its request has no body, and its target is no absolute
	// one: the Host says what that had to say. If it panics, the connection is cut off without an answer.
	Handler func(*fasthttp.RequestCtx)
	// Refuse answers what is no request, or one too many. Behind this answer the connection is closed: where the next
	// request would begin is anybody's guess.
	Refuse func(c *fasthttp.RequestCtx, status int, message string)

	HeadBytes int           // the longest request head; default 15 KiB
	HeadTime  time.Duration // for a whole request head, and for the first byte of a connection; default 10 s
	IdleTime  time.Duration // between two requests; default 75 s
	StallTime time.Duration // a client that takes fewer than stallBytes in so long, twice, is cut off; default 20 s
	Conns     int           // open connections; default 65,536
	PerSite   int           // connections from one client site, see clientip.Site; default 1024

	// Site names who a connection counts for; the zero Addr is not counted. By default nothing is.
	Site func(remote net.Addr) netip.Addr

	Log *slog.Logger // default slog.Default()
}

// stallBytes is what a client must take of an answer in StallTime: about the slowest modem.
const stallBytes = 4 << 10

func (o *Options) setDefaults() {
	setDefault(&o.HeadBytes, 15<<10)
	setDefault(&o.HeadTime, 10*time.Second)
	setDefault(&o.IdleTime, 75*time.Second)
	setDefault(&o.StallTime, 20*time.Second)
	setDefault(&o.Conns, 1<<16)
	setDefault(&o.PerSite, 1024)
	if o.Log == nil {
		o.Log = slog.Default()
	}
	if o.Site == nil {
		o.Site = func(net.Addr) netip.Addr { return netip.Addr{} }
	}
}

func setDefault[T comparable](knob *T, value T) {
	var zero T
	if *knob == zero {
		*knob = value
	}
}
