package e2e

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/gif"
	_ "image/jpeg"
	_ "image/png"
	"strings"
	"testing"
	"time"

	_ "golang.org/x/image/webp"

	"github.com/pictor/pictor/bench/client"
	"github.com/pictor/pictor/bench/picture"
)

func TestUploadIsDelivered(t *testing.T) {
	s := start(t, 1)
	c := signIn(t, s)
	original := picture.JPEG(picture.Photo(4000, 3000, 1)) // 12 megapixels
	asset := upload(t, c, "Holiday photo.jpg", original, nil)
	if !strings.HasPrefix(asset.PublicID, "holiday-photo-") || asset.Width != 4000 || asset.Height != 3000 || asset.Bytes != int64(len(original)) {
		t.Errorf("got %+v", asset)
	}
	base := strings.TrimSuffix(asset.URL, asset.PublicID)
	resp, body := get(t, asset.URL)
	if resp.StatusCode != 200 || !bytes.Equal(body, original) {
		t.Errorf("untransformed: %d, %d bytes of %d", resp.StatusCode, len(body), len(original))
	}
	for format, mediaType := range map[string]string{"webp": "image/webp", "avif": "image/avif", "jpg": "image/jpeg", "png": "image/png", "gif": "image/gif"} {
		resp, body := get(t, base+"w_400,h_400,c_fill,q_80,f_"+format+"/"+asset.PublicID)
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != mediaType {
			t.Errorf("%s: %d %s %s", format, resp.StatusCode, resp.Header.Get("Content-Type"), body)
			continue
		}
		if format == "avif" {
			if !bytes.Contains(body[:64], []byte("ftypavif")) || !bytes.Contains(body, []byte("ispe\x00\x00\x00\x00\x00\x00\x01\x90\x00\x00\x01\x90")) {
				t.Errorf("not an AVIF of 400×400: %q", body[:64])
			}
			continue
		}
		if config, kind, err := image.DecodeConfig(bytes.NewReader(body)); err != nil || config.Width != 400 || config.Height != 400 {
			t.Errorf("%s: %s %+v %v", format, kind, config, err)
		}
		for _, private := range []string{"Exif\x00\x00", "EXIF", "http://ns.adobe.com", "Photoshop 3.0", "ICC_PROFILE", "ICCP", "iCCP"} {
			if bytes.Contains(body, []byte(private)) {
				t.Errorf("%s carries %q", format, private)
			}
		}
	}
}

func TestAnimationStaysAnimated(t *testing.T) {
	s := start(t, 1)
	c := signIn(t, s)
	upload(t, c, "a.gif", picture.GIF(120, 80, 6), map[string]string{"public_id": "moving"})
	resp, body := get(t, s.Edges[0].URL+"/v1/image/w_60/moving")
	all, err := gif.DecodeAll(bytes.NewReader(body))
	if err != nil || len(all.Image) != 6 || all.Delay[5] != 30 || all.Config.Width != 60 {
		t.Fatalf("GIF: %d %v, %+v", resp.StatusCode, err, all)
	}
	resp, body = get(t, s.Edges[0].URL+"/v1/image/w_60,f_webp/moving")
	if n := bytes.Count(body, []byte("ANMF")); resp.StatusCode != 200 || n != 6 {
		t.Errorf("WebP: %d, %d frames", resp.StatusCode, n)
	}
	if resp, body = get(t, s.Edges[0].URL+"/v1/image/w_60,f_jpg/moving"); resp.StatusCode != 200 {
		t.Errorf("first frame as JPEG: %d %s", resp.StatusCode, body)
	}
}

func TestPrivateAndSigned(t *testing.T) {
	s := start(t, 1)
	c := signIn(t, s)
	upload(t, c, "c.png", picture.PNG(picture.Photo(300, 200, 2)), map[string]string{"public_id": "private/contract-001", "visibility": "private"})
	edge := s.Edges[0].URL
	if resp, _ := get(t, edge+"/v1/image/private/contract-001"); resp.StatusCode != 403 {
		t.Errorf("unsigned: %d", resp.StatusCode)
	}
	url, err := c.Sign(context.Background(), "private/contract-001", "w_120,q_80", 3600)
	if err != nil {
		t.Fatal(err)
	}
	resp, body := get(t, url)
	if config, _, err := image.DecodeConfig(bytes.NewReader(body)); resp.StatusCode != 200 || err != nil || config.Width != 120 {
		t.Errorf("signed: %d %v %+v", resp.StatusCode, err, config)
	}
	if cc := resp.Header.Get("Cache-Control"); !strings.HasPrefix(cc, "private, max-age=3") {
		t.Errorf("Cache-Control %q", cc)
	}
	if resp, _ = get(t, strings.Replace(url, "w_120", "w_121", 1)); resp.StatusCode != 403 {
		t.Errorf("another transform under the same signature: %d", resp.StatusCode)
	}
	brief, err := c.Sign(context.Background(), "private/contract-001", "w_120,q_80", 1)
	if err != nil {
		t.Fatal(err)
	}
	within(t, 30*time.Second, "expiry", func() bool { resp, _ := get(t, brief); return resp.StatusCode == 403 })
}

