package picture

import (
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/shared/transform"
)

var autoFormats = []transform.Format{transform.JPEG, transform.WebP, transform.AVIF}

// plainOf is the picture before it is encoded.
func plainOf(t testing.TB, s sampleSource, text string) (luma []byte, size transform.Size) {
	spec := specOf(t, "f_jpg,"+text)
	return pixelsOf(t, Job{Source: s.src, Spec: spec}, s.body), layoutOf(t, spec, s.src).Out
}

// tried renders and gives score, bytes and the processor time.
func tried(t testing.TB, s sampleSource, text string, whole []byte, size transform.Size) (score float64, bytes int, took time.Duration) {
	begun := usedTime()
	body := must(Job{Source: s.src, Spec: specOf(t, text)}.Render(s.body))(t)
	took = usedTime() - begun
	img := must(vips.NewImageFromBuffer(body, nil))(t)
	defer img.Close()
	return ssim(whole, luma(must(img.WriteToMemory())(t), img.Bands()), size.Width, size.Height), len(body), took
}

// Made pictures of very different kinds come out alike with an automatic quality, and not with a constant one.
func TestAutomaticQuality(t *testing.T) {
	for _, format := range autoFormats {
		var spread, constant []float64
		for _, s := range hard(t) {
			if s.name == "text" || s.name == "line art" {
				continue // even the highest quality of JPEG loses more of them
			}
			whole, size := plainOf(t, s, "w_700")
			auto, _, _ := tried(t, s, fmt.Sprintf("f_%s,q_auto,w_700", format), whole, size)
			fixed, _, _ := tried(t, s, fmt.Sprintf("f_%s,w_700", format), whole, size)
			t.Logf("%s of %s: %.4f, with a constant quality %.4f", format, s.name, auto, fixed)
			spread, constant = append(spread, auto), append(constant, fixed)
		}
		if width := slices.Max(spread) - slices.Min(spread); width > 0.04 || width > (slices.Max(constant)-slices.Min(constant))/2 {
			t.Errorf("%s: scores from %.4f to %.4f, with a constant quality from %.4f to %.4f", format, slices.Min(spread),
				slices.Max(spread), slices.Min(constant), slices.Max(constant))
		}
	}
}

// The names mean an order, in every format and for every size.
func TestAutomaticQualitiesAreOrdered(t *testing.T) {
	all := hard(t)
	s := all[slices.IndexFunc(all, func(s sampleSource) bool { return s.name == "skin" })]
	for _, format := range autoFormats {
		for _, side := range []string{"w_60", "w_300", "w_700,gr_1"} {
			before := math.MaxInt32
			for _, name := range []string{"auto:best", "auto:good", "auto:eco", "auto:low"} {
				body := must(Job{Source: s.src, Spec: specOf(t, fmt.Sprintf("f_%s,q_%s,%s", format, name, side))}.Render(s.body))(t)
				if float64(len(body)) > 1.02*float64(before) {
					t.Errorf("%s %s: %s is larger than the one before", format, side, name)
				}
				before = len(body)
			}
		}
	}
}

// TestAutoFigures measures how well automatic qualities meet their scores on photographs that they were not tuned on,
// what they cost, and what the best constant quality would do: docs/decisions/0004-automatic-quality.md. A time is that of
// the whole render, beside one with the quality that was chosen, given as a number: the least of three each.
func TestAutoFigures(t *testing.T) {
	if *photographs == "" {
		t.Skip("measures; needs -photos")
	}
	all := photos(t)
	for _, name := range []string{"good", "best", "eco", "low"} {
		for _, format := range autoFormats {
			target := scores[specOf(t, "q_auto:"+name).Quality]
			var hits, constantHits, least, autoBytes, fixedBytes int
			var ratios, off []float64
			fixed := tunings[format].first(target)
			for _, s := range all {
				whole, size := plainOf(t, s, "w_1200")
				auto := fmt.Sprintf("f_%s,q_auto:%s,w_1200", format, name)
				chosen := chosenFor(t, s, auto)
				score, bytes, took := tried(t, s, auto, whole, size)
				_, _, usual := tried(t, s, fmt.Sprintf("f_%s,q_%d,w_1200", format, chosen), whole, size)
				for range 2 {
					took = min(took, rendering(t, s, auto))
					usual = min(usual, rendering(t, s, fmt.Sprintf("f_%s,q_%d,w_1200", format, chosen)))
				}
				constant, constantBytes, _ := tried(t, s, fmt.Sprintf("f_%s,q_%d,w_1200", format, fixed), whole, size)
				if math.Abs(score-target) <= 0.01 {
					hits++
				} else if chosen == leastQuality && score > target {
					least++
				}
				if math.Abs(constant-target) <= 0.01 {
					constantHits++
				}
				off = append(off, score-target)
				autoBytes, fixedBytes = autoBytes+bytes, fixedBytes+constantBytes
				ratios = append(ratios, float64(took)/float64(usual))
			}
			slices.Sort(ratios)
			slices.Sort(off)
			t.Logf("%-4s %-4s %.3f: %d of %d within 0.01, %d better at the least quality (%+.3f to %+.3f, median %+.4f), "+
				"time ×%.2f (90 %%: ×%.2f, most ×%.2f), %d KB; q_%d: %d, %d KB", format, name, target, hits, len(all), least, off[0],
				off[len(off)-1], off[len(off)/2], ratios[len(ratios)/2], ratios[len(ratios)*9/10], ratios[len(ratios)-1],
				autoBytes>>10, fixed, constantHits, fixedBytes>>10)
			if 10*(hits+least) < 9*len(all) {
				t.Errorf("%s %s: %d of %d within 0.01 of %.3f", format, name, hits, len(all), target)
			}
			if name == "good" && 10*constantHits >= 9*len(all) {
				t.Errorf("%s: a constant quality does as well, so these photographs are too much alike to tell", format)
			}
		}
	}
}

