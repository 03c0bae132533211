package transform

// Format is what an answer or a source is: a picture format, or what is known about a picture (Inspects), or one of the
// two wishes that are settled later, FormatSource and FormatAuto.
type Format uint8

const (
	FormatSource Format = iota // as uploaded
	FormatAuto                 // negotiated with Accept
	JPEG
	PNG
	WebP
	AVIF
	GIF

	// These are read, never written.
	BMP
	TIFF
	HEIC

	// These say what a picture is.
	JSON
	BlurHash
	ThumbHash
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
	BMP:          {"bmp", "image/bmp"},
	TIFF:         {"tiff", "image/tiff"},
	HEIC:         {"heic", "image/heic"},
	JSON:         {"json", "application/json"},
	BlurHash:     {"blurhash", "text/plain; charset=utf-8"},
	ThumbHash:    {"thumbhash", "text/plain; charset=utf-8"},
}

// String is the name in URLs and messages: jpg, png, webp, avif, gif, auto; empty for FormatSource.
func (f Format) String() string { return formatTable[f].name }

// MediaType is the Content-Type of a concrete format, empty for the two wishes.
func (f Format) MediaType() string { return formatTable[f].mediaType }

// Concrete reports whether f is no wish but a real format.
func (f Format) Concrete() bool { return f >= JPEG }

// Written reports whether Pictor writes pictures in the format.
func (f Format) Written() bool { return f >= JPEG && f <= GIF }

// Inspects reports whether an answer in the format says what a picture is instead of showing it.
func (f Format) Inspects() bool { return f >= JSON }

// HasAlpha reports whether the format can carry transparency.
func (f Format) HasAlpha() bool { return f.Concrete() && f != JPEG && f != BlurHash }

// Animates reports whether Pictor writes animations in the format. AVIF sequences are not written by libvips.
func (f Format) Animates() bool { return f == GIF || f == WebP }

// Lossless reports whether quality means nothing to the encoder.
func (f Format) Lossless() bool { return f == PNG || f == GIF || f.Inspects() }

// ParseFormat reads the name of a format that Pictor writes pictures in, or «auto»; «jpeg» is a second name of jpg.
func ParseFormat(name string) (Format, bool) {
	if f, ok := formatNamed(name); ok && (f.Written() || f == FormatAuto) {
		return f, true
	}
	return FormatSource, false
}

// ParseSourceFormat reads the name of a format that Pictor reads.
func ParseSourceFormat(name string) (Format, bool) {
	if f, ok := formatNamed(name); ok && f.Concrete() && !f.Inspects() {
		return f, true
	}
	return FormatSource, false
}

func formatNamed(name string) (Format, bool) {
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
