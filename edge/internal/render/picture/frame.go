package picture

import (
	"fmt"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/shared/transform"
)

// frame is a still picture on its way through the steps. libvips is lazy: a step only adds to what will be computed
// when pixels are pulled, and a decoder can be read once, top to bottom.
type frame struct{ *vips.Image }

// hold computes the pixels now and keeps them, for steps that read more than once or not from top to bottom. It needs
// eight bits a band, which is what resize leaves.
func (r *render) hold(f *frame) error {
	space := f.Interpretation()
	pixels, err := f.WriteToMemory()
	if err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	raw, err := vips.NewImageFromMemory(pixels, f.Width(), f.Height(), f.Bands())
	if err != nil {
		return fmt.Errorf("hold pixels: %w", err)
	}
	defer raw.Close()
	held, err := raw.Copy(&vips.CopyOptions{Interpretation: space})
	if err != nil {
		return fmt.Errorf("hold pixels: %w", err)
	}
	r.pins.Pin(&pixels[0]) // libvips reads them until the picture is encoded
	f.Close()
	f.Image = held
	return nil
}

func (f *frame) size() transform.Size { return transform.Size{Width: f.Width(), Height: f.Height()} }

// swapped exchanges the sides for an odd number of quarter turns.
func swapped(s transform.Size, turns int) transform.Size {
	if turns%2 == 1 {
		return transform.Size{Width: s.Height, Height: s.Width}
	}
	return s
}
