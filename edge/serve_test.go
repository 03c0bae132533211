package edge_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/delivery"
	"github.com/pictor/pictor/shared/wire"
)

func TestDelivers(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	whole := w.get("/v1/image/photo")
	if whole.StatusCode != 200 || whole.body != string(picture[:len(picture)-3]) || whole.Header.Get("Content-Type") != "image/jpeg" {
		t.Errorf("untransformed: %d %s, %d bytes", whole.StatusCode, whole.Header, len(whole.body))
	}
	small := w.get("/v1/image/w_400,f_webp/photo")
	if small.StatusCode != 200 || small.body != "rendered f_webp,w_400" || small.Header.Get("Content-Type") != "image/webp" {
		t.Errorf("transformed: %d %q", small.StatusCode, small.body)
	}
	for _, same := range []string{"/v1/image/f_webp,w_400/photo", "/v1/image/dpr_2,f_webp,w_200/photo", "/v1/image/w_400,f_webp,c_fit/photo?v=3"} {
		if got := w.get(same); got.body != small.body || got.Header.Get("ETag") != small.Header.Get("ETag") {
			t.Errorf("%s: %q", same, got.body)
		}
	}
	if n := w.renders.Load(); n != 1 {
		t.Errorf("%d renders of one picture", n)
	}
	if requests, bytes, _ := w.meter.Take(); requests != 5 || bytes != int64(len(whole.body)+4*len(small.body)) {
		t.Errorf("counted %d requests, %d bytes", requests, bytes)
	}
}

// What cannot be delivered as it was uploaded is shown in a format that browsers know.
func TestWithoutCleanPicture(t *testing.T) {
	w := newWorld(t)
	for name, alpha := range map[string]bool{"heic": false, "tiff": true} {
		w.add(name, append([]byte(name), picture...), func(m *wire.Manifest) {
			m.Source.Format, m.Source.Alpha, m.Source.Clean, m.Source.CleanBytes = name, alpha, nil, 0
		})
		want, mediaType := "rendered f_jpg", "image/jpeg"
		if alpha {
			want, mediaType = "rendered f_png", "image/png"
		}
		if got := w.get("/v1/image/" + name); got.body != want || got.Header.Get("Content-Type") != mediaType {
			t.Errorf("%s: %d %q as %s", name, got.StatusCode, got.body, got.Header.Get("Content-Type"))
		}
	}
}

func TestUploadWhereItIsSmaller(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	w.render = func(context.Context, edge.Job) ([]byte, error) { return nil, edge.ErrNotSmaller }
	for range 2 {
		got := w.get("/v1/image/f_auto/photo", "Accept", "image/avif")
		if got.StatusCode != 200 || got.body != string(picture[:len(picture)-3]) || got.Header.Get("Content-Type") != "image/jpeg" {
			t.Errorf("%d %s", got.StatusCode, got.Header)
		}
	}
}

