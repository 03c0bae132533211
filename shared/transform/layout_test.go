package transform

import (
	"math/rand/v2"
	"testing"
)

func settled(t *testing.T, text string, src Source) Spec {
	t.Helper()
	spec, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return spec.Settle(src, Accept{})
}

func TestLayout(t *testing.T) {
	landscape := Source{Format: JPEG, Width: 4000, Height: 3000, Frames: 1}
	turned := Source{Format: JPEG, Width: 4000, Height: 3000, Frames: 1, Orientation: 6}
	small := Source{Format: JPEG, Width: 100, Height: 50, Frames: 1}
	huge := Source{Format: JPEG, Width: 10000, Height: 10000, Frames: 1}
	sliver := Source{Format: PNG, Width: 60000, Height: 10, Frames: 1}
	for _, c := range []struct {
		name        string
		src         Source
		text        string
		scaled, out Size
	}{
		{"fit by width", landscape, "w_400", Size{400, 300}, Size{400, 300}},
		{"fit by height", landscape, "h_300", Size{400, 300}, Size{400, 300}},
		{"fit in a box", landscape, "w_400,h_400", Size{400, 300}, Size{400, 300}},
		{"fit upright", turned, "w_300", Size{300, 400}, Size{300, 400}},
		{"fit after a quarter turn", landscape, "w_300,r_90", Size{300, 400}, Size{300, 400}},
		{"fit never enlarges", small, "w_400", Size{100, 50}, Size{100, 50}},
		{"inside enlarges", small, "w_400,h_400,c_inside", Size{400, 200}, Size{400, 200}},
		{"inside with a free side stays in the limits", Source{Width: 10, Height: 100, Frames: 1}, "w_4000,c_inside",
			Size{400, 4000}, Size{400, 4000}},
		{"fill", landscape, "w_400,h_400,c_fill", Size{533, 400}, Size{400, 400}},
		{"fill enlarges", small, "w_200,h_200,c_fill", Size{400, 200}, Size{200, 200}},
		{"fill with one side", landscape, "w_400,c_fill", Size{400, 300}, Size{400, 300}},
		{"thumb", landscape, "w_100,h_200,c_thumb", Size{267, 200}, Size{100, 200}},
		{"contain", landscape, "w_400,h_400,c_contain", Size{400, 300}, Size{400, 400}},
		{"contain enlarges", small, "w_400,h_400,c_contain", Size{400, 200}, Size{400, 400}},
		{"outside", landscape, "w_400,h_400,c_outside", Size{533, 400}, Size{533, 400}},
		{"no size", landscape, "q_50", Size{4000, 3000}, Size{4000, 3000}},
		{"no size, beyond the limits", huge, "f_webp", Size{4000, 4000}, Size{4000, 4000}},
		{"half turn", landscape, "w_400,r_180", Size{400, 300}, Size{400, 300}},
		{"free rotation", landscape, "w_400,r_45", Size{400, 300}, Size{495, 495}},
		{"sliver", sliver, "w_4000,h_4000,c_fill", Size{4000, 4000}, Size{4000, 4000}},
		{"scale", landscape, "w_300,h_400,c_scale", Size{300, 400}, Size{300, 400}},
		{"scale enlarges", small, "w_300,c_scale", Size{300, 150}, Size{300, 150}},
		{"an area", landscape, "c_crop,w_400,h_300,x_100,y_50", Size{400, 300}, Size{400, 300}},
		{"an area at the end", landscape, "c_crop,w_400,h_300,x_3900,y_2990", Size{100, 10}, Size{100, 10}},
		{"an area without a size", small, "c_crop,x_30", Size{70, 50}, Size{70, 50}},
		{"an area beyond the limits", huge, "c_crop,x_2000,y_5000", Size{4000, 2500}, Size{4000, 2500}},
		{"an area that pixels choose", landscape, "c_crop,w_400,h_300,g_auto", Size{4000, 3000}, Size{400, 300}},
		{"an area of a ratio", landscape, "c_crop,ar_1:1,x_100,y_50", Size{2950, 2950}, Size{2950, 2950}},
		{"a ratio and a width", landscape, "w_400,ar_1:1,c_fill", Size{533, 400}, Size{400, 400}},
		{"a ratio and a height", landscape, "h_400,ar_2:1,c_scale", Size{800, 400}, Size{800, 400}},
		{"a ratio", landscape, "ar_1:1", Size{4000, 3000}, Size{3000, 3000}},
		{"a ratio of an upright picture", turned, "ar_1:2", Size{3000, 4000}, Size{2000, 4000}},
		{"a ratio beyond the limits", huge, "ar_2:1", Size{4000, 4000}, Size{4000, 2000}},
		{"a padded ratio", small, "ar_1:1,c_contain", Size{100, 50}, Size{100, 100}},
		{"a padded ratio beyond the limits", huge, "ar_2:1,c_contain", Size{2000, 2000}, Size{4000, 2000}},
		{"a turned ratio", landscape, "ar_1:1,r_45", Size{3771, 2828}, Size{3999, 3999}},
		{"padding", landscape, "w_400,pad_10", Size{400, 300}, Size{420, 320}},
		{"padding of what is padded", landscape, "w_400,h_400,c_contain,pad_10", Size{400, 300}, Size{420, 420}},
		{"padding in the limits", huge, "pad_500", Size{3000, 3000}, Size{4000, 4000}},
		{"padding of a ratio in the limits", huge, "pad_500,ar_2:1", Size{3000, 3000}, Size{4000, 2500}},
		{"padding and rotation in the limits", huge, "pad_1000,r_45", Size{828, 828}, Size{3999, 3999}},
		{"an inspection", landscape, "f_json", Size{100, 75}, Size{100, 75}},
		{"a hash of an area", landscape, "f_blurhash,c_crop,w_1000,h_500,x_0", Size{100, 50}, Size{100, 50}},
		{"sliver fits", sliver, "w_100", Size{100, 1}, Size{100, 1}},
	} {
		l, err := settled(t, c.text, c.src).Layout(c.src)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		if l.Scaled != c.scaled || l.Out != c.out {
			t.Errorf("%s: got %+v, want scaled %v out %v", c.name, l, c.scaled, c.out)
		}
	}
}

