package e2e

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"io"
	"math/rand/v2"
	"mime/multipart"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/bench/picture"
	"github.com/pictor/pictor/bench/stack"
)

// srcClient speaks the img-src dialect with one key.
type srcClient struct {
	t    testing.TB
	base string
	key  string
}

func (c srcClient) call(method, path string, contentType string, body io.Reader, into any) int {
	c.t.Helper()
	req, err := http.NewRequest(method, c.base+path, body)
	if err != nil {
		c.t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+c.key)
	if contentType != "" {
		req.Header.Set("Content-Type", contentType)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	if into != nil && resp.StatusCode < 300 {
		if err := json.Unmarshal(text, into); err != nil {
			c.t.Fatalf("%s %s: %v in %s", method, path, err, text)
		}
	}
	return resp.StatusCode
}

func (c srcClient) json(method, path string, body any, into any) int {
	c.t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		c.t.Fatal(err)
	}
	return c.call(method, path, "application/json", bytes.NewReader(text), into)
}

type srcImage struct {
	ID    string
	URL   string
	Paths []string
	IsNew bool `json:"is_new"`
}

func (c srcClient) upload(content []byte, path string) (up srcImage) {
	c.t.Helper()
	var body bytes.Buffer
	form := multipart.NewWriter(&body)
	file, err := form.CreateFormFile("file", "x.jpg")
	if err != nil {
		c.t.Fatal(err)
	}
	_, _ = file.Write(content) // memory does not fail
	_ = form.WriteField("target_path", path)
	form.Close()
	if status := c.call("POST", "/api/v1/images", form.FormDataContentType(), &body, &up); status != 201 {
		c.t.Fatalf("upload: %d", status)
	}
	return up
}

func srcStack(t testing.TB, edges int) (*stack.Stack, srcClient) {
	s := start(t, edges, "PICTOR_LIMIT_IMGSRC_PRO=off")
	return s, srcClient{t, s.Origin.URL, srcKey(t, s)}
}

// A thousand ways to ask for the same picture, over both dialects and several paths: one render.
func TestOneRenderForAllSpellings(t *testing.T) {
	s, c := srcStack(t, 1)
	content := picture.JPEG(picture.Photo(800, 600, 9))
	var up srcImage
	for _, path := range []string{"a/one.jpg", "b/two.jpg", "three.jpeg"} {
		up = c.upload(content, path)
	}
	upload(t, signIn(t, s), "y.jpg", content, map[string]string{"public_id": "cloud"})
	c.json("POST", "/api/v1/settings/presets", map[string]any{"name": "box", "params": map[string]any{"w": 320, "h": 240, "fit": "cover"}}, nil)
	edge := s.Edges[0].URL
	tree := strings.TrimSuffix(strings.TrimPrefix(up.URL, edge), up.Paths[0])
	targets := []string{"/v1/image/w_320,h_240,c_fill,q_80,f_webp/cloud", "/v1/image/f_webp,c_cover,dpr_1,h_240,q_80,w_320/cloud",
		"/v1/image/t_box,q_80,f_webp/cloud"}
	dice := rand.New(rand.NewPCG(3, 4))
	idle := []string{"fit=cover", "q=80", "dpr=1", "crop=center", "rotate=0", "aspect=original", "blur=0", "grayscale=false", "utm=1"}
	for len(targets) < 1000 {
		params := []string{"w=320", "h=240"}
		if dice.IntN(3) == 0 {
			params = []string{"p:box"}
		}
		for _, p := range idle {
			if dice.IntN(2) == 0 {
				params = append(params, p)
			}
		}
		dice.Shuffle(len(params), func(i, j int) { params[i], params[j] = params[j], params[i] })
		for _, path := range []string{"a/one.webp", "b/two.webp", "three.webp"} {
			targets = append(targets, tree+path+"?"+strings.Join(params, "&"))
		}
	}
	within(t, soon, "the preset", func() bool { resp, _ := get(t, edge+targets[2]); return resp.StatusCode == 200 })
	dice.Shuffle(len(targets), func(i, j int) { targets[i], targets[j] = targets[j], targets[i] })
	etag := ""
	for _, target := range targets {
		resp, body := get(t, edge+target)
		if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "image/webp" {
			t.Fatalf("%s: %d %s", target, resp.StatusCode, body)
		}
		if etag == "" {
			etag = resp.Header.Get("ETag")
		}
		if resp.Header.Get("ETag") != etag {
			t.Fatalf("%s: another picture", target)
		}
	}
	if n := total(t, s, "pictor_edge_renders_total"); n != 1 {
		t.Errorf("%d targets made %v renders", len(targets), n)
	}
}

