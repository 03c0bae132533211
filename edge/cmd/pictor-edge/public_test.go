package main

import (
	"net"
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/pictor/pictor/shared/clientip"
)

func TestOriginForm(t *testing.T) {
	for target, want := range map[string][2]string{
		"/a?b=http://c/":        {"/a?b=http://c/", "h"},
		"http://other/a?b#":     {"/a?b#", "other"},
		"HTTPS://other:8443/a":  {"/a", "other:8443"},
		"http://other":          {"/", "other"},
		"http://other?v=1":      {"/?v=1", "other"},
		"http://[::1]:80//a":    {"//a", "[::1]:80"},
		"*":                     {"*", "h"},
		"http://other/http://x": {"/http://x", "other"},
	} {
		var h fasthttp.RequestHeader
		h.SetHost("h")
		h.SetRequestURI(target)
		originForm(&h)
		if got := [2]string{string(h.RequestURI()), string(h.Host())}; got != want {
			t.Errorf("%s: got %q, want %q", target, got, want)
		}
	}
}

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
