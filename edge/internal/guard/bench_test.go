package guard

import (
	"io"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"
)

// requests is a connection that always has one more request.
type requests struct {
	net.Conn
	head string
}

func (r requests) Read(p []byte) (int, error)       { return copy(p, r.head), nil }
func (requests) SetReadDeadline(t time.Time) error  { return nil }
func (requests) SetWriteDeadline(t time.Time) error { return nil }

// BenchmarkHead is what the guard costs a request, without what it saves: the server's three deadlines.
func BenchmarkHead(b *testing.B) {
	const browser = "GET /v1/image/w_400,f_auto/photo-3a7f9c81b2e4 HTTP/1.1\r\nHost: images.example.com\r\n" +
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/156.0.0.0 Safari/537.36\r\n" +
		"Accept: image/avif,image/webp,image/apng,image/svg+xml,image/*,*/*;q=0.8\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n" +
		"Accept-Language: en-GB,en;q=0.9\r\nCache-Control: no-cache\r\nConnection: keep-alive\r\nPragma: no-cache\r\n" +
		"Referer: https://www.example.com/articles/1\r\nSec-Fetch-Dest: image\r\nSec-Fetch-Mode: no-cors\r\n" +
		"Sec-Fetch-Site: same-site\r\nsec-ch-ua: \"Chromium\";v=\"156\"\r\nsec-ch-ua-mobile: ?0\r\nsec-ch-ua-platform: \"Linux\"\r\n\r\n"
	for name, head := range map[string]string{
		"wrk":     "GET /v1/image/w_400,f_auto/photo-3a7f9c81b2e4 HTTP/1.1\r\nHost: 127.0.0.1:8081\r\n\r\n",
		"browser": browser,
	} {
		b.Run(name, func(b *testing.B) {
			c := conn{Conn: requests{head: head}, listener: Listen(nil, Options{})}
			buf := make([]byte, 16<<10)
			b.ReportAllocs()
			for b.Loop() {
				if n, err := c.Read(buf); n != len(head) || err != nil {
					b.Fatal(n, err)
				}
			}
		})
	}
}

// Whatever arrives, however it is cut, the same heads are handed on, and nothing behind the first that does not hold.
func FuzzCheck(f *testing.F) {
	const good = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
	for _, text := range []string{good + good, "\r\n" + good, good + "GET /\n\n", good + "POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc",
		"GET http://h:80 HTTP/1.1\r\nHost:h\r\nConnection: close\r\n\r\n" + good} {
		f.Add(text, 3)
	}
	f.Fuzz(func(t *testing.T, text string, piece int) {
		whole, cut := handOn(text, len(text)), handOn(text, piece)
		if heads(whole) != heads(cut) {
			t.Fatalf("%q at once gives %q, in pieces of %d %q", text, whole, piece, cut)
		}
		if h := heads(whole); strings.Contains(strings.ReplaceAll(h, "\r\n", ""), "\n") || !strings.HasPrefix(text, h) {
			t.Fatalf("%q hands on %q", text, h)
		}
	})
}

// heads is the text up to the end of its last head.
func heads(text string) string {
	end := strings.LastIndex(text, "\r\n\r\n")
	if end < 0 {
		return ""
	}
	return text[:end]
}

// cutConn gives its text in pieces.
type cutConn struct {
	requests
	text  *string
	piece int
}

func (c cutConn) Read(p []byte) (int, error) {
	if *c.text == "" {
		return 0, io.EOF
	}
	n := copy(p[:min(len(p), max(1, c.piece))], *c.text)
	*c.text = (*c.text)[n:]
	return n, nil
}

func handOn(text string, piece int) string {
	c := conn{Conn: cutConn{text: &text, piece: piece}, listener: Listen(nil, Options{}), site: netip.Addr{}}
	got, _ := io.ReadAll(&c) // the refusal itself is not compared: its text depends on nothing but the line
	return string(got)
}
