package transform

// Source is what the arithmetic must know about the uploaded picture.
type Source struct {
	Format        Format
	Width, Height int  // pixels as stored, before the orientation tag is applied
	Orientation   int  // EXIF orientation 1–8; 0 means 1
	Frames        int  // 1 for a still
	Alpha         bool // has transparency
}

// Upright gives the size as a person sees it, with the orientation tag applied.
func (s Source) Upright() (width, height int) {
	if s.Orientation >= 5 && s.Orientation <= 8 {
		return s.Height, s.Width
	}
	return s.Width, s.Height
}

// Shown is the format in which the picture is shown where nobody asks for one: its own, or where browsers do not know
// that, one which keeps what it is.
func (s Source) Shown() Format {
	switch {
	case s.Format.Written():
		return s.Format
	case s.Alpha:
		return PNG
	default:
		return JPEG
	}
}
