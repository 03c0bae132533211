package e2e

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pictor/pictor/bench/picture"
)

// smuggled is what an attacker would like to be read as a request. Where it stands it never is one: it is a body, or it
// follows a head that is beyond repair.
const smuggled = "GET /v1/image/smuggled HTTP/1.1\r\nHost: h\r\n\r\n"

// Many begin and end alike.
const (
	get1  = "GET / HTTP/1.1\r\nHost: h\r\n"
	post1 = "POST / HTTP/1.1\r\nHost: h\r\n"
	chunk = "{x}\r\n{}\r\n0\r\n\r\n"
)

// payloads are requests that different programs have been known to frame differently. {} is the smuggled request, {n}
// its length, {x} the same in hexadecimal.
var payloads = map[string]string{
	"CL body":                    get1 + "Content-Length: {n}\r\n\r\n{}",
	"CL body on HEAD":            "HEAD / HTTP/1.1\r\nHost: h\r\nContent-Length: {n}\r\n\r\n{}",
	"CL body on OPTIONS":         "OPTIONS / HTTP/1.1\r\nHost: h\r\nContent-Length: {n}\r\n\r\n{}",
	"CL body on POST":            post1 + "Content-Length: {n}\r\n\r\n{}",
	"CL body on 1.0":             "GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\nContent-Length: {n}\r\n\r\n{}",
	"chunked":                    get1 + "Transfer-Encoding: chunked\r\n\r\n" + chunk,
	"chunked POST":               post1 + "Transfer-Encoding: chunked\r\n\r\n" + chunk,
	"chunked, nothing":           get1 + "Transfer-Encoding: chunked\r\nX: y\r\n\r\n" + chunk,
	"CL.TE":                      post1 + "Content-Length: {n}\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk,
	"TE.CL":                      post1 + "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n" + chunk,
	"CL.0 TE":                    get1 + "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk,
	"TE twice":                   post1 + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n" + chunk,
	"TE identity":                post1 + "Transfer-Encoding: identity\r\nContent-Length: {n}\r\n\r\n{}",
	"TE list":                    post1 + "Transfer-Encoding: identity, chunked\r\n\r\n" + chunk,
	"TE chunked, chunked":        post1 + "Transfer-Encoding: chunked, chunked\r\n\r\n" + chunk,
	"TE gzip":                    post1 + "Transfer-Encoding: gzip, chunked\r\n\r\n" + chunk,
	"TE xchunked":                post1 + "Transfer-Encoding: xchunked\r\nContent-Length: {n}\r\n\r\n{}",
	"TE quoted":                  post1 + "Transfer-Encoding: \"chunked\"\r\nContent-Length: {n}\r\n\r\n{}",
	"TE CHUNKED":                 post1 + "TRANSFER-ENCODING: CHUNKED\r\n\r\n" + chunk,
	"TE tab":                     post1 + "Transfer-Encoding:\tchunked\r\nContent-Length: 4\r\n\r\n" + chunk,
	"TE vertical tab":            post1 + "Transfer-Encoding: \x0bchunked\r\nContent-Length: {n}\r\n\r\n{}",
	"TE empty":                   post1 + "Transfer-Encoding:\r\nContent-Length: {n}\r\n\r\n{}",
	"TE space before colon":      post1 + "Transfer-Encoding : chunked\r\nContent-Length: {n}\r\n\r\n{}",
	"TE tab before colon":        post1 + "Transfer-Encoding\t: chunked\r\nContent-Length: {n}\r\n\r\n{}",
	"TE leading space":           post1 + " Transfer-Encoding: chunked\r\nContent-Length: {n}\r\n\r\n{}",
	"TE folded":                  post1 + "Transfer-Encoding:\r\n chunked\r\nContent-Length: {n}\r\n\r\n{}",
	"TE folded in another":       post1 + "X: y\r\n Transfer-Encoding: chunked\r\nContent-Length: {n}\r\n\r\n{}",
	"TE behind bare LF":          post1 + "X: y\nTransfer-Encoding: chunked\r\nContent-Length: {n}\r\n\r\n{}",
	"TE behind bare CR":          post1 + "X: y\rTransfer-Encoding: chunked\r\nContent-Length: {n}\r\n\r\n{}",
	"TE behind NUL":              post1 + "X: y\x00Transfer-Encoding: chunked\r\nContent-Length: {n}\r\n\r\n{}",
	"TE NUL in name":             post1 + "Transfer-\x00Encoding: chunked\r\nContent-Length: {n}\r\n\r\n{}",
	"TE high byte in name":       post1 + "Transfer-Encoding\xa0: chunked\r\nContent-Length: {n}\r\n\r\n{}",
	"TE on 1.0":                  "POST / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk,
	"TE and trailer":             post1 + "Transfer-Encoding: chunked\r\nTrailer: Content-Length\r\n\r\n{x}\r\n{}\r\n0\r\nContent-Length: 5\r\n\r\n",
	"chunk size padded":          post1 + "Transfer-Encoding: chunked\r\n\r\n0000000000" + chunk,
	"chunk size with 0x":         post1 + "Transfer-Encoding: chunked\r\n\r\n0x" + chunk,
	"chunk size overflows":       post1 + "Transfer-Encoding: chunked\r\n\r\n100000000000000" + chunk,
	"chunk size negative":        post1 + "Transfer-Encoding: chunked\r\n\r\n-1\r\n{}\r\n0\r\n\r\n",
	"chunk extension":            post1 + "Transfer-Encoding: chunked\r\n\r\n{x};a=\"\r\n\"\r\n{}\r\n0\r\n\r\n",
	"chunk ends with LF":         post1 + "Transfer-Encoding: chunked\r\n\r\n{x}\n{}\n0\n\n",
	"chunk without end":          post1 + "Transfer-Encoding: chunked\r\n\r\n{x}\r\n{}0\r\n\r\n",
	"CL twice, same":             post1 + "Content-Length: {n}\r\nContent-Length: {n}\r\n\r\n{}",
	"CL twice, first 0":          get1 + "Content-Length: 0\r\nContent-Length: {n}\r\n\r\n{}",
	"CL twice, last 0":           get1 + "Content-Length: {n}\r\nContent-Length: 0\r\n\r\n{}",
	"CL list":                    get1 + "Content-Length: {n}, {n}\r\n\r\n{}",
	"CL list with 0":             get1 + "Content-Length: 0, {n}\r\n\r\n{}",
	"CL plus":                    get1 + "Content-Length: +{n}\r\n\r\n{}",
	"CL minus":                   get1 + "Content-Length: -{n}\r\n\r\n{}",
	"CL padded":                  get1 + "Content-Length: 0{n}\r\n\r\n{}",
	"CL hexadecimal":             get1 + "Content-Length: 0x{x}\r\n\r\n{}",
	"CL fraction":                get1 + "Content-Length: {n}.0\r\n\r\n{}",
	"CL exponent":                get1 + "Content-Length: 1e1\r\n\r\n{}",
	"CL overflows 64 bits":       get1 + "Content-Length: 18446744073709551616\r\n\r\n{}",
	"CL overflows 32 bits":       get1 + "Content-Length: 4294967296\r\n\r\n{}",
	"CL empty":                   get1 + "Content-Length:\r\n\r\n{}",
	"CL with a word":             get1 + "Content-Length: {n} abc\r\n\r\n{}",
	"CL space before colon":      get1 + "Content-Length : {n}\r\n\r\n{}",
	"CL space in name":           get1 + "Content Length: {n}\r\n\r\n{}",
	"CL folded":                  get1 + "Content-Length:\r\n {n}\r\n\r\n{}",
	"CL behind bare LF":          get1 + "X: y\nContent-Length: {n}\r\n\r\n{}",
	"CL ends with CR CR LF":      get1 + "Content-Length: {n}\r\r\n\r\n{}",
	"CL NUL":                     get1 + "Content-Length: {n}\x00\r\n\r\n{}",
	"name without colon":         get1 + "Content-Length\r\n\r\n{}",
	"head ends with LF LF":       "GET / HTTP/1.1\nHost: h\nContent-Length: {n}\n\n{}",
	"request line ends with LF":  "GET / HTTP/1.1\nHost: h\r\nContent-Length: {n}\r\n\r\n{}",
	"HTTP/0.9":                   "GET /\r\n{}",
	"HTTP/1.1 with tail":         "GET / HTTP/1.1 x\r\nHost: h\r\nContent-Length: {n}\r\n\r\n{}",
	"HTTP/3.0":                   "GET / HTTP/3.0\r\nHost: h\r\nContent-Length: {n}\r\n\r\n{}",
	"space before request line":  " GET / HTTP/1.1\r\nHost: h\r\nContent-Length: {n}\r\n\r\n{}",
	"request in the target":      "GET /\x00{} HTTP/1.1\r\nHost: h\r\n\r\n",
	"request in a header":        get1 + "X: \n\n{}\r\n\r\n",
	"Host twice":                 get1 + "Host: g\r\nContent-Length: {n}\r\n\r\n{}",
	"expectation":                post1 + "Expect: 100-continue\r\nContent-Length: {n}\r\n\r\n{}",
	"upgrade to h2c with a body": get1 + "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\nContent-Length: {n}\r\n\r\n{}",
	"CL named in Connection":     get1 + "Connection: Content-Length\r\nContent-Length: {n}\r\n\r\n{}",
	"TE named in Connection":     post1 + "Connection: Transfer-Encoding\r\nTransfer-Encoding: chunked\r\n\r\n" + chunk,
}