func TestLayoutRefuses(t *testing.T) {
	portrait := Source{Format: JPEG, Width: 1000, Height: 3000, Frames: 1}
	for _, text := range []string{"w_2000,c_fill", "w_2000,c_thumb", "w_2000,c_contain", "w_2000,h_100,c_outside",
		"w_2000,c_scale", "h_3500,c_scale,pad_300", "pg_2", "c_crop,w_10,h_10,x_1000", "c_crop,y_3000",
		"w_4000,h_4000,c_fill,r_45"} {
		if l, err := settled(t, text, portrait).Layout(portrait); err == nil {
			t.Errorf("%s: got %+v, want an error", text, l)
		}
	}
}

// The frames of an animation share one budget: what was asked for and exceeds it is refused, what was not is scaled down.
func TestLayoutBoundsAnimations(t *testing.T) {
	long := Source{Format: GIF, Width: 300, Height: 300, Frames: 400}
	for _, text := range []string{"w_4000,c_inside", "w_4000,h_1000,c_fill,f_webp", "w_2000,h_2000,c_scale", "w_300,pad_400", "pad_1000"} {
		if l, err := settled(t, text, long).Layout(long); err == nil {
			t.Errorf("%s: got %+v, want an error", text, l)
		}
	}
	for _, text := range []string{"w_1000,c_inside", "w_4000,c_inside,an_0", "w_4000,c_inside,pg_7", "w_4000,c_inside,f_avif"} {
		if _, err := settled(t, text, long).Layout(long); err != nil {
			t.Errorf("%s: %v", text, err)
		}
	}
	for _, text := range []string{"pad_400", "ar_1:9,c_contain", "ar_1:9,c_contain,r_30"} {
		l, err := settled(t, text, long).Layout(long)
		if err != nil || long.Frames*l.Out.Width*l.Out.Height > MaxAnimation {
			t.Errorf("%s: got %v, %v, want it scaled down", text, l.Out, err)
		}
	}
}

