package delivery

import (
	"math/rand/v2"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/shared/transform"
	"github.com/pictor/pictor/shared/wire"
)

var (
	photo  = transform.Source{Format: transform.JPEG, Width: 6000, Height: 4000, Frames: 1}
	small  = transform.Source{Format: transform.JPEG, Width: 600, Height: 400, Frames: 1}
	sticky = transform.Source{Format: transform.PNG, Width: 500, Height: 500, Frames: 1, Alpha: true}
	moving = transform.Source{Format: transform.GIF, Width: 100, Height: 50, Frames: 9}
	all    = transform.Accept{AVIF: true, WebP: true}
)

// settled is the canonical Spec of a target under /i/; extensions other than .jpg are found by stem.
func settled(t *testing.T, target string, profile *wire.Profile, src transform.Source, accept transform.Accept) string {
	t.Helper()
	req, err := Parse(SrcPrefix + target)
	if err != nil {
		t.Fatalf("%s: %v", target, err)
	}
	_, ext := SplitPath(req.Name.Name)
	spec, err := req.Settle(ext != src.Format.String(), profile, src, accept)
	if err != nil {
		t.Fatalf("%s: %v", target, err)
	}
	if spec.IsZero() {
		return ""
	}
	return spec.String()
}

func canon(t *testing.T, text string, src transform.Source) string {
	t.Helper()
	spec, err := transform.Parse(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return spec.Settle(src, transform.Accept{}).String()
}

func TestSrcNames(t *testing.T) {
	for target, want := range map[string][2]wire.Name{
		"anna/photos/hero.webp?v=1": {{Namespace: "u/anna", Name: "photos/hero.webp"}, {Namespace: "s/anna", Name: "photos/hero"}},
		"anna/hero":                 {{Namespace: "u/anna", Name: "hero"}, {Namespace: "s/anna", Name: "hero"}},
		"anna/v1.2/hero.JPEG":       {{Namespace: "u/anna", Name: "v1.2/hero.JPEG"}, {Namespace: "s/anna", Name: "v1.2/hero"}},
		"anna/a.png.webp":           {{Namespace: "u/anna", Name: "a.png.webp"}, {Namespace: "s/anna", Name: "a.png"}},
		"anna/notes.txt":            {{Namespace: "u/anna", Name: "notes.txt"}, {Namespace: "s/anna", Name: "notes.txt"}},
	} {
		req, err := Parse(SrcPrefix + target)
		if err != nil || req.Name != want[0] || req.Stem != want[1] {
			t.Errorf("%s: got %+v %+v, %v", target, req.Name, req.Stem, err)
		}
		if paths, ok := req.Stem.Stem(); !ok || paths != "u/anna" {
			t.Errorf("%s: the stem stands for %q", target, paths)
		}
	}
}

// The same wish in the query and in the path is one Spec.
func TestSrcCompiles(t *testing.T) {
	for target, want := range map[string]string{
		"a/p.jpg?w=400&h=300":                               "w_400,h_300,c_fill,q_80",
		"a/p.webp?w=400&h=300&fit=contain&q=75":             "w_400,h_300,c_inside,q_75,f_webp",
		"a/p.png?w=400&h=300&fit=scale-down":                "w_400,h_300,c_fit,f_png",
		"a/p.webp?w=400":                                    "w_400,c_inside,q_80,f_webp",
		"a/p.webp?h=400&fit=scale-down":                     "h_400,c_fit,q_80,f_webp",
		"a/p.webp":                                          "q_80,f_webp",
		"a/p.jpg?q=50":                                      "f_jpg,q_50",
		"a/p.jpg?w=400&aspect=16:9":                         "w_400,h_225,c_fill,q_80",
		"a/p.jpg?h=100&aspect=21%3A9":                       "w_233,h_100,c_fill,q_80",
		"a/p.jpg?aspect=1:1":                                "w_400,h_400,c_fill,q_80",
		"a/p.jpg?aspect=16:9&rotate=90":                     "w_400,h_225,c_fill,q_80,r_90",
		"a/p.jpg?w=200&dpr=1.5":                             "w_300,c_inside,q_80",
		"a/p.jpg?w=99&h=99&dpr=3&fit=scale-down":            "w_297,h_297,q_80",
		"a/p.jpg?grayscale=true&blur=40&rotate=270":         "gr_1,bl_10,r_270,q_80",
		"a/p.jpg?blur=1":                                    "bl_0.3,q_80",
		"a/p.jpg?blur=7":                                    "bl_1.75,q_80",
		"a/p.jpg?w=10000":                                   "w_4000,c_inside,q_80",
		"a/p.jpg?w=10000&h=5000&fit=contain":                "w_4000,h_2000,c_inside,q_80",
		"a/p.jpg?w=4000&h=10000&dpr=3&crop=center":          "w_1600,h_4000,c_fill,q_80",
		"a/p.jpg?w=40&crop=center&fit=cover&utm_source=x&y": "w_40,c_inside,q_80",
	} {
		if got, want := settled(t, target, nil, small, all), canon(t, want, small); got != want {
			t.Errorf("%s: got %s, want %s", target, got, want)
		}
	}
}

// What changes nothing leaves the uploaded picture as it is.
func TestSrcAsUploaded(t *testing.T) {
	for _, target := range []string{"a/p.jpg", "a/p.jpeg", "a/p.jpg?fit=cover&crop=center&dpr=2&rotate=auto&blur=0",
		"a/p.jpg?aspect=original&sharpen=0&rotate=0&grayscale=false&crop=attention", "a/p.jpg?utm=1&v=3"} {
		if got := settled(t, target, nil, small, all); got != "" {
			t.Errorf("%s: got %s", target, got)
		}
	}
}

func TestSrcAVIFBounds(t *testing.T) {
	for target, want := range map[string]string{
		"a/p.avif":                              "c_fit,f_avif,h_2309,q_80,w_3463", // 3:2 in 8 megapixels
		"a/p.avif?w=1000":                       "c_inside,f_avif,q_80,w_1000",
		"a/p.avif?w=9000&h=9000":                "c_fill,f_avif,h_2828,q_80,w_2828",
		"a/p.avif?w=5000&h=100":                 "c_fill,f_avif,h_80,q_80,w_4000",
		"a/p.avif?w=4000&h=4000&fit=scale-down": "f_avif,h_2309,q_80,w_3463",
	} {
		got := settled(t, target, nil, photo, all)
		spec, err := transform.Parse(got)
		if err != nil {
			t.Fatal(err)
		}
		layout, err := spec.Layout(photo)
		if err != nil || layout.Out.Width*layout.Out.Height > maxAVIFPixels || max(layout.Out.Width, layout.Out.Height) > 4000 {
			t.Errorf("%s: %+v, %v", target, layout.Out, err)
		}
		if want = canon(t, want, photo); got != want {
			t.Errorf("%s: got %s, want %s", target, got, want)
		}
	}
}

func TestSrcProfile(t *testing.T) {
	profile := &wire.Profile{Formats: []string{"avif", "webp"}, Quality: 60, Crop: "inside", MaxWidth: 300, MaxHeight: 1000,
		Presets: map[string]string{"thumb": "c_fill,h_90,q_40,w_120", "gray": "gr_1", "nothing": ""}}
	for target, want := range map[string]string{
		"a/p.jpg":                       "w_300,h_1000,q_60",
		"a/p.webp?w=400&h=200":          "w_400,h_200,c_inside,q_60,f_webp",
		"a/p.jpg?p:thumb":               "w_120,h_90,c_fill,q_40",
		"a/p.jpg?p%3Athumb=":            "w_120,h_90,c_fill,q_40",
		"a/p.jpg?p:thumb&w=60":          "w_60,h_90,c_fill,q_40",
		"a/p.jpg?fit=contain&p:thumb":   "w_120,h_90,c_inside,q_40",
		"a/p.jpg?p:gray&grayscale=0":    "w_300,h_1000,q_60",
		"a/p.jpg?p:nothing":             "w_300,h_1000,q_60",
		"a/p":                           "w_300,h_1000,q_60,f_avif",
		"a/p.avif?w=10&h=10&fit=cover":  "w_10,h_10,c_fill,q_60,f_avif",
		"a/p.jpg?h=200&fit=scale-down":  "h_200,q_60",
		"a/p.jpg?p:thumb&q=41&crop=top": "w_120,h_90,c_fill,q_41,g_north",
	} {
		if strings.Contains(want, "g_") && !grammarHas("g_north") {
			continue
		}
		if got, want := settled(t, target, profile, small, all), canon(t, want, small); got != want {
			t.Errorf("%s: got %s, want %s", target, got, want)
		}
	}
	req, err := Parse("/i/a/p.jpg?p:nobody")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := req.Settle(false, profile, small, all); err == nil {
		t.Error("a preset that is not there")
	}
}

func grammarHas(part string) bool {
	_, known := transform.KeyOf(part)
	return known
}

func TestSrcNegotiates(t *testing.T) {
	profile := &wire.Profile{Formats: []string{"avif", "jpg", "webp"}}
	for _, c := range []struct {
		src    transform.Source
		accept transform.Accept
		want   string
	}{
		{small, all, "f_avif"}, {small, transform.Accept{WebP: true}, ""}, {small, transform.Accept{}, ""},
		{sticky, transform.Accept{WebP: true}, "f_webp"}, {sticky, transform.Accept{}, ""},
		{moving, all, "f_webp"}, {moving, transform.Accept{}, ""},
	} {
		want := ""
		if c.want != "" {
			want = canon(t, c.want+",q_80", c.src)
		}
		if got := settled(t, "a/p", profile, c.src, c.accept); got != want {
			t.Errorf("%+v: got %q, want %q", c, got, want)
		}
	}
	for target, want := range map[string]bool{"/i/a/p": true, "/i/a/p.jpg": false, "/v1/image/f_auto/x": true,
		"/v1/image/w_4/x": false, "/v1/image/t_x/x": true, "/v1/image/t_x,f_png/x": false, "/v1/image/t_x,f_auto/x": true} {
		if req, err := Parse(target); err != nil || req.Negotiable != want {
			t.Errorf("%s: %v, %v", target, req.Negotiable, err)
		}
	}
}

func TestSrcRefuses(t *testing.T) {
	for _, target := range []string{"a/p.jpg?w=0", "a/p.jpg?w=10001", "a/p.jpg?w=01", "a/p.jpg?w=4.5", "a/p.jpg?w=", "a/p.jpg?w",
		"a/p.jpg?w=1&w=1", "a/p.jpg?w=1&%77=2", "a/p.jpg?fit=crop", "a/p.jpg?aspect=2:1", "a/p.jpg?q=101", "a/p.jpg?dpr=4",
		"a/p.jpg?dpr=1.0", "a/p.jpg?crop=middle", "a/p.jpg?blur=101", "a/p.jpg?blur=-1", "a/p.jpg?sharpen=200", "a/p.jpg?rotate=45",
		"a/p.jpg?flip=x", "a/p.jpg?p:", "a/p.jpg?p:a&p:b", "a/p.jpg?grayscale=yes", "a/p.jpg?w=%zz", "a/p.jxl", "a/p.JXL", "a/",
		"a//p.jpg", "a/%70.jpg", "a/../b.jpg", "a/.p.jpg", "a/p.jpg?sig=x", "a/p.jpg?exp=1", "a/p.jpg?sig=x&exp=01",
		"a/p.jpg?sig=x&exp=1&exp=1", "a/p.jpg?sig=&exp=1", "a/p.jpg?p:" + strings.Repeat("x", 51), "a/p.jpg?p:a%0Ab"} {
		if _, err := Parse(SrcPrefix + target); err == nil {
			t.Errorf("%s: accepted", target)
		}
	}
	if _, err := Parse("/i/x"); err != error(errRoute) {
		t.Errorf("/i/x: %v", err)
	}
	if _, err := Parse("/i/a/p.jxl"); err != error(ErrJXL) {
		t.Errorf("JXL: %v", err)
	}
}

// What can only be read is delivered by its very path, never as a wish.
func TestSrcReadOnlyFormats(t *testing.T) {
	scan := transform.Source{Format: transform.TIFF, Width: 100, Height: 50, Frames: 1}
	for _, target := range []string{"/i/a/p.tiff", "/i/a/p.heic?w=10", "/i/a/p.bmp"} {
		req, err := Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := req.Settle(true, nil, scan, all); err == nil {
			t.Errorf("%s by its stem: accepted", target)
		}
		if _, err := req.Settle(false, nil, scan, all); err != nil {
			t.Errorf("%s: %v", target, err)
		}
	}
}

// A signature holds for every transform of its path, and for nothing else.
func TestSrcSigned(t *testing.T) {
	ring := keys(t)
	target := SignSrc(ring, "anna", "private/a.jpg", "w=100", time.Unix(1_900_000_000, 0))
	if !strings.HasPrefix(target, "/i/anna/private/a.jpg?w=100&sig=k1.") || !strings.HasSuffix(target, "&exp=1900000000") {
		t.Errorf("got %s", target)
	}
	holds := func(target string) bool {
		req, err := Parse(target)
		return err == nil && req.Signature.Given && ring.Verify(req.Signature.Fields, req.Signature.Text)
	}
	for _, good := range []string{target, strings.Replace(target, "w=100&", "", 1), target + "&h=20",
		strings.Replace(target, "w=100", "w=4000", 1)} {
		if !holds(good) {
			t.Errorf("%s: does not hold", good)
		}
	}
	for _, bad := range []string{strings.Replace(target, "a.jpg", "b.jpg", 1), strings.Replace(target, "a.jpg", "a.webp", 1),
		strings.Replace(target, "anna", "bob", 1), strings.Replace(target, "=1900000000", "=1900000001", 1),
		strings.Replace(target, "sig=k1", "sig=K1", 1), "/v1/image/" + strings.TrimPrefix(target, "/i/")} {
		if holds(bad) {
			t.Errorf("%s: holds", bad)
		}
	}
}

// A thousand spellings of one wish are one Spec, and so one cache entry.
func TestSrcPermutations(t *testing.T) {
	dice := rand.New(rand.NewPCG(1, 2))
	required := []string{"w=320", "h=240", "blur=8"}
	idle := []string{"fit=cover", "q=80", "dpr=1", "crop=center", "rotate=0", "aspect=original", "sharpen=0", "grayscale=false", "v=7",
		"utm_source=mail", "p:plain"}
	want := canon(t, "bl_2,c_fill,f_webp,h_240,q_80,w_320", small)
	profile := &wire.Profile{Presets: map[string]string{"plain": ""}}
	for range 1000 {
		params := slices.Clone(required)
		for _, p := range idle {
			if dice.IntN(2) == 0 {
				params = append(params, p)
			}
		}
		dice.Shuffle(len(params), func(i, j int) { params[i], params[j] = params[j], params[i] })
		for i, p := range params {
			if name, value, ok := strings.Cut(p, "="); ok && dice.IntN(4) == 0 {
				params[i] = url.QueryEscape(name) + "=" + "%" + hex(value[0]) + value[1:]
			}
		}
		path := []string{"anna/a.webp", "anna/b/c.webp", "anna/x.y.webp"}[dice.IntN(3)]
		if got := settled(t, path+"?"+strings.Join(params, "&"), profile, small, all); got != want {
			t.Fatalf("%v: got %s, want %s", params, got, want)
		}
	}
}

func hex(c byte) string { return string([]byte{"0123456789ABCDEF"[c>>4], "0123456789ABCDEF"[c&15]}) }

func TestNamedTransforms(t *testing.T) {
	profile := &wire.Profile{Presets: map[string]string{"hero": "c_fill,h_300,w_400", "huge": "w_9000"}}
	for target, want := range map[string]string{
		"/v1/image/t_hero/x":              "w_400,h_300,c_fill,f_jpg",
		"/v1/image/w_100,t_hero,f_webp/x": "w_100,h_300,c_fill,f_webp",
		"/v1/image/t_hero,c_inside/a/b":   "w_400,h_300,c_inside,f_jpg",
	} {
		req, err := Parse(target)
		if err != nil || !req.NeedsProfile() {
			t.Fatalf("%s: %v", target, err)
		}
		spec, err := req.Settle(false, profile, small, all)
		if err != nil || spec.String() != canon(t, want, small) {
			t.Errorf("%s: got %s, %v", target, spec, err)
		}
	}
	for _, target := range []string{"/v1/image/t_nobody/x", "/v1/image/t_huge/x"} {
		req, err := Parse(target)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := req.Settle(false, profile, small, all); err == nil {
			t.Errorf("%s: accepted", target)
		}
		if _, err := req.Settle(false, nil, small, all); err == nil {
			t.Errorf("%s: accepted without a profile", target)
		}
	}
	for _, target := range []string{"/v1/image/t_a,t_b/x", "/v1/image/t_/x", "/v1/image/t_a,w_0/x", "/v1/image/t_a,zz_1/x"} {
		if _, err := Parse(target); err == nil {
			t.Errorf("%s: accepted", target)
		}
	}
}

func TestSrcTransform(t *testing.T) {
	for _, c := range []struct {
		params map[string]string
		want   string
	}{
		{map[string]string{"w": "200", "h": "200", "fit": "cover"}, "c_fill,h_200,w_200"},
		{map[string]string{"w": "10000", "aspect": "16:9", "grayscale": "true", "flip": "both"}, "ar_16:9,fl_hv,gr_1,w_10000"},
		{map[string]string{"dpr": "1", "rotate": "auto"}, ""},
		{nil, ""},
	} {
		if got, err := SrcTransform(c.params); err != nil || got != c.want {
			t.Errorf("%v: got %q, %v", c.params, got, err)
		}
	}
	for _, bad := range []map[string]string{{"p:x": ""}, {"width": "3"}, {"w": "x"}, {"v": "1"}, {"sig": "1"}} {
		if got, err := SrcTransform(bad); err == nil {
			t.Errorf("%v: got %q", bad, got)
		}
	}
	for fit := range srcFits {
		crop, _ := SrcFit(fit)
		if SrcFitOf(crop) != fit {
			t.Errorf("%s is %s is %s", fit, crop, SrcFitOf(crop))
		}
	}
}

// Whatever is asked for, the answer is within the limits or an error that the client may read.
func FuzzSrc(f *testing.F) {
	for _, seed := range []string{"w=400&h=300", "p:a&dpr=3&w=10000", "aspect=21:9&rotate=90&fit=fill", "blur=100&sharpen=100"} {
		f.Add(seed, 4000, 3000)
	}
	profile := &wire.Profile{MaxWidth: 500, Presets: map[string]string{"a": "w_10000,h_1,dpr_2,ar_1:1"}}
	f.Fuzz(func(t *testing.T, query string, width, height int) {
		if width < 1 || height < 1 || width > 30000 || height > 30000 {
			return
		}
		req, err := Parse("/i/a/b.avif?" + query)
		if err != nil {
			return
		}
		src := transform.Source{Format: transform.JPEG, Width: width, Height: height, Frames: 1}
		spec, err := req.Settle(true, profile, src, all)
		if err != nil {
			return
		}
		layout, err := spec.Layout(src)
		if err != nil || layout.Out.Width*layout.Out.Height > maxAVIFPixels {
			t.Fatalf("%q of %d×%d: %+v, %v", query, width, height, layout.Out, err)
		}
	})
}
