package picture

import (
	"fmt"
	"math"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/shared/transform"
)

// scores are the SSIM of the result against the picture before it is encoded (see the function ssim) that the automatic
// qualities aim at.
var scores = map[int]float64{
	transform.QualityBest: 0.990,
	transform.QualityGood: 0.980,
	transform.QualityEco:  0.970,
	transform.QualityLow:  0.955,
}

// tuning of a format: the quality at which a typical photograph has the score of QualityGood, and how fast what is lost
// grows with the step of the quantiser, both as logarithms. Found by TestTuning.
type tuning struct {
	good  int
	slope float64
	// seams: tiles side by side are harder on encoders that predict from what is beside, the more the less they may spend.
	// It is the part of the loss, from that of a score of 0.985 on, that the picture itself does not have.
	seams float64
	step  func(quality int) float64 // logarithm of the quantiser's step: what is lost is near a power of that
	// How the loss that is foreseen tells that of this format, both against a typical photograph: see typically. Found by
	// TestForesight; the share fades with the logarithm of the loss.
	bias, share, fading float64
	// How often the encoder may be tried, and whether it always is, because what is foreseen is too rough.
	trials int
	always bool
}

var tunings = map[transform.Format]tuning{
	transform.JPEG: {80, 0.75, 0, jpegStep, 0.15, 0.86, 0, 2, false},
	transform.WebP: {86, 1.1, 0.08, webpStep, -0.03, 0.76, 0.34, 2, true},
	transform.AVIF: {72, 0.6, 0.23, avifStep, -0.03, 0.93, 0.37, 1, false},
}

// jpegStep is that of libjpeg's tables.
func jpegStep(quality int) float64 {
	if quality < 50 {
		return math.Log(5000 / float64(quality))
	}
	return math.Log(200 - 2*float64(quality) + 1)
}

// webpStep follows libwebp's way from a quality to one of its 128 steps, which grow by about 3 % each.
func webpStep(quality int) float64 {
	c := float64(quality) / 100
	if c < 0.75 {
		c *= 2. / 3
	} else {
		c = 2*c - 1
	}
	return 127 * (1 - math.Cbrt(c)) * 0.03
}

// avifStep: AV1's steps grow by about 2.3 % each, of which there are 2.55 to a quality.
func avifStep(quality int) float64 { return float64(100-quality) * 2.55 * 0.023 }

// at gives the quality whose step is nearest.
func (t tuning) at(step float64) int {
	best := leastQuality
	for q := leastQuality; q <= mostQuality; q++ {
		if math.Abs(t.step(q)-step) < math.Abs(t.step(best)-step) {
			best = q
		}
	}
	return best
}

// Beyond these the encoders give ruins, or bytes for nothing.
const (
	leastQuality = 5
	mostQuality  = 97
)

// The score is estimated on a sample: tiles of this side in a grid over the picture. JPEG's blocks fit into them. Fewer
// than leastTiles tell less than what is foreseen.
const (
	tileSide   = 64
	tilePixels = tileSide * tileSide
	mostTiles  = 12
	leastTiles = 4
)

// seamless is the logarithm of the loss below which seams do not count.
var seamless = math.Log(1 - 0.985)

// chooseQuality turns an automatic quality into the number that is right for this picture: what quantising would do to
// its blocks foretells the loss of each quality. Where that is not sure enough, for WebP and for pictures of which hardly
// anything can be lost, the encoder is tried on a sample and the quality corrected.
func (r *render) chooseQuality(f *frame) error {
	target, auto := scores[r.spec.Quality]
	how, known := tunings[r.spec.Format]
	if !auto || !known {
		return nil
	}
	var whole pixels
	if err := r.edit(f, func(p pixels) { whole = p }); err != nil {
		return err
	}
	a := aim{tuning: how, seen: transformed(whole), want: math.Log(1 - target)}
	a.typical = a.typically(a.want)
	r.spec.Quality = how.first(1 - math.Exp(a.typical))
	if !how.always && r.spec.Quality > leastQuality {
		return nil
	}
	return r.correctQuality(whole, a)
}