func TestStatuses(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	w.add("tall", picture, func(m *wire.Manifest) { m.Source.Height = 9000 })
	w.add("secret", picture, func(m *wire.Manifest) { m.Visibility = wire.Private })
	w.add("gone", picture, func(m *wire.Manifest) { m.ExpiresAt = now.Unix() })
	w.add("damaged", append([]byte("x"), picture...), nil)
	w.render = func(_ context.Context, job edge.Job) ([]byte, error) {
		switch job.Spec.Quality {
		case 1:
			return nil, &edge.Error{Kind: edge.Damaged, Message: "the picture cannot be decoded"}
		case 2:
			return nil, &edge.Error{Kind: edge.Overloaded, Message: "too busy", RetryAfter: 1500 * time.Millisecond}
		case 3:
			return nil, &edge.Error{Kind: edge.Timeout, Message: "too slow"}
		case 4:
			return nil, errors.New("password=hunter2")
		}
		return nil, nil
	}
	for _, c := range []struct {
		target, cache, says string
		status              int
	}{
		{"/", "public, max-age=10", "no such route", 404},
		{"/v1/image/none", "public, max-age=10", "no such image", 404},
		{"/v1/image/gone", "public, max-age=10", "no such image", 404},
		{"/v1/image/secret", "no-store", "signed URL", 403},
		{"/v1/image/w_0/photo", "no-store", "w: ", 400},
		{"/v1/image/w_0400/none", "no-store", "w: ", 400},
		{"/v1/image/a%2fb", "no-store", "percent", 400},
		{"/v1/image/w_2000,c_fill/tall", "no-store", "exceeds", 400},
		{"/v1/image/q_1/photo", "no-store", "decoded", 422},
		{"/v1/image/q_2/photo", "no-store", "busy", 503},
		{"/v1/image/q_3/photo", "no-store", "slow", 504},
		{"/v1/image/q_4/photo", "no-store", "internal error", 500},
	} {
		got := w.get(c.target)
		if got.StatusCode != c.status || !strings.Contains(got.body, c.says) || got.Header.Get("Cache-Control") != c.cache {
			t.Errorf("%s: got %d %q %q", c.target, got.StatusCode, got.Header.Get("Cache-Control"), got.body)
		}
		if got.Header.Get("Content-Type") != "application/json; charset=utf-8" || !strings.HasPrefix(got.body, `{"error":"`) {
			t.Errorf("%s: not an error document: %q", c.target, got.body)
		}
		if got.Header.Get("X-Content-Type-Options") != "nosniff" || got.Header.Get("Strict-Transport-Security") == "" {
			t.Errorf("%s: hardening headers are missing", c.target)
		}
	}
	if got := w.get("/v1/image/q_2/photo").Header.Get("Retry-After"); got != "2" {
		t.Errorf("Retry-After %q", got)
	}
	if strings.Contains(w.get("/v1/image/q_4/photo").body, "hunter2") {
		t.Error("an internal error leaks")
	}
}

func TestMethods(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	w.get("/v1/image/w_4/photo") // a first answer tells that it was rendered
	get, head := w.get("/v1/image/w_4/photo"), w.do("HEAD", "/v1/image/w_4/photo")
	if head.StatusCode != 200 || head.body != "" || head.ContentLength != int64(len(get.body)) {
		t.Errorf("HEAD: %d, length %d, body %q", head.StatusCode, head.ContentLength, head.body)
	}
	for name := range get.Header {
		if name != "Date" && get.Header.Get(name) != head.Header.Get(name) {
			t.Errorf("HEAD differs in %s: %q, %q", name, get.Header.Get(name), head.Header.Get(name))
		}
	}
	for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"} {
		got := w.do(method, "/v1/image/photo")
		if got.StatusCode != 405 || got.Header.Get("Allow") != "GET, HEAD, OPTIONS" {
			t.Errorf("%s: %d", method, got.StatusCode)
		}
	}
	if got := w.do("OPTIONS", "/v1/image/photo"); got.StatusCode != 204 || got.Header.Get("Access-Control-Allow-Methods") == "" {
		t.Errorf("OPTIONS: %d %v", got.StatusCode, got.Header)
	}
}

func TestSigned(t *testing.T) {
	w := newWorld(t)
	w.add("secret", picture, func(m *wire.Manifest) { m.Visibility = wire.Private })
	sign := func(id, transform string, at time.Time) string { return delivery.SignCloud(w.keys, id, transform, at) }
	good := sign("secret", "w_40", now.Add(90*time.Second))
	if got := w.get(good); got.StatusCode != 200 || got.Header.Get("Cache-Control") != "private, max-age=90" {
		t.Errorf("good: %d %q %s", got.StatusCode, got.Header.Get("Cache-Control"), got.body)
	}
	looked := w.looked.Load()
	refused := map[string]string{}
	for name, target := range map[string]string{
		"expired":          sign("secret", "w_40", now),
		"other transform":  strings.Replace(good, "w_40", "w_41", 1),
		"unknown asset":    strings.Replace(good, "secret", "nobody", 1),
		"cut":              good[:len(good)-1],
		"without expiry":   "/v1/image/secret?sig=k1." + strings.Repeat("0", 64),
		"expired, unknown": sign("nobody", "w_40", now.Add(-time.Hour)),
		"parameter added":  good + "&x=1",
	} {
		got := w.get(target)
		if got.StatusCode != 403 || got.Header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: %d", name, got.StatusCode)
		}
		refused[got.body] = name
	}
	if len(refused) != 1 {
		t.Errorf("the bodies differ: %v", refused)
	}
	if w.looked.Load() != looked {
		t.Error("a bad signature reached the catalog")
	}
	if got := w.get(sign("nobody", "", now.Add(time.Hour))); got.StatusCode != 404 {
		t.Errorf("well signed, but nothing there: %d", got.StatusCode)
	}
}

