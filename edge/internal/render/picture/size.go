package picture

import (
	"fmt"

	"github.com/cshum/vipsgen/vips"
)

// cut takes the area that the layout names; it works on the picture as stored.
func (r *render) cut(f *frame) error {
	if r.Cut.Size == r.Whole {
		return nil
	}
	area := r.asStored(r.Cut)
	if err := f.ExtractArea(area.X, area.Y, area.Width, area.Height); err != nil {
		return fmt.Errorf("cut: %w", err)
	}
	return nil
}

// resize brings the picture, still as stored, to its scaled size and to eight bits of sRGB or grey.
func (r *render) resize(f *frame) error {
	gray := isGray(f)
	if gray && r.spec.Linear { // libvips knows linear light in colour only
		if err := f.Colourspace(vips.InterpretationSrgb, nil); err != nil {
			return fmt.Errorf("resize: %w", err)
		}
	}
	if err := r.thumbnail(f); err != nil {
		return fmt.Errorf("resize: %w", err)
	}
	if gray && r.spec.Linear {
		if err := f.Colourspace(vips.InterpretationBW, nil); err != nil {
			return fmt.Errorf("resize: %w", err)
		}
	}
	return toEightBits(f)
}

// toEightBits makes the colours sRGB or grey, without a look at profiles.
func toEightBits(f *frame) error {
	space := vips.InterpretationSrgb
	if isGray(f) {
		space = vips.InterpretationBW
	}
	if f.Interpretation() == space && f.BandFormat() == vips.BandFormatUchar {
		return nil
	}
	if err := f.Colourspace(space, nil); err != nil {
		return fmt.Errorf("convert to sRGB: %w", err)
	}
	return nil
}

// thumbnail resizes and then, on the few pixels that are left, turns the colours of an embedded profile into sRGB.
// Setting up such a conversion costs about 10 ms, so pictures without a profile go without. A broken profile is as none.
func (r *render) thumbnail(f *frame) error {
	size := swapped(r.Scaled, r.turns())
	options := vips.ThumbnailImageOptions{Height: size.Height, Size: vips.SizeForce, NoRotate: true,
		Intent: vips.IntentRelative, Linear: r.spec.Linear}
	if !f.HasICCProfile() && f.Interpretation() != vips.InterpretationCmyk {
		return f.ThumbnailImage(size.Width, &options)
	}
	options.OutputProfile = "srgb"
	err := f.ThumbnailImage(size.Width, &options)
	if err == nil || !f.HasICCProfile() {
		return err
	}
	if err := f.RemoveICCProfile(); err != nil {
		return err
	}
	return r.thumbnail(f)
}

func isGray(f *frame) bool {
	switch f.Interpretation() {
	case vips.InterpretationBW, vips.InterpretationGrey16:
		return true
	}
	return false
}
