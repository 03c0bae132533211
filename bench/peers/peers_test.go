package peers

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/bench/picture"
)

// TestMain lets the test program be a rival, as pictor-bench does.
func TestMain(m *testing.M) {
	if len(os.Args) > 4 && os.Args[1] == "serve" {
		serve := map[string]func(address, answers string) error{"fasthttp": ServeFastHTTP, "nethttp": ServeNetHTTP}[os.Args[2]]
		if serve(os.Args[3], os.Args[4]) != nil {
			os.Exit(1)
		}
	}
	os.Exit(m.Run())
}

var answers = []Answer{
	{Target: "/v1/image/w_10/a", Body: bytes.Repeat([]byte("a"), 300_000), Header: []Field{{"Etag", `"one"`},
		{"Content-Type", "image/jpeg"}, {"Cache-Control", "public, max-age=3600"}, {"X-Content-Type-Options", "nosniff"}}},
	{Target: "/v1/image/w_10/b?sig=1.2", Body: []byte("b"), Header: []Field{{"Etag", `"two"`}, {"Content-Type", "image/jpeg"}}},
}

func place(t *testing.T) Place {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	tools, err := filepath.Abs("../../.build/bench")
	if err != nil {
		t.Fatal(err)
	}
	return Place{Self: self, Tools: tools, Dir: t.TempDir(), CPU: -1}
}

func started(t *testing.T, s *Server, err error) string {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	return "http://" + s.Address
}

