package picture

import (
	"fmt"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/shared/transform"
)

// orientations says for each EXIF orientation how the stored picture becomes upright: clockwise quarter turns, then a
// mirror image, left for right.
var orientations = [9]struct {
	turns    int
	mirrored bool
}{2: {0, true}, 3: {2, false}, 4: {2, true}, 5: {1, true}, 6: {1, false}, 7: {3, true}, 8: {3, false}}

// turns is the number of quarter turns between the picture as stored and as laid out.
func (r *render) turns() int { return orientations[r.orientation()].turns + r.Turn }

func (r *render) orientation() int {
	if r.src.Orientation < 0 || r.src.Orientation >= len(orientations) {
		return 0
	}
	return r.src.Orientation
}

// upright applies the orientation tag, then the flips and the quarter turns of the Spec. Being done after resize, it
// moves few pixels. An AVIF has no tag to apply: libheif turns pictures itself, and the origin gives their size after it.
func (r *render) upright(f *frame) error {
	o := orientations[r.orientation()]
	mirrored := o.mirrored != r.spec.FlipX // twice is none
	if o.turns == 0 && r.Turn == 0 && !mirrored && !r.spec.FlipY {
		return nil
	}
	if err := r.hold(f); err != nil {
		return err
	}
	if err := turn(f, o.turns); err != nil {
		return err
	}
	if err := flip(f, mirrored, r.spec.FlipY); err != nil {
		return err
	}
	return turn(f, r.Turn)
}

func flip(f *frame, x, y bool) error {
	if x {
		if err := f.Flip(vips.DirectionHorizontal); err != nil {
			return fmt.Errorf("flip: %w", err)
		}
	}
	if y {
		if err := f.Flip(vips.DirectionVertical); err != nil {
			return fmt.Errorf("flip: %w", err)
		}
	}
	return nil
}

// asStored is where an area of the picture as laid out lies in the picture as stored: upright, backwards.
func (r *render) asStored(area transform.Rect) transform.Rect {
	o := orientations[r.orientation()]
	area, of := turnedArea(area, r.Whole, 4-r.Turn)
	if o.mirrored != r.spec.FlipX {
		area.X = of.Width - area.X - area.Width
	}
	if r.spec.FlipY {
		area.Y = of.Height - area.Y - area.Height
	}
	area, _ = turnedArea(area, of, 4-o.turns)
	return area
}

// turnedArea is where an area of a picture comes to lie when it is turned clockwise, and the picture's size then.
func turnedArea(area transform.Rect, of transform.Size, quarters int) (transform.Rect, transform.Size) {
	for range quarters % 4 {
		area = transform.Rect{
			Point: transform.Point{X: of.Height - area.Y - area.Height, Y: area.X},
			Size:  swapped(area.Size, 1),
		}
		of = swapped(of, 1)
	}
	return area, of
}

func turn(f *frame, quarters int) error {
	if quarters == 0 {
		return nil
	}
	angle := [...]vips.Angle{1: vips.AngleD90, 2: vips.AngleD180, 3: vips.AngleD270}[quarters]
	if err := f.Rot(angle); err != nil {
		return fmt.Errorf("turn: %w", err)
	}
	return nil
}
