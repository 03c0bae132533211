package picture

import (
	"fmt"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/shared/transform"
)

// crop cuts the box out of the scaled picture: where the layout says, or what draws attention. All frames of an
// animation are cut where the first one is.
func (r *render) crop(f *frame) error {
	if r.Cropped.Size == r.Scaled {
		return nil
	}
	if r.focus == nil {
		focus, err := r.chooseCrop(f)
		if err != nil {
			return err
		}
		r.focus = &focus
	}
	if err := f.ExtractArea(r.focus.X, r.focus.Y, r.Cropped.Width, r.Cropped.Height); err != nil {
		return fmt.Errorf("crop: %w", err)
	}
	return nil
}

func (r *render) chooseCrop(f *frame) (transform.Point, error) {
	switch r.spec.Gravity.Kind {
	case transform.GravityAttention:
		return r.look(f, vips.InterestingAttention)
	case transform.GravityEntropy:
		return r.look(f, vips.InterestingEntropy)
	}
	return r.Cropped.Point, nil
}

// look lets libvips choose: attention goes by edges, skin tones and saturated colours.
func (r *render) look(f *frame, interesting vips.Interesting) (transform.Point, error) {
	if err := r.hold(f); err != nil {
		return transform.Point{}, err
	}
	trial, err := f.Copy(nil)
	if err != nil {
		return transform.Point{}, fmt.Errorf("choose crop: %w", err)
	}
	defer trial.Close()
	options := &vips.SmartcropOptions{Interesting: interesting}
	if err := trial.Smartcrop(r.Cropped.Width, r.Cropped.Height, options); err != nil {
		return transform.Point{}, fmt.Errorf("choose crop: %w", err)
	}
	// An extracted area remembers where it was.
	return transform.Point{X: -trial.OffsetX(), Y: -trial.OffsetY()}, nil
}
