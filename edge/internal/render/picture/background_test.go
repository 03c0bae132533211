package picture

import (
	"testing"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/shared/transform"
)

var (
	white       = []byte{255, 255, 255, 255}
	orange      = []byte{255, 136, 0, 255}
	transparent = []byte{0, 0, 0, 0}
)

func TestContainPads(t *testing.T) {
	img := quartered(t, 80, 40, 3)
	buf, src := encoded(t, img, transform.PNG)
	for text, want := range map[string][]byte{
		"w_60,h_60,c_contain,f_png":            transparent,
		"w_60,h_60,c_contain,f_webp":           transparent,
		"w_60,h_60,c_contain,f_gif":            transparent,
		"w_60,h_60,c_contain,f_avif":           transparent,
		"w_60,h_60,c_contain,f_jpg":            white,
		"w_60,h_60,c_contain,f_jpg,bg_ff8800":  orange,
		"w_60,h_60,c_contain,f_png,bg_ff8800":  orange,
		"w_60,h_60,c_contain,f_avif,bg_ff8800": orange,
	} {
		t.Run(text, func(t *testing.T) {
			out := rendered(t, buf, src, text)
			wantSize(t, out, transform.Size{Width: 60, Height: 60})
			for _, y := range []int{2, 57} {
				if want[3] == 0 {
					wantTransparent(t, out, 30, y)
				} else {
					wantColour(t, out, 30, y, want, 8)
				}
			}
			wantColour(t, out, 10, 20, quarters[0], 20)
			wantColour(t, out, 50, 40, quarters[3], 20)
		})
	}
}

func wantTransparent(t testing.TB, img *vips.Image, x, y int) {
	t.Helper()
	p := must(img.Getpoint(x, y, nil))(t)
	if n := len(p); n != 2 && n != 4 || p[n-1] > 8 {
		t.Fatalf("pixel (%d,%d) is %v, want it transparent", x, y, p)
	}
}

func TestGreyPictureOnColouredBackground(t *testing.T) {
	buf, src := encoded(t, quartered(t, 80, 40, 1), transform.PNG)
	out := rendered(t, buf, src, "w_60,h_60,c_contain,f_png,bg_ff8800")
	wantColour(t, out, 30, 2, orange, 0)
	gray := rendered(t, buf, src, "w_60,h_60,c_contain,f_png,bg_ff8800,gr_1")
	if gray.Bands() != 1 {
		t.Fatalf("%d bands, want a grey picture, its background too", gray.Bands())
	}
}

// halfClear is green, its left half invisible with loud colours beneath.
func halfClear(t testing.TB) ([]byte, transform.Source) {
	var pixels []byte
	for range 60 {
		for x := range 60 {
			if x < 30 {
				pixels = append(pixels, 255, 0, 255, 0)
			} else {
				pixels = append(pixels, 0, 200, 0, 255)
			}
		}
	}
	return encoded(t, fromPixels(t, pixels, 60, 60, 4), transform.PNG)
}

func TestAlphaStaysOrIsFlattened(t *testing.T) {
	buf, src := halfClear(t)
	for _, format := range []string{"png", "webp", "avif", "gif"} {
		out := rendered(t, buf, src, "w_30,f_"+format)
		wantTransparent(t, out, 3, 15)
		wantColour(t, out, 26, 15, []byte{0, 200, 0, 255}, 12)
	}
	wantColour(t, rendered(t, buf, src, "w_30,f_jpg"), 3, 15, white, 8)
	wantColour(t, rendered(t, buf, src, "w_30,f_jpg,bg_ff8800"), 3, 15, orange, 8)
}

// What is invisible must not shine through where pixels are mixed.
func TestInvisibleColoursDoNotBleed(t *testing.T) {
	buf, src := halfClear(t)
	for _, text := range []string{"w_17,f_png", "bl_5,f_png", "w_40,bl_3,r_10,f_png"} {
		out := rendered(t, buf, src, text)
		for x := range out.Width() {
			p := must(out.Getpoint(x, out.Height()/2, nil))(t)
			if p[3] > 40 && (p[0] > 12 || p[2] > 12) {
				t.Fatalf("%s: pixel %d is %v", text, x, p)
			}
		}
	}
}

func TestFreeRotationFillsTheCorners(t *testing.T) {
	buf, src := encoded(t, quartered(t, 90, 60, 3), transform.PNG)
	layout := must(must(transform.Parse("r_30,f_png"))(t).Layout(src))(t)
	for text, want := range map[string][]byte{
		"r_30,f_png": nil, "r_30,f_webp": nil, "r_30,f_jpg": white, "r_30,f_jpg,bg_ff8800": orange, "r_30,f_png,bg_ff8800": orange,
	} {
		out := rendered(t, buf, src, text)
		wantSize(t, out, layout.Out)
		w, h := out.Width(), out.Height()
		for _, corner := range [][2]int{{1, 1}, {w - 2, 1}, {1, h - 2}, {w - 2, h - 2}} {
			if want == nil {
				wantTransparent(t, out, corner[0], corner[1])
			} else {
				wantColour(t, out, corner[0], corner[1], want, 8)
			}
		}
		wantColour(t, out, w/2-10, h/2-15, quarters[0], 12) // clockwise: red moves up
		wantColour(t, out, w/2+10, h/2+15, quarters[3], 12)
	}
}

func TestBlurSoftensEdges(t *testing.T) {
	buf, src := encoded(t, quartered(t, 80, 80, 3), transform.PNG)
	step := func(img *vips.Image) float64 {
		left, right := must(img.Getpoint(39, 20, nil))(t), must(img.Getpoint(40, 20, nil))(t)
		return left[0] - right[0]
	}
	sharp, soft := step(rendered(t, buf, src, "f_png")), step(rendered(t, buf, src, "bl_4,f_png"))
	if sharp < 150 || soft > 40 {
		t.Fatalf("the edge is %v sharp and %v blurred", sharp, soft)
	}
	padded := rendered(t, buf, src, "bl_4,w_80,h_100,c_contain,bg_000000,f_png")
	wantColour(t, padded, 20, 8, []byte{0, 0, 0}, 0)
	wantColour(t, padded, 20, 12, quarters[0], 3)
}

// A lone bright patch far from the centre is what draws attention; fill keeps the centre.
func TestThumbFollowsAttention(t *testing.T) {
	pixels := make([]byte, 200*50*3)
	for i := range pixels {
		pixels[i] = 90
	}
	for y := 10; y < 40; y++ {
		for x := 160; x < 190; x++ {
			copy(pixels[3*(y*200+x):], []byte{250, 60 + byte(x*y%90), 20})
		}
	}
	buf, src := encoded(t, fromPixels(t, pixels, 200, 50, 3), transform.PNG)
	thumb, fill := rendered(t, buf, src, "w_50,h_50,c_thumb,f_png"), rendered(t, buf, src, "w_50,h_50,c_fill,f_png")
	if d := must(thumb.Deviate())(t); d < 20 {
		t.Errorf("thumb shows the plain part, deviation %v", d)
	}
	if d := must(fill.Deviate())(t); d > 1 {
		t.Errorf("fill does not show the centre, deviation %v", d)
	}
}
