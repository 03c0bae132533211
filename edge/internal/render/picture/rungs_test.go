package picture

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/shared/transform"
)

var photographs = flag.String("photos", "", "folder of photographs to measure with, beside the made pictures")

// sampleSource is a source to measure with.
type sampleSource struct {
	name string
	body []byte
	src  transform.Source
}

// hard are pictures on which a loss of detail shows most.
func hard(t testing.TB) []sampleSource {
	const width, height = 1600, 1200
	rnd := rand.New(rand.NewPCG(7, 7))
	paint := func(at func(x, y int) float64) []byte {
		pixels := make([]byte, 3*width*height)
		for i := range width * height {
			v := byte(max(0, min(255, at(i%width, i/width))))
			pixels[3*i], pixels[3*i+1], pixels[3*i+2] = v, v, byte(max(0, int(v)-5))
		}
		return pixels
	}
	glyphs := make([]uint64, 64) // 8×8 cells that are as dense as letters
	for i := range glyphs {
		glyphs[i] = rnd.Uint64() & rnd.Uint64() & 0x007e7e7e7e7e7e00
	}
	pictures := map[string][]byte{
		"text": paint(func(x, y int) float64 {
			cell := glyphs[(x/24*31+y/40*17)%64]
			if y%40 < 24 && cell>>(x%24/3+8*(y%40/3))&1 == 1 {
				return 20
			}
			return 250
		}),
		"line art": paint(func(x, y int) float64 {
			a, b := math.Hypot(float64(x-800), float64(y-600)), float64(x)*0.37+float64(y)
			if math.Mod(a, 37) < 3 || math.Mod(b, 53) < 3 {
				return 0
			}
			return 255
		}),
		"fine texture": paint(func(x, y int) float64 { return 128 + 40*rnd.NormFloat64() }),
		"zone plate": paint(func(x, y int) float64 {
			dx, dy := float64(x-800), float64(y-600)
			return 128 + 100*math.Cos((dx*dx+dy*dy)/2000)
		}),
		"small text": paint(func(x, y int) float64 {
			cell := glyphs[(x/12*29+y/18*13)%64]
			if y%18 < 12 && cell>>(x%12*2/3+8*(y%18*2/3))&1 == 1 {
				return 30
			}
			return 235
		}),
		"halftone": paint(func(x, y int) float64 {
			u, v := 0.26*float64(x)+0.15*float64(y), 0.26*float64(y)-0.15*float64(x)
			tone := 128 + 90*math.Sin(float64(x)/300)
			if 64*(2+math.Sin(u*2)+math.Sin(v*2)) > tone {
				return 245
			}
			return 25
		}),
		"fabric": paint(func(x, y int) float64 {
			return 120 + 35*math.Sin(float64(x)*1.1)*math.Sin(float64(y)*0.9) + 25*math.Sin(float64(x+y)*0.35) + 8*rnd.NormFloat64()
		}),
		"hair": paint(func(x, y int) float64 {
			bend := float64(x) + 40*math.Sin(float64(y)/170)
			return 110 + 45*math.Sin(bend*0.9+3*math.Sin(bend/23)) + 30*math.Sin(bend*0.31+float64(y)*0.02) + 6*rnd.NormFloat64()
		}),
		"stars": paint(func(x, y int) float64 {
			if rnd.IntN(400) == 0 {
				return 90 + 160*rnd.Float64()
			}
			return 12 + 3*rnd.NormFloat64()
		}),
		"skin": paint(func(x, y int) float64 {
			return 170 + 30*math.Sin(float64(x)/400)*math.Cos(float64(y)/300) + 3*rnd.NormFloat64()
		}),
	}
	var all []sampleSource
	for name, pixels := range pictures {
		img := fromPixels(t, pixels, width, height, 3)
		body := must(img.JpegsaveBuffer(&vips.JpegsaveBufferOptions{Q: 92}))(t)
		all = append(all, sampleSource{name, body, transform.Source{Format: transform.JPEG, Width: width, Height: height, Frames: 1}})
	}
	slices.SortFunc(all, func(a, b sampleSource) int { return len(a.name) - len(b.name) })
	return all
}

// photos are the JPEGs of -photos.
func photos(t testing.TB) (all []sampleSource) {
	names, err := filepath.Glob(filepath.Join(*photographs, "*.jpg"))
	if *photographs == "" || err != nil {
		return nil
	}
	for _, name := range names {
		body := must(os.ReadFile(name))(t)
		img := must(vips.NewJpegloadBuffer(body, nil))(t)
		src := transform.Source{Format: transform.JPEG, Width: img.Width(), Height: img.Height(), Frames: 1}
		img.Close()
		all = append(all, sampleSource{filepath.Base(name), body, src})
	}
	return all
}

func specOf(t testing.TB, text string) transform.Spec {
	return must(transform.Parse(text))(t)
}

// pixelsOf gives the brightness of the job's result.
func pixelsOf(t testing.TB, j Job, buf []byte) []byte {
	var pixels bytes.Buffer
	bands, err := j.Pixels(buf, &pixels)
	if err != nil {
		t.Fatal(err)
	}
	return luma(pixels.Bytes(), bands)
}

