package picture

import (
	"fmt"
	"math"

	"github.com/cshum/vipsgen/vips"
)

// round takes the corners off the padded canvas. What is beyond them shows the background, if there is one.
func (r *render) round(f *frame) error {
	radius := min(r.spec.Radius, r.Canvas.Width/2, r.Canvas.Height/2)
	if radius == 0 {
		return nil
	}
	if !f.HasAlpha() {
		if err := f.Addalpha(); err != nil {
			return fmt.Errorf("round corners: %w", err)
		}
	}
	if err := r.edit(f, func(p pixels) { p.round(radius) }); err != nil {
		return err
	}
	if !r.spec.Background.Set {
		return nil
	}
	if err := r.colour(f); err != nil {
		return err
	}
	if err := f.Flatten(&vips.FlattenOptions{Background: r.opaque()[:f.Bands()-1]}); err != nil {
		return fmt.Errorf("round corners: %w", err)
	}
	return nil
}

// round scales the alpha of each corner's pixels by how much of them lies within the radius.
func (p pixels) round(radius int) {
	for y := range radius {
		for x := range radius {
			cover := covered(radius, x, y)
			if cover == 1 {
				break // so is the rest of the row
			}
			for _, pixel := range [...][]byte{p.at(x, y), p.at(p.Width-1-x, y), p.at(x, p.Height-1-y),
				p.at(p.Width-1-x, p.Height-1-y)} {
				pixel[p.bands-1] = clamped(float64(pixel[p.bands-1]) * cover)
			}
		}
	}
}

// covered is how much of the pixel lies in the circle that touches both edges, nearly: its edge is taken as straight.
func covered(radius, x, y int) float64 {
	dx, dy := float64(radius)-float64(x)-0.5, float64(radius)-float64(y)-0.5
	return min(max(float64(radius)-math.Hypot(dx, dy)+0.5, 0), 1)
}