func payload(text string) string {
	n := len(smuggled)
	return strings.NewReplacer("{}", smuggled, "{n}", fmt.Sprint(n), "{x}", fmt.Sprintf("%x", n)).Replace(text)
}

func TestRequestSmuggling(t *testing.T) {
	data := t.TempDir()
	s := startIn(t, data, 1)
	c := signIn(t, s)
	markers := map[string][]byte{}
	for i := range 4 {
		id := fmt.Sprintf("marker-%d", i)
		markers["/v1/image/"+id] = picture.PNG(picture.Photo(16+i, 16, uint64(i)))
		upload(t, c, id+".png", markers["/v1/image/"+id], map[string]string{"public_id": id})
	}
	edge := edgeAddress(s)
	log := filepath.Join(data, "logs", "edge-1.log")
	get(t, s.Edges[0].URL+"/v1/image/seen")
	within(t, time.Minute, "a line in the log", func() bool { return logged(t, log, "path=/v1/image/seen ") == 1 })

	t.Run("direct", func(t *testing.T) {
		var all sync.WaitGroup
		for name, text := range payloads {
			all.Go(func() {
				answers, closed := converse(t, edge, payload(text)+markerRequest+markerRequest, patience)
				if len(answers) != 1 || answers[0] < 400 || !closed {
					t.Errorf("%s: %v, closed %v, want one refusal and the end", name, answers, closed)
				}
			})
		}
		all.Wait()
	})
	if logged(t, log, "/v1/image/smuggled") > 0 {
		t.Error("a smuggled request reached the handler")
	}
	fronts := map[string]func(t *testing.T) server{
		"nginx":   func(t *testing.T) server { return nginx(t, edge, "", "") },
		"haproxy": func(t *testing.T) server { return haproxy(t, edge) },
	}
	for name, begin := range fronts {
		t.Run(name, func(t *testing.T) {
			front, before := begin(t), logged(t, log, "path=/v1/image/smuggled ")
			stop := watchMarkers(t, "http://"+front.address, markers)
			var all sync.WaitGroup
			for _, text := range payloads {
				all.Go(func() { converse(t, front.address, payload(text)+markerRequest, 2*time.Second) })
			}
			all.Wait()
			if n := stop(); n < 100 {
				t.Errorf("only %d markers", n)
			}
			// What the front end itself took for a request is one; nothing else may become one behind it.
			here, there := logged(t, front.log, "GET /v1/image/smuggled HTTP"), logged(t, log, "path=/v1/image/smuggled ")-before
			if there > here {
				t.Errorf("%d smuggled requests reached the edge, the front end knows of %d", there, here)
			}
			t.Logf("the front end itself read %d requests in bodies", here)
		})
	}
}

