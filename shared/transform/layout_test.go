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
		"w_4000,h_4000,c_fill,r_45"} {
		if l, err := settled(t, text, portrait).Layout(portrait); err == nil {
			t.Errorf("%s: got %+v, want an error", text, l)
		}
	}
}

// Whatever is asked of whatever source: within the limits or refused, and each crop keeps its promise.
func TestLayoutKeepsItsPromises(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	side := func(most int) int { return 1 + rnd.IntN(1+rnd.IntN(most)) }
	for range 100_000 {
		src := Source{Format: JPEG, Width: side(65535), Height: side(65535), Orientation: rnd.IntN(9), Frames: 1}
		spec := Spec{Format: JPEG, Angle: []int{0, 0, 9000, 18000, 27000, rnd.IntN(36000)}[rnd.IntN(6)]}
		if rnd.IntN(4) > 0 {
			spec.Width = side(MaxSide)
		}
		if rnd.IntN(4) > 0 {
			spec.Height = side(MaxSide)
		}
		if spec.Width+spec.Height > 0 {
			spec.Crop = CropFit + Crop(rnd.IntN(int(CropOutside)))
		}
		l, err := spec.Layout(src)
		if err != nil {
			if spec.Crop == CropNone || (spec.Crop == CropFit || spec.Crop == CropInside) && l.Angle == 0 && spec.Angle%9000 == 0 {
				t.Fatalf("%v of %+v refused: %v", spec, src, err)
			}
			continue
		}
		if l.Out.exceeds() || l.Out.Width < 1 || l.Out.Height < 1 {
			t.Fatalf("%v of %+v: %+v is beyond the limits", spec, src, l)
		}
		if l.Cropped.Width > l.Scaled.Width || l.Cropped.Height > l.Scaled.Height ||
			l.Canvas.Width < l.Cropped.Width || l.Canvas.Height < l.Cropped.Height {
			t.Fatalf("%v of %+v: steps of %+v do not fit together", spec, src, l)
		}
		box := Size{spec.Width, spec.Height}
		switch spec.Crop {
		case CropFill, CropThumb, CropContain:
			if box.Width > 0 && l.Canvas.Width != box.Width || box.Height > 0 && l.Canvas.Height != box.Height {
				t.Fatalf("%v of %+v: %+v is not exactly the box", spec, src, l)
			}
		case CropFit, CropInside:
			if box.Width > 0 && l.Canvas.Width > box.Width || box.Height > 0 && l.Canvas.Height > box.Height {
				t.Fatalf("%v of %+v: %+v is not inside the box", spec, src, l)
			}
		case CropOutside:
			if l.Canvas.Width < box.Width || l.Canvas.Height < box.Height {
				t.Fatalf("%v of %+v: %+v does not cover the box", spec, src, l)
			}
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
		{"r_0", "", still, "f_jpg"},
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