func TestCacheControl(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	w.add("brief", picture, func(m *wire.Manifest) { m.ExpiresAt = now.Add(time.Minute).Unix() })
	for target, want := range map[string]string{
		"/v1/image/photo":         "public, max-age=3600, stale-while-revalidate=86400, stale-if-error=86400",
		"/v1/image/photo?v=3":     "public, max-age=31536000, immutable",
		"/v1/image/w_4/photo?v=3": "public, max-age=31536000, immutable",
		"/v1/image/photo?v=2":     "public, max-age=60",
		"/v1/image/photo?v=03":    "public, max-age=60",
		"/v1/image/brief":         "public, max-age=60",
		"/v1/image/brief?v=3":     "public, max-age=60",
		delivery.SignCloud(w.keys, "photo", "", now.Add(30*time.Second)): "public, max-age=30",
	} {
		if got := w.get(target).Header.Get("Cache-Control"); got != want {
			t.Errorf("%s: got %q, want %q", target, got, want)
		}
	}
}

// An asset's own lifetime takes the place of the edge's, on the remembered way too; signatures, versions and what may
// still be replaced keep their bounds.
func TestOwnLifetime(t *testing.T) {
	w := newWorld(t)
	lives := func(seconds int64, change ...func(*wire.Manifest)) func(*wire.Manifest) {
		return func(m *wire.Manifest) {
			m.CacheMaxAge = &seconds
			for _, change := range change {
				change(m)
			}
		}
	}
	w.add("day", picture, lives(86400))
	w.add("moment", picture, lives(5))
	w.add("never", picture, lives(0))
	w.add("brief", picture, lives(86400, func(m *wire.Manifest) { m.ExpiresAt = now.Add(time.Minute).Unix() }))
	w.add("secret", picture, lives(20, private))
	w.add("secret/never", picture, lives(0, private))
	w.add("plain", picture, nil)
	signed := func(id, transform string, life time.Duration) string {
		return delivery.SignCloud(w.keys, id, transform, now.Add(life))
	}
	const stale = ", stale-while-revalidate=86400, stale-if-error=86400"
	for target, want := range map[string]string{
		"/v1/image/day":                             "public, max-age=86400" + stale,
		"/v1/image/w_4/day":                         "public, max-age=86400" + stale,
		"/v1/image/day?v=3":                         "public, max-age=31536000, immutable",
		"/v1/image/day?v=2":                         "public, max-age=60",
		"/v1/image/moment":                          "public, max-age=5" + stale,
		"/v1/image/moment?v=2":                      "public, max-age=5",
		"/v1/image/never":                           "public, no-cache",
		"/v1/image/never?v=2":                       "public, no-cache",
		"/v1/image/never?v=3":                       "public, max-age=31536000, immutable",
		"/v1/image/brief":                           "public, max-age=60",
		signed("day", "", time.Minute):              "public, max-age=60",
		signed("secret", "w_4", time.Minute):        "private, max-age=20",
		signed("secret", "w_4", 7*time.Second):      "private, max-age=7",
		signed("secret/never", "", time.Hour):       "private, no-cache",
		"/v1/image/ov_moment/day":                   "public, max-age=5" + stale,
		"/v1/image/ov_day/moment":                   "public, max-age=5" + stale,
		"/v1/image/ov_day/plain":                    "public, max-age=3600" + stale,
		"/v1/image/ov_never/plain":                  "public, no-cache",
		signed("plain", "ov_secret", time.Minute):   "private, max-age=20",
		signed("secret", "ov_plain", 9*time.Second): "private, max-age=9",
	} {
		for _, way := range []string{"made", "found", "remembered"} {
			got := w.get(target)
			if control := got.Header.Get("Cache-Control"); got.StatusCode != 200 || control != want {
				t.Errorf("%s, %s: %d %q, want %q", target, way, got.StatusCode, control, want)
			}
		}
		got := w.get(target, "If-None-Match", "*")
		if control := got.Header.Get("Cache-Control"); got.StatusCode != 304 || control != want {
			t.Errorf("%s, not modified: %d %q, want %q", target, got.StatusCode, control, want)
		}
	}
	w.add("day", picture, lives(1))
	if got := w.get("/v1/image/day").Header.Get("Cache-Control"); got != "public, max-age=1"+stale {
		t.Errorf("another lifetime: %q", got)
	}
}

