package picture

import (
	"fmt"

	"github.com/cshum/vipsgen/vips"
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

// upright applies the orientation tag, then the quarter turns of the Spec. Being done after resize, it moves few pixels.
// An AVIF has none to apply: libheif turns pictures itself, and the origin gives their size after it.
func (r *render) upright(f *frame) error {
	o := orientations[r.orientation()]
	if o.turns == 0 && r.Turn == 0 && !o.mirrored {
		return nil
	}
	if err := r.hold(f); err != nil {
		return err
	}
	if err := turn(f, o.turns); err != nil {
		return err
	}
	if o.mirrored {
		if err := f.Flip(vips.DirectionHorizontal); err != nil {
			return fmt.Errorf("mirror: %w", err)
		}
	}
	return turn(f, r.Turn)
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
