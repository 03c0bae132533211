package edge_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/shared/delivery"
	"github.com/pictor/pictor/shared/wire"
)

func (w *world) addLogo(change func(*wire.Manifest)) {
	w.add("brand/logo", []byte("a logo...xyz"), change)
}

func private(m *wire.Manifest) { m.Visibility = wire.Private }

func TestOverlay(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	w.addLogo(nil)
	const target = "/v1/image/f_webp,og_east,ov_brand:logo/photo"
	first := w.get(target)
	want := "rendered f_webp,og_east,ov_" + digest([]byte("a logo...xyz"))
	if first.StatusCode != 200 || first.body != want {
		t.Fatalf("%d %q, want %q", first.StatusCode, first.body, want)
	}
	// The same overlay by another name is the same answer.
	w.add("copy", []byte("a logo...xyz"), nil)
	if got := w.get("/v1/image/f_webp,og_east,ov_copy/photo"); got.body != want || w.renders.Load() != 1 {
		t.Errorf("%q, %d renders", got.body, w.renders.Load())
	}
	for target, status := range map[string]int{
		"/v1/image/ov_nothing/photo": 404, "/v1/image/ov_photo/nothing": 404, "/v1/image/ov_a::b/photo": 400,
	} {
		if got := w.get(target); got.StatusCode != status {
			t.Errorf("%s: %d, want %d", target, got.StatusCode, status)
		}
	}
}

// What becomes of the overlay shows at once, on the remembered way too, and so does what becomes of the picture.
func TestChangedOverlay(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	w.addLogo(nil)
	const target = "/v1/image/f_webp,ov_brand:logo/photo"
	before := w.get(target)
	for range 2 { // found, then remembered
		if again := w.get(target); again.body != before.body {
			t.Fatalf("%q, then %q", before.body, again.body)
		}
	}
	w.add("brand/logo", []byte("another logo"), func(m *wire.Manifest) { m.UpdatedAt = now.Unix() })
	after := w.get(target)
	if after.body == before.body || after.Header.Get("Last-Modified") == before.Header.Get("Last-Modified") {
		t.Errorf("a new overlay gives %q of %s", after.body, after.Header.Get("Last-Modified"))
	}
	w.addLogo(private)
	if got := w.get(target); got.StatusCode != 403 {
		t.Errorf("a private overlay gives %d", got.StatusCode)
	}
	w.addLogo(nil)
	if got := w.get(target); got.StatusCode != 200 {
		t.Errorf("a public overlay gives %d", got.StatusCode)
	}
	w.add("photo", picture, private)
	if got := w.get(target); got.StatusCode != 403 {
		t.Errorf("a private picture gives %d", got.StatusCode)
	}
}

func TestPrivateOverlay(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	w.addLogo(private)
	at := now.Add(time.Hour)
	got := w.get(delivery.SignCloud(w.keys, "photo", "ov_brand:logo", at))
	if control := got.Header.Get("Cache-Control"); got.StatusCode != 200 || !strings.HasPrefix(control, "private") {
		t.Errorf("signed by the owner of both: %d, %s", got.StatusCode, control)
	}
	again := w.get(delivery.SignCloud(w.keys, "photo", "ov_brand:logo", at))
	if again.StatusCode != 200 || again.Header.Get("Cache-Status") != "" {
		t.Errorf("once more: %d, %v", again.StatusCode, again.Header)
	}
	w.add("photo", picture, func(m *wire.Manifest) { m.Account = "somebody else" })
	if got := w.get(delivery.SignCloud(w.keys, "photo", "ov_brand:logo", at)); got.StatusCode != 403 {
		t.Errorf("signed by the owner of another picture: %d", got.StatusCode)
	}
	if got := w.get("/v1/image/ov_brand:logo/photo"); got.StatusCode != 403 {
		t.Errorf("not signed: %d", got.StatusCode)
	}
}

func TestLifetimeWithOverlay(t *testing.T) {
	w := newWorld(t)
	w.add("photo", picture, nil)
	w.addLogo(func(m *wire.Manifest) { m.ExpiresAt = now.Add(time.Minute).Unix() })
	for range 2 {
		got := w.get("/v1/image/ov_brand:logo/photo?v=3")
		if control := got.Header.Get("Cache-Control"); control != "public, max-age=60" {
			t.Errorf("the overlay lives for a minute, the answer: %s", control)
		}
	}
	w.addLogo(nil)
	if got := w.get("/v1/image/ov_brand:logo/photo?v=3"); strings.Contains(got.Header.Get("Cache-Control"), "immutable") {
		t.Errorf("the overlay may change, the answer: %s", got.Header.Get("Cache-Control"))
	}
	w.addLogo(func(m *wire.Manifest) { m.ExpiresAt = now.Unix() })
	if got := w.get("/v1/image/ov_brand:logo/photo"); got.StatusCode != 404 {
		t.Errorf("an overlay past its time gives %d", got.StatusCode)
	}
}
