package edge_test

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/netip"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/delivery"
)

// lines gives the log lines that f causes.
func (w *world) lines(f func()) (all []map[string]any) {
	w.t.Helper()
	var text bytes.Buffer
	w.edge.Log = slog.New(slog.NewJSONHandler(&text, nil))
	f()
	for line := range strings.Lines(text.String()) {
		var fields map[string]any
		if err := json.Unmarshal([]byte(line), &fields); err != nil {
			w.t.Fatalf("%s: %v", line, err)
		}
		all = append(all, fields)
	}
	if strings.Contains(text.String(), "sig=") || strings.Contains(text.String(), "expires") {
		w.t.Errorf("a secret in the log: %s", text.String())
	}
	return all
}

func TestOneLineForEachRequest(t *testing.T) {
	w := newWorld(t)
	w.address = netip.MustParseAddr("192.0.2.7")
	w.add("photo", picture, nil)
	got := w.lines(func() {
		w.serveOnce("/v1/image/w_4/photo")
		w.serveOnce("/v1/image/none")
		w.serveOnce(delivery.SignCloud(w.keys, "photo", "w_5", now.Add(time.Hour)))
		w.serveOnce("/elsewhere?sig=k1.secret")
	})
	want := []struct {
		path, tier, kind, account string
		status                    float64
		signed                    bool
	}{
		{"/v1/image/w_4/photo", "render", "", "a1", 200, false},
		{"/v1/image/none", "none", "not_found", "", 404, false},
		{"/v1/image/w_5/photo", "render", "", "a1", 200, true},
		{"/elsewhere", "none", "not_found", "", 404, false},
	}
	if len(got) != len(want) {
		t.Fatalf("%d lines: %v", len(got), got)
	}
	for i, l := range got {
		w := want[i]
		if l["path"] != w.path || l["tier"] != w.tier || l["kind"] != w.kind || l["account"] != w.account ||
			l["status"] != w.status || l["signed"] != w.signed || l["client"] != "192.0.2.7" || l["method"] != "GET" {
			t.Errorf("got %v, want %+v", l, w)
		}
		if !slices.Equal(names(l), names(got[0])) {
			t.Errorf("fields %v and %v", names(l), names(got[0]))
		}
	}
}

// counter counts the answers of each status.
type counter struct {
	silent
	answers map[int]int
}

func (c counter) Served(_ edge.Tier, status int, _ int64, _ time.Duration) { c.answers[status]++ }

// What is no request has a line too, as far as it is known; connections that are turned away are counted.
func TestOneLineForWhatIsRefused(t *testing.T) {
	w := newWorld(t)
	w.address = netip.MustParseAddr("192.0.2.7")
	answers := map[int]int{}
	w.edge.Observer = counter{answers: answers}
	for status, lines := range map[int]int{400: 1, 408: 1, 414: 1, 429: 0, 431: 1, 503: 0} {
		c := new(fasthttp.RequestCtx)
		got := w.lines(func() { w.edge.Refuse(c, status, "no such thing") })
		if len(got) != lines || c.Response.StatusCode() != status || answers[status] != 1 {
			t.Fatalf("%d: answer %d, counted %v, lines %v", status, c.Response.StatusCode(), answers, got)
		}
		for _, l := range got {
			if l["status"] != float64(status) || l["kind"] != "invalid" || l["err"] != "no such thing" ||
				l["client"] != "192.0.2.7" || l["method"] != "" || l["path"] != "" {
				t.Errorf("%d: %v", status, l)
			}
		}
	}
}

func names(line map[string]any) []string {
	var all []string
	for name := range line {
		all = append(all, name)
	}
	sort.Strings(all)
	return all
}

func TestHitsAreSampled(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	w.serveOnce("/v1/image/w_4/photo")
	for _, c := range []struct {
		oneIn       uint32
		least, most int
	}{{0, 0, 0}, {1, 2000, 2000}, {20, 40, 200}} {
		w.edge.Policy.LogHits = c.oneIn
		got := w.lines(func() {
			for range 2000 {
				w.serveOnce("/v1/image/w_4/photo")
			}
		})
		if n := len(got); n < c.least || n > c.most {
			t.Errorf("1 of %d: %d of 2000 hits have a line", c.oneIn, n)
		}
	}
}

// serveOnce calls the edge as the server does, and returns when all of it is done.
func (w *world) serveOnce(target string, headers ...string) int {
	c := request(append([]string{target}, headers...))
	w.edge.Serve(c)
	return c.Response.StatusCode()
}
