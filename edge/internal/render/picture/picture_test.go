package picture

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/cshum/vipsgen/vips"
	"pgregory.net/rapid"

	"github.com/pictor/pictor/shared/transform"
)

// What is drawn is the same each time; -rapid.seed=0 draws something else.
func init() { _ = flag.Set("rapid.seed", "1") }

func TestMain(m *testing.M) {
	Start()
	os.Exit(m.Run())
}

// A test's picture has a colour of its own in each quarter: red, green, blue, white, from top left to bottom right.
var quarters = [4][]byte{{200, 40, 40}, {40, 180, 40}, {40, 40, 200}, {240, 240, 240}}

func quartered(t testing.TB, width, height, bands int) *vips.Image {
	pixels := make([]byte, 0, width*height*bands)
	for y := range height {
		for x := range width {
			colour := quarters[2*(2*y/height)+2*x/width]
			pixels = append(pixels, append(colour[:3:3], 255)[:bands]...)
		}
	}
	return fromPixels(t, pixels, width, height, bands)
}

func fromPixels(t testing.TB, pixels []byte, width, height, bands int) *vips.Image {
	raw := must(vips.NewImageFromMemory(pixels, width, height, bands))(t)
	space := vips.InterpretationSrgb
	if bands < 3 {
		space = vips.InterpretationBW
	}
	img := must(raw.Copy(&vips.CopyOptions{Interpretation: space}))(t)
	t.Cleanup(func() { img.Close(); raw.Close() })
	return img
}

