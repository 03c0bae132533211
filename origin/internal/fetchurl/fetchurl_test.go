package fetchurl

import (
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pictor/pictor/origin"
)

// victim listens on all of loopback, IPv6 too where there is any, and counts who connects.
type victim struct {
	port     string
	accepted atomic.Int64
}

func newVictim(t *testing.T) *victim {
	t.Helper()
	v := &victim{}
	l, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	_, v.port, _ = net.SplitHostPort(l.Addr().String())
	listeners := []net.Listener{l}
	if six, err := net.Listen("tcp6", "[::1]:"+v.port); err == nil {
		listeners = append(listeners, six)
	}
	for _, l := range listeners {
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				conn, err := l.Accept()
				if err != nil {
					return
				}
				v.accepted.Add(1)
				conn.Close()
			}
		}()
	}
	return v
}

// openPort lets requests to any port pass, so that the address alone decides and the victim would be reached.
func openPort(t *testing.T, port string) {
	t.Helper()
	ports[port] = true
	t.Cleanup(func() { delete(ports, port) })
}

// Ways to say «this machine», «this network» and «the cloud's metadata service». None of them is connected to.
func TestPrivateTargets(t *testing.T) {
	v := newVictim(t)
	openPort(t, v.port)
	hosts := []string{"127.0.0.1", "127.1", "127.0.1", "127.255.255.254", "0", "0.0.0.0", "2130706433", "0x7f000001", "0x7f.1",
		"0177.0.0.1", "017700000001", "127.0.0.1.", "localhost", "LOCALHOST", "localhost.", "[::]", "[::1]", "[0:0:0:0:0:0:0:1]",
		"[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::127.0.0.1]", "[::ffff:0:127.0.0.1]", "[64:ff9b::7f00:1]",
		"[64:ff9b::169.254.169.254]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::]", "[fe80::1]", "[fe80::1%25lo]",
		"[fc00::1]", "[fd00:ec2::254]", "[fec0::1]", "[ff02::1]", "[100::1]", "[2001:db8::1]", "[5f00::1]", "169.254.169.254",
		"2852039166", "10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.255", "192.168.0.1", "192.0.0.1", "192.0.2.1",
		"100.64.0.1", "100.127.255.255", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1",
		"255.255.255.255", "①②⑦.⓪.⓪.①"}
	if len(hosts) < 40 {
		t.Fatalf("only %d targets", len(hosts))
	}
	c := New(Options{Timeout: time.Minute, Resolver: resolver(t, func(string, int) string { return "127.0.0.1" })})
	for _, host := range hosts {
		refused(t, c, "http://"+host+":"+v.port+"/x.png")
	}
	if n := v.accepted.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

func refused(t *testing.T, c *Client, target string) {
	t.Helper()
	body, _, err := c.Fetch(t.Context(), target)
	if err == nil {
		body.Close()
		t.Errorf("%s: fetched", target)
		return
	}
	if kind := origin.KindOf(err); kind != origin.Invalid {
		t.Errorf("%s: %v of kind %d", target, err, kind)
	}
}

func TestStrangeURLs(t *testing.T) {
	c := New(Options{Timeout: time.Second})
	for _, target := range []string{"", "x", "//host/x", "ftp://example.com/x", "file:///etc/passwd", "gopher://127.0.0.1:70/_x",
		"data:image/png;base64,AAAA", "http://", "http:///x", "http://:80/", "http://user@example.com/", "http://u:p@example.com/",
		"http://example.com:22/", "http://example.com:6379/", "http://example.com:0/", "https://example.com:99999/",
		"http://exa mple.com/", "http://example.com\\@127.0.0.1/", "javascript:alert(1)", "http://[::1/x", "HTTP"} {
		refused(t, c, target)
	}
}

// allowed is a client that may connect to 127.0.0.2, where the test's server is, as if that were a public address.
func allowed(t *testing.T, handler http.Handler, opt Options) (c *Client, base string) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.2:0")
	if err != nil {
		t.Skipf("no second loopback address here: %v", err)
	}
	server := httptest.NewUnstartedServer(handler)
	server.Listener.Close()
	server.Listener = l
	server.Start()
	t.Cleanup(server.Close)
	opt.Allow = append(opt.Allow, netip.MustParsePrefix("127.0.0.2/32"))
	return New(opt), server.URL
}

