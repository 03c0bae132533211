package picture

import (
	"bytes"
	"slices"
	"testing"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/shared/transform"
)

var delays = []int{50, 120, 300}

// animated has three frames of one colour each: quarters 0, 1, 2.
func animated(t testing.TB, format transform.Format, width, height int) ([]byte, transform.Source) {
	var pixels []byte
	for i := range delays {
		pixels = append(pixels, bytes.Repeat(quarters[i], width*height)...)
	}
	img := fromPixels(t, pixels, width, height*len(delays), 3)
	if err := img.SetArrayInt("delay", delays); err != nil {
		t.Fatal(err)
	}
	img.SetLoop(4)
	if err := img.SetPageHeight(height); err != nil {
		t.Fatal(err)
	}
	return encoded(t, img, format)
}

func allFrames(t testing.TB, body []byte) *vips.Image {
	img := must(vips.NewImageFromBuffer(body, &vips.LoadOptions{N: -1, FailOnError: true}))(t)
	t.Cleanup(img.Close)
	return img
}

func TestAnimationsStayAnimated(t *testing.T) {
	for _, from := range []transform.Format{transform.GIF, transform.WebP} {
		buf, src := animated(t, from, 60, 40)
		for _, to := range []string{"gif", "webp"} {
			for _, text := range []string{"", "w_30,", "w_20,h_20,c_fill,", "w_20,h_20,c_thumb,", "w_50,h_50,c_contain,",
				"r_90,", "r_20,", "bl_2,", "gr_1,"} {
				t.Run(from.String()+" "+text+to, func(t *testing.T) { checkFrames(t, buf, src, text+"f_"+to) })
			}
		}
	}
}

func checkFrames(t *testing.T, buf []byte, src transform.Source, text string) {
	spec := must(transform.Parse(text))(t).Settle(src, transform.Accept{})
	layout := must(spec.Layout(src))(t)
	out := allFrames(t, must(renderFile(buf, src, spec))(t))
	wantSize(t, out, layout.Out)
	if out.Pages() != len(delays) || out.Height() != len(delays)*layout.Out.Height {
		t.Fatalf("%d frames on %d rows", out.Pages(), out.Height())
	}
	if got := must(out.PageDelay())(t); !slices.Equal(got, delays) {
		t.Errorf("delays are %v, want %v", got, delays)
	}
	if out.Loop() != 4 {
		t.Errorf("plays %d times, want 4", out.Loop())
	}
	if spec.Gray {
		return
	}
	for i := range delays { // one colour from edge to edge: nothing bleeds from the frame before
		for _, y := range []int{layout.Out.Height / 2, layout.Out.Height/2 - layout.Scaled.Height/4} {
			wantColour(t, out, out.Width()/2, i*layout.Out.Height+y, quarters[i], 14)
		}
	}
}

func TestOtherFormatsTakeTheFirstFrame(t *testing.T) {
	for _, from := range []transform.Format{transform.GIF, transform.WebP} {
		buf, src := animated(t, from, 60, 40)
		for _, to := range []string{"jpg", "png", "avif"} {
			out := rendered(t, buf, src, "w_30,f_"+to)
			wantSize(t, out, transform.Size{Width: 30, Height: 20})
			wantColour(t, out, 15, 10, quarters[0], 14)
		}
	}
}