func must[T any](value T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

// encoded gives the picture as an upload of that format, and what the origin would say about it.
func encoded(t testing.TB, img *vips.Image, format transform.Format) ([]byte, transform.Source) {
	var body []byte
	var err error
	switch format {
	case transform.JPEG:
		body, err = img.JpegsaveBuffer(&vips.JpegsaveBufferOptions{Q: 95, SubsampleMode: vips.SubsampleOff})
	case transform.PNG:
		body, err = img.PngsaveBuffer(nil)
	case transform.WebP:
		body, err = img.WebpsaveBuffer(&vips.WebpsaveBufferOptions{Q: 95, AlphaQ: 100, Effort: 1})
	case transform.AVIF:
		body, err = img.HeifsaveBuffer(&vips.HeifsaveBufferOptions{Q: 90, Bitdepth: 8, Effort: 0,
			Compression: vips.HeifCompressionAv1, SubsampleMode: vips.SubsampleOff})
	case transform.GIF:
		body, err = img.GifsaveBuffer(nil)
	}
	return must(body, err)(t), transform.Source{Format: format, Width: img.Width(), Height: img.PageHeight(),
		Frames: img.Height() / img.PageHeight(), Alpha: img.HasAlpha() && format != transform.JPEG}
}

// rendered runs one job, as the edge would: the text settled for the source.
func rendered(t testing.TB, buf []byte, src transform.Source, text string) *vips.Image {
	t.Helper()
	spec := must(transform.Parse(text))(t).Settle(src, transform.Accept{})
	body := must(renderFile(buf, src, spec))(t)
	return decoded(t, body)
}

func decoded(t testing.TB, body []byte) *vips.Image {
	t.Helper()
	img := must(vips.NewImageFromBuffer(body, &vips.LoadOptions{FailOnError: true}))(t)
	t.Cleanup(img.Close)
	return img
}

func wantSize(t testing.TB, img *vips.Image, want transform.Size) {
	t.Helper()
	if got := (transform.Size{Width: img.Width(), Height: img.PageHeight()}); got != want {
		t.Fatalf("size is %v, want %v", got, want)
	}
}

// wantColour compares a pixel with a tolerance for lossy formats; alpha counts when want names it.
func wantColour(t testing.TB, img *vips.Image, x, y int, want []byte, tolerance float64) {
	t.Helper()
	got := must(img.Getpoint(x, y, nil))(t)
	if len(got) < 3 {
		got = append([]float64{got[0], got[0]}, got...)
	}
	for i := range want {
		if len(got) == 3 && i == 3 {
			got = append(got, 255)
		}
		if d := got[i] - float64(want[i]); d > tolerance || d < -tolerance {
			t.Fatalf("pixel (%d,%d) is %v, want %v", x, y, got, want)
		}
	}
}

// wantQuarters checks the middle of each quarter, in the order of reading.
func wantQuarters(t testing.TB, img *vips.Image, order [4]int, tolerance float64) {
	t.Helper()
	w, h := img.Width(), img.PageHeight()
	for i, q := range order {
		wantColour(t, img, w/4+(i%2)*w/2, h/4+(i/2)*h/2, quarters[q], tolerance)
	}
}

var everyFormat = []transform.Format{transform.JPEG, transform.PNG, transform.WebP, transform.AVIF, transform.GIF}

// anySpec draws the text of a transform.
func anySpec(rt *rapid.T) transform.Spec {
	var parts []string
	maybe := func(name string, values ...string) {
		if value := rapid.SampledFrom(append(values, make([]string, len(values))...)).Draw(rt, name); value != "" {
			parts = append(parts, name+"_"+value)
		}
	}
	size := rapid.OneOf(rapid.IntRange(1, 9), rapid.IntRange(10, 400))
	width, height := fmt.Sprint(size.Draw(rt, "width")), fmt.Sprint(size.Draw(rt, "height"))
	maybe("w", width)
	if maybe("h", height); len(parts) < 2 {
		maybe("ar", "16:9", "1:3")
	}
	maybe("c", "fit", "inside", "fill", "thumb", "contain", "outside", "scale", "crop")
	maybe("g", "north", "southwest", "auto", "entropy", "xy_0.2_0.9")
	maybe("x", "0", "3", "40")
	maybe("y", "0", "5")
	maybe("fl", "h", "v", "hv")
	maybe("r", "90", "180", "270", "15", "45.67")
	maybe("bl", "0.7")
	maybe("sh", "0.6")
	maybe("gr", "1")
	maybe("br", "-20", "100")
	maybe("sa", "30")
	maybe("px", "5", "200")
	maybe("rd", "9", "max")
	maybe("pad", "1", "40")
	maybe("lin", "1")
	maybe("bg", "0963c7")
	parts = append(parts, "f_"+rapid.SampledFrom(everyFormat).Draw(rt, "to").String())
	spec, err := transform.Parse(strings.Join(parts, ","))
	if err != nil {
		rt.Skip(err)
	}
	return spec
}

// Whatever is asked for, the size is the layout's: other parts of the edge have already promised it.
func TestSizesAreTheLayouts(t *testing.T) {
	side := rapid.OneOf(rapid.IntRange(1, 9), rapid.IntRange(10, 300))
	rapid.Check(t, func(rt *rapid.T) {
		img := quartered(t, side.Draw(rt, "width"), side.Draw(rt, "height"), rapid.SampledFrom([]int{1, 3, 4}).Draw(rt, "bands"))
		buf, src := encoded(t, img, rapid.SampledFrom(everyFormat).Draw(rt, "from"))
		src.Orientation = rapid.IntRange(0, 8).Draw(rt, "orientation")
		spec := anySpec(rt)
		layout, err := spec.Layout(src)
		if err != nil {
			rt.Skip(err)
		}
		body, err := renderFile(buf, src, spec)
		if err != nil {
			rt.Fatal(err)
		}
		out := must(vips.NewImageFromBuffer(body, nil))(t)
		defer out.Close()
		if got := (transform.Size{Width: out.Width(), Height: out.PageHeight()}); got != layout.Out {
			rt.Fatalf("size is %v, want %v", got, layout.Out)
		}
	})
}

// A sliver of 50 000 pixels would be enormous before it is cropped; its centre is cut out first.
func TestExtremeCropKeepsTheCentre(t *testing.T) {
	const width, height = 50_000, 30
	pixels := bytes.Repeat(quarters[2], width*height)
	for y := range height {
		for x := width/2 - 20; x < width/2+20; x++ {
			copy(pixels[3*(y*width+x):], quarters[0])
		}
	}
	buf, src := encoded(t, fromPixels(t, pixels, width, height, 3), transform.JPEG)
	for orientation, text := range map[int]string{1: "w_10,h_10,c_fill,f_png", 6: "w_10,h_10,c_fill,r_180,f_png"} {
		src.Orientation = orientation
		out := rendered(t, buf, src, text)
		wantSize(t, out, transform.Size{Width: 10, Height: 10})
		for _, at := range []int{0, 5, 9} {
			wantColour(t, out, at, at, quarters[0], 20)
		}
	}
}

// renderFile is the job of a file that has nothing but its bytes.
func renderFile(buf []byte, src transform.Source, spec transform.Spec) ([]byte, error) {
	return Job{Source: src, Bytes: int64(len(buf)), Spec: spec}.Render(buf)
}
