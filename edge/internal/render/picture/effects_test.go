package picture

import (
	"testing"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/transform"
)

func TestAdjustments(t *testing.T) {
	buf, src := encoded(t, quartered(t, 80, 40, 3), transform.PNG)
	for text, want := range map[string][]byte{ // of the red quarter, 200 40 40
		"br_-100":              {0, 0, 0},
		"br_-50":               {100, 20, 20},
		"br_100":               {255, 80, 80},
		"co_-100":              {128, 128, 128},
		"co_100":               {255, 0, 0},
		"co_-50":               {164, 84, 84},
		"sa_-100":              {74, 74, 74},
		"sa_50":                {255, 23, 23},
		"br_-50,co_100,sa_-10": {67, 3, 3},
	} {
		wantColour(t, rendered(t, buf, src, text+",f_png"), 10, 10, want, 5)
	}
}

func TestAdjustmentsLeaveAlphaAndGreyAlone(t *testing.T) {
	buf, src := halfClear(t)
	out := rendered(t, buf, src, "br_50,co_20,sa_30,px_2,f_png")
	wantTransparent(t, out, 3, 15)
	buf, src = encoded(t, quartered(t, 80, 48, 1), transform.PNG)
	out = rendered(t, buf, src, "br_-50,sa_100,f_png")
	if out.Bands() != 1 {
		t.Fatalf("%d bands, want a grey picture", out.Bands())
	}
	wantColour(t, out, 10, 10, []byte{100}, 1)
}

func TestPixelateMakesBlocks(t *testing.T) {
	pixels := make([]byte, 0, 50*50*3)
	for y := range 50 {
		for x := range 50 {
			pixels = append(pixels, byte(5*x), byte(5*y), 0)
		}
	}
	buf, src := encoded(t, fromPixels(t, pixels, 50, 50, 3), transform.PNG)
	out := rendered(t, buf, src, "px_20,f_png")
	for _, c := range []struct {
		x, y int
		want []byte
	}{{0, 0, []byte{48, 48, 0}}, {19, 19, []byte{48, 48, 0}}, {20, 0, []byte{148, 48, 0}}, {49, 49, []byte{223, 223, 0}}} {
		wantColour(t, out, c.x, c.y, c.want, 1)
	}
	clear, clearSrc := halfClear(t) // one block of both halves: half transparent, and green, whatever lies beneath
	wantColour(t, rendered(t, clear, clearSrc, "px_60,f_png"), 5, 5, []byte{0, 200, 0, 128}, 1)
}

func TestRoundedCorners(t *testing.T) {
	buf, src := encoded(t, quartered(t, 80, 40, 3), transform.PNG)
	for text, corner := range map[string][]byte{
		"rd_10,f_png": nil, "rd_max,f_webp": nil, "rd_10,f_jpg,q_100": white, "rd_10,f_png,bg_ff8800": orange,
		"rd_10,f_jpg,q_100,bg_ff8800": orange, "rd_max,f_avif": nil, "rd_4000,pad_5,f_png": nil,
	} {
		out := rendered(t, buf, src, text)
		w, h := out.Width(), out.Height()
		for _, at := range [][2]int{{0, 0}, {w - 1, 0}, {0, h - 1}, {w - 1, h - 1}} {
			if corner == nil {
				wantTransparent(t, out, at[0], at[1])
			} else {
				wantColour(t, out, at[0], at[1], corner, 8)
			}
		}
		wantColour(t, out, w/2-10, 10, quarters[0], 12)
	}
	out := rendered(t, buf, src, "rd_10,f_png")
	for i, want := range map[int]float64{2: 0, 4: 255} { // the edge runs through (2.93, 2.93)
		if p := must(out.Getpoint(i, i, nil))(t); p[3] < want-40 || p[3] > want+40 {
			t.Errorf("pixel %d of the diagonal is %v, want an alpha of %v", i, p, want)
		}
	}
}

func TestPaddingSurrounds(t *testing.T) {
	buf, src := encoded(t, quartered(t, 80, 40, 3), transform.PNG)
	out := rendered(t, buf, src, "pad_10,bg_ff8800,f_png")
	wantSize(t, out, transform.Size{Width: 100, Height: 60})
	for _, at := range [][2]int{{9, 30}, {50, 9}, {90, 30}, {50, 50}} {
		wantColour(t, out, at[0], at[1], orange, 0)
	}
	wantColour(t, out, 10, 10, quarters[0], 0)
	wantColour(t, out, 89, 49, quarters[3], 0)
}