// triable is how many pixels may be tried, in about a fourth of the time of the render: one of them takes as long as 2.5
// of the result or, from a photograph, 12 to 50 of the source. It is counted, not timed, so that the same job gives the
// same bytes on every machine; and from the source, not from the rung that may be there instead.
func (r *render) triable(out transform.Size) int {
	return r.src.Width*r.src.Height/160 + out.Width*out.Height/10
}

// correctQuality tries the quality on a sample and corrects it, until the correction is small or no trial is left.
func (r *render) correctQuality(whole pixels, a aim) error {
	s, ok := sampleOf(whole, r.triable(whole.Size)/a.trials)
	if !ok {
		return nil
	}
	var before, lostBefore float64 // of the last trial: step and loss
	for trial := range a.trials {
		lost, err := s.lost(r, a.tuning)
		if err != nil {
			return err
		}
		step := a.step(r.spec.Quality)
		var slope float64
		if trial == 0 {
			slope = a.slopeFor(lost)
		} else {
			slope = a.slopeThrough(step, lost, before, lostBefore)
		}
		tried := r.spec.Quality
		r.spec.Quality = a.at(step + (a.want-lost)/slope)
		if r.spec.Quality == tried || a.want-lost < littleLess && lost-a.want < littleMore {
			return nil
		}
		before, lostBefore = step, lost
	}
	return nil
}

// A correction that follows from a loss within these logarithms of the wanted one is small.
const (
	littleLess = 0.25
	littleMore = 0.3
)

// aim is what a quality is looked for with. Losses are logarithms.
type aim struct {
	tuning
	seen    spectrum // of the picture
	want    float64  // loss
	typical float64  // see typically
}

// typically is the loss that a typical photograph has at the quality at which this picture should lose so much. From it
// follow both the quality of this format and that of JPEG; at the latter, what is foreseen for this picture says how far
// it is from typical.
func (a *aim) typically(lost float64) float64 {
	low, high := math.Log(1-0.9995), math.Log(1-0.75)
	if len(a.seen) == 0 {
		low, high = lost, lost
	}
	for high-low > 0.1 {
		typical := (low + high) / 2
		jpeg := tunings[transform.JPEG].first(1 - math.Exp(typical))
		foreseen := math.Log(max(1-a.seen.foreseen(jpeg), 1e-4))
		share := max(0.2, a.share+a.fading*(typical-roughest))
		if typical+a.bias+share*(foreseen-typical) < lost {
			low = typical
		} else {
			high = typical
		}
	}
	return (low + high) / 2
}

// slopeFor is how fast this picture should lose from what a trial lost to what is wanted, if it goes as is foreseen; but
// towards lower qualities encoders lose faster and faster.
func (a *aim) slopeFor(lost float64) float64 {
	slope := a.slope
	if typical := a.typical - a.typically(lost); typical != 0 {
		slope *= min(max((a.want-lost)/typical, 0.5), 2)
	}
	if a.want-lost > littleLess {
		slope *= 2
	}
	return slope
}

// slopeThrough is how fast the picture lost between two trials. Beyond them the line through them is a long lever on a
// short base, so there it may not be steeper or flatter than is usual.
func (a *aim) slopeThrough(step, lost, before, lostBefore float64) float64 {
	slope := (lost - lostBefore) / (step - before)
	if between := (lost-a.want)*(lostBefore-a.want) <= 0; between && slope > 0 {
		return slope
	}
	return min(max(slope, a.slope/2), 2*a.slope)
}

// roughest is the loss from which on tuning.share fades.
var roughest = math.Log(1 - 0.955)

// first is the quality at which a typical photograph has the score.
func (t tuning) first(score float64) int {
	return t.at(t.step(t.good) + (math.Log(1-score)-math.Log(1-scores[transform.QualityGood]))/t.slope)
}

// sample is what stands for a picture when encoders are tried.
type sample struct {
	pixels
	tiles int // 0 for a picture that is small enough to be tried as a whole
	luma  []byte
}

