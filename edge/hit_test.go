package edge_test

import (
	"testing"

	"github.com/valyala/fasthttp"

	"github.com/pictor/pictor/shared/delivery"
	"github.com/pictor/pictor/shared/wire"
)

// hits are the kinds of answers that must come without allocation once they are warm.
func hits(w *world) map[string][]string {
	w.add("photo", picture, nil)
	w.add("secret", picture, func(m *wire.Manifest) { m.Visibility = wire.Private })
	w.setProfile("a1", wire.Profile{Presets: map[string]string{"hero": "w_5"}})
	etag := w.get("/v1/image/w_4/photo").Header.Get("ETag")
	return map[string][]string{
		"public":       {"/v1/image/w_4/photo"},
		"untouched":    {"/v1/image/photo"},
		"versioned":    {"/v1/image/w_4/photo?v=3"},
		"preset":       {"/v1/image/t_hero/photo"},
		"negotiated":   {"/v1/image/f_auto,w_4/photo", "Accept", "image/avif,image/webp,image/*,*/*;q=0.8"},
		"signed":       {delivery.SignCloud(w.keys, "secret", "w_4", now.Add(1e12))},
		"not modified": {"/v1/image/w_4/photo", "If-None-Match", etag},
	}
}

// request prepares a context for e.Serve, as the server does.
func request(parts []string) *fasthttp.RequestCtx {
	var c fasthttp.RequestCtx
	var req fasthttp.Request
	req.SetRequestURI(parts[0])
	for i := 1; i < len(parts); i += 2 {
		req.Header.Set(parts[i], parts[i+1])
	}
	c.Init(&req, nil, nil)
	return &c
}

func TestHitsDoNotAllocate(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	w := newWorld(t)
	for name, parts := range hits(w) {
		c := request(parts)
		serve := func() {
			c.Response.Reset()
			w.edge.Serve(c)
		}
		serve()
		want := map[bool]int{true: 304, false: 200}[name == "not modified"]
		if got := c.Response.StatusCode(); got != want {
			t.Errorf("%s: %d %s", name, got, c.Response.Body())
		}
		if n := testing.AllocsPerRun(500, serve); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}

// A hit is forgotten the moment its asset changes, and whatever made it valid is asked each time.
func TestHitsFollowChanges(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	path := "/v1/image/w_4/photo"
	for range 3 {
		w.get(path)
	}
	looked := w.looked.Load()
	if w.get(path); w.looked.Load() != looked {
		t.Error("a warm hit looks the name up again")
	}
	w.stale = true
	if w.get(path); w.looked.Load() == looked {
		t.Error("without a feed the catalog must decide")
	}
	w.stale = false
	w.get(path)
	w.add("photo", picture, func(m *wire.Manifest) { m.Visibility = wire.Private })
	if got := w.get(path); got.StatusCode != 403 {
		t.Errorf("made private: %d", got.StatusCode)
	}
	w.add("photo", append([]byte("new"), picture...), func(m *wire.Manifest) { m.Version = 4 })
	if got := w.get("/v1/image/photo"); got.body[:3] != "new" {
		t.Errorf("overwritten: %q", got.body[:3])
	}
	signed := delivery.SignCloud(w.keys, "photo", "w_9", now.Add(1e12))
	w.get(signed)
	w.keys = otherKeys(t)
	if got := w.get(signed); got.StatusCode != 403 {
		t.Errorf("signed with a key that is gone: %d", got.StatusCode)
	}
	w.keys = nil
	if got := w.get(signed); got.StatusCode != 503 || got.Header.Get("Retry-After") == "" {
		t.Errorf("no key is known: %d", got.StatusCode)
	}
}

func BenchmarkHit(b *testing.B) {
	w := newWorld(b)
	for name, parts := range hits(w) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			c := request(parts)
			w.edge.Serve(c)
			for b.Loop() {
				c.Response.Reset()
				w.edge.Serve(c)
			}
		})
	}
}