// bordered is a red box at (30,10), 20 wide and 15 high, on another colour.
func bordered(t testing.TB, border []byte) *vips.Image {
	var pixels []byte
	for y := range 60 {
		for x := range 90 {
			if x >= 30 && x < 50 && y >= 10 && y < 25 {
				pixels = append(pixels, append(quarters[0][:3:3], 255)[:len(border)]...)
			} else {
				pixels = append(pixels, border...)
			}
		}
	}
	return fromPixels(t, pixels, 90, 60, len(border))
}

func TestTrimTakesTheBorderOff(t *testing.T) {
	for _, c := range []struct {
		name   string
		border []byte
		format transform.Format
	}{
		{"white", []byte{255, 255, 255}, transform.PNG}, {"a colour", []byte{20, 60, 90}, transform.WebP},
		{"transparent", []byte{0, 0, 0, 0}, transform.PNG}, {"opaque", []byte{0, 0, 0, 255}, transform.PNG},
		{"lossy", []byte{255, 255, 255}, transform.JPEG},
	} {
		buf, src := encoded(t, bordered(t, c.border), c.format)
		for _, o := range []int{1, 6} {
			src.Orientation = o
			out := rendered(t, buf, src, "tr_20,f_png")
			want := swapped(transform.Size{Width: 20, Height: 15}, orientations[o].turns)
			wantSize(t, out, want)
			wantColour(t, out, 7, 7, quarters[0], 20)
			wantSize(t, rendered(t, buf, src, "tr_20,ar_1:1,pad_2,f_png"), transform.Size{Width: 19, Height: 19})
		}
	}
}

func TestTrimKeepsAPlainPicture(t *testing.T) {
	buf, src := encoded(t, fromPixels(t, make([]byte, 300), 10, 10, 3), transform.PNG)
	wantSize(t, rendered(t, buf, src, "tr_10,f_png"), transform.Size{Width: 10, Height: 10})
}

// What is left may have a shape of which the sizes cannot be met.
func TestTrimMayLeaveTooLittle(t *testing.T) {
	pixels := make([]byte, 90*60)
	for x := range 90 {
		pixels[30*90+x], pixels[31*90+x], pixels[29*90+x] = 255, 255, 255
	}
	buf, src := encoded(t, fromPixels(t, pixels, 90, 60, 1), transform.PNG)
	spec := must(transform.Parse("tr_10,h_2000,c_fill,f_png"))(t).Settle(src, transform.Accept{})
	if _, err := renderFile(buf, src, spec); edge.KindOf(err) != edge.Invalid {
		t.Fatalf("error %v, want Invalid", err)
	}
}

func TestOneFrame(t *testing.T) {
	for _, from := range []transform.Format{transform.GIF, transform.WebP} {
		buf, src := animated(t, from, 60, 40)
		for page := 1; page <= 3; page++ {
			for _, to := range []string{"gif", "webp", "png"} {
				text := map[int]string{1: "an_0", 2: "pg_2,w_30", 3: "an_0,pg_3"}[page] + ",f_" + to
				out := rendered(t, buf, src, text)
				if out.Pages() != 1 {
					t.Errorf("%s of %v: %d frames", text, from, out.Pages())
				}
				wantColour(t, out, 15, 10, quarters[page-1], 14)
			}
		}
	}
}

// Stripes of one pixel, black and white: half the light is a value of 188, half the numbers are one of 128.
func TestLinearLight(t *testing.T) {
	pixels := make([]byte, 200*200)
	for i := range pixels {
		pixels[i] = byte(255 * (i % 2))
	}
	for _, format := range []transform.Format{transform.PNG, transform.JPEG, transform.WebP} {
		buf, src := encoded(t, fromPixels(t, pixels, 200, 200, 1), format)
		wantColour(t, rendered(t, buf, src, "w_25,f_png"), 12, 12, []byte{128}, 6)
		wantColour(t, rendered(t, buf, src, "w_25,lin_1,f_png"), 12, 12, []byte{188}, 6)
	}
}
