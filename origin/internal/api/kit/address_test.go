package kit

import (
	"crypto/tls"
	"net/http"
	"testing"
)

func TestClient(t *testing.T) {
	proxies, err := ParseProxies([]string{"10.0.0.0/8", " 192.0.2.1", "2001:db8::/32"})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		peer      string
		forwarded []string
		want      string
	}{
		{"203.0.113.9:1", nil, "203.0.113.9"},
		{"203.0.113.9:1", []string{"198.51.100.7"}, "203.0.113.9"}, // anybody can write that
		{"10.1.2.3:1", nil, "10.1.2.3"},
		{"10.1.2.3:1", []string{"198.51.100.7"}, "198.51.100.7"},
		{"10.1.2.3:1", []string{"1.1.1.1, 198.51.100.7"}, "198.51.100.7"}, // the left one came from outside
		{"10.1.2.3:1", []string{"1.1.1.1", "198.51.100.7, 192.0.2.1"}, "198.51.100.7"},
		{"10.1.2.3:1", []string{"10.9.9.9, 192.0.2.1"}, "10.9.9.9"}, // proxies all the way
		{"10.1.2.3:1", []string{"1.1.1.1, junk, 10.0.0.5"}, "10.0.0.5"},
		{"10.1.2.3:1", []string{""}, "10.1.2.3"},
		{"[::ffff:10.1.2.3]:1", []string{"::ffff:198.51.100.7"}, "198.51.100.7"},
		{"[2001:db8::1%eth0]:1", []string{"2001:4860::1"}, "2001:4860::1"},
		{"@", []string{"198.51.100.7"}, "invalid IP"},
	}
	for _, tt := range tests {
		r := &http.Request{RemoteAddr: tt.peer, Header: http.Header{"X-Forwarded-For": tt.forwarded}}
		if got := proxies.Client(r).String(); got != tt.want {
			t.Errorf("peer %s, X-Forwarded-For %q: got %s, want %s", tt.peer, tt.forwarded, got, tt.want)
		}
	}
}

func TestNobodyIsTrustedByDefault(t *testing.T) {
	var nobody Proxies
	r := &http.Request{RemoteAddr: "127.0.0.1:1", Header: http.Header{"X-Forwarded-For": {"198.51.100.7"},
		"X-Forwarded-Proto": {"https"}}}
	if got := nobody.Client(r).String(); got != "127.0.0.1" {
		t.Errorf("client is %s, want the peer", got)
	}
	if nobody.HTTPS(r) {
		t.Error("X-Forwarded-Proto of a stranger was believed")
	}
}

func TestHTTPS(t *testing.T) {
	proxies, err := ParseProxies([]string{"10.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	header := http.Header{"X-Forwarded-Proto": {"https"}}
	if !proxies.HTTPS(&http.Request{RemoteAddr: "10.0.0.1:1", Header: header}) {
		t.Error("a trusted proxy's https was not believed")
	}
	if !proxies.HTTPS(&http.Request{RemoteAddr: "10.0.0.2:1", TLS: &tls.ConnectionState{}}) {
		t.Error("TLS of one's own was not seen")
	}
	if proxies.HTTPS(&http.Request{RemoteAddr: "10.0.0.1:1", Header: http.Header{"X-Forwarded-Proto": {"http"}}}) {
		t.Error("http was taken for https")
	}
}

func TestParseProxiesRefuses(t *testing.T) {
	for _, text := range []string{"", "localhost", "10.0.0.0/33", "10.0.0", "10.0.0.1:80"} {
		if _, err := ParseProxies([]string{text}); err == nil {
			t.Errorf("%q was taken", text)
		}
	}
}
