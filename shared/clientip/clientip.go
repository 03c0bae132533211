// Package clientip finds the address that a request comes from, behind proxies that are trusted to tell it.
package clientip

import (
	"fmt"
	"net"
	"net/netip"
	"strings"
)

// Proxies are the ranges whose X-Forwarded-For is believed. The zero value believes nobody.
type Proxies []netip.Prefix

// ParseProxies reads ranges («10.0.0.0/8») and single addresses.
func ParseProxies(ranges []string) (Proxies, error) {
	var all Proxies
	for _, text := range ranges {
		text = strings.TrimSpace(text)
		if addr, err := netip.ParseAddr(text); err == nil {
			all = append(all, netip.PrefixFrom(addr.Unmap(), addr.Unmap().BitLen()))
			continue
		}
		prefix, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%q is neither an address nor a range such as 10.0.0.0/8", text)
		}
		all = append(all, prefix.Masked())
	}
	return all, nil
}

// Trusts reports whether the address is one of the proxies.
func (p Proxies) Trusts(addr netip.Addr) bool {
	for _, prefix := range p {
		if prefix.Contains(addr) {
			return true
		}
	}
	return false
}

// Behind is the client's address, given who connected and the lines of X-Forwarded-For. It walks them from their end:
// every proxy appended the address that it saw, so what stands left of the first address that is not trusted may be
// invented. It stops before an entry that is no address.
func Behind[L ~string | ~[]byte](p Proxies, peer netip.Addr, forwardedFor []L) netip.Addr {
	for i := len(forwardedFor) - 1; i >= 0; i-- {
		for line := string(forwardedFor[i]); line != ""; {
			comma := strings.LastIndexByte(line, ',')
			addr, ok := parse(line[comma+1:])
			if !ok || !p.Trusts(peer) {
				return peer
			}
			peer, line = addr, line[:max(comma, 0)]
		}
	}
	return peer
}

// parse reads an entry, with or without a port.
func parse(text string) (netip.Addr, bool) {
	text = strings.TrimSpace(text)
	if withPort, err := netip.ParseAddrPort(text); err == nil {
		return withPort.Addr().Unmap(), true
	}
	if bare, ok := strings.CutPrefix(text, "["); ok {
		text = strings.TrimSuffix(bare, "]")
	}
	addr, err := netip.ParseAddr(text)
	return addr.Unmap(), err == nil && addr.Zone() == ""
}

// Peer is the address at the other end of a TCP connection, the zero Addr for other networks.
func Peer(addr net.Addr) netip.Addr {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return netip.Addr{}
	}
	return tcp.AddrPort().Addr().Unmap()
}

// Site is what one client can easily have all addresses of: an IPv4 address, or an IPv6 network of 64 bits. Limits
// count sites.
func Site(addr netip.Addr) netip.Addr {
	if !addr.Is6() || addr.Is4In6() {
		return addr
	}
	prefix, err := addr.Prefix(64)
	if err != nil {
		return addr // only addresses with a zone
	}
	return prefix.Addr()
}