func TestConditions(t *testing.T) {
	w := newWorld(t)
	m := w.add("photo", picture, nil)
	etag := w.get("/v1/image/photo").Header.Get("ETag")
	modified := time.Unix(m.UpdatedAt, 0).UTC()
	for _, c := range []struct {
		header, value string
		status        int
	}{
		{"If-None-Match", etag, 304},
		{"If-None-Match", `"x", W/` + etag, 304},
		{"If-None-Match", "*", 304},
		{"If-None-Match", `"x"`, 200},
		{"If-Modified-Since", modified.Format(http.TimeFormat), 304},
		{"If-Modified-Since", modified.Add(-time.Second).Format(http.TimeFormat), 200},
		{"If-Modified-Since", "yesterday", 200},
	} {
		got := w.get("/v1/image/photo", c.header, c.value)
		if got.StatusCode != c.status || got.Header.Get("ETag") != etag || got.Header.Get("Cache-Control") == "" {
			t.Errorf("%s: %s → %d, %v", c.header, c.value, got.StatusCode, got.Header)
		}
		if c.status == 304 && (got.body != "" || got.Header.Get("Content-Type") != "") {
			t.Errorf("304 with a body of %d bytes, type %q", len(got.body), got.Header.Get("Content-Type"))
		}
	}
	if got := w.get("/v1/image/photo", "If-None-Match", `"x"`, "If-Modified-Since", modified.Format(http.TimeFormat)); got.StatusCode != 200 {
		t.Errorf("If-None-Match must silence If-Modified-Since: %d", got.StatusCode)
	}
}

func TestRanges(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	big := make([]byte, 5<<20)
	for i := range big {
		big[i] = byte(i * i >> 7)
	}
	w.add("big", big, nil)
	for name, content := range map[string]string{"photo": string(picture[:997]), "big": string(big[:len(big)-3])} {
		size := len(content)
		etag := w.get("/v1/image/" + name).Header.Get("ETag")
		for _, c := range []struct {
			value, ifRange string
			status         int
			from, to       int
		}{
			{"bytes=0-0", "", 206, 0, 1},
			{"bytes=5-9", "", 206, 5, 10},
			{fmt.Sprintf("bytes=%d-", size-7), "", 206, size - 7, size},
			{"bytes=-10", "", 206, size - 10, size},
			{"bytes=-99999999", "", 206, 0, size},
			{"bytes=10-99999999999999999999", "", 206, 10, size},
			{"bytes=5-9", etag, 206, 5, 10},
			{"bytes=5-9", `"other"`, 200, 0, size},
			{"bytes=5-9,20-30", "", 200, 0, size},
			{"bytes=9-5", "", 200, 0, size},
			{"bytes=x-5", "", 200, 0, size},
			{"lines=1-2", "", 200, 0, size},
			{fmt.Sprintf("bytes=%d-", size), "", 416, 0, 0},
			{"bytes=-0", "", 416, 0, 0},
		} {
			headers := []string{"Range", c.value}
			if c.ifRange != "" {
				headers = append(headers, "If-Range", c.ifRange)
			}
			got := w.get("/v1/image/"+name, headers...)
			if got.StatusCode != c.status || c.status != 416 && got.body != content[c.from:c.to] {
				t.Errorf("%s, %s: %d with %d bytes", name, c.value, got.StatusCode, len(got.body))
			}
			want := map[int]string{206: fmt.Sprintf("bytes %d-%d/%d", c.from, c.to-1, size), 416: fmt.Sprintf("bytes */%d", size)}[c.status]
			if got.Header.Get("Content-Range") != want {
				t.Errorf("%s, %s: Content-Range %q, want %q", name, c.value, got.Header.Get("Content-Range"), want)
			}
		}
	}
}

