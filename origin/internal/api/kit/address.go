package kit

import (
	"net/http"
	"net/netip"
	"strings"

	"github.com/pictor/pictor/shared/clientip"
)

// Proxies are the addresses whose X-Forwarded-For and X-Forwarded-Proto are believed. Nobody's are, unless configured:
// else every client could choose the address that its rate limits are counted under.
type Proxies struct{ clientip.Proxies }

// ParseProxies reads addresses and CIDR ranges.
func ParseProxies(list []string) (Proxies, error) {
	proxies, err := clientip.ParseProxies(list)
	return Proxies{proxies}, err
}

// Client is the address that the request came from: the nearest one on the way that is no trusted proxy. It is the zero
// Addr when the connection has none (a Unix socket).
func (p Proxies) Client(r *http.Request) netip.Addr {
	return clientip.Behind(p.Proxies, peer(r), r.Header.Values("X-Forwarded-For"))
}

// HTTPS reports whether the client speaks TLS, to us or to a trusted proxy.
func (p Proxies) HTTPS(r *http.Request) bool {
	return r.TLS != nil || p.Trusts(peer(r)) && strings.EqualFold(r.Header.Get("X-Forwarded-Proto"), "https")
}

func peer(r *http.Request) netip.Addr {
	at, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return at.Addr().Unmap().WithZone("")
}
