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
}

var tunings = map[transform.Format]tuning{
	transform.JPEG: {80, 0.75, 0, jpegStep},
	transform.WebP: {86, 1.1, 0.08, webpStep},
	transform.AVIF: {72, 0.6, 0.14, avifStep},
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

// The score is estimated on a sample: tiles of this side in a grid over the picture. JPEG's blocks fit into them.
const (
	tileSide = 64
	tiles    = 24
)

// seamless is the logarithm of the loss below which seams do not count.
var seamless = math.Log(1 - 0.985)

// chooseQuality turns an automatic quality into the number that is right for this picture: a guess from what is typical,
// tried on the sample; a correction, tried too unless it is small; and the place between or beside the two where the
// score should be met. All this costs about what a fifth of a megapixel costs to encode.
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
	s := sampleOf(whole)
	loss := func(quality int) (float64, error) {
		score, err := s.score(r, quality)
		lost := math.Log(max(1-score, 1e-4))
		if len(s.parts) > 0 {
			lost -= how.seams * max(0, lost-seamless)
		}
		return lost, err
	}
	want := math.Log(1 - target)
	first := how.first(target)
	atFirst, err := loss(first)
	if err != nil {
		return err
	}
	second := how.at(how.step(first) + (want-atFirst)/how.slope)
	r.spec.Quality = second
	if abs(second-first) < 3 {
		return nil
	}
	atSecond, err := loss(second)
	if err != nil {
		return err
	}
	// Beyond the two the line through them is a long lever on a short base, so it may not be steeper or flatter than is
	// usual.
	slope := (atSecond - atFirst) / (how.step(second) - how.step(first))
	if between := (atFirst-want)*(atSecond-want) <= 0; !between {
		slope = min(max(slope, how.slope/2), 2*how.slope)
	}
	r.spec.Quality = how.at(how.step(second) + (want-atSecond)/slope)
	return nil
}

// first is the quality at which a typical photograph has the score.
func (t tuning) first(score float64) int {
	return t.at(t.step(t.good) + (math.Log(1-score)-math.Log(1-scores[transform.QualityGood]))/t.slope)
}

func abs(n int) int { return max(n, -n) }

// sample is what stands for a picture when encoders are tried.
type sample struct {
	pixels
	parts []transform.Size // per tile; one for a picture that is small enough to be tried as a whole
	luma  []byte
}

// sampleOf puts tiles of the picture side by side, a row of the grid in a row.
func sampleOf(p pixels) sample {
	across := math.Sqrt(tiles * float64(p.Width) / float64(p.Height))
	columns, rows := int(math.Round(across)), int(math.Round(tiles/across))
	if p.Width < 2*tileSide*columns || p.Height < 2*tileSide*rows {
		return sample{pixels: p, luma: luma(p.data, p.bands)}
	}
	s := pixels{Size: transform.Size{Width: columns * tileSide, Height: rows * tileSide}, bands: p.bands, alpha: p.alpha}
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
	return sample{pixels: s, parts: make([]transform.Size, columns*rows), luma: luma(s.data, s.bands)}
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
	if len(s.parts) == 0 {
		return ssim(s.luma, back, s.Width, s.Height), nil
	}
	return s.tilewise(back), nil
}

// tilewise is the mean over the tiles: what lies across their seams is not in the picture.
func (s sample) tilewise(back []byte) float64 {
	var sum float64
	a, b := make([]byte, tileSide*tileSide), make([]byte, tileSide*tileSide)
	for i := range s.parts {
		columns := s.Width / tileSide
		left, top := i%columns*tileSide, i/columns*tileSide
		for y := range tileSide {
			from := (top+y)*s.Width + left
			copy(a[y*tileSide:], s.luma[from:from+tileSide])
			copy(b[y*tileSide:], back[from:from+tileSide])
		}
		sum += ssim(a, b, tileSide, tileSide)
	}
	return sum / float64(len(s.parts))
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
