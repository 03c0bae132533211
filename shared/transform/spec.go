// Package transform is the language of image transforms: the text in a URL, the wish it stands for (Spec), and the
// arithmetic of sizes that follows from it. It does no I/O and decodes no picture.
package transform

import "strconv"

// Limits of every transform: file 003, «Transform grammar» and «Security model».
const (
	MaxSide   = 4000       // pixels, width or height of any output
	MaxPixels = 16_000_000 // width × height of any output frame
	MaxSigma  = 25         // blur
	MaxDPR    = 3

	// MaxAnimation bounds width × height × frames of the output: no more than an upload may have, so that only what
	// enlarges an animation can exceed it.
	MaxAnimation = 400_000_000

	inspected  = 100   // pixels, the longest side that is looked at for an inspection
	maxSharpen = 10    // sigma
	maxAdjust  = 100   // percent, up or down
	maxBlock   = 1000  // pixels
	maxTrim    = 99    // percent
	maxPad     = 1000  // pixels
	maxPage    = 10000 // frames of a source
	maxRadius  = MaxSide / 2
	maxName    = 200   // bytes of a public id
	maxRatio   = 9999  // either number of an aspect ratio
	maxCorner  = 65535 // pixels, the longest side of a source
)

// Spec is a parsed wish. It is comparable: two texts that mean the same give equal Specs. The zero Spec is «as
// uploaded». Only Parse makes one from text, so its holders need not check ranges again.
type Spec struct {
	Width, Height int        // output pixels with dpr multiplied in; 0 follows from the other one
	Crop          Crop       // CropNone when neither a size nor a ratio nor a corner is given
	Ratio         Ratio      // of the result when neither Width nor Height is given
	Gravity       Gravity    // for CropFill and CropArea
	Corner        Corner     // for CropArea
	Quality       int        // 1–100; 0 is the encoder's default; below 0 see QualityBest
	Format        Format     // FormatSource keeps the uploaded format
	OrSource      bool       // the upload itself, cleaned, will do where it is smaller and shows the same
	Gray          bool       //
	Sigma         int        // Gaussian blur in thousandths, 300–25000; 0 is none
	Sharpen       int        // sigma in hundredths, 0–1000; 0 is none
	Brightness    int        // percent more or less, −100–100; 0 is none, as for the two below
	Contrast      int        //
	Saturation    int        //
	Pixelate      int        // pixels a block; 0 is none
	Trim          int        // percent that a border's pixels may differ, 1–99; 0 is none
	Radius        int        // of the corners in pixels; 0 is none, maxRadius is as round as can be
	Pad           int        // pixels on each side
	Page          int        // the one frame to show, from 1; 0 is all where Format animates, else the first
	Linear        bool       // reduce in linear light
	FlipX, FlipY  bool       // left to right, upside down; before any rotation
	Angle         int        // clockwise rotation in hundredths of a degree, 0–35999
	Background    Background // for padding, rotation corners, and alpha in formats without it

	// The name of another picture to draw on the result, with «:» for «/». Once it has been looked up, its digest, so
	// that the settled Spec names content here too.
	Overlay        string
	OverlayGravity Gravity // one of the nine fixed places
	OverlayAt      Point   // from the edges that OverlayGravity names, or from the centre
	Opacity        int     // percent, 1–99; 0 is 100
}

// IsZero reports whether the wish is «as uploaded».
func (s Spec) IsZero() bool { return s == Spec{} }

// Animated reports whether the result of a settled Spec is an animation.
func (s Spec) Animated(src Source) bool { return src.Frames > 1 && s.Page == 0 && s.Format.Animates() }

// Background is an opaque colour, or nothing when Set is false.
type Background struct {
	R, G, B uint8
	Set     bool
}

func (b Background) text() string {
	if !b.Set {
		return ""
	}
	const digits = "0123456789abcdef"
	return string([]byte{digits[b.R>>4], digits[b.R&15], digits[b.G>>4], digits[b.G&15], digits[b.B>>4], digits[b.B&15]})
}

// Ratio is width to height in lowest terms, or nothing when zero.
type Ratio struct{ Width, Height int }

func (r Ratio) text() string {
	if r == (Ratio{}) {
		return ""
	}
	return strconv.Itoa(r.Width) + ":" + strconv.Itoa(r.Height)
}

// Corner is where an area begins, top left, or nothing when Set is false.
type Corner struct {
	Point
	Set bool
}

func (c Corner) text(at int) string {
	if !c.Set {
		return ""
	}
	return strconv.Itoa(at)
}

// Crop says how a picture meets the box Width×Height.
type Crop uint8

const (
	CropNone    Crop = iota // no size asked for
	CropFit                 // inside the box, never enlarged; the default with a size
	CropInside              // inside the box, may be enlarged
	CropFill                // exactly the box, Gravity says what is kept
	CropContain             // exactly the box, padded
	CropOutside             // covers the box, nothing cut off
	CropScale               // exactly the box, stretched
	CropArea                // an area of the source, not resized
)

// cropNames lists the canonical spelling of each Crop. «cover» is a second name of fill, and «thumb» one of fill with
// the gravity auto.
var cropNames = [...]string{CropNone: "", CropFit: "fit", CropInside: "inside", CropFill: "fill", CropContain: "contain",
	CropOutside: "outside", CropScale: "scale", CropArea: "crop"}

func (c Crop) String() string { return cropNames[c] }

// cropText is the canonical spelling, empty for the default.
func (s *Spec) cropText() string {
	if s.Crop == CropFit {
		return ""
	}
	return s.Crop.String()
}

// formatText is the canonical spelling; «auto:» stands before a format that nobody insists on.
func (s *Spec) formatText() string {
	if s.OrSource {
		return FormatAuto.String() + ":" + s.Format.String()
	}
	return s.Format.String()
}

func (s *Spec) radiusText() string {
	if s.Radius == maxRadius {
		return "max"
	}
	return plain(s.Radius)
}

func (s *Spec) flipText() string {
	switch {
	case s.FlipX && s.FlipY:
		return "hv"
	case s.FlipX:
		return "h"
	case s.FlipY:
		return "v"
	}
	return ""
}
