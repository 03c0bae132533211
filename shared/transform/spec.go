// Package transform is the language of image transforms: the text in a URL, the wish it stands for (Spec), and the
// arithmetic of sizes that follows from it. It does no I/O and decodes no picture.
package transform

// Limits of every transform: file 003, «Transform grammar» and «Security model».
const (
	MaxSide   = 4000       // pixels, width or height of any output
	MaxPixels = 16_000_000 // width × height of any output frame
	MaxSigma  = 25         // blur
	MaxDPR    = 3
)

// Spec is a parsed wish. It is comparable: two texts that mean the same give equal Specs. The zero Spec is «as
// uploaded». Only Parse makes one from text, so its holders need not check ranges again.
type Spec struct {
	Width, Height int        // output pixels with dpr multiplied in; 0 follows from the other one
	Crop          Crop       // meaningful only when Width or Height is set, else CropNone
	Quality       int        // 1–100; 0 is the encoder's default
	Format        Format     // FormatSource keeps the uploaded format
	Gray          bool       //
	Sigma         int        // Gaussian blur in thousandths, 300–25000; 0 is none
	Angle         int        // clockwise rotation in hundredths of a degree, 0–35999
	Background    Background // for padding, rotation corners, and alpha in formats without it
}

// IsZero reports whether the wish is «as uploaded».
func (s Spec) IsZero() bool { return s == Spec{} }

// Background is an opaque colour, or nothing when Set is false.
type Background struct {
	R, G, B uint8
	Set     bool
}

// Crop says how a picture meets the box Width×Height.
type Crop uint8

const (
	CropNone    Crop = iota // no size asked for
	CropFit                 // inside the box, never enlarged; the default with a size
	CropInside              // inside the box, may be enlarged
	CropFill                // exactly the box, the centre is kept
	CropThumb               // exactly the box, the most interesting part is kept
	CropContain             // exactly the box, padded
	CropOutside             // covers the box, nothing cut off
)

// cropNames lists the canonical spelling of each Crop; «cover» is a second name of fill.
var cropNames = [...]string{CropNone: "", CropFit: "fit", CropInside: "inside", CropFill: "fill", CropThumb: "thumb",
	CropContain: "contain", CropOutside: "outside"}

func (c Crop) String() string { return cropNames[c] }

func parseCrop(text string) (Crop, bool) {
	if text == "cover" {
		return CropFill, true
	}
	for c := CropFit; c <= CropOutside; c++ {
		if cropNames[c] == text {
			return c, true
		}
	}
	return CropNone, false
}