func TestRedirectsInside(t *testing.T) {
	v := newVictim(t)
	openPort(t, v.port)
	inside := []string{"http://127.0.0.1:" + v.port + "/", "http://127.1:" + v.port + "/", "http://[::1]:" + v.port + "/",
		"http://[::ffff:127.0.0.1]:" + v.port + "/", "//127.0.0.1:" + v.port + "/x", "http://169.254.169.254/latest/meta-data/",
		"file:///etc/passwd", "ftp://127.0.0.1/", "http://user@127.0.0.2/", "http://rebind.test:" + v.port + "/"}
	var to atomic.Value
	c, base := allowed(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Location", to.Load().(string))
		w.WriteHeader(http.StatusFound)
	}), Options{Timeout: time.Minute, Resolver: resolver(t, func(string, int) string { return "127.0.0.1" })})
	for _, target := range inside {
		to.Store(target)
		refused(t, c, base+"/start")
	}
	if n := v.accepted.Load(); n != 0 {
		t.Errorf("%d connections were made", n)
	}
}

// A name that means a good address at one look-up and a bad one at the next gets nobody anywhere: what is looked at is
// the address that is connected to.
func TestRebinding(t *testing.T) {
	v := newVictim(t)
	openPort(t, v.port)
	var asked atomic.Int64
	answers := resolver(t, func(_ string, n int) string {
		asked.Add(1)
		if n%2 == 0 {
			return "127.0.0.2" // «public»: allowed below
		}
		return "127.0.0.1"
	})
	c := New(Options{Timeout: time.Minute, Resolver: answers, Allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}})
	before := v.accepted.Load()
	good := 0
	for range 10 {
		body, _, err := c.Fetch(t.Context(), "http://rebind.test:"+v.port+"/x.png")
		if err == nil {
			body.Close()
			t.Error("fetched")
		}
		if n := v.accepted.Load(); n != before { // the victim listens on all addresses, so the allowed one counts too
			good, before = good+1, n
		}
	}
	if asked.Load() < 10 || good == 0 || good > 5 {
		t.Errorf("%d look-ups, %d connections, want 10 and those 5 to the allowed address", asked.Load(), good)
	}
}

