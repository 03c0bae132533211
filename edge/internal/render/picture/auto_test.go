package picture

import (
	"flag"
	"fmt"
	"math"
	"slices"
	"testing"
	"time"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/shared/transform"
)

// However large a picture, what is tried of it stays within its share, lies inside the picture and is worth the trial. A
// picture that nobody waits long for is not tried.
func TestTrialsAreBounded(t *testing.T) {
	sides := []int{1, 7, 8, 63, 64, 65, 200, 256, 400, 1200, 4000}
	for _, width := range sides {
		for _, height := range sides {
			for _, n := range []int{0, 1, 4095, 4 * tilePixels, 7 * tilePixels, 50 * tilePixels} {
				p := pixels{Size: transform.Size{Width: width, Height: height}, bands: 1, data: make([]byte, width*height)}
				s, ok := sampleOf(p, n)
				if !ok {
					continue
				}
				if of := s.Width * s.Height; of > n || of > mostTiles*tilePixels || of != len(s.data) || of != len(s.luma) {
					t.Errorf("%dx%d: %dx%d pixels of %d are tried, and %d are there", width, height, s.Width, s.Height, n, len(s.data))
				}
				if s.Size != p.Size && (s.tiles < leastTiles || s.tiles*tilePixels != s.Width*s.Height) {
					t.Errorf("%dx%d: %d tiles are tried", width, height, s.tiles)
				}
			}
		}
	}
	small := render{src: transform.Source{Width: 300, Height: 200}}
	if n := small.triable(transform.Size{Width: 300, Height: 200}); n > 300*200/5 {
		t.Errorf("of a picture that is ready, %d pixels are tried", n)
	}
}

// A tile does not fit into a strip, which is foreseen then.
func TestAutomaticQualityOfStrips(t *testing.T) {
	for _, size := range []transform.Size{{Width: 4000, Height: 37}, {Width: 60, Height: 3000}, {Width: 1, Height: 1}} {
		buf, src := encoded(t, quartered(t, size.Width, size.Height, 3), transform.PNG)
		for _, format := range autoFormats {
			wantSize(t, rendered(t, buf, src, fmt.Sprintf("f_%s,q_auto", format)), size)
		}
	}
}

var autoWidth = flag.Int("width", 1200, "width at which to measure automatic qualities")

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
	for _, format := range autoFormats {
		for _, name := range []string{"best", "good", "eco", "low"} {
			t.Run(fmt.Sprintf("%s/%s", format, name), func(t *testing.T) { autoFigures(t, all, format, name) })
		}
	}
}

func autoFigures(t *testing.T, all []sampleSource, format transform.Format, name string) {
	target := scores[specOf(t, "q_auto:"+name).Quality]
	var hits, constantHits, least, autoBytes, fixedBytes int
	var ratios, off []float64
	fixed := tunings[format].first(target)
	for _, s := range all {
		at := func(quality string) string { return fmt.Sprintf("f_%s,q_%s,w_%d", format, quality, *autoWidth) }
		auto := at("auto:" + name)
		chosen := chosenFor(t, s, auto)
		whole, size := plainOf(t, s, fmt.Sprintf("w_%d", *autoWidth))
		score, bytes, took := tried(t, s, auto, whole, size)
		usual := rendering(t, s, at(fmt.Sprint(chosen)))
		for range 2 {
			took = min(took, rendering(t, s, auto))
			usual = min(usual, rendering(t, s, at(fmt.Sprint(chosen))))
		}
		constant, constantBytes, _ := tried(t, s, at(fmt.Sprint(fixed)), whole, size)
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
		t.Errorf("%d of %d within 0.01 of %.3f", hits, len(all), target)
	}
	if slow := ratios[len(ratios)*9/10]; slow > 1.3 {
		t.Errorf("the slowest tenth takes more than %.2f times the usual time", slow)
	}
	if name == "good" && 10*constantHits >= 9*len(all) {
		t.Errorf("a constant quality does as well, so these photographs are too much alike to tell")
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