func layoutOf(t testing.TB, s transform.Spec, src transform.Source) transform.Layout {
	return must(s.Layout(src))(t)
}

// What is made from a rung is what is made from the source, to the eye: SSIM 0.99. At the least ratios, which are those
// of package rungs, and at larger ones.
func TestRungsAreFaithful(t *testing.T) {
	const pixelRatio, fileRatio, fileQuality = 1.22, 1.3, 97
	for _, s := range slices.Concat(hard(t), photos(t)) {
		toRung := Job{Source: s.src, ToRung: true,
			Spec: specOf(t, fmt.Sprintf("c_fit,f_jpg,h_%d,q_%d,w_%d", s.src.Height/2, fileQuality, s.src.Width/2))}
		var plain bytes.Buffer
		out := layoutOf(t, toRung.Spec, s.src).Out
		pixels := Rung{Width: out.Width, Height: out.Height}
		file := pixels
		pixels.Bands = must(toRung.Pixels(s.body, &plain))(t)
		jpeg := must(toRung.Render(s.body))(t)
		worst := 1.0
		for _, ratio := range []float64{pixelRatio, fileRatio, 1.7, 2.5, 4, 7} {
			want := specOf(t, fmt.Sprintf("f_jpg,w_%d", int(float64(pixels.Width)/ratio)))
			size := layoutOf(t, want, s.src).Out
			direct := pixelsOf(t, Job{Source: s.src, Spec: want}, s.body)
			check := func(kind string, rung *Rung, buf []byte) {
				via := pixelsOf(t, Job{Source: s.src, Spec: want, Rung: rung}, buf)
				score := ssim(direct, via, size.Width, size.Height)
				if worst = min(worst, score); score < 0.99 {
					t.Errorf("%s from %s of %.2f times the size: SSIM %.4f", s.name, kind, ratio, score)
				}
			}
			check("pixels", &pixels, plain.Bytes())
			if ratio >= fileRatio {
				check("a JPEG", &file, jpeg)
			}
		}
		t.Logf("%s: %.4f", s.name, worst)
	}
}

// A score that cannot tell would make the test above worthless.
func TestSSIM(t *testing.T) {
	all := hard(t)
	a := all[slices.IndexFunc(all, func(s sampleSource) bool { return s.name == "text" })]
	whole := pixelsOf(t, Job{Source: a.src, Spec: specOf(t, "f_jpg,w_400")}, a.body)
	for text, want := range map[string][2]float64{"f_jpg,w_400": {1, 1}, "bl_0.5,f_jpg,w_400": {0.5, 0.99}, "bl_3,f_jpg,w_400": {0, 0.8}} {
		got := ssim(whole, pixelsOf(t, Job{Source: a.src, Spec: specOf(t, text)}, a.body), 400, 300)
		if got < want[0] || got > want[1] {
			t.Errorf("%s: SSIM %.4f, want %v", text, got, want)
		}
	}
	if got := ssim([]byte{0, 255}, []byte{255, 0}, 2, 1); got > 0 {
		t.Errorf("two pixels that are each other's opposite: %.4f", got)
	}
}

// TestRungFigures prints how true pictures from rungs are, by kind and by how much larger the rung is. It is how
// docs/decisions/0002-rungs.md was made: go test -run RungFigures -photos FOLDER -v ./internal/render/picture
func TestRungFigures(t *testing.T) {
	if *photographs == "" {
		t.Skip("measures; needs -photos")
	}
	kinds := []struct {
		name    string
		quality int // 0: plain pixels
	}{{"pixels", 0}, {"q95", 95}, {"q97", 97}, {"q98", 98}}
	for _, s := range slices.Concat(hard(t), photos(t)) {
		line := fmt.Sprintf("%-28s %4.1f MP", s.name, float64(s.src.Width*s.src.Height)/1e6)
		rungWidth := s.src.Width / 2
		spec := specOf(t, fmt.Sprintf("f_jpg,q_95,w_%d", rungWidth))
		make := Job{Source: s.src, Spec: spec, ToRung: true}
		out := layoutOf(t, spec, s.src).Out
		for _, k := range kinds {
			var buf []byte
			rung := Rung{Width: out.Width, Height: out.Height}
			if k.quality == 0 {
				var pixels bytes.Buffer
				rung.Bands = must(make.Pixels(s.body, &pixels))(t)
				buf = pixels.Bytes()
			} else {
				make.Spec.Quality = k.quality
				buf = must(make.Render(s.body))(t)
				line += fmt.Sprintf(" [%d KB]", len(buf)>>10)
			}
			line += "  " + k.name + ":"
			for _, ratio := range []float64{1, 1.2, 1.3, 1.4, 1.5, 2, 4} {
				width := int(float64(rungWidth) / ratio)
				want := specOf(t, fmt.Sprintf("f_jpg,w_%d", width))
				size := layoutOf(t, want, s.src).Out
				direct := pixelsOf(t, Job{Source: s.src, Spec: want}, s.body)
				via := pixelsOf(t, Job{Source: s.src, Spec: want, Rung: &rung}, buf)
				line += fmt.Sprintf(" %.4f", ssim(direct, via, size.Width, size.Height))
			}
		}
		t.Log(line)
	}
}
