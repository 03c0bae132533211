package picture

import (
	"testing"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/shared/transform"
)

// The camera may be held in any way: areas, gravity, flips and turns go by the picture as it is seen.
func TestCropsGoByWhatIsSeen(t *testing.T) {
	for orientation := 1; orientation <= 8; orientation++ {
		buf, src := tagged(t, orientation) // 80×48
		for text, quarter := range map[string]int{
			"c_crop,w_30,h_20,x_5,y_2":             0,
			"c_crop,w_30,h_20,x_45,y_2":            1,
			"c_crop,w_30,h_20,g_southwest":         2,
			"c_crop,w_500,h_500,x_45,y_27":         3,
			"c_crop,w_30,h_20,g_xy_0.8_0.1":        1,
			"c_crop,w_30,h_20,x_5,y_2,fl_h":        1,
			"c_crop,w_30,h_20,x_5,y_2,fl_v":        2,
			"c_crop,w_30,h_20,x_5,y_2,fl_hv":       3,
			"c_crop,w_20,h_30,x_2,y_5,r_90":        2,
			"c_crop,w_20,h_30,x_2,y_5,r_270":       1,
			"c_crop,w_20,h_30,x_2,y_5,r_90,fl_h":   3, // first flipped, then turned
			"c_crop,w_20,h_30,x_2,y_5,r_90,fl_v":   0,
			"c_crop,w_30,h_20,x_5,y_2,r_180,fl_hv": 0,
		} {
			wantColour(t, rendered(t, buf, src, text+",f_png"), 10, 10, quarters[quarter], 12)
		}
	}
}

func TestGravityChoosesTheSide(t *testing.T) {
	buf, src := encoded(t, quartered(t, 80, 40, 3), transform.PNG)
	for text, quarter := range map[string]int{
		"w_20,h_40,c_fill,g_west":        0,
		"w_20,h_40,c_fill,g_northeast":   1,
		"w_20,h_40,c_fill,g_xy_0.9_0":    1,
		"ar_1:2,g_east":                  1,
		"ar_1:2,g_west,fl_h":             1,
		"w_20,h_40,c_thumb,g_west,fl_hv": 3,
	} {
		wantColour(t, rendered(t, buf, src, text+",f_png"), 2, 2, quarters[quarter], 3)
	}
}

func TestFlips(t *testing.T) {
	buf, src := encoded(t, quartered(t, 80, 40, 3), transform.PNG)
	for text, order := range map[string][4]int{
		"fl_h": {1, 0, 3, 2}, "fl_v": {2, 3, 0, 1}, "fl_hv": {3, 2, 1, 0}, "fl_h,r_90": {3, 1, 2, 0}, "fl_v,r_90": {0, 2, 1, 3},
	} {
		wantQuarters(t, rendered(t, buf, src, text+",f_png"), order, 0)
	}
	// A free rotation comes after the flip too: clockwise, red, which the flip put top right, moves down.
	out := rendered(t, buf, src, "fl_h,r_40,f_png")
	wantColour(t, out, out.Width()/2+10, out.Height()/2, quarters[0], 12)
}

func TestScaleStretches(t *testing.T) {
	buf, src := encoded(t, quartered(t, 80, 40, 3), transform.PNG)
	out := rendered(t, buf, src, "c_scale,w_30,h_90,f_png")
	wantSize(t, out, transform.Size{Width: 30, Height: 90})
	wantQuarters(t, out, [4]int{0, 1, 2, 3}, 3)
}

// Entropy finds the only part with detail in it.
func TestEntropyFollowsDetail(t *testing.T) {
	pixels := make([]byte, 200*50)
	for y := range 50 {
		for x := 150; x < 200; x++ {
			pixels[y*200+x] = byte(x * y * 37)
		}
	}
	buf, src := encoded(t, fromPixels(t, pixels, 200, 50, 1), transform.PNG)
	for _, text := range []string{"w_50,h_50,c_fill,g_entropy,f_png", "c_crop,w_50,h_50,g_entropy,f_png"} {
		if d := must(rendered(t, buf, src, text).Deviate())(t); d < 20 {
			t.Errorf("%s shows the plain part, deviation %v", text, d)
		}
	}
}

func TestSharpenMakesEdgesClearer(t *testing.T) {
	img := quartered(t, 80, 80, 3)
	if err := img.Gaussblur(2, &vips.GaussblurOptions{}); err != nil {
		t.Fatal(err)
	}
	buf, src := encoded(t, img, transform.PNG)
	step := func(img *vips.Image) float64 {
		left, right := must(img.Getpoint(39, 60, nil))(t), must(img.Getpoint(40, 60, nil))(t)
		return right[0] - left[0]
	}
	soft, sharp := step(rendered(t, buf, src, "f_png")), step(rendered(t, buf, src, "sh_2,f_png"))
	if sharp < soft+4 {
		t.Fatalf("the edge is %v as it was and %v sharpened", soft, sharp)
	}
	clear, clearSrc := halfClear(t)
	wantTransparent(t, rendered(t, clear, clearSrc, "sh_2,f_png"), 3, 15)
}
