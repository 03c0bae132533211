package picture

import (
	"fmt"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/shared/transform"
)

// frame is a still picture on its way through the steps. libvips is lazy: a step only adds to what will be computed
// when pixels are pulled, and a decoder can be read once, top to bottom.
type frame struct{ *vips.Image }

// pixels are those of a frame, row by row, with eight bits a band.
type pixels struct {
	data []byte
	transform.Size
	bands int
	alpha bool // the last band is transparency
}

// colours is the number of bands that are not transparency.
func (p pixels) colours() int {
	if p.alpha {
		return p.bands - 1
	}
	return p.bands
}

func (p pixels) at(x, y int) []byte {
	i := (y*p.Width + x) * p.bands
	return p.data[i : i+p.bands : i+p.bands]
}

// hold computes the pixels now and keeps them, for steps that read more than once or not from top to bottom.
func (r *render) hold(f *frame) error { return r.edit(f, func(pixels) {}) }

// edit computes the pixels now and lets a step change them. It needs eight bits a band, which is what resize leaves.
func (r *render) edit(f *frame, change func(pixels)) error {
	space := f.Interpretation()
	data, err := f.WriteToMemory()
	if err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	change(pixels{data, f.size(), f.Bands(), f.HasAlpha()})
	raw, err := vips.NewImageFromMemory(data, f.Width(), f.Height(), f.Bands())
	if err != nil {
		return fmt.Errorf("hold pixels: %w", err)
	}
	defer raw.Close()
	held, err := raw.Copy(&vips.CopyOptions{Interpretation: space})
	if err != nil {
		return fmt.Errorf("hold pixels: %w", err)
	}
	r.pins.Pin(&data[0]) // libvips reads them until the picture is encoded
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
