// Package guard stands between the network and an HTTP server that answers requests without bodies only. It hands on
// request heads that are beyond doubt, gives every connection its time, and counts connections.
package guard

import (
	"net"
	"net/netip"
	"sync"
	"time"
)

// Options of a Listener; zero fields take the defaults.
type Options struct {
	HeadBytes int           // the longest request head; default 15 KiB. Must be less than the server's read buffer
	HeadTime  time.Duration // for a whole request head, and for the first byte of a connection; default 10 s
	IdleTime  time.Duration // between two requests; default 75 s
	StallTime time.Duration // a client that takes fewer than stallBytes in so long, twice, is cut off; default 20 s
	PerSite   int           // connections from one client site, see clientip.Site; default 1024

	// Site names who a connection counts for; the zero Addr is not counted. By default nothing is.
	Site func(remote net.Addr) netip.Addr
}

// stallBytes is what a client must take of an answer in StallTime: about the slowest modem.
const stallBytes = 4 << 10

func (o *Options) setDefaults() {
	setDefault(&o.HeadBytes, 15<<10)
	setDefault(&o.HeadTime, 10*time.Second)
	setDefault(&o.IdleTime, 75*time.Second)
	setDefault(&o.StallTime, 20*time.Second)
	setDefault(&o.PerSite, 1024)
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

// Listener guards the connections of another one.
type Listener struct {
	net.Listener
	opt Options

	mu    sync.Mutex // guards sites; never held across I/O
	sites map[netip.Addr]int
}

// Listen guards what l accepts. The server behind it needs no deadlines of its own.
func Listen(l net.Listener, opt Options) *Listener {
	opt.setDefaults()
	return &Listener{Listener: l, opt: opt, sites: map[netip.Addr]int{}}
}

// Accept gives the next connection. One too many of its site will be told so in place of an answer.
func (l *Listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	site := l.opt.Site(c.RemoteAddr())
	if l.enter(site) {
		return &conn{Conn: c, listener: l, site: site}, nil
	}
	return &conn{Conn: c, listener: l, refused: errTooMany}, nil
}

func (l *Listener) enter(site netip.Addr) bool {
	if !site.IsValid() {
		return true
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sites[site] >= l.opt.PerSite {
		return false
	}
	l.sites[site]++
	return true
}

func (l *Listener) leave(site netip.Addr) {
	if !site.IsValid() {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.sites[site]--; l.sites[site] == 0 {
		delete(l.sites, site)
	}
}