// sampleOf puts tiles of the picture side by side, a row of the grid in a row. They have at most so many pixels; not ok
// when that is too few.
func sampleOf(p pixels, most int) (s sample, ok bool) {
	n := min(mostTiles, most/tilePixels)
	if p.Width*p.Height <= min(mostTiles*tilePixels, most) {
		return sample{pixels: p, luma: luma(p.data, p.bands)}, true
	}
	across := math.Sqrt(float64(n) * float64(p.Width) / float64(p.Height))
	columns := min(max(1, int(across)), p.Width/tileSide)
	rows := min(n/max(1, columns), p.Height/tileSide)
	if columns*rows < leastTiles {
		return sample{}, false
	}
	s.pixels = pixels{Size: transform.Size{Width: columns * tileSide, Height: rows * tileSide}, bands: p.bands, alpha: p.alpha}
	s.data = make([]byte, 0, s.Width*s.Height*s.bands)
	for y := range s.Height {
		row, within := y/tileSide, y%tileSide
		top := (2*row+1)*p.Height/(2*rows) - tileSide/2
		for column := range columns {
			left := (2*column+1)*p.Width/(2*columns) - tileSide/2
			start := ((top+within)*p.Width + left) * p.bands
			s.data = append(s.data, p.data[start:start+tileSide*p.bands]...)
		}
	}
	s.tiles, s.luma = columns*rows, luma(s.data, s.bands)
	return s, true
}

// lost is the logarithm of what the picture should lose with the quality of the job.
func (s sample) lost(r *render, how tuning) (float64, error) {
	score, err := s.score(r, r.spec.Quality)
	if err != nil {
		return 0, err
	}
	lost := math.Log(max(1-score, 1e-4))
	if s.tiles > 0 {
		lost -= how.seams * max(0, lost-seamless)
	}
	return lost, nil
}

// score encodes the sample with a quality and compares.
func (s sample) score(r *render, quality int) (float64, error) {
	img, err := vips.NewImageFromMemory(s.data, s.Width, s.Height, s.bands)
	if err != nil {
		return 0, err
	}
	space := vips.InterpretationSrgb
	if s.colours() == 1 {
		space = vips.InterpretationBW
	}
	trial, err := img.Copy(&vips.CopyOptions{Interpretation: space})
	img.Close()
	if err != nil {
		return 0, err
	}
	defer trial.Close()
	quick := render{spec: r.spec}
	quick.spec.Quality = quality
	body, err := quick.save(&frame{trial})
	if err != nil {
		return 0, err
	}
	back, err := decodeTrial(r.spec.Format, body)
	if err != nil {
		return 0, err
	}
	if s.tiles == 0 {
		return ssim(s.luma, back, s.Width, s.Height), nil
	}
	return s.tilewise(back), nil
}

// tilewise is the mean over the tiles: what lies across their seams is not in the picture.
func (s sample) tilewise(back []byte) float64 {
	var sum float64
	a, b := make([]byte, tileSide*tileSide), make([]byte, tileSide*tileSide)
	for i := range s.tiles {
		columns := s.Width / tileSide
		left, top := i%columns*tileSide, i/columns*tileSide
		for y := range tileSide {
			from := (top+y)*s.Width + left
			copy(a[y*tileSide:], s.luma[from:from+tileSide])
			copy(b[y*tileSide:], back[from:from+tileSide])
		}
		sum += ssim(a, b, tileSide, tileSide)
	}
	return sum / float64(s.tiles)
}

// decodeTrial gives the brightness of a picture that was just encoded.
func decodeTrial(format transform.Format, body []byte) ([]byte, error) {
	var img *vips.Image
	var err error
	switch format {
	case transform.JPEG:
		img, err = vips.NewJpegloadBuffer(body, nil)
	case transform.WebP:
		img, err = vips.NewWebploadBuffer(body, nil)
	case transform.AVIF:
		img, err = vips.NewHeifloadBuffer(body, nil)
	default:
		err = fmt.Errorf("no decoder for trials of %s", format)
	}
	if err != nil {
		return nil, err
	}
	defer img.Close()
	data, err := img.WriteToMemory()
	return luma(data, img.Bands()), err
}