// The whole query grammar gives pictures of the right size.
func TestSrcQueries(t *testing.T) {
	s, c := srcStack(t, 1)
	up := c.upload(picture.JPEG(picture.Photo(900, 600, 11)), "p.jpg")
	base := strings.TrimSuffix(up.URL, ".jpg")
	for query, want := range map[string][2]int{
		".png?w=300&h=300": {300, 300}, ".png?w=300&h=300&fit=contain": {300, 200}, ".png?w=300&h=100&fit=fill": {300, 100},
		".png?w=2000&fit=scale-down": {900, 600}, ".png?w=1200": {1200, 800}, ".png?h=300": {450, 300},
		".png?w=400&aspect=16:9": {400, 225}, ".png?aspect=1:1": {600, 600}, ".png?w=100&h=80&dpr=1.5": {150, 120},
		".png?rotate=90": {600, 900}, ".png?rotate=270&w=300": {300, 450}, ".png?flip=both&grayscale=true&w=90": {90, 60},
		".png?blur=20&sharpen=50&w=90&rotate=auto": {90, 60}, ".png?w=10000&h=10000&fit=scale-down": {900, 600},
		".png?w=200&h=200&crop=attention": {200, 200}, ".png?w=200&h=200&crop=entropy": {200, 200},
		".png?w=200&h=200&crop=top-left": {200, 200}, ".jpeg?w=10000&h=5000": {4000, 2000}, ".jpg": {900, 600},
	} {
		resp, body := get(t, base+query)
		config, _, err := image.DecodeConfig(bytes.NewReader(body))
		if resp.StatusCode != 200 || err != nil || config.Width != want[0] || config.Height != want[1] {
			t.Errorf("%s: %d, %+v, %v, want %v; %.200s", query, resp.StatusCode, config, err, want, body)
		}
	}
	resp, body := get(t, base+".jxl")
	if resp.StatusCode != 400 || !bytes.Contains(body, []byte("JPEG XL")) {
		t.Errorf("JXL: %d %s", resp.StatusCode, body)
	}
	if n := total(t, s, "pictor_edge_renders_total"); n > 20 {
		t.Errorf("%v renders", n)
	}
}

// A changed preset, another default, a path that comes or goes: all edges deliver accordingly within a second.
func TestProfileReachesAllEdges(t *testing.T) {
	s, c := srcStack(t, 3)
	up := c.upload(picture.JPEG(picture.Photo(400, 300, 12)), "p.jpg")
	_, target, _ := strings.Cut(strings.TrimPrefix(up.URL, "http://"), "/")
	stem := "/" + strings.TrimSuffix(target, ".jpg")
	widths := func(target string, want int) func() bool {
		return func() bool {
			for _, e := range s.Edges {
				resp, body := get(t, e.URL+target)
				config, _, err := image.DecodeConfig(bytes.NewReader(body))
				if want == 0 && resp.StatusCode < 400 || want != 0 && (err != nil || config.Width != want) {
					return false
				}
			}
			return true
		}
	}
	var preset struct{ ID string }
	c.json("POST", "/api/v1/settings/presets", map[string]any{"name": "hero", "params": map[string]any{"w": 50}}, &preset)
	slowest := within(t, soon, "a new preset", widths(stem+".png?p:hero", 50))
	for round := range 3 {
		width := 60 + round
		c.json("PUT", "/api/v1/settings/presets/"+preset.ID, map[string]any{"params": map[string]any{"w": width}}, nil)
		slowest = max(slowest, within(t, soon, "a changed preset", widths(stem+".png?p:hero", width)))
		c.json("PUT", "/api/v1/settings", map[string]any{"default_max_width": 200 + round}, nil)
		slowest = max(slowest, within(t, soon, "a changed setting", widths(stem+".png", 200+round)))
	}
	c.call("DELETE", "/api/v1/settings/presets/hero", "", nil, nil)
	slowest = max(slowest, within(t, soon, "a deleted preset", widths(stem+".png?p:hero", 0)))
	c.json("PUT", "/api/v1/settings", map[string]any{"default_max_width": nil}, nil)
	within(t, soon, "no bound", widths(stem+".png", 400))
	c.upload(picture.PNG(picture.Photo(123, 80, 13)), strings.TrimPrefix(strings.SplitN(stem, "/", 4)[3], "/")+".png")
	slowest = max(slowest, within(t, soon, "the path itself before its stem", widths(stem+".png", 123)))
	c.call("DELETE", "/api/v1/images/"+up.ID, "", nil, nil)
	slowest = max(slowest, within(t, soon, "the stem's next owner", widths(stem+".png?w=60", 60)))
	within(t, soon, "the deleted path", func() bool { resp, _ := get(t, s.Edges[2].URL+stem+".jpg?x"); return resp.StatusCode == 200 })
	t.Logf("slowest change reached all edges in %s", slowest)
}