// resolver asks a DNS server of the test's, which answers every question for an address of IPv4 with what answer gives
// for the name and the number of questions before.
func resolver(t *testing.T, answer func(name string, n int) string) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		seen := 0
		query := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(query)
			if err != nil {
				return
			}
			reply, name, kind := dnsReply(query[:n])
			if kind == 1 {
				reply = withAddress(reply, answer(name, seen))
				seen++
			}
			_, _ = conn.WriteTo(reply, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// dnsReply is an empty answer to a query with one question.
func dnsReply(query []byte) (reply []byte, name string, kind uint16) {
	end := 12
	for query[end] != 0 {
		name += string(query[end+1:end+1+int(query[end])]) + "."
		end += 1 + int(query[end])
	}
	end++
	kind = binary.BigEndian.Uint16(query[end:])
	reply = append([]byte{}, query[:end+4]...)
	reply[2], reply[3] = 0x84, 0x00
	copy(reply[6:12], make([]byte, 6))
	return reply, name, kind
}

func withAddress(reply []byte, address string) []byte {
	reply[7] = 1
	four := netip.MustParseAddr(address).As4()
	reply = append(reply, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
	return append(reply, four[:]...)
}

func TestFetch(t *testing.T) {
	var referer, agent string
	mux := http.NewServeMux()
	mux.HandleFunc("/a/photo.jpg", func(w http.ResponseWriter, r *http.Request) {
		referer, agent = r.Referer(), r.UserAgent()
		fmt.Fprint(w, "a picture")
	})
	for i := range 5 {
		mux.Handle(fmt.Sprintf("/hops/%d", i+1), http.RedirectHandler(fmt.Sprintf("/hops/%d?token=secret", i), http.StatusFound))
	}
	mux.Handle("/hops/0", http.RedirectHandler("/a/photo.jpg", http.StatusMovedPermanently))
	c, base := allowed(t, mux, Options{MaxBytes: 1 << 20})
	for _, path := range []string{"/a/photo.jpg", "/hops/0", "/hops/2"} {
		body, filename, err := c.Fetch(t.Context(), base+path)
		if err != nil {
			t.Fatalf("%s: %v", path, err)
		}
		content, err := io.ReadAll(body)
		if err != nil || string(content) != "a picture" || filename != "photo.jpg" || body.Close() != nil {
			t.Errorf("%s: %q %q %v", path, content, filename, err)
		}
		if referer != "" || agent != "Pictor" {
			t.Errorf("%s: Referer %q, User-Agent %q", path, referer, agent)
		}
	}
	refused(t, c, base+"/hops/3") // four redirects
	refused(t, c, base+"/nothing")
}

func TestLimits(t *testing.T) {
	stuck := make(chan struct{})
	mux := http.NewServeMux()
	mux.HandleFunc("/known", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1001")
		fmt.Fprint(w, strings.Repeat("x", 1001))
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, _ *http.Request) {
		for range 1000 {
			if _, err := w.Write(make([]byte, 4096)); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/slow", func(w http.ResponseWriter, _ *http.Request) {
		w.(http.Flusher).Flush()
		<-stuck
	})
	patient, base := allowed(t, mux, Options{MaxBytes: 1000, Timeout: time.Minute})
	hasty := *patient
	hasty.opt.Timeout = 300 * time.Millisecond
	t.Cleanup(func() { close(stuck) }) // before the server waits for its handlers
	read := func(c *Client, path string) error {
		body, _, err := c.Fetch(t.Context(), base+path)
		if err != nil {
			return err
		}
		defer body.Close()
		_, err = io.Copy(io.Discard, body)
		return err
	}
	for path, kind := range map[string]origin.Kind{"/known": origin.TooLarge, "/endless": origin.TooLarge} {
		if err := read(patient, path); err == nil || origin.KindOf(err) != kind {
			t.Errorf("%s: %v", path, err)
		}
	}
	if err := read(&hasty, "/slow"); err == nil || origin.KindOf(err) != origin.Invalid {
		t.Errorf("/slow: %v", err)
	}
}

func TestPublic(t *testing.T) {
	for text, want := range map[string]bool{"8.8.8.8": true, "1.1.1.1": true, "93.184.216.34": true, "172.15.255.255": true,
		"172.32.0.0": true, "100.63.255.255": true, "100.128.0.0": true, "2606:4700::1111": true, "2a00:1450::1": true,
		"::ffff:8.8.8.8": true, "::ffff:10.0.0.1": false, "::8.8.8.8": false, "64:ff9b::808:808": false, "2002:808:808::1": false,
		"2001:0:808:808::1": false, "fe80::1%eth0": false, "2606:4700::1111%eth0": false} {
		if got := public(netip.MustParseAddr(text)); got != want {
			t.Errorf("%s: %v", text, got)
		}
	}
	if public(netip.Addr{}) {
		t.Error("no address is public")
	}
}

func TestProxiesAreNotAsked(t *testing.T) {
	v := newVictim(t)
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:"+v.port)
	t.Setenv("HTTPS_PROXY", "http://127.0.0.1:"+v.port)
	c := New(Options{Timeout: time.Second, Resolver: resolver(t, func(string, int) string { return "10.0.0.1" })})
	refused(t, c, "http://pictures.test/x.png")
	if n := v.accepted.Load(); n != 0 {
		t.Errorf("%d connections to the proxy", n)
	}
}