func soon(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func TestOwnRivalsSayTheSame(t *testing.T) {
	for name, start := range map[string]func(context.Context, Place, []Answer) (*Server, error){
		"fasthttp": StartFastHTTP, "nethttp": StartNetHTTP,
	} {
		t.Run(name, func(t *testing.T) {
			s, err := start(soon(t), place(t), answers)
			base := started(t, s, err)
			for _, want := range answers {
				got, err := Capture(base, want.Target)
				if err != nil {
					t.Fatal(err)
				}
				wantAnswer(t, got, want)
				wantNotModified(t, base+want.Target, want.Get("Etag"))
			}
			if got, err := Capture(base, "/v1/image/w_10/b"); err == nil {
				t.Errorf("another target has the answer %+v", got)
			}
		})
	}
}

func wantAnswer(t *testing.T, got, want Answer) {
	t.Helper()
	byName := func(a, b Field) int { return strings.Compare(a.Name, b.Name) }
	slices.SortFunc(got.Header, byName)
	header := slices.SortedFunc(slices.Values(want.Header), byName)
	if !bytes.Equal(got.Body, want.Body) || !slices.Equal(got.Header, header) {
		t.Errorf("%d bytes with %v, want %d with %v", len(got.Body), got.Header, len(want.Body), header)
	}
}

func wantNotModified(t *testing.T, url, etag string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	for tag, want := range map[string]int{etag: http.StatusNotModified, `"another"`: http.StatusOK} {
		req.Header.Set("If-None-Match", tag)
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(resp.Body)
		resp.Body.Close()
		if err != nil || resp.StatusCode != want || (want == http.StatusNotModified) != (len(body) == 0) {
			t.Errorf("status %d with %d bytes for %s, %v", resp.StatusCode, len(body), tag, err)
		}
	}
}

// The rivals from packages answer the same too, where bench/install.sh has been run.
func TestInstalledRivalsSayTheSame(t *testing.T) {
	at := place(t)
	if _, err := at.tool("debian/usr/sbin/nginx"); err != nil {
		t.Skip(err)
	}
	s, err := StartFastHTTP(soon(t), at, answers)
	upstream := strings.TrimPrefix(started(t, s, err), "http://")
	for name, start := range map[string]func(context.Context, Place) (*Server, error){
		"nginx":       func(ctx context.Context, at Place) (*Server, error) { return StartNginxStatic(ctx, at, answers[:1]) },
		"nginx cache": func(ctx context.Context, at Place) (*Server, error) { return StartNginxCache(ctx, at, upstream) },
		"varnish":     func(ctx context.Context, at Place) (*Server, error) { return StartVarnish(ctx, at, upstream) },
	} {
		t.Run(name, func(t *testing.T) {
			s, err := start(soon(t), place(t))
			base := started(t, s, err)
			for range 2 { // asked for, and from the cache
				got, err := Capture(base, answers[0].Target)
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(got.Body, answers[0].Body) {
					t.Errorf("%d bytes", len(got.Body))
				}
				for _, want := range answers[0].Header {
					if have := got.Get(want.Name); have != want.Value && want.Name != "Etag" {
						t.Errorf("%s is %q, want %q", want.Name, have, want.Value)
					}
				}
			}
		})
	}
}

func TestMissingToolsAreNamed(t *testing.T) {
	at := place(t)
	at.Tools = t.TempDir()
	if _, err := StartVarnish(soon(t), at, "127.0.0.1:1"); err == nil || !strings.Contains(err.Error(), "varnishd is not installed") {
		t.Errorf("%v", err)
	}
}

func TestCaptureWantsSuccess(t *testing.T) {
	s, err := StartNetHTTP(soon(t), place(t), nil)
	base := started(t, s, err)
	if _, err := Capture(base, "/nothing"); err == nil {
		t.Error("404 was captured")
	}
	if _, err := Fetch(soon(t), base+"/nothing"); err == nil {
		t.Error("404 was fetched")
	}
}

func TestTargets(t *testing.T) {
	square := Job{Source: "p", Width: 400, Height: 300, Format: "jpeg", Quality: 80}
	wide := Job{Source: "p", Width: 1200, Format: "webp", Quality: 75, Effort: 2}
	for got, want := range map[string]string{
		EdgeTarget(square):    "/v1/image/w_400,h_300,c_fill,q_80,f_jpg/p",
		EdgeTarget(wide):      "/v1/image/w_1200,q_75,f_webp/p",
		thumborTarget(square): "/unsafe/400x300/filters:quality(80):format(jpeg)/p.jpg",
		thumborTarget(wide):   "/unsafe/1200x0/filters:quality(75):format(webp)/p.jpg",
	} {
		if got != want {
			t.Errorf("%s, want %s", got, want)
		}
	}
}

// loop runs the bare libvips loop in this process, over pipes.
func loop(t *testing.T, sources string) *vipsLoop {
	inRead, inWrite := io.Pipe()
	outRead, outWrite := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		err := ServeVips(sources, 2, inRead, outWrite)
		outWrite.Close()
		ended <- err
	}()
	l := newVipsLoop(inWrite, outRead)
	t.Cleanup(func() {
		inWrite.Close()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		if _, err := l.do(context.Background(), Job{}); err == nil {
			t.Error("a loop that has ended made a picture")
		}
	})
	return l
}

func TestVipsLoop(t *testing.T) {
	sources := t.TempDir()
	if err := os.WriteFile(filepath.Join(sources, "p.jpg"), picture.JPEG(picture.Photo(300, 200, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	l := loop(t, sources)
	for magic, j := range map[string]Job{
		"\xff\xd8":     {Source: "p", Width: 50, Height: 50, Format: "jpeg", Quality: 80},
		"RIFF":         {Source: "p", Width: 50, Format: "webp", Quality: 80, Effort: 2},
		"\x89PNG":      {Source: "p", Width: 50, Format: "png", Quality: 80},
		"\x00\x00\x00": {Source: "p", Width: 64, Format: "avif", Quality: 60},
	} {
		body, err := l.do(soon(t), j)
		if err != nil || !bytes.HasPrefix(body, []byte(magic)) {
			t.Errorf("%s: %.20q, %v", j.Format, body, err)
		}
	}
	for _, j := range []Job{{Source: "nobody", Width: 1, Format: "jpeg"}, {Source: "p", Width: 1, Format: "tga"}} {
		if body, err := l.do(soon(t), j); err == nil {
			t.Errorf("%+v made %.20q", j, body)
		}
	}
}
