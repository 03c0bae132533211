package guard_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/pictor/pictor/edge/internal/guard"
)

// The Date is never of a second before the request: what was changed in between would be from the future.
func TestDate(t *testing.T) {
	body := make([]byte, 200<<10)
	address := handled(t, guard.Options{}, func(c *fasthttp.RequestCtx) {
		if string(c.Request.Header.RequestURI()) == "/stream" {
			c.Response.SetBodyStream(bytes.NewReader(body), len(body))
		}
	})
	c := dial(t, address)
	in := bufio.NewReader(c)
	for until := time.Now().Add(1100 * time.Millisecond); time.Now().Before(until); time.Sleep(20 * time.Millisecond) {
		for _, path := range []string{"/", "/stream"} {
			before := time.Now().Truncate(time.Second)
			fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", path)
			resp, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatal(err)
			}
			if n, err := io.Copy(io.Discard, resp.Body); err != nil || n != resp.ContentLength {
				t.Fatalf("%d bytes, %v", n, err)
			}
			date, err := http.ParseTime(resp.Header.Get("Date"))
			if err != nil || date.Before(before) || date.After(time.Now()) {
				t.Fatalf("%s at %s: %q, %v", path, before, resp.Header.Get("Date"), err)
			}
		}
	}
}
