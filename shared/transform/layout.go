package transform

import (
	"fmt"
	"math"
)

// Layout is the arithmetic of one render, in the order in which it happens: orientation upright, flips, quarter turn,
// Cut, resize to Scaled, crop to Cropped, pad to Canvas, free rotation into Out. A step that changes nothing repeats
// the size before it. Effects change no sizes. Trimming comes before everything and is not in it: what is left of the
// source is a source of its own, known only when its pixels are.
type Layout struct {
	Turn    int  // clockwise quarter turns, 0–3
	Whole   Size // of the source, turned
	Cut     Rect // part of the turned source to use; all of it except for areas and extreme crops
	Scaled  Size
	Cropped Rect // where in Scaled; in the middle when the Spec's Gravity looks at pixels
	Canvas  Size
	Angle   int // hundredths of a degree, clockwise, not a multiple of 9000; 0 is none
	Out     Size
}

// Size in pixels.
type Size struct{ Width, Height int }

// Point in pixels from the top left.
type Point struct{ X, Y int }

// Rect is an area in pixels.
type Rect struct {
	Point
	Size
}

// maxScaled bounds the size before cropping: a sliver of a picture blown up to fill a box would pass the limits of
// libvips. Beyond it the sliver is cut out first.
const maxScaled = 16384

// Layout works out the sizes of the settled Spec for a source, or gives an *Error when the result would exceed the
// limits. Sizes that the client did not ask for never make an error: they are scaled down into the limits.
func (s Spec) Layout(src Source) (Layout, error) {
	w, h := src.Upright()
	l := Layout{Turn: s.Angle / 9000}
	if s.Angle%9000 != 0 {
		l.Turn, l.Angle = 0, s.Angle
	}
	if l.Turn%2 == 1 {
		w, h = h, w
	}
	l.Whole = Size{w, h}
	if s.Corner.Set && (s.Corner.X >= w || s.Corner.Y >= h) {
		return Layout{}, &Error{Message: fmt.Sprintf("the area begins outside the picture of %d×%d px", w, h)}
	}
	if s.Page > max(1, src.Frames) {
		return Layout{}, &Error{Message: fmt.Sprintf("there is no frame %d of %d", s.Page, max(1, src.Frames))}
	}
	s.place(&l, 1)
	most := s.framePixels(src)
	if s.Width == 0 && s.Height == 0 {
		s.shrink(&l, most)
	}
	switch {
	case l.Out.exceeds(MaxPixels):
		return Layout{}, &Error{Message: fmt.Sprintf("output of %d×%d px exceeds %d px a side or %d megapixels",
			l.Out.Width, l.Out.Height, MaxSide, MaxPixels/1_000_000)}
	case l.Out.exceeds(most):
		return Layout{}, &Error{Message: fmt.Sprintf("output of %d frames of %d×%d px exceeds %d megapixels",
			src.Frames, l.Out.Width, l.Out.Height, MaxAnimation/1_000_000)}
	}
	return l, nil
}

// framePixels is how many pixels a frame may have: those of an animation share one budget, else hundreds of tiny ones,
// asked for at the largest size, would keep a worker busy until its deadline.
func (s Spec) framePixels(src Source) int {
	if !s.Animated(src) {
		return MaxPixels
	}
	return min(MaxPixels, MaxAnimation/src.Frames)
}

// OverlayLayout is where on the canvas the overlay lies, and how large: as it is, or as much smaller as it takes to fit
// beside its offset. An overlay for which the offset leaves no room is a pixel at the edge.
func (s Spec) OverlayLayout(canvas Size, overlay Source) Rect {
	width, height := overlay.Upright()
	room := Size{max(1, canvas.Width-s.OverlayAt.X), max(1, canvas.Height-s.OverlayAt.Y)}
	own := Size{width, height}
	size := own.scaled(min(1, min(room.ratios(own)))).within(room)
	at := s.OverlayGravity.place(size, canvas)
	return Rect{Point{
		inward(at.X, s.OverlayAt.X, s.OverlayGravity.X, canvas.Width-size.Width),
		inward(at.Y, s.OverlayAt.Y, s.OverlayGravity.Y, canvas.Height-size.Height),
	}, size}
}

