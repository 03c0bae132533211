package main

import (
	"net"
	"net/netip"

	"github.com/valyala/fasthttp"

	"github.com/pictor/pictor/edge/internal/guard"
	"github.com/pictor/pictor/shared/clientip"
)

// publicServer answers whoever asks.
func (n *node) publicServer() *guard.Server {
	return guard.New(guard.Options{Handler: n.edge.Serve, Refuse: n.edge.Refuse, HeadBytes: n.cfg.HeadBytes,
		HeadTime: n.cfg.HeadTime, IdleTime: n.cfg.IdleTime, StallTime: n.cfg.StallTime, Conns: n.cfg.MaxConns,
		PerSite: n.cfg.ConnsPerAddress, Site: n.site, Log: n.log})
}

// site names who a connection counts for. Proxies speak for many clients, and so does what runs on this machine.
func (n *node) site(remote net.Addr) netip.Addr {
	addr := clientip.Peer(remote)
	if addr.IsLoopback() || n.proxies.Trusts(addr) {
		return netip.Addr{}
	}
	return clientip.Site(addr)
}

// clientOf gives the address of a request's client. It allocates nothing without proxies in between.
func clientOf(proxies clientip.Proxies) func(*fasthttp.RequestCtx) netip.Addr {
	return func(c *fasthttp.RequestCtx) netip.Addr {
		peer := clientip.Peer(c.RemoteAddr())
		if !proxies.Trusts(peer) {
			return peer
		}
		return clientip.Behind(proxies, peer, c.Request.Header.PeekAll("X-Forwarded-For"))
	}
}