func TestVary(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	avif, jpeg := w.get("/v1/image/f_auto/photo", "Accept", "image/avif,*/*"), w.get("/v1/image/f_auto/photo")
	if avif.Header.Get("Content-Type") != "image/avif" || jpeg.Header.Get("Content-Type") != "image/jpeg" || avif.Header.Get("ETag") == jpeg.Header.Get("ETag") {
		t.Errorf("got %s %s and %s %s", avif.Header.Get("Content-Type"), avif.Header.Get("ETag"), jpeg.Header.Get("Content-Type"), jpeg.Header.Get("ETag"))
	}
	for target, want := range map[string]string{"/v1/image/f_auto/photo": "Accept", "/v1/image/f_auto/none": "Accept",
		"/v1/image/f_webp/photo": "", "/v1/image/photo": ""} {
		if got := w.get(target).Header.Get("Vary"); got != want {
			t.Errorf("%s: Vary %q", target, got)
		}
	}
	if got := w.get("/v1/image/f_auto/photo", "If-None-Match", "*"); got.StatusCode != 304 || got.Header.Get("Vary") != "Accept" {
		t.Errorf("304: Vary %q", got.Header.Get("Vary"))
	}
}

func TestOneRenderForAll(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	release := make(chan struct{})
	w.render = func(context.Context, edge.Job) ([]byte, error) {
		<-release
		return []byte("once"), nil
	}
	var all sync.WaitGroup
	for range 50 {
		all.Go(func() {
			if got := w.get("/v1/image/w_4/photo"); got.body != "once" {
				t.Errorf("got %d %q", got.StatusCode, got.body)
			}
		})
	}
	for w.looked.Load() < 50 {
		time.Sleep(time.Millisecond)
	}
	close(release)
	all.Wait()
	if n := w.renders.Load(); n != 1 {
		t.Errorf("%d renders", n)
	}
}

func TestAbandonedWorkIsCancelled(t *testing.T) {
	w := newWorld(t)
	m := w.add("photo", picture, nil)
	cancelled := make(chan struct{})
	ctx, cancel := context.WithCancel(context.Background())
	w.render = func(ctx context.Context, _ edge.Job) ([]byte, error) {
		cancel()
		<-ctx.Done()
		close(cancelled)
		return nil, ctx.Err()
	}
	if _, _, err := w.edge.ServePeer(ctx, edge.Job{Source: &m.Source, Spec: spec(t, "f_jpg,w_4")}); edge.KindOf(err) != edge.Timeout {
		t.Errorf("got %v", err)
	}
	select {
	case <-cancelled:
	case <-time.After(time.Minute):
		t.Error("the render goes on though nobody waits for it")
	}
}

