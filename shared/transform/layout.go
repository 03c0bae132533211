package transform

import (
	"fmt"
	"math"
)

// Layout is the arithmetic of one render, in the order in which it happens: orientation upright, quarter turn, Cut,
// resize to Scaled, crop to Cropped, pad to Canvas, free rotation into Out. A step that changes nothing repeats the
// size before it. Effects (gray, blur) change no sizes.
type Layout struct {
	Turn    int  // clockwise quarter turns, 0–3
	Cut     Rect // part of the turned source to use; all of it except for extreme crops
	Scaled  Size
	Cropped Size
	Canvas  Size
	Angle   int // hundredths of a degree, clockwise, not a multiple of 9000; 0 is none
	Out     Size
}

// Size in pixels.
type Size struct{ Width, Height int }

// Rect is an area in pixels.
type Rect struct {
	X, Y int
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
	l.Cut = Rect{Size: Size{w, h}}
	s.place(&l)
	l.Out = rotated(l.Canvas, l.Angle)
	if l.Angle != 0 && s.Crop == CropNone && l.Out.exceeds() {
		l.shrink()
	}
	if l.Out.exceeds() {
		return Layout{}, &Error{Message: fmt.Sprintf("output of %d×%d px exceeds %d px a side or %d megapixels",
			l.Out.Width, l.Out.Height, MaxSide, MaxPixels/1_000_000)}
	}
	return l, nil
}

// place fills in Cut, Scaled, Cropped and Canvas.
func (s Spec) place(l *Layout) {
	from := l.Cut.Size
	var box Size
	switch s.Crop {
	case CropNone, CropFit, CropInside:
		l.Scaled = from.scaled(s.insideScale(from))
		l.Cropped, l.Canvas = l.Scaled, l.Scaled
	case CropOutside:
		box = s.box(from)
		l.Scaled = from.scaled(from.outsideScale(box))
		l.Cropped, l.Canvas = l.Scaled, l.Scaled
	case CropContain:
		box = s.box(from)
		scaled := from.scaled(min(box.ratios(from)))
		l.Scaled = Size{min(scaled.Width, box.Width), min(scaled.Height, box.Height)}
		l.Cropped, l.Canvas = l.Scaled, box
	case CropFill, CropThumb:
		box = s.box(from)
		l.Cut = from.cutFor(box)
		scaled := l.Cut.scaled(l.Cut.outsideScale(box))
		l.Scaled = Size{max(scaled.Width, box.Width), max(scaled.Height, box.Height)}
		l.Cropped, l.Canvas = box, box
	}
}

// insideScale is the factor that puts the picture into the box; sides not asked for are bounded by the limits.
func (s Spec) insideScale(from Size) float64 {
	box := Size{s.Width, s.Height}
	if box.Width == 0 {
		box.Width = MaxSide
	}
	if box.Height == 0 {
		box.Height = MaxSide
	}
	scale := min(box.ratios(from))
	if s.Crop != CropInside {
		scale = min(scale, 1)
	}
	return scale
}

// box completes the wanted size: a side not asked for follows the aspect ratio.
func (s Spec) box(from Size) Size {
	box := Size{s.Width, s.Height}
	if box.Width == 0 {
		box.Width = pixels(float64(box.Height) * float64(from.Width) / float64(from.Height))
	}
	if box.Height == 0 {
		box.Height = pixels(float64(box.Width) * float64(from.Height) / float64(from.Width))
	}
	return box
}

func (b Size) ratios(from Size) (x, y float64) {
	return float64(b.Width) / float64(from.Width), float64(b.Height) / float64(from.Height)
}

func (from Size) outsideScale(box Size) float64 { return max(box.ratios(from)) }

func (from Size) scaled(by float64) Size {
	return Size{pixels(float64(from.Width) * by), pixels(float64(from.Height) * by)}
}

// cutFor is the whole picture, or its central part where filling the box would need an extreme enlargement.
func (from Size) cutFor(box Size) Rect {
	scale := from.outsideScale(box)
	width, height := from.Width, from.Height
	if float64(width)*scale > maxScaled {
		width = min(width, int(math.Ceil(float64(box.Width)/scale)))
	}
	if float64(height)*scale > maxScaled {
		height = min(height, int(math.Ceil(float64(box.Height)/scale)))
	}
	return Rect{X: (from.Width - width) / 2, Y: (from.Height - height) / 2, Size: Size{width, height}}
}

// shrink scales everything down until the rotated canvas is within the limits.
func (l *Layout) shrink() {
	area := math.Sqrt(MaxPixels / (float64(l.Out.Width) * float64(l.Out.Height)))
	scale := min(area, min(Size{MaxSide, MaxSide}.ratios(l.Out))) * float64(l.Scaled.Width) / float64(l.Cut.Width)
	for ; l.Out.exceeds(); scale *= 0.999 { // rounding may leave it a pixel too large
		l.Scaled = l.Cut.scaled(scale)
		l.Cropped, l.Canvas, l.Out = l.Scaled, l.Scaled, rotated(l.Scaled, l.Angle)
	}
}

func (s Size) exceeds() bool {
	return s.Width > MaxSide || s.Height > MaxSide || s.Width*s.Height > MaxPixels
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
