package picture

import (
	"fmt"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/shared/transform"
)

// pad puts the picture into the middle of a larger canvas.
func (r *render) pad(f *frame) error {
	if r.Canvas == r.Cropped.Size {
		return nil
	}
	return r.surround(f, r.Canvas)
}

// surround centres the picture on a canvas of exactly that size; what sticks out is lost.
func (r *render) surround(f *frame, canvas transform.Size) error {
	ink, err := r.ink(f)
	if err != nil {
		return err
	}
	x, y := (canvas.Width-f.Width())/2, (canvas.Height-f.Height())/2
	options := &vips.EmbedOptions{Extend: vips.ExtendBackground, Background: ink}
	if err := f.Embed(x, y, canvas.Width, canvas.Height, options); err != nil {
		return fmt.Errorf("pad: %w", err)
	}
	return nil
}

// rotate turns the canvas freely. libvips rounds its bounding box in its own way; the layout's size wins.
func (r *render) rotate(f *frame) error {
	if r.Angle == 0 {
		return nil
	}
	if err := r.hold(f); err != nil {
		return err
	}
	ink, err := r.ink(f)
	if err != nil {
		return err
	}
	if err := f.Rotate(float64(r.Angle)/100, &vips.RotateOptions{Background: ink}); err != nil {
		return fmt.Errorf("rotate: %w", err)
	}
	if f.size() == r.Out {
		return nil
	}
	return r.surround(f, r.Out)
}

// flatten puts what is transparent on the background where the format knows no transparency. An inspection does so itself,
// with other rounding: a hash must be the same whether it is asked for alone or with the other facts.
func (r *render) flatten(f *frame) error {
	if r.spec.Format.HasAlpha() || r.spec.Format.Inspects() || !f.HasAlpha() {
		return nil
	}
	if err := r.colour(f); err != nil {
		return err
	}
	ink := r.opaque()[:f.Bands()-1]
	if err := f.Flatten(&vips.FlattenOptions{Background: ink}); err != nil {
		return fmt.Errorf("flatten: %w", err)
	}
	return nil
}

// ink is what fills empty space, a value per band of f, which it prepares for it: the background of the Spec, else
// transparency, else white.
func (r *render) ink(f *frame) ([]float64, error) {
	if !r.spec.Background.Set && r.spec.Format.HasAlpha() {
		if !f.HasAlpha() {
			if err := f.Addalpha(); err != nil {
				return nil, fmt.Errorf("add transparency: %w", err)
			}
		}
		return make([]float64, f.Bands()), nil
	}
	if err := r.colour(f); err != nil {
		return nil, err
	}
	ink := r.opaque()
	if f.HasAlpha() {
		return append(ink[:f.Bands()-1], 255), nil
	}
	return ink[:f.Bands()], nil
}

// opaque is the background as red, green, blue. For a grey picture the first is enough, see colour.
func (r *render) opaque() []float64 {
	if bg := r.spec.Background; bg.Set {
		return []float64{float64(bg.R), float64(bg.G), float64(bg.B)}
	}
	return []float64{255, 255, 255}
}

// colour makes a grey picture able to show the background, if that is not grey itself.
func (r *render) colour(f *frame) error {
	bg := r.spec.Background
	if !bg.Set || bg.R == bg.G && bg.G == bg.B || !isGray(f) {
		return nil
	}
	if err := f.Colourspace(vips.InterpretationSrgb, nil); err != nil {
		return fmt.Errorf("colour: %w", err)
	}
	return nil
}