// Gravity decides where the box lies, in the picture as it is seen.
func TestLayoutPlaces(t *testing.T) {
	src := Source{Format: JPEG, Width: 1000, Height: 400, Frames: 1}
	tall := Source{Format: JPEG, Width: 100, Height: 500, Frames: 1}
	sliver := Source{Format: PNG, Width: 60000, Height: 10, Frames: 1}
	for _, c := range []struct {
		src  Source
		text string
		cut  Rect
		crop Point
	}{
		{src, "w_200,h_200,c_fill", Rect{Size: Size{1000, 400}}, Point{150, 0}},
		{src, "w_200,h_200,c_fill,g_west", Rect{Size: Size{1000, 400}}, Point{0, 0}},
		{src, "w_200,h_200,c_fill,g_northeast", Rect{Size: Size{1000, 400}}, Point{300, 0}},
		{src, "w_200,h_200,c_fill,g_xy_0.3_0.5", Rect{Size: Size{1000, 400}}, Point{50, 0}},
		{src, "w_200,h_200,c_fill,g_xy_0.999_0.5", Rect{Size: Size{1000, 400}}, Point{300, 0}},
		{tall, "w_100,h_100,c_fill,g_south", Rect{Size: Size{100, 500}}, Point{0, 400}},
		{tall, "w_100,h_100,c_fill,g_xy_0.1_0.2", Rect{Size: Size{100, 500}}, Point{0, 50}},
		{src, "ar_1:1,g_east", Rect{Size: Size{1000, 400}}, Point{600, 0}},
		{src, "c_crop,w_100,h_50,x_7,y_9", Rect{Point{7, 9}, Size{100, 50}}, Point{}},
		{src, "c_crop,w_100,h_50", Rect{Point{450, 175}, Size{100, 50}}, Point{}},
		{src, "c_crop,w_100,h_50,g_southwest", Rect{Point{0, 350}, Size{100, 50}}, Point{}},
		{src, "c_crop,w_100,h_50,x_10,dpr_2", Rect{Point{20, 0}, Size{200, 100}}, Point{}},
		{sliver, "w_4000,h_4000,c_fill,g_east", Rect{Point{59990, 0}, Size{10, 10}}, Point{}},
	} {
		l, err := settled(t, c.text, c.src).Layout(c.src)
		if err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if l.Cut != c.cut || l.Cropped.Point != c.crop {
			t.Errorf("%s: cut %v, crop at %v, want %v and %v", c.text, l.Cut, l.Cropped.Point, c.cut, c.crop)
		}
	}
}

func TestOverlayLayout(t *testing.T) {
	logo := Source{Format: PNG, Width: 100, Height: 40, Frames: 1, Alpha: true}
	turned := Source{Format: JPEG, Width: 40, Height: 100, Frames: 1, Orientation: 6}
	large := Source{Format: PNG, Width: 4000, Height: 1000, Frames: 1}
	canvas := Size{400, 300}
	for _, c := range []struct {
		text string
		src  Source
		want Rect
	}{
		{"ov_x", logo, Rect{Point{150, 130}, Size{100, 40}}},
		{"ov_x,ox_10,oy_20", logo, Rect{Point{160, 150}, Size{100, 40}}},
		{"ov_x,og_southeast,ox_10,oy_20", logo, Rect{Point{290, 240}, Size{100, 40}}},
		{"ov_x,og_northwest,ox_10,oy_20,dpr_2", logo, Rect{Point{20, 40}, Size{100, 40}}},
		{"ov_x,og_north,oy_5", turned, Rect{Point{150, 5}, Size{100, 40}}},
		{"ov_x,og_west", large, Rect{Point{0, 100}, Size{400, 100}}},
		{"ov_x,og_south,ox_200,oy_10", large, Rect{Point{200, 240}, Size{200, 50}}},
		{"ov_x,og_northwest,ox_4000,oy_4000", large, Rect{Point{399, 299}, Size{1, 1}}},
	} {
		spec, err := Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := spec.OverlayLayout(canvas, c.src); got != c.want {
			t.Errorf("%s: got %v, want %v", c.text, got, c.want)
		}
	}
	rnd := rand.New(rand.NewPCG(3, 4))
	for range 20_000 {
		spec := Spec{OverlayGravity: Gravity{X: rnd.IntN(3) - 1, Y: rnd.IntN(3) - 1}, OverlayAt: Point{rnd.IntN(4001), rnd.IntN(4001)}}
		canvas := Size{1 + rnd.IntN(4000), 1 + rnd.IntN(4000)}
		src := Source{Width: 1 + rnd.IntN(65535), Height: 1 + rnd.IntN(65535)}
		if got := spec.OverlayLayout(canvas, src); !got.in(canvas) {
			t.Fatalf("%+v on %v: %v", spec, canvas, got)
		}
	}
}

