package picture

import (
	"testing"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/transform"
)

// overlaid runs one job with an overlay.
func overlaid(t testing.TB, buf []byte, src transform.Source, over *Overlay, text string) ([]byte, error) {
	t.Helper()
	spec := must(transform.Parse(text))(t).Settle(src, transform.Accept{})
	return Job{Source: src, Bytes: int64(len(buf)), Spec: spec, Over: over}.Render(buf)
}

func plain(t testing.TB, width, height int, colour []byte, format transform.Format) *Overlay {
	var pixels []byte
	for range width * height {
		pixels = append(pixels, colour...)
	}
	buf, src := encoded(t, fromPixels(t, pixels, width, height, len(colour)), format)
	return &Overlay{src, buf}
}

func TestOverlay(t *testing.T) {
	buf, src := encoded(t, quartered(t, 80, 40, 3), transform.PNG)
	for name, over := range map[string]*Overlay{
		"png": plain(t, 10, 6, orange, transform.PNG), "jpg": plain(t, 10, 6, orange[:3], transform.JPEG),
		"webp": plain(t, 10, 6, orange, transform.WebP),
	} {
		for _, format := range []string{"png", "jpg,q_100", "webp,q_100", "avif,q_100"} {
			out := decoded(t, must(overlaid(t, buf, src, over, "ov_x,og_southeast,ox_4,oy_3,f_"+format))(t))
			wantSize(t, out, transform.Size{Width: 80, Height: 40})
			wantColour(t, out, 70, 34, orange, 60)
			wantColour(t, out, 60, 25, quarters[3], 14)
			wantColour(t, out, 20, 10, quarters[0], 14)
			if out.HasAlpha() {
				t.Errorf("%s on %s has become transparent", name, format)
			}
		}
	}
}

func TestOverlayEdges(t *testing.T) {
	buf, src := encoded(t, quartered(t, 80, 40, 3), transform.PNG)
	over := plain(t, 10, 6, orange, transform.PNG)
	out := decoded(t, must(overlaid(t, buf, src, over, "ov_x,og_northwest,ox_4,oy_3,f_png"))(t))
	for _, c := range []struct {
		x, y int
		want []byte
	}{{3, 3, quarters[0]}, {4, 2, quarters[0]}, {4, 3, orange}, {13, 8, orange}, {14, 8, quarters[0]}, {13, 9, quarters[0]}} {
		wantColour(t, out, c.x, c.y, c.want, 0)
	}
	half := decoded(t, must(overlaid(t, buf, src, over, "ov_x,og_northwest,oo_50,f_png"))(t))
	wantColour(t, half, 5, 3, []byte{228, 88, 20}, 2)
	large := plain(t, 400, 400, orange, transform.PNG)
	out = decoded(t, must(overlaid(t, buf, src, large, "ov_x,og_west,f_png"))(t))
	wantColour(t, out, 39, 39, orange, 0)
	wantColour(t, out, 40, 39, quarters[3], 0)
}

// On transparent padding, under rounded corners, on grey, on each frame, and turned by its own orientation.
func TestOverlayAmongOtherSteps(t *testing.T) {
	buf, src := encoded(t, quartered(t, 80, 40, 3), transform.PNG)
	over := plain(t, 10, 6, orange, transform.PNG)
	out := decoded(t, must(overlaid(t, buf, src, over, "ov_x,og_northwest,pad_20,rd_4,f_png"))(t))
	wantTransparent(t, out, 0, 0)
	wantColour(t, out, 5, 4, orange, 0)
	wantTransparent(t, out, 15, 4)

	gray, graySrc := encoded(t, quartered(t, 80, 40, 1), transform.PNG)
	out = decoded(t, must(overlaid(t, gray, graySrc, over, "ov_x,og_northwest,f_png"))(t))
	wantColour(t, out, 5, 4, orange, 0)
	wantColour(t, out, 30, 10, []byte{200, 200, 200}, 0)

	moving, movingSrc := animated(t, transform.GIF, 60, 40)
	frames := allFrames(t, must(overlaid(t, moving, movingSrc, over, "ov_x,og_northwest,f_webp,q_100"))(t))
	for i := range delays {
		wantColour(t, frames, 5, i*40+3, orange, 40)
		wantColour(t, frames, 40, i*40+30, quarters[i], 14)
	}

	scene, sceneSrc := tagged(t, 6) // 80×48 as seen
	out = decoded(t, must(overlaid(t, buf, src, &Overlay{sceneSrc, scene}, "w_80,h_48,c_scale,ov_x,f_png"))(t))
	wantQuarters(t, out, [4]int{0, 1, 2, 3}, 14)
}

func TestDamagedOverlay(t *testing.T) {
	buf, src := encoded(t, quartered(t, 80, 40, 3), transform.PNG)
	over := plain(t, 100, 60, orange, transform.PNG)
	over.Data = over.Data[:len(over.Data)/2]
	if _, err := overlaid(t, buf, src, over, "ov_x,f_png"); edge.KindOf(err) != edge.Damaged {
		t.Fatalf("error %v, want Damaged", err)
	}
}