// rendering is the processor time of a render.
func rendering(t testing.TB, s sampleSource, text string) time.Duration {
	begun := usedTime()
	must(Job{Source: s.src, Spec: specOf(t, text)}.Render(s.body))(t)
	return usedTime() - begun
}

// chosenFor is the quality that an automatic one comes to.
func chosenFor(t testing.TB, s sampleSource, text string) (quality int) {
	err := Job{Source: s.src, Spec: specOf(t, text)}.run(s.body, func(r *render) error {
		f, err := r.picture()
		if err != nil {
			return err
		}
		defer f.Close()
		err = r.chooseQuality(f)
		quality = r.spec.Quality
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return quality
}

// TestTuning prints what the table tunings is made of.
func TestTuning(t *testing.T) {
	if *photographs == "" {
		t.Skip("measures; needs -photos")
	}
	for _, format := range autoFormats {
		var qualities, slopes []float64
		for _, s := range photos(t) {
			whole, size := plainOf(t, s, "w_800")
			at := func(q int) float64 {
				score, _, _ := tried(t, s, fmt.Sprintf("f_%s,q_%d,w_800", format, q), whole, size)
				return math.Log(1 - score)
			}
			low, high := 5, 98
			for low < high {
				q := (low + high) / 2
				if at(q) <= math.Log(1-scores[transform.QualityGood]) {
					high = q
				} else {
					low = q + 1
				}
			}
			qualities = append(qualities, float64(low))
			above, below := min(low+8, 97), max(low-12, 5)
			step := tunings[format].step
			slopes = append(slopes, (at(below)-at(above))/(step(below)-step(above)))
		}
		slices.Sort(qualities)
		slices.Sort(slopes)
		t.Logf("%s: quality %v, median %.0f; slope %.3f to %.3f, median %.3f", format, qualities, qualities[len(qualities)/2],
			slopes[0], slopes[len(slopes)-1], slopes[len(slopes)/2])
	}
}

// TestForesight prints what tuning's bias and share are made of: the straight line from the loss that is foreseen to that
// of the encoder, both against a typical photograph, and what the line leaves of the spread.
func TestForesight(t *testing.T) {
	if *photographs == "" {
		t.Skip("measures; needs -photos")
	}
	for _, format := range autoFormats {
		for _, name := range []string{"low", "eco", "good", "best"} {
			target := scores[specOf(t, "q_auto:"+name).Quality]
			typical := math.Log(1 - target)
			var foreseen, real []float64
			for _, s := range photos(t) {
				whole, size := plainOf(t, s, "w_1200")
				blocks := transformed(pixels{data: whole, Size: size, bands: 1})
				foreseen = append(foreseen, math.Log(1-blocks.foreseen(tunings[transform.JPEG].first(target)))-typical)
				score, _, _ := tried(t, s, fmt.Sprintf("f_%s,q_%d,w_1200", format, tunings[format].first(target)), whole, size)
				real = append(real, math.Log(1-score)-typical)
			}
			bias, share, left, spread := line(foreseen, real)
			t.Logf("%s %s: bias %.2f, share %.2f; spread %.2f, of which %.2f is left", format, name, bias, share, spread, left)
		}
	}
}

// line fits y = a + b x by least squares, and gives the deviations of y from it and from its own mean.
func line(x, y []float64) (a, b, left, spread float64) {
	var sx, sy, sxx, sxy, syy float64
	n := float64(len(x))
	for i := range x {
		sx, sy, sxx, sxy, syy = sx+x[i], sy+y[i], sxx+x[i]*x[i], sxy+x[i]*y[i], syy+y[i]*y[i]
	}
	b = (n*sxy - sx*sy) / (n*sxx - sx*sx)
	a = (sy - b*sx) / n
	spread = math.Sqrt(max(0, syy/n-sy*sy/n/n))
	left = math.Sqrt(max(0, (syy-a*sy-b*sxy)/n))
	return a, b, left, spread
}