const markerRequest = "GET /v1/image/marker-0 HTTP/1.1\r\nHost: h\r\n\r\n"

// logged counts a text in a log.
func logged(t testing.TB, file, what string) int {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Count(text, []byte(what))
}

// patience is for answers that must come.
const patience = time.Minute

// converse sends the text and gives the statuses of what comes back until the other end closes, or is silent for so long.
func converse(t testing.TB, address, text string, silence time.Duration) (answers []int, closed bool) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		t.Error(err)
		return nil, false
	}
	defer c.Close()
	if _, err := io.WriteString(c, text); err != nil {
		t.Errorf("%.60q: %v", text, err)
		return nil, false
	}
	for in := bufio.NewReader(c); ; {
		if err := c.SetReadDeadline(time.Now().Add(silence)); err != nil {
			t.Error(err)
			return nil, false
		}
		resp, err := http.ReadResponse(in, nil)
		if err != nil {
			return answers, !errors.Is(err, os.ErrDeadlineExceeded)
		}
		answers = append(answers, resp.StatusCode)
		if !strings.HasPrefix(text, "HEAD") {
			io.Copy(io.Discard, resp.Body)
		}
	}
}

// watchMarkers keeps asking for pictures, over the connections that the front end keeps to the edge, and fails when one
// gets the answer to another question. Stopping gives the number of answers.
func watchMarkers(t testing.TB, base string, markers map[string][]byte) (stop func() int64) {
	var answers atomic.Int64
	var watching sync.WaitGroup
	done := make(chan struct{})
	for path, want := range markers {
		watching.Go(func() {
			for {
				select {
				case <-done:
					return
				default:
				}
				resp, body, err := tryGet(base + path)
				if err != nil || resp.StatusCode != 200 || !bytes.Equal(body, want) {
					t.Errorf("%s: %v %v, %d bytes of %d", path, err, resp, len(body), len(want))
					return
				}
				answers.Add(1)
			}
		})
	}
	return func() int64 {
		close(done)
		watching.Wait()
		return answers.Load()
	}
}
