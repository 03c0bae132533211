package guard_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/pictor/pictor/edge/internal/guard"
)

// A conversation of any requests, spelled in any way, cut at any places, has the same answers from net/http.
func FuzzLikeNetHTTP(f *testing.F) {
	for seed := range uint64(100) {
		f.Add(seed)
	}
	ours := handled(f, guard.Options{}, func(c *fasthttp.RequestCtx) {
		h := &c.Request.Header
		c.Response.SetBodyString(likeBody(string(c.Method()), string(h.Host()), string(h.RequestURI()), string(h.Peek("X-Last"))))
	})
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		target := r.RequestURI
		if strings.Contains(target, "://") {
			target = r.URL.RequestURI()
		}
		body := likeBody(r.Method, r.Host, target, r.Header.Get("X-Last"))
		w.Header().Set("Content-Length", strconv.Itoa(len(body)))
		io.WriteString(w, body)
	}))
	server.Config.DisableGeneralOptionsHandler = true
	server.Start()
	f.Cleanup(server.Close)
	theirs := server.Listener.Addr().String()
	f.Fuzz(func(t *testing.T, seed uint64) {
		talk := newTalk(rand.New(rand.NewPCG(seed, 7)))
		got, want := talk.with(t, ours), talk.with(t, theirs)
		if strings.Contains(want, "reset by peer") {
			t.Skip("net/http may cut off its answer to who asks on behind the last request")
		}
		if got != want {
			t.Errorf("%q: got\n%swant\n%s", strings.Join(talk.pieces, "¦"), got, want)
		}
	})
}

func likeBody(method, host, target, last string) string {
	body := fmt.Sprintln(method, host, target, last)
	if strings.Contains(target, "big") {
		return strings.Repeat(body, 5000)
	}
	return body
}

// talk is what a client says.
type talk struct {
	pieces []string
	asked  []string // the methods
	rand   *rand.Rand
}

func newTalk(r *rand.Rand) *talk {
	t := &talk{rand: r}
	var text strings.Builder
	for range 1 + r.IntN(8) {
		text.WriteString(t.request())
	}
	for left := text.String(); left != ""; {
		n := len(left)
		if r.IntN(2) == 0 {
			n = min(n, 1+r.IntN(60))
		}
		t.pieces, left = append(t.pieces, left[:n]), left[n:]
	}
	return t
}

func (t *talk) one(of ...string) string { return of[t.rand.IntN(len(of))] }

// request is one that both must answer, or one in twenty that both must refuse.
func (t *talk) request() string {
	method := t.one("GET", "GET", "GET", "HEAD", "OPTIONS", "DELETE", "get", "X-a!")
	target := t.one("/", "/a", "/big?x=1", "/a%2fb//c/../d?e=f?g", "/?", "http://other:81/x?y", "HTTP://other", "http://[::1]?q", "/:;@&=+$,'()*!~")
	if method == "OPTIONS" && t.rand.IntN(2) == 0 {
		target = "*"
	}
	t.asked = append(t.asked, method)
	var b strings.Builder
	version := t.one("1.1", "1.1", "1.1", "1.0")
	fmt.Fprintf(&b, "%s %s HTTP/%s\r\n", method, target, version)
	lines := []string{t.one("Host", "host", "HOST") + ":" + t.space() + t.one("h", "h:80", "[::1]:8", "a-b.c_d") + t.space()}
	for range t.rand.IntN(5) {
		lines = append(lines, t.header())
	}
	if t.rand.IntN(20) == 0 {
		lines = append(lines, t.one("Host: h", "A b: c", "A : b", ": b", "Content-Length: x", "Content-Length: -1",
			"no colon", "A\x00: b", "A: b\x00c"))
	}
	t.rand.Shuffle(len(lines), func(i, j int) { lines[i], lines[j] = lines[j], lines[i] })
	return b.String() + strings.Join(lines, "\r\n") + "\r\n\r\n"
}

func (t *talk) space() string { return t.one("", " ", " ", "\t", " \t  ") }

func (t *talk) header() string {
	value := t.space() + t.one("", "a", "a b,\tc", "\"x\"; q=0.5", "\x80\xff", strings.Repeat("long ", t.rand.IntN(400)))
	switch t.rand.IntN(12) {
	case 0:
		return t.one("Connection:", "connection:") + t.space() +
			t.one("close", "Close", "keep-alive", "Keep-Alive", "a, close", "close ,\tb", "a,keep-alive", "closed", "", "upgrade")
	case 1:
		return "X-Last:" + value
	}
	return t.one("X-A", "accept", "X!#$%&'*+-.^_`|~9", "Cookie", "Referer", "If-None-Match", "Range") + ":" + value + t.space()
}

// with talks to a server, and gives all that it answers.
func (t *talk) with(tb testing.TB, address string) string {
	c := dial(tb, address)
	defer c.Close()
	go t.say(c, rand.New(rand.NewPCG(t.rand.Uint64(), 0)))
	var said strings.Builder
	in := bufio.NewReader(c)
	for i := 0; ; i++ {
		request := &http.Request{Method: "GET"}
		if i < len(t.asked) {
			request.Method = t.asked[i]
		}
		resp, err := http.ReadResponse(in, request)
		if errors.Is(err, syscall.ECONNRESET) {
			fmt.Fprintln(&said, err)
		}
		if err != nil {
			return said.String()
		}
		body, err := io.ReadAll(resp.Body)
		if resp.StatusCode >= 400 {
			fmt.Fprintln(&said, "refused", resp.Close) // in its own words
			continue
		}
		fmt.Fprintln(&said, resp.StatusCode, resp.ContentLength, resp.Close, len(body), string(body[:min(len(body), 100)]), err)
	}
}

func (t *talk) say(c *net.TCPConn, r *rand.Rand) {
	for _, piece := range t.pieces {
		if _, err := io.WriteString(c, piece); err != nil {
			return
		}
		if r.IntN(4) == 0 {
			time.Sleep(time.Duration(r.IntN(1000)) * time.Microsecond)
		}
	}
	c.CloseWrite()
}
