package picture

import (
	"fmt"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/shared/transform"
)

// TestEfforts prints what encoders take and give at equal quality, which docs/decisions/0003-efforts.md was made of:
// go test ./internal/render/picture -run Efforts -v -args -photos FOLDER
func TestEfforts(t *testing.T) {
	if *photographs == "" {
		t.Skip("measures; needs -photos")
	}
	const target = 0.97
	type encoder struct {
		name string
		save func(f *vips.Image, q int) ([]byte, error)
	}
	var encoders []encoder
	for _, best := range []bool{false, true} {
		encoders = append(encoders, encoder{fmt.Sprintf("JPEG mozjpeg=%v", best), func(f *vips.Image, q int) ([]byte, error) {
			return f.JpegsaveBuffer(&vips.JpegsaveBufferOptions{Q: q, OptimizeCoding: true, Interlace: best,
				OptimizeScans: best, TrellisQuant: best, OvershootDeringing: best, Keep: vips.KeepNone})
		}})
	}
	for _, effort := range []int{0, 2, 4, 6} {
		encoders = append(encoders, encoder{fmt.Sprintf("WebP effort %d", effort), func(f *vips.Image, q int) ([]byte, error) {
			return f.WebpsaveBuffer(&vips.WebpsaveBufferOptions{Q: q, Effort: effort, Keep: vips.KeepNone})
		}})
	}
	for _, effort := range []int{0, 1, 2, 4} {
		encoders = append(encoders, encoder{fmt.Sprintf("AVIF effort %d", effort), func(f *vips.Image, q int) ([]byte, error) {
			return f.HeifsaveBuffer(&vips.HeifsaveBufferOptions{Q: q, Effort: effort, Bitdepth: 8,
				Compression: vips.HeifCompressionAv1, Keep: vips.KeepNone})
		}})
	}
	t.Logf("800 pixels wide, SSIM %.3f, medians of %d photographs", target, len(photos(t)))
	for _, e := range encoders {
		var took, size []float64
		for _, s := range photos(t) {
			body := must(Job{Source: s.src, Spec: specOf(t, "f_png,w_800")}.Render(s.body))(t)
			img := must(vips.NewPngloadBuffer(body, nil))(t)
			whole := pixelsOf(t, Job{Source: pngOf(img), Spec: specOf(t, "f_png")}, body)
			low, high := 5, 98
			for low < high { // the least quality that reaches the target
				q := (low + high) / 2
				if scoreOf(t, must(e.save(img, q))(t), whole, img) >= target {
					high = q
				} else {
					low = q + 1
				}
			}
			used := usedTime()
			out := must(e.save(img, low))(t)
			took = append(took, float64(usedTime()-used)/1e6/float64(img.Width()*img.Height())*1e6)
			size = append(size, float64(len(out))/float64(img.Width()*img.Height())*8)
			img.Close()
		}
		slices.Sort(took)
		slices.Sort(size)
		t.Logf("%-20s %7.0f ms a megapixel %6.3f bits a pixel", e.name, took[len(took)/2], size[len(size)/2])
	}
}

func pngOf(img *vips.Image) transform.Source {
	return transform.Source{Format: transform.PNG, Width: img.Width(), Height: img.Height(), Frames: 1}
}

// scoreOf is the SSIM of an encoded picture against the brightness of the original.
func scoreOf(t testing.TB, body, whole []byte, img *vips.Image) float64 {
	back := must(vips.NewImageFromBuffer(body, nil))(t)
	defer back.Close()
	return ssim(whole, luma(must(back.WriteToMemory())(t), back.Bands()), img.Width(), img.Height())
}

// usedTime is the processor time of this process.
func usedTime() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
