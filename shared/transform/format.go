package transform

// Format is a picture format, or one of the two wishes that are settled later: FormatSource and FormatAuto.
type Format uint8

const (
	FormatSource Format = iota // as uploaded
	FormatAuto                 // negotiated with Accept
	JPEG
	PNG
	WebP
	AVIF
	GIF
)

// formatTable holds, per Format, its name in URLs and its media type.
var formatTable = [...]struct{ name, mediaType string }{
	FormatSource: {"", ""},
	FormatAuto:   {"auto", ""},
	JPEG:         {"jpg", "image/jpeg"},
	PNG:          {"png", "image/png"},
	WebP:         {"webp", "image/webp"},
	AVIF:         {"avif", "image/avif"},
	GIF:          {"gif", "image/gif"},
}

// String is the name in URLs: jpg, png, webp, avif, gif, auto; empty for FormatSource.
func (f Format) String() string { return formatTable[f].name }

// MediaType is the Content-Type of a concrete format, empty for the two wishes.
func (f Format) MediaType() string { return formatTable[f].mediaType }

// Concrete reports whether f names a real format.
func (f Format) Concrete() bool { return f >= JPEG }

// HasAlpha reports whether the format can carry transparency.
func (f Format) HasAlpha() bool { return f.Concrete() && f != JPEG }

// Animates reports whether Pictor writes animations in the format. AVIF sequences are not written by libvips.
func (f Format) Animates() bool { return f == GIF || f == WebP }

// Lossless reports whether quality means nothing to the encoder.
func (f Format) Lossless() bool { return f == PNG || f == GIF }

// ParseFormat reads a format's name in URLs; «jpeg» is a second name of jpg.
func ParseFormat(name string) (Format, bool) {
	if name == "jpeg" {
		return JPEG, true
	}
	for f := FormatAuto; int(f) < len(formatTable); f++ {
		if formatTable[f].name == name {
			return f, true
		}
	}
	return FormatSource, false
}
