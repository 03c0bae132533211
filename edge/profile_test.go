package edge_test

import (
	"maps"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/wire"
)

// path gives an asset a second way to be found.
func (w *world) path(name wire.Name, m *wire.Manifest) {
	w.mu.Lock()
	defer w.mu.Unlock()
	again := *m
	again.Name = name
	w.names[name.Namespace+":"+name.Name] = &edge.Known{Manifest: again, Meter: &w.meter}
}

func (w *world) setProfile(account string, p wire.Profile) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if before := w.names["profile:"+account]; before != nil {
		before.Outdate()
	}
	w.names["profile:"+account] = &edge.Known{Manifest: wire.Manifest{Name: wire.ProfileName(account), Account: account, Profile: &p}}
}

func (w *world) expectBody(target, want string, headers ...string) answer {
	w.t.Helper()
	got := w.get(target, headers...)
	if got.StatusCode != 200 || got.body != want {
		w.t.Errorf("%s: %d %s, want %s", target, got.StatusCode, got.body, want)
	}
	return got
}

// A picture is found by its path, else by its stem, and is rendered once however it was found and asked for.
func TestPathsAndStems(t *testing.T) {
	w := newWorld(t)
	m := w.add("cloud-id", picture, nil)
	w.setProfile("a1", wire.Profile{})
	w.path(wire.Name{Namespace: "u/anna", Name: "b/photo.jpg"}, m)
	w.path(wire.Name{Namespace: "s/anna", Name: "b/photo"}, m)
	w.expectBody("/i/anna/b/photo.jpg", string(picture[:len(picture)-3]))
	w.expectBody("/i/anna/b/photo.jpeg", string(picture[:len(picture)-3]))
	const want = "rendered c_fill,f_webp,h_300,q_80,w_400"
	w.expectBody("/v1/image/w_400,h_300,c_fill,q_80,f_webp/cloud-id", want)
	for range 2 { // the second answer comes from what the first one left
		for _, target := range []string{"/i/anna/b/photo.webp?w=400&h=300", "/i/anna/b/photo.webp?h=300&fit=cover&w=400"} {
			w.expectBody(target, want)
		}
	}
	if n := w.renders.Load(); n != 1 {
		t.Errorf("%d renders", n)
	}
	for target, status := range map[string]int{"/i/anna/b/other.jpg": 404, "/i/bob/b/photo.jpg": 404, "/i/anna/b/photo.jxl": 400,
		"/i/anna/b/photo.jpg?p:nothing": 400, "/i/anna/b/photo.jpg?w=x": 400, "/i/anna": 404, "/v1/image/t_nothing/cloud-id": 400} {
		if got := w.get(target); got.StatusCode != status {
			t.Errorf("%s: %d %s", target, got.StatusCode, got.body)
		}
	}
}

// A preset is part of what an answer is kept under by what it says, not by its name.
func TestChangedProfile(t *testing.T) {
	w := newWorld(t)
	m := w.add("x", picture, nil)
	w.path(wire.Name{Namespace: "u/anna", Name: "x.jpg"}, m)
	w.setProfile("a1", wire.Profile{Presets: map[string]string{"hero": "c_fill,h_10,w_20"}})
	for range 2 {
		w.expectBody("/v1/image/t_hero/x", "rendered c_fill,f_jpg,h_10,w_20")
		w.expectBody("/i/anna/x.jpg?p:hero", "rendered c_fill,f_jpg,h_10,q_80,w_20")
		w.expectBody("/i/anna/x.jpg", string(picture[:len(picture)-3]))
	}
	w.setProfile("a1", wire.Profile{Quality: 50, MaxWidth: 100, Formats: []string{"webp"},
		Presets: map[string]string{"hero": "c_fill,h_10,w_30"}})
	w.expectBody("/v1/image/t_hero/x", "rendered c_fill,f_jpg,h_10,w_30")
	w.expectBody("/i/anna/x.jpg?p:hero", "rendered c_fill,f_jpg,h_10,q_50,w_30")
	w.expectBody("/i/anna/x.jpg", "rendered f_jpg,h_500,q_50,w_100")
	w.setProfile("a1", wire.Profile{})
	if got := w.get("/v1/image/t_hero/x"); got.StatusCode != 400 {
		t.Errorf("a preset that went: %d %s", got.StatusCode, got.body)
	}
}

// A picture's version says nothing about what the account's presets are, and its date neither.
func TestVersionsOfPresets(t *testing.T) {
	w := newWorld(t)
	w.add("x", picture, nil)
	set := func(transform string, at time.Time) {
		w.setProfile("a1", wire.Profile{Presets: map[string]string{"hero": transform}})
		w.names["profile:a1"].UpdatedAt = at.Unix()
	}
	set("f_png,w_20", now.Add(-2*time.Hour)) // longer ago than the picture
	before := w.get("/v1/image/t_hero/x").Header.Get("Last-Modified")
	set("f_png,w_30", now.Add(-time.Minute))
	for range 2 {
		got := w.get("/v1/image/t_hero/x?v=3", "If-Modified-Since", before)
		if cc := got.Header.Get("Cache-Control"); got.StatusCode != 200 || !strings.HasPrefix(cc, "public, max-age=3600") {
			t.Errorf("%d, %s", got.StatusCode, cc)
		}
		if date := got.Header.Get("Last-Modified"); date != now.Add(-time.Minute).UTC().Format(http.TimeFormat) {
			t.Errorf("Last-Modified %s", date)
		}
	}
}

func TestNegotiatedStem(t *testing.T) {
	w := newWorld(t)
	m := w.add("x", picture, nil)
	w.path(wire.Name{Namespace: "s/anna", Name: "x"}, m)
	w.setProfile("a1", wire.Profile{Formats: []string{"avif", "webp"}})
	for range 2 {
		got := w.expectBody("/i/anna/x", "rendered f_avif,q_80", "Accept", "image/avif,image/webp,*/*")
		if got.Header.Get("Vary") != "Accept" || got.Header.Get("Content-Type") != "image/avif" {
			t.Errorf("headers %v", got.Header)
		}
		w.expectBody("/i/anna/x", "rendered f_webp,q_80", "Accept", "image/webp")
		w.expectBody("/i/anna/x", string(picture[:len(picture)-3]))
	}
}

// Uses of presets are counted, from wherever the answer comes; refusals and misses of the name are none.
func TestPresetsAreCounted(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	w.setProfile("a1", wire.Profile{Presets: map[string]string{"hero": "c_fill,h_10,w_20", "other": "w_30"}})
	for range 3 { // the last two are hits
		w.get("/v1/image/t_hero/photo")
	}
	for _, target := range []string{"/v1/image/t_hero,q_9/photo", "/v1/image/t_other/photo", "/v1/image/t_nothing/photo", "/v1/image/w_20/photo", "/v1/image/t_hero/gone"} {
		w.get(target)
	}
	for _, want := range []map[string]int64{{"hero": 4, "other": 1}, {}} {
		got := map[string]int64{}
		w.meter.TakePresets(func(name string, uses int64) { got[name] = uses })
		if !maps.Equal(got, want) {
			t.Errorf("counted %v, want %v", got, want)
		}
	}
}
