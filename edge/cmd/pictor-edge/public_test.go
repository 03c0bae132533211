package main

import (
	"net"
	"testing"

	"github.com/pictor/pictor/shared/clientip"
)

func TestSite(t *testing.T) {
	proxies, err := clientip.ParseProxies([]string{"10.0.0.0/8"})
	if err != nil {
		t.Fatal(err)
	}
	n := node{proxies: proxies}
	for address, want := range map[string]string{"203.0.113.9": "203.0.113.9", "2001:db8::1:2": "2001:db8::",
		"10.1.1.1": "invalid IP", "127.0.0.1": "invalid IP", "::1": "invalid IP", "::ffff:203.0.113.9": "203.0.113.9"} {
		if got := n.site(&net.TCPAddr{IP: net.ParseIP(address)}).String(); got != want {
			t.Errorf("%s counts for %s, want %s", address, got, want)
		}
	}
}
