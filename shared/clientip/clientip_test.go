package clientip_test

import (
	"net"
	"net/netip"
	"testing"

	"github.com/pictor/pictor/shared/clientip"
)

func proxies(t testing.TB, ranges ...string) clientip.Proxies {
	t.Helper()
	p, err := clientip.ParseProxies(ranges)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestBehind(t *testing.T) {
	p := proxies(t, "10.0.0.0/8", "192.0.2.7", " 2001:db8::/32 ")
	for _, c := range []struct {
		peer  string
		lines []string
		want  string
	}{
		{"203.0.113.5", nil, "203.0.113.5"},
		{"203.0.113.5", []string{"1.2.3.4"}, "203.0.113.5"}, // whoever connects directly may say what he likes
		{"10.1.2.3", nil, "10.1.2.3"},
		{"10.1.2.3", []string{"1.2.3.4"}, "1.2.3.4"},
		{"::ffff:10.1.2.3", []string{"1.2.3.4"}, "1.2.3.4"},
		{"10.1.2.3", []string{"9.9.9.9, 1.2.3.4"}, "1.2.3.4"}, // 9.9.9.9 is what the client said
		{"10.1.2.3", []string{"9.9.9.9, 1.2.3.4, 10.9.9.9,192.0.2.7"}, "1.2.3.4"},
		{"10.1.2.3", []string{"9.9.9.9", "1.2.3.4", "10.9.9.9"}, "1.2.3.4"},
		{"10.1.2.3", []string{"10.4.4.4, 10.9.9.9"}, "10.4.4.4"},
		{"10.1.2.3", []string{"1.2.3.4:5678"}, "1.2.3.4"},
		{"10.1.2.3", []string{"[2001:db9::1]:5678"}, "2001:db9::1"},
		{"10.1.2.3", []string{"[2001:db9::1]"}, "2001:db9::1"},
		{"2001:db8::9", []string{"2001:db9::1"}, "2001:db9::1"},
		{"10.1.2.3", []string{"1.2.3.4, unknown"}, "10.1.2.3"},
		{"10.1.2.3", []string{"1.2.3.4, unknown, 10.5.5.5"}, "10.5.5.5"},
		{"10.1.2.3", []string{"1.2.3.4,"}, "10.1.2.3"},
		{"10.1.2.3", []string{""}, "10.1.2.3"},
		{"10.1.2.3", []string{"fe80::1%eth0"}, "10.1.2.3"},
	} {
		peer := clientip.Peer(&net.TCPAddr{IP: net.ParseIP(c.peer), Port: 1234})
		if got := clientip.Behind(p, peer, c.lines); got != netip.MustParseAddr(c.want) {
			t.Errorf("%s %q: got %s, want %s", c.peer, c.lines, got, c.want)
		}
	}
}

func TestParseProxiesRefuses(t *testing.T) {
	for _, text := range []string{"", "10.0.0.0/33", "localhost", "10.0.0.0-10.0.0.9"} {
		if _, err := clientip.ParseProxies([]string{text}); err == nil {
			t.Errorf("%q: accepted", text)
		}
	}
}

func TestSite(t *testing.T) {
	for addr, want := range map[string]string{"1.2.3.4": "1.2.3.4", "2001:db8:1:2:3:4:5:6": "2001:db8:1:2::", "::1": "::"} {
		if got := clientip.Site(netip.MustParseAddr(addr)); got != netip.MustParseAddr(want) {
			t.Errorf("%s: got %s, want %s", addr, got, want)
		}
	}
}

func FuzzBehind(f *testing.F) {
	f.Add("1.2.3.4, 10.0.0.1")
	f.Add("[::1]:80,,")
	p := clientip.Proxies{netip.MustParsePrefix("10.0.0.0/8")}
	f.Fuzz(func(t *testing.T, line string) {
		if got := clientip.Behind(p, netip.MustParseAddr("10.1.1.1"), []string{line}); !got.IsValid() {
			t.Fatalf("%q gives no address", line)
		}
	})
}
