// Package probe works out what an uploaded file is. It goes by magic bytes, walks the container to its very end, and
// notes which of its bytes make up the picture without private metadata. It decodes no pixels, keeps one window of the
// file in memory, and does work linear in the bytes that were sent, whatever the file claims.
//
// Where decoders differ, libvips counts: sizes and orientations are those that the edge's renderer will see.
package probe

import (
	"cmp"
	"errors"
	"fmt"
	"io"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/shared/transform"
	"github.com/pictor/pictor/shared/wire"
)

// Limits of the pictures that Pictor takes. The 100 megapixels are file 003's.
const (
	maxPixels      = 100_000_000
	maxSide        = 65_535
	maxFrames      = 10_000
	maxTotalPixels = 400_000_000 // of all frames together
)

// Prober is the origin.Probe. It has no state.
type Prober struct{}

var _ origin.Probe = Prober{}

// Probe implements origin.Probe.
func (Prober) Probe(r io.ReaderAt, size int64) (wire.Source, error) {
	w := &walker{file: newFile(r, size)}
	head, err := w.head()
	if err != nil {
		return wire.Source{}, err
	}
	c, err := sniff(head)
	if err != nil {
		return wire.Source{}, err
	}
	w.part = "header"
	w.source = wire.Source{Bytes: size, Format: c.format.String(), Orientation: 1, Frames: 1}
	if err := w.walk(c); err != nil {
		return wire.Source{}, c.named(err)
	}
	w.source.Clean, w.source.CleanBytes = w.clean.pieces, w.clean.size
	return w.source, nil
}

// walker goes through one upload; the formats' walkers build on it.
type walker struct {
	file
	part   string // where the walk is, for the message when the file ends there
	clean  edits
	source wire.Source
}

// headBytes are enough to tell the formats apart.
const headBytes = 16

func (w *walker) head() ([]byte, error) {
	if w.size == 0 {
		return nil, invalid("the file is empty")
	}
	return w.at(0, int(min(w.size, headBytes)))
}

// container is a file format that Pictor takes.
type container struct {
	format transform.Format
	name   string
	begins func(head []byte) bool
	walk   func(*walker) error
}

var containers = []container{
	{transform.JPEG, "JPEG", isJPEG, walkJPEG},
	{transform.PNG, "PNG", isPNG, walkPNG},
	{transform.GIF, "GIF", isGIF, walkGIF},
	{transform.WebP, "WebP", isWebP, walkWebP},
	{transform.AVIF, "AVIF", isAVIF, walkAVIF},
	{transform.AVIF, "HEIF", isMIF1, walkMIF1},
	{transform.HEIC, "HEIC", isHEIC, walkHEIC},
	{transform.TIFF, "TIFF", isTIFF, walkTIFF},
	{transform.BMP, "BMP", isBMP, walkBMP},
}

func sniff(head []byte) (container, error) {
	for _, c := range containers {
		if c.begins(head) {
			return c, nil
		}
	}
	if len(head) >= 12 && string(head[4:8]) == "ftyp" {
		return container{}, unsupported("the file is of the HEIF family, of which only AVIF and HEIC stills are taken")
	}
	return container{}, unsupported("the file is not a picture that Pictor takes: JPEG, PNG, GIF, WebP, AVIF, HEIC, TIFF or BMP")
}

func (w *walker) walk(c container) error {
	err := c.walk(w)
	if errors.Is(err, errShort) {
		return invalid("the file ends inside its %s", w.part)
	}
	return cmp.Or(err, w.clean.err)
}

// named puts the format's name before a client's message. Other errors are ours, of reading.
func (c container) named(err error) error {
	if e, ok := errors.AsType[*origin.Error](err); ok {
		return origin.Errorf(e.Kind, "%s: %s", c.name, e.Message)
	}
	return fmt.Errorf("probe %s: %w", c.name, err)
}

// setSize checks the picture's size and notes it.
func (w *walker) setSize(width, height int64) error {
	if err := checkSize(width, height); err != nil {
		return err
	}
	w.source.Width, w.source.Height = int(width), int(height)
	return nil
}

func checkSize(width, height int64) error {
	switch {
	case width <= 0 || height <= 0:
		return invalid("a size of %d×%d px is no picture", width, height)
	case width > maxSide || height > maxSide:
		return tooLarge("%d×%d px exceeds %d px a side", width, height, maxSide)
	case width*height > maxPixels:
		return tooLarge("%d×%d px exceeds %d megapixels", width, height, maxPixels/1_000_000)
	}
	return nil
}

// checkFrames is called for every frame as it is met, so that a bomb is refused at its first frame too many.
func checkFrames(frames int, framePixels int64) error {
	switch {
	case frames > maxFrames:
		return tooLarge("more than %d frames", maxFrames)
	case int64(frames)*framePixels > maxTotalPixels:
		return tooLarge("its frames exceed %d megapixels in all", maxTotalPixels/1_000_000)
	}
	return nil
}

func invalid(format string, args ...any) error { return origin.Errorf(origin.Invalid, format, args...) }
func tooLarge(format string, args ...any) error {
	return origin.Errorf(origin.TooLarge, format, args...)
}
func unsupported(format string, args ...any) error {
	return origin.Errorf(origin.Unsupported, format, args...)
}
