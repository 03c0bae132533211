package fetchurl

import "net/netip"

// public reports whether an address belongs to the public internet: it is in the one range of IPv6 that is handed out,
// or in IPv4, and in none of the ranges with a purpose of their own (the special-purpose registries of IANA). Ranges
// that carry an IPv4 address inside are refused as a whole: whoever translates them would decide where we connect to.
func public(address netip.Addr) bool {
	if address.Zone() != "" {
		return false
	}
	address = address.Unmap() // ::ffff:127.0.0.1 is 127.0.0.1 to the kernel
	if address.Is6() && !unicast6.Contains(address) {
		return false
	}
	for _, special := range specials {
		if special.Contains(address) {
			return false
		}
	}
	return address.IsValid()
}

// unicast6 is all of IPv6 that is assigned. Outside are loopback, link-local, unique local, multicast, mapped and
// compatible addresses, and NAT64 with its private form.
var unicast6 = netip.MustParsePrefix("2000::/3")

var specials = prefixes(
	"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
	"192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16", "192.175.48.0/24",
	"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
	"2001::/23", // protocol assignments; Teredo, ORCHID, benchmarking
	"2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20",
)

func prefixes(list ...string) (all []netip.Prefix) {
	for _, text := range list {
		all = append(all, netip.MustParsePrefix(text))
	}
	return all
}