// anySpec makes a Spec as Parse would.
func anySpec(rnd *rand.Rand, side func(int) int) Spec {
	d := draft{dpr: 100}
	d.Format = JPEG
	d.Angle = []int{0, 0, 9000, 18000, 27000, rnd.IntN(36000)}[rnd.IntN(6)]
	d.Crop = Crop(rnd.IntN(len(cropNames)))
	d.Gravity = []Gravity{{}, {X: -1, Y: 1}, {Kind: GravityAttention}, {Kind: GravityFocus, X: rnd.IntN(1001), Y: 7}}[rnd.IntN(4)]
	d.FlipX, d.FlipY = rnd.IntN(2) == 0, rnd.IntN(2) == 0
	if rnd.IntN(4) > 0 {
		d.Width = side(MaxSide)
	}
	if rnd.IntN(4) > 0 {
		d.Height = side(MaxSide)
	}
	if rnd.IntN(4) == 0 {
		d.Corner = Corner{Point{side(70000) - 1, side(70000) - 1}, true}
	}
	if rnd.IntN(4) == 0 {
		d.Pad = side(maxPad)
	}
	if rnd.IntN(4) == 0 && d.Width*d.Height == 0 {
		d.ratio = Ratio{side(maxRatio), 1}
	}
	spec, err := d.finish()
	if err != nil {
		return Spec{Format: JPEG}
	}
	return spec
}

// mayExceed says of which Specs the client must know better: where it named a side, or where something begins.
func mayExceed(s Spec) bool {
	switch s.Crop {
	case CropNone:
		return false
	case CropFit, CropInside:
		return s.Angle%9000 != 0 || s.Pad > 0
	}
	return s.Width+s.Height > 0 || s.Corner.Set
}

// Whatever is asked of whatever source: within the limits or refused, and each crop keeps its promise.
func TestLayoutKeepsItsPromises(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	side := func(most int) int { return 1 + rnd.IntN(1+rnd.IntN(most)) }
	for range 200_000 {
		src := Source{Format: JPEG, Width: side(65535), Height: side(65535), Orientation: rnd.IntN(9), Frames: 1}
		spec := anySpec(rnd, side)
		l, err := spec.Layout(src)
		if err != nil {
			if !mayExceed(spec) {
				t.Fatalf("%v of %+v refused: %v", spec, src, err)
			}
			continue
		}
		if l.Out.exceeds(MaxPixels) || l.Out.Width < 1 || l.Out.Height < 1 {
			t.Fatalf("%v of %+v: %+v is beyond the limits", spec, src, l)
		}
		if !l.Cropped.in(l.Scaled) || !l.Cut.in(l.Whole) || l.Canvas.within(l.Cropped.Size) != l.Cropped.Size {
			t.Fatalf("%v of %+v: steps of %+v do not fit together", spec, src, l)
		}
		checkBox(t, spec, src, l)
		if again := spec.Settle(src, Accept{}); again.Settle(src, Accept{}) != again {
			t.Fatalf("%v of %+v settles twice", spec, src)
		} else if same, err := again.Layout(src); err != nil || same.Out != l.Out {
			t.Fatalf("%v of %+v: %v once settled, not %v (%v)", spec, src, same.Out, l.Out, err)
		}
	}
}

