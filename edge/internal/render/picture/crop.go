package picture

import (
	"fmt"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/shared/transform"
)

type point struct{ x, y int }

// crop cuts the box out of the scaled picture: its centre, or what draws attention. All frames of an animation are cut
// where the first one is.
func (r *render) crop(f *frame) error {
	if r.Cropped == r.Scaled {
		return nil
	}
	if r.focus == nil {
		focus, err := r.chooseCrop(f)
		if err != nil {
			return err
		}
		r.focus = &focus
	}
	if err := f.ExtractArea(r.focus.x, r.focus.y, r.Cropped.Width, r.Cropped.Height); err != nil {
		return fmt.Errorf("crop: %w", err)
	}
	return nil
}

func (r *render) chooseCrop(f *frame) (point, error) {
	if r.spec.Crop == transform.CropThumb {
		return r.attention(f)
	}
	return point{(r.Scaled.Width - r.Cropped.Width) / 2, (r.Scaled.Height - r.Cropped.Height) / 2}, nil
}

// attention lets libvips choose by edges, skin tones and saturated colours.
func (r *render) attention(f *frame) (point, error) {
	if err := r.hold(f); err != nil {
		return point{}, err
	}
	trial, err := f.Copy(nil)
	if err != nil {
		return point{}, fmt.Errorf("choose crop: %w", err)
	}
	defer trial.Close()
	options := &vips.SmartcropOptions{Interesting: vips.InterestingAttention}
	if err := trial.Smartcrop(r.Cropped.Width, r.Cropped.Height, options); err != nil {
		return point{}, fmt.Errorf("choose crop: %w", err)
	}
	return point{-trial.OffsetX(), -trial.OffsetY()}, nil // an extracted area remembers where it was
}
