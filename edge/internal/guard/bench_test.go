package guard

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
)

// nobody is a connection without a network.
type nobody struct{ net.Conn }

func (nobody) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (nobody) SetReadDeadline(time.Time) error  { return nil }
func (nobody) SetWriteDeadline(time.Time) error { return nil }
func (nobody) Close() error                     { return nil }

// script is a socket that gives its text in pieces, and takes all answers.
type script struct {
	text    string
	piece   int
	turns   int // how often all of it comes, one after the other
	left    string
	answers bytes.Buffer
	quiet   bool // keeps no answers
}

func (s *script) each(turn func() (bool, error)) error { return waiting{}.each(turn) }

func (s *script) read(p []byte) (int, error) {
	if s.left == "" {
		if s.turns == 0 {
			return 0, io.EOF
		}
		s.left = s.text
		s.turns--
	}
	n := copy(p[:min(len(p), max(1, s.piece))], s.left)
	s.left = s.left[n:]
	return n, nil
}

func (s *script) writeNow(head, body []byte) (int, error) {
	if !s.quiet {
		s.answers.Write(head)
		s.answers.Write(body)
	}
	return len(head) + len(body), nil
}

func (*script) blocks() bool { return true }

func (*script) gone() bool { return false }

// play serves a connection with this socket.
func play(s *script, handler func(*fasthttp.RequestCtx)) {
	server := New(Options{Handler: handler, Refuse: func(c *fasthttp.RequestCtx, status int, _ string) { c.SetStatusCode(status) }})
	c := newConn(server, nobody{})
	c.socket = s
	server.enter(c)
	c.serve()
}

// BenchmarkRequest is what a request costs beside the handler and the system.
func BenchmarkRequest(b *testing.B) {
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
			b.ReportAllocs()
			play(&script{text: head, piece: 1 << 10, turns: b.N, quiet: true}, func(*fasthttp.RequestCtx) {})
		})
	}
}

// Whatever arrives, however it is cut, the same requests are answered, and nothing behind the first that does not hold.
func FuzzPieces(f *testing.F) {
	const good = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
	for _, text := range []string{good + good, "\r\n" + good, good + "GET /\n\n", good + "POST / HTTP/1.0\r\nContent-Length: 3\r\n\r\nabc",
		"GET http://h:80 HTTP/1.1\r\nHost:h\r\nConnection: close\r\n\r\n" + good} {
		f.Add(text, 3)
	}
	f.Fuzz(func(t *testing.T, text string, piece int) {
		whole, cut := exchange(t, text, len(text)), exchange(t, text, piece)
		if whole != cut {
			t.Fatalf("%q at once gives %s, in pieces of %d %s", text, whole, piece, cut)
		}
		if strings.Count(whole, "200")+strings.Count(whole, "405") > strings.Count(text, "\r\n\r\n") {
			t.Fatalf("%q: more answers than heads: %s", text, whole)
		}
	})
}

// exchange gives what reached the handler, and the statuses of all answers.
func exchange(t *testing.T, text string, piece int) string {
	var seen []string
	s := &script{text: text, piece: piece, turns: 1}
	play(s, func(c *fasthttp.RequestCtx) {
		seen = append(seen, string(c.Method())+string(c.Request.Header.RequestURI()))
	})
	for in := bufio.NewReader(&s.answers); ; {
		resp, err := http.ReadResponse(in, &http.Request{Method: http.MethodHead}) // no answer here has a body
		if err == io.EOF || err == io.ErrUnexpectedEOF {
			return fmt.Sprint(seen)
		}
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		seen = append(seen, resp.Status)
	}
}