// inward moves away from the edge on that side, or on from the centre, but not out of the canvas.
func inward(at, by, side, most int) int {
	if side > 0 {
		by = -by
	}
	return min(max(0, at+by), most)
}

// place fills in the sizes; where neither side is asked for, the scale is at most most.
func (s Spec) place(l *Layout, most float64) {
	from := l.Whole
	l.Cut = Rect{Size: from}
	switch s.Crop {
	case CropNone, CropFit, CropInside:
		l.uncropped(from.scaled(s.insideScale(from, most)))
	case CropOutside:
		l.uncropped(from.scaled(from.outsideScale(s.box(from, most))))
	case CropScale:
		l.uncropped(s.box(from, most))
	case CropContain:
		l.contain(from, s.box(from, most))
	case CropFill:
		l.fill(from, s.box(from, most), s.Gravity)
	case CropArea:
		s.area(l, from, most)
	}
	l.Canvas.Width += 2 * s.Pad
	l.Canvas.Height += 2 * s.Pad
	l.Out = rotated(l.Canvas, l.Angle)
}

func (l *Layout) uncropped(size Size) {
	l.Scaled, l.Cropped, l.Canvas = size, Rect{Size: size}, size
}

func (l *Layout) contain(from, box Size) {
	l.uncropped(from.scaled(min(box.ratios(from))).within(box))
	l.Canvas = box
}

func (l *Layout) fill(from, box Size, g Gravity) {
	l.Cut = from.cutFor(box, g)
	scaled := l.Cut.scaled(l.Cut.outsideScale(box))
	l.Scaled = Size{max(scaled.Width, box.Width), max(scaled.Height, box.Height)}
	l.Cropped, l.Canvas = Rect{g.place(box, l.Scaled), box}, box
}

// area cuts without resizing, unless a side that was not asked for exceeds the limits. Where the pixels decide what is
// kept, the whole picture must be decoded.
func (s Spec) area(l *Layout, from Size, most float64) {
	rest := Size{from.Width - s.Corner.X, from.Height - s.Corner.Y}
	area := Size{s.Width, s.Height}.orElse(rest).within(rest)
	if s.Ratio != (Ratio{}) {
		area = s.Ratio.inside(rest)
	}
	scale := min(most, s.limitScale(area))
	if s.Gravity.Looks() {
		l.uncropped(from.scaled(scale))
		l.Canvas = area.scaled(scale).within(l.Scaled)
		l.Cropped = Rect{s.Gravity.place(l.Canvas, l.Scaled), l.Canvas}
		return
	}
	at := s.Gravity.place(area, from)
	if s.Corner.Set {
		at = s.Corner.Point
	}
	l.uncropped(area.scaled(scale))
	l.Cut = Rect{at, area}
}

// insideScale is the factor that puts the picture into the box; sides not asked for are bounded by the limits.
func (s Spec) insideScale(from Size, most float64) float64 {
	scale := min(Size{s.Width, s.Height}.orElse(s.room()).ratios(from))
	if s.Crop != CropInside {
		scale = min(scale, most)
	}
	return scale
}

// box completes the wanted size: a side not asked for follows the aspect ratio. A box of which only the ratio is known
// fits the picture as it is, or scaled down into the limits.
func (s Spec) box(from Size, most float64) Size {
	if s.Width == 0 && s.Height == 0 {
		box := s.Ratio.inside(from)
		if s.Crop == CropContain {
			box = s.Ratio.around(from)
		}
		return box.scaled(min(most, s.limitScale(box)))
	}
	return Size{s.Width, s.Height}.orElse(Size{
		pixels(float64(s.Height) * float64(from.Width) / float64(from.Height)),
		pixels(float64(s.Width) * float64(from.Height) / float64(from.Width)),
	})
}