// Private pictures go out to holders of a signature for their path, in any transform, and to nobody else.
func TestSrcPrivate(t *testing.T) {
	_, c := srcStack(t, 1)
	up := c.upload(picture.JPEG(picture.Photo(400, 300, 14)), "private/a.jpg")
	c.upload(picture.PNG(picture.Photo(40, 30, 15)), "private/a.png")
	c.json("PATCH", "/api/v1/images/"+up.ID+"/visibility", map[string]any{"visibility": "private"}, nil)
	within(t, soon, "hiding", func() bool { resp, _ := get(t, up.URL); return resp.StatusCode == 403 })
	var signed struct {
		URL string `json:"signed_url"`
	}
	c.json("POST", "/api/v1/images/"+up.ID+"/signed-url", map[string]any{"expires_in": 3600}, &signed)
	resp, _ := get(t, signed.URL)
	if cc := resp.Header.Get("Cache-Control"); resp.StatusCode != 200 || !strings.HasPrefix(cc, "private") {
		t.Errorf("signed: %d %s", resp.StatusCode, cc)
	}
	if resp, _ := get(t, strings.Replace(signed.URL, "?", "?w=50&h=50&", 1)); resp.StatusCode != 200 {
		t.Errorf("signed and transformed: %d", resp.StatusCode)
	}
	for _, bad := range []string{strings.Replace(signed.URL, "a.jpg", "a.webp", 1), signed.URL + "0", strings.Replace(signed.URL, "&exp=1", "&exp=2", 1),
		strings.Replace(signed.URL, "sig=", "sig=0", 1), strings.SplitN(signed.URL, "&exp", 2)[0]} {
		if resp, _ := get(t, bad); resp.StatusCode != 403 {
			t.Errorf("%s: %d", bad, resp.StatusCode)
		}
	}
}

// What counts is counted: calls, uploads, renders.
func TestSrcUsage(t *testing.T) {
	_, c := srcStack(t, 1)
	up := c.upload(picture.JPEG(picture.Photo(400, 300, 16)), "u.jpg")
	for i := range 4 {
		get(t, strings.TrimSuffix(up.URL, ".jpg")+fmt.Sprintf(".webp?w=%d", 10+i%2))
	}
	var usage struct {
		Period struct {
			Uploads         int
			Calls           int `json:"api_requests"`
			Transformations int
			Bandwidth       int64 `json:"bandwidth_bytes"`
		} `json:"current_period"`
	}
	within(t, time.Minute, "usage report", func() bool {
		c.call("GET", "/api/v1/usage", "", nil, &usage)
		return usage.Period.Transformations == 2
	})
	c.json("POST", "/api/v1/settings/presets", map[string]any{"name": "box", "params": map[string]any{"w": 32}}, nil)
	within(t, soon, "the preset", func() bool { resp, _ := get(t, up.URL+"?p:box"); return resp.StatusCode == 200 })
	get(t, up.URL+"?p:box")
	within(t, time.Minute, "the count of the preset's uses", func() bool {
		var list struct {
			Presets []struct {
				Uses int `json:"usage_count"`
			}
		}
		c.call("GET", "/api/v1/settings/presets", "", nil, &list)
		return len(list.Presets) == 1 && list.Presets[0].Uses == 2
	})
	if usage.Period.Uploads != 1 || usage.Period.Calls < 2 || usage.Period.Bandwidth == 0 {
		t.Errorf("%+v", usage)
	}
	if !slices.Equal(up.Paths, []string{"u.jpg"}) || !up.IsNew {
		t.Errorf("%+v", up)
	}
}

// The dominant colour is known within seconds of a delivery, or of the first look at the metadata; also of private and of
// large pictures, and on a ring.
func TestSrcColour(t *testing.T) {
	s, c := srcStack(t, 3)
	colour := func(id string) string {
		var got struct {
			Metadata struct {
				Colour string `json:"dominant_color"`
			}
		}
		if status := c.call("GET", "/api/v1/images/"+id, "", nil, &got); status != 200 {
			t.Fatalf("metadata: %d", status)
		}
		return got.Metadata.Colour
	}
	known := func(id string) func() bool {
		return func() bool { time.Sleep(50 * time.Millisecond); return len(colour(id)) == len("#rrggbb") }
	}
	delivered := c.upload(picture.JPEG(picture.Photo(400, 300, 21)), "delivered.jpg")
	get(t, strings.TrimSuffix(delivered.URL, ".jpg")+".webp?w=100")
	t.Logf("after a delivery: %s", within(t, time.Minute, "the colour of what was delivered", known(delivered.ID)))
	large := c.upload(picture.PNG(picture.Photo(1600, 1200, 22)), "large.png")
	t.Logf("large: %s", within(t, time.Minute, "the colour of a large picture", known(large.ID)))
	private := c.upload(picture.JPEG(picture.Photo(400, 300, 23)), "private.jpg")
	c.json("PATCH", "/api/v1/images/"+private.ID+"/visibility", map[string]any{"visibility": "private"}, nil)
	t.Logf("private: %s", within(t, time.Minute, "the colour of a private picture", known(private.ID)))
	wantOnce(t, s, "pictor_edge_renders_total", 1) // that somebody waited for
}