func TestPeers(t *testing.T) {
	object := edge.NewObject("image/jpeg", []byte("from the owner"))
	gone := &edge.Error{Kind: edge.Unavailable, Message: "gone"}
	for _, c := range []struct {
		name           string
		answers        map[string]error
		status         int
		body           string
		asked, renders int64
	}{
		{"the owner answers", map[string]error{"a": nil}, 200, "from the owner", 1, 0},
		{"the second answers", map[string]error{"a": gone, "b": nil}, 200, "from the owner", 2, 0},
		{"nobody answers", map[string]error{"a": gone, "b": gone}, 200, "rendered f_jpg,w_4", 2, 1},
		{"the owner is too busy", map[string]error{"a": &edge.Error{Kind: edge.Overloaded, Message: "busy"}, "b": nil}, 200, "from the owner", 2, 0},
		{"the owner's verdict", map[string]error{"a": &edge.Error{Kind: edge.Damaged, Message: "damaged"}}, 422, "", 1, 0},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.add("photo", picture, nil)
			w.owners = []edge.Peer{{Name: "a"}, {Name: "b"}}
			w.peer = func(_ context.Context, p edge.Peer, _ edge.Job) (*edge.Object, error) {
				if err := c.answers[p.Name]; err != nil {
					return nil, err
				}
				return object, nil
			}
			got := w.get("/v1/image/w_4/photo")
			if got.StatusCode != c.status || c.body != "" && got.body != c.body || w.asked.Load() != c.asked || w.renders.Load() != c.renders {
				t.Errorf("got %d %q, %d asked, %d renders", got.StatusCode, got.body, w.asked.Load(), w.renders.Load())
			}
			if c.status != 200 {
				return
			}
			if again := w.get("/v1/image/w_4/photo"); again.body != c.body || w.asked.Load() != c.asked {
				t.Errorf("not kept in memory: %d asked", w.asked.Load())
			}
		})
	}
}

// When nobody waits any more, an owner's silence is no reason to ask the next, nor to do the work here.
func TestNoPeerIsAskedForNobody(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	w.edge.Policy.Deadline = 2 * time.Second // time enough to come as far as the owner
	w.owners = []edge.Peer{{Name: "a"}, {Name: "b"}}
	w.peer = func(ctx context.Context, _ edge.Peer, _ edge.Job) (*edge.Object, error) {
		<-ctx.Done()
		return nil, &edge.Error{Kind: edge.Unavailable, Message: "silent", Err: ctx.Err()}
	}
	if got := w.get("/v1/image/w_4/photo"); got.StatusCode != 504 {
		t.Errorf("got %d %s", got.StatusCode, got.body)
	}
	time.Sleep(100 * time.Millisecond) // the flight ends behind the answer
	if asked, renders := w.asked.Load(), w.renders.Load(); asked != 1 || renders != 0 {
		t.Errorf("%d peers were asked, and %d pictures made", asked, renders)
	}
}

// Two nodes that each believe the other to be the owner must not wait for each other.
func TestPeersNeverWaitForEachOther(t *testing.T) {
	a, b := newWorld(t), newWorld(t)
	m := a.add("photo", picture, nil)
	b.add("photo", picture, nil)
	a.owners, b.owners = []edge.Peer{{Name: "b"}}, []edge.Peer{{Name: "a"}}
	a.peer = func(ctx context.Context, _ edge.Peer, job edge.Job) (*edge.Object, error) {
		obj, _, err := b.edge.ServePeer(ctx, job)
		return obj, err
	}
	b.peer = func(ctx context.Context, _ edge.Peer, job edge.Job) (*edge.Object, error) {
		obj, _, err := a.edge.ServePeer(ctx, job)
		return obj, err
	}
	var both sync.WaitGroup
	for _, w := range []*world{a, b, a, b} {
		both.Go(func() {
			if got := w.get("/v1/image/w_4/photo"); got.StatusCode != 200 {
				t.Errorf("got %d %s", got.StatusCode, got.body)
			}
		})
	}
	both.Wait()
	_ = m
}

func TestLongDownloadEndsWhenThePictureIsHidden(t *testing.T) {
	w := newWorld(t)
	m := w.add("big", make([]byte, 8<<20), nil)
	shown, hidden := &edge.Known{Manifest: *m, Meter: &w.meter}, &edge.Known{Manifest: *m, Meter: &w.meter}
	hidden.Visibility = wire.Private
	w.lookup = func(string) (*edge.Known, error) {
		if w.looked.Load() > 4 {
			return hidden, nil
		}
		return shown, nil
	}
	req, err := http.NewRequest("GET", "http://edge/v1/image/big", nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := w.client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	n, err := io.Copy(io.Discard, resp.Body)
	if err == nil || n > 2<<20 {
		t.Errorf("got %d bytes and %v after it was hidden", n, err)
	}
}