// Delete, overwrite and visibility reach all edges within a second, whatever they hold in memory.
func TestChangesReachAllEdges(t *testing.T) {
	s := start(t, 3)
	c := signIn(t, s)
	ctx := context.Background()
	everywhere := func(path string, want func(status int, body []byte) bool) func() bool {
		return func() bool {
			for _, e := range s.Edges {
				resp, body := get(t, e.URL+path)
				if !want(resp.StatusCode, body) {
					return false
				}
			}
			return true
		}
	}
	status := func(want int) func(int, []byte) bool { return func(got int, _ []byte) bool { return got == want } }
	first, second := picture.PNG(picture.Photo(90, 60, 1)), picture.PNG(picture.Photo(90, 60, 2))
	for round := range 3 {
		id := fmt.Sprintf("round/%d", round)
		for _, path := range []string{"/v1/image/" + id, "/v1/image/w_30/" + id} {
			if !everywhere(path, status(404))() {
				t.Fatalf("%s is there before it was uploaded", path)
			}
		}
		upload(t, c, "x.png", first, map[string]string{"public_id": id})
		took := within(t, soon, "creation", everywhere("/v1/image/"+id, func(_ int, b []byte) bool { return bytes.Equal(b, first) }))
		within(t, soon, "creation", everywhere("/v1/image/w_30/"+id, status(200)))
		upload(t, c, "x.png", second, map[string]string{"public_id": id, "overwrite": "true"})
		took = max(took, within(t, soon, "overwrite", everywhere("/v1/image/"+id, func(_ int, b []byte) bool { return bytes.Equal(b, second) })))
		if err := c.Patch(ctx, id, map[string]any{"visibility": "private"}); err != nil {
			t.Fatal(err)
		}
		took = max(took, within(t, soon, "hiding", everywhere("/v1/image/w_30/"+id, status(403))))
		if err := c.Patch(ctx, id, map[string]any{"visibility": "public"}); err != nil {
			t.Fatal(err)
		}
		within(t, soon, "showing", everywhere("/v1/image/w_30/"+id, status(200)))
		if err := c.Delete(ctx, id); err != nil {
			t.Fatal(err)
		}
		took = max(took, within(t, soon, "deletion", everywhere("/v1/image/w_30/"+id, status(404))))
		t.Logf("slowest change reached all edges in %s", took)
	}
}

func TestUsage(t *testing.T) {
	s := start(t, 2)
	c := signIn(t, s)
	content := picture.PNG(picture.Photo(200, 100, 3))
	upload(t, c, "u.png", content, map[string]string{"public_id": "used"})
	for range 5 {
		for _, e := range s.Edges {
			get(t, e.URL+"/v1/image/used")
		}
	}
	var sum struct {
		Assets    int64 `json:"assets"`
		Storage   int64 `json:"storage_bytes"`
		Requests  int64 `json:"requests"`
		Bandwidth int64 `json:"bandwidth_bytes"`
	}
	within(t, time.Minute, "usage report", func() bool {
		if err := c.Get(context.Background(), "/v1/usage/summary?all=true", &sum); err != nil {
			t.Fatal(err)
		}
		return sum.Requests == 10
	})
	if sum.Assets != 1 || sum.Storage != int64(len(content)) || sum.Bandwidth != 10*int64(len(content)) {
		t.Errorf("got %+v, want 10 answers of %d bytes", sum, len(content))
	}
}

// A second start finds everything again, and edges that come back have their disk caches.
func TestRestart(t *testing.T) {
	data := t.TempDir()
	s := startIn(t, data, 1)
	c := signIn(t, s)
	content := picture.PNG(picture.Photo(200, 100, 4))
	upload(t, c, "k.png", content, map[string]string{"public_id": "kept"})
	_, small := get(t, s.Edges[0].URL+"/v1/image/w_50,f_webp/kept")
	s.Stop()
	again := startIn(t, data, 1)
	if again.Fresh {
		t.Error("the data folder counts as new")
	}
	resp, body := get(t, again.Edges[0].URL+"/v1/image/w_50,f_webp/kept")
	if resp.StatusCode != 200 || !bytes.Equal(body, small) {
		t.Errorf("after the restart: %d, %d bytes, want %d", resp.StatusCode, len(body), len(small))
	}
	if n := total(t, again, "pictor_edge_renders_total"); n != 0 {
		t.Errorf("%v renders of what the disk had", n)
	}
	known := &client.Client{Base: again.Origin.URL, KeyID: c.KeyID, Secret: c.Secret}
	if err := known.Get(context.Background(), "/v1/assets/kept", &struct{}{}); err != nil {
		t.Errorf("the key of before: %v", err)
	}
}