// inside is the largest size of the ratio in a picture.
func (r Ratio) inside(from Size) Size {
	return Size{
		min(from.Width, pixels(float64(from.Height)*float64(r.Width)/float64(r.Height))),
		min(from.Height, pixels(float64(from.Width)*float64(r.Height)/float64(r.Width))),
	}
}

// around is the smallest size of the ratio that holds a picture.
func (r Ratio) around(from Size) Size {
	return Size{
		max(from.Width, pixels(float64(from.Height)*float64(r.Width)/float64(r.Height))),
		max(from.Height, pixels(float64(from.Width)*float64(r.Height)/float64(r.Width))),
	}
}

// room is what the limits and the padding leave for the picture.
func (s Spec) room() Size {
	if s.Format.Inspects() {
		return Size{inspected, inspected}
	}
	return Size{MaxSide - 2*s.Pad, MaxSide - 2*s.Pad}
}

// limitScale is the factor, at most 1, that puts the size into the limits.
func (s Spec) limitScale(size Size) float64 { return min(1, min(s.room().ratios(size))) }

func (s Size) ratios(from Size) (x, y float64) {
	return float64(s.Width) / float64(from.Width), float64(s.Height) / float64(from.Height)
}

func (from Size) outsideScale(box Size) float64 { return max(box.ratios(from)) }

func (s Size) scaled(by float64) Size {
	return Size{pixels(float64(s.Width) * by), pixels(float64(s.Height) * by)}
}

// orElse takes sides that are zero from another size.
func (s Size) orElse(other Size) Size {
	if s.Width == 0 {
		s.Width = other.Width
	}
	if s.Height == 0 {
		s.Height = other.Height
	}
	return s
}

func (s Size) within(box Size) Size { return Size{min(s.Width, box.Width), min(s.Height, box.Height)} }

// cutFor is the whole picture, or the part to be kept of it where filling the box would need an extreme enlargement.
func (from Size) cutFor(box Size, g Gravity) Rect {
	scale := from.outsideScale(box)
	cut := from
	if float64(from.Width)*scale > maxScaled {
		cut.Width = min(from.Width, int(math.Ceil(float64(box.Width)/scale)))
	}
	if float64(from.Height)*scale > maxScaled {
		cut.Height = min(from.Height, int(math.Ceil(float64(box.Height)/scale)))
	}
	return Rect{g.place(cut, from), cut}
}

// shrink scales everything down until the rotated canvas is within the limits, of which most are the pixels, or nothing
// is left to scale: padding stays as it was asked for.
func (s Spec) shrink(l *Layout, most int) {
	if !l.Out.exceeds(most) {
		return
	}
	area := math.Sqrt(float64(most) / (float64(l.Out.Width) * float64(l.Out.Height)))
	scale := min(area, min(Size{MaxSide, MaxSide}.ratios(l.Out))) * float64(l.Scaled.Width) / float64(l.Cut.Width)
	least := Size{1 + 2*s.Pad, 1 + 2*s.Pad}
	for ; l.Out.exceeds(most) && l.Canvas != least; scale *= 0.999 { // rounding may leave it a pixel too large
		s.place(l, scale)
	}
}

func (s Size) exceeds(pixels int) bool {
	return s.Width > MaxSide || s.Height > MaxSide || s.Width*s.Height > pixels
}

// rotated is the bounding box of the size turned by hundredths of a degree.
func rotated(s Size, angle int) Size {
	if angle == 0 {
		return s
	}
	sin, cos := math.Sincos(float64(angle) / 100 * math.Pi / 180)
	w, h := float64(s.Width), float64(s.Height)
	return Size{pixels(w*math.Abs(cos) + h*math.Abs(sin)), pixels(w*math.Abs(sin) + h*math.Abs(cos))}
}

// pixels rounds to whole pixels, at least one.
func pixels(side float64) int { return max(1, int(math.Round(side))) }
