package picture

import (
	"fmt"

	"github.com/cshum/vipsgen/vips"
)

// blurEdge is where the Gaussian is cut off, as a part of its peak: 2.4 sigma from the centre.
const blurEdge = 0.05

// blur softens the picture before it is padded or rotated, so that its frame stays sharp.
func (r *render) blur(f *frame) error {
	if r.spec.Sigma == 0 {
		return nil
	}
	soften := func() error {
		return f.Gaussblur(float64(r.spec.Sigma)/1000, &vips.GaussblurOptions{MinAmpl: blurEdge})
	}
	if err := premultiplied(f, soften); err != nil {
		return fmt.Errorf("blur: %w", err)
	}
	return nil
}

// premultiplied does what mixes neighbouring pixels in a form where invisible ones have no say.
func premultiplied(f *frame, do func() error) error {
	if !f.HasAlpha() {
		return do()
	}
	if err := f.Premultiply(nil); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	if err := f.Unpremultiply(nil); err != nil {
		return err
	}
	return f.Cast(vips.BandFormatUchar, nil)
}

// gray comes last: the whole answer is grey, its background too. Transparency stays.
func (r *render) gray(f *frame) error {
	if !r.spec.Gray || isGray(f) {
		return nil
	}
	if err := f.Colourspace(vips.InterpretationBW, nil); err != nil {
		return fmt.Errorf("gray: %w", err)
	}
	return nil
}