func (r Rect) in(s Size) bool {
	return r.X >= 0 && r.Y >= 0 && r.Width > 0 && r.Height > 0 && r.X+r.Width <= s.Width && r.Y+r.Height <= s.Height
}

func checkBox(t *testing.T, spec Spec, src Source, l Layout) {
	t.Helper()
	box := Size{spec.Width, spec.Height}
	l.Canvas = Size{l.Canvas.Width - 2*spec.Pad, l.Canvas.Height - 2*spec.Pad}
	switch spec.Crop {
	case CropFill, CropContain, CropScale:
		if box.Width > 0 && l.Canvas.Width != box.Width || box.Height > 0 && l.Canvas.Height != box.Height {
			t.Fatalf("%v of %+v: %+v is not exactly the box", spec, src, l)
		}
	case CropFit, CropInside, CropArea:
		if box.Width > 0 && l.Canvas.Width > box.Width || box.Height > 0 && l.Canvas.Height > box.Height {
			t.Fatalf("%v of %+v: %+v is not inside the box", spec, src, l)
		}
	case CropOutside:
		if l.Canvas.Width < box.Width || l.Canvas.Height < box.Height {
			t.Fatalf("%v of %+v: %+v does not cover the box", spec, src, l)
		}
	}
}

func TestSettle(t *testing.T) {
	still := Source{Format: JPEG, Width: 10, Height: 10, Frames: 1}
	clear := Source{Format: PNG, Width: 10, Height: 10, Frames: 1, Alpha: true}
	moving := Source{Format: GIF, Width: 10, Height: 10, Frames: 5}
	for _, c := range []struct {
		text, accept string
		src          Source
		want         string
	}{
		{"w_5", "", still, "f_jpg,w_5"},
		{"w_5,f_auto", "image/avif,image/webp,*/*;q=0.8", still, "f_avif,w_5"},
		{"w_5,f_auto", "image/webp", still, "f_webp,w_5"},
		{"w_5,f_auto", "image/*,*/*", still, "f_jpg,w_5"},
		{"w_5,f_auto", "image/avif;q=0, image/webp;q=0.000", still, "f_jpg,w_5"},
		{"w_5,f_auto", "IMAGE/AVIF ; q=0.5", still, "f_avif,w_5"},
		{"w_5,f_auto", "", clear, "f_png,w_5"},
		{"w_5,f_auto", "image/avif,image/webp", moving, "f_webp,w_5"},
		{"w_5,f_auto", "image/avif", moving, "f_gif,w_5"},
		{"w_5,q_80,f_png", "", still, "f_png,w_5"},
		{"w_5,bg_ff0000", "", still, "f_jpg,w_5"},
		{"w_5,bg_ff0000,f_jpg", "", clear, "bg_ff0000,f_jpg,w_5"},
		{"w_5,bg_ff0000,f_png", "", clear, "f_png,w_5"},
		{"w_5,bg_ff0000,c_contain", "", still, "bg_ff0000,c_contain,f_jpg,w_5"},
		{"r_0", "", still, "f_auto:jpg"},
		{"w_5,h_5,c_fill,g_north", "", still, "c_fill,f_jpg,h_5,w_5"},
		{"w_5,h_4,c_fill,g_north", "", still, "c_fill,f_jpg,g_north,h_4,w_5"},
		{"c_thumb,w_5,h_5", "", still, "c_fill,f_jpg,h_5,w_5"},
		{"ar_1:1,g_auto", "", still, "f_auto:jpg"},
		{"ar_2:1,g_auto", "", still, "ar_2:1,c_fill,f_jpg,g_auto"},
		{"c_crop,w_10,h_50", "", still, "f_auto:jpg"},
		{"c_crop,x_0,y_0", "", still, "f_auto:jpg"},
		{"sh_0", "", still, "f_auto:jpg"},
		{"w_5", "", Source{Format: HEIC, Width: 10, Height: 10, Frames: 1}, "f_jpg,w_5"},
		{"w_5", "", Source{Format: TIFF, Width: 10, Height: 10, Frames: 1, Alpha: true}, "f_png,w_5"},
		{"f_auto", "image/avif", still, "f_auto:avif"},
		{"f_auto,w_50", "image/webp", still, "f_auto:webp"}, // never enlarged, so nothing changes
		{"f_auto,w_9", "image/webp", still, "f_webp,w_9"},
		{"f_auto,gr_1", "image/webp", still, "f_webp,gr_1"},
		{"f_webp", "image/webp", still, "f_webp"}, // asked for
		{"f_auto", "", moving, "f_auto:gif"},
		{"f_auto", "image/webp", Source{Format: AVIF, Width: 10, Height: 10, Frames: 1}, "f_webp"},
		{"q_50", "", Source{Format: AVIF, Width: 10, Height: 10, Frames: 1}, "f_auto:avif,q_50"},
		{"f_auto", "image/avif", Source{Format: JPEG, Width: 10, Height: 10, Frames: 1, Orientation: 6}, "f_avif"},
		{"f_auto", "image/avif", Source{Format: JPEG, Width: 5000, Height: 10, Frames: 1}, "f_avif"},
		{"f_auto", "image/avif", Source{Format: TIFF, Width: 10, Height: 10, Frames: 1}, "f_avif"},
		{"w_20,h_20,c_contain,bg_ff0000", "", Source{Format: JPEG, Width: 20, Height: 20, Frames: 1}, "f_auto:jpg"},
		{"f_json,w_5,h_5,c_fill,r_90,gr_1,bg_ff0000", "", clear, "f_json"},
		{"f_json,pg_3", "", moving, "f_json,pg_3"},
		{"f_blurhash,w_400,q_50,sh_1,pad_4,r_100", "", still, "f_blurhash,r_90"},
		{"f_blurhash,w_400,h_200,c_fill,g_north", "", still, "c_fill,f_blurhash,g_north,h_50,w_100"},
		{"f_thumbhash,ar_2:1,gr_1", "", still, "ar_2:1,c_fill,f_thumbhash,gr_1"},
		{"f_blurhash,bg_ff0000", "", clear, "bg_ff0000,f_blurhash"},
		{"ov_logo,og_east,f_webp", "", still, "f_webp,og_east,ov_logo"},
		{"ov_logo,f_blurhash", "", still, "f_blurhash"},
		{"f_thumbhash,bg_ff0000", "", clear, "f_thumbhash"},
		{"an_0", "", still, "f_auto:jpg"},
		{"an_0", "", moving, "f_gif,pg_1"},
		{"an_0,f_png", "", moving, "f_png"},
		{"pg_2,f_png", "", moving, "f_png,pg_2"},
		{"pg_2,f_auto", "image/avif,image/webp", moving, "f_avif,pg_2"},
		{"lin_1", "", still, "f_auto:jpg"},
		{"w_20,c_fill,lin_1", "", still, "c_fill,f_jpg,w_20"},
		{"w_5,lin_1", "", still, "f_jpg,lin_1,w_5"},
		{"rd_5,f_auto", "", still, "f_png,rd_5"},
		{"rd_5,f_auto,bg_ff0000", "", still, "bg_ff0000,f_jpg,rd_5"},
		{"pad_5,bg_ff0000", "", still, "bg_ff0000,f_jpg,pad_5"},
		{"tr_5,ar_1:1,g_north", "", still, "ar_1:1,c_fill,f_jpg,g_north,tr_5"},
	} {
		spec, err := Parse(c.text)
		if err != nil {
			t.Fatal(err)
		}
		if got := spec.Settle(c.src, ParseAccept(c.accept)).String(); got != c.want {
			t.Errorf("%s with %q: got %s, want %s", c.text, c.accept, got, c.want)
		}
	}
}
