package picture

import (
	"fmt"

	"github.com/cshum/vipsgen/vips"
)

// sharpen makes edges clearer, in lightness only, so that no colours appear at them.
func (r *render) sharpen(f *frame) error {
	if r.spec.Sharpen == 0 {
		return nil
	}
	space := f.Interpretation()
	if err := f.Sharpen(&vips.SharpenOptions{Sigma: float64(r.spec.Sharpen) / 100}); err != nil {
		return fmt.Errorf("sharpen: %w", err)
	}
	if err := f.Colourspace(space, nil); err != nil {
		return fmt.Errorf("sharpen: %w", err)
	}
	return nil
}
