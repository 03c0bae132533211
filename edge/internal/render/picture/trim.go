package picture

import (
	"fmt"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/shared/transform"
)

// trim finds what is left of the source without its borders, and makes that the source. It decodes the picture once
// more, as it is: borders would blur in a reduced one. An animation goes by its first frame; a picture that is all
// border stays as it is.
func (r *render) trim() error {
	if r.spec.Trim == 0 {
		return nil
	}
	colour, err := r.corner()
	if err != nil {
		return err
	}
	area, err := r.content(colour)
	if err != nil {
		return err
	}
	if area.Width == 0 || area.Height == 0 {
		return nil
	}
	r.area = area
	r.src.Width, r.src.Height = area.Width, area.Height
	return nil
}

// corner is the colour of the pixel at the top left.
func (r *render) corner() ([]float64, error) {
	f, err := r.plain()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	colour, err := f.Getpoint(0, 0, nil)
	if err != nil {
		return nil, fmt.Errorf("trim: %w", err)
	}
	return colour, nil
}

// content is the area that differs from the border. A transparent border ends where anything is visible.
func (r *render) content(border []float64) (transform.Rect, error) {
	f, err := r.plain()
	if err != nil {
		return transform.Rect{}, err
	}
	defer f.Close()
	if alpha := len(border) - 1; f.HasAlpha() {
		if border[alpha] == 0 {
			if err := f.ExtractBand(alpha, nil); err != nil {
				return transform.Rect{}, fmt.Errorf("trim: %w", err)
			}
			border = []float64{0}
		} else {
			border = border[:alpha]
		}
	}
	// Without libvips' filter against lone pixels, which is for scans: 130 ms in place of 1.9 s for 12 megapixels.
	options := &vips.FindTrimOptions{Threshold: float64(r.spec.Trim) * 2.55, Background: border, LineArt: true}
	x, y, width, height, err := f.FindTrim(options)
	if err != nil {
		return transform.Rect{}, fmt.Errorf("trim: %w", err)
	}
	return transform.Rect{Point: transform.Point{X: x, Y: y}, Size: transform.Size{Width: width, Height: height}}, nil
}

// plain is the source as stored, in eight bits.
func (r *render) plain() (*frame, error) {
	f, err := r.load(1)
	if err != nil {
		return nil, err
	}
	if err := toEightBits(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// trimmed takes off what trim has found.
func (r *render) trimmed(f *frame) error {
	if r.area == (transform.Rect{}) {
		return nil
	}
	if err := f.ExtractArea(r.area.X, r.area.Y, r.area.Width, r.area.Height); err != nil {
		return fmt.Errorf("trim: %w", err)
	}
	return nil
}
