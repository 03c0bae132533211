package picture

import (
	"fmt"
	"math"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/transform"
)

// Limits of a source; the origin has refused what exceeds them, and the edge does not rely on it.
const (
	maxPixels      = 100_000_000 // of one frame: file 003, «Security model»
	maxTotalPixels = 400_000_000 // of all frames that are decoded
)

// load opens the source with the one decoder that its format allows; frames is 1 for the first or -1 for all. Only the
// header is read, and a picture that is not what the origin said it was goes no further.
func (r *render) load(frames int) (*frame, error) {
	if err := r.checkLimits(frames); err != nil {
		return nil, err
	}
	img, err := r.open(frames)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", r.src.Format, err)
	}
	f := &frame{img}
	r.coloured = f.HasICCProfile() || f.Interpretation() == vips.InterpretationCmyk
	if err := r.check(f); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

func (r *render) checkLimits(frames int) error {
	if frames < 0 {
		frames = r.src.Frames
	}
	pixels := r.stored.Width * r.stored.Height
	if pixels > maxPixels || frames > maxTotalPixels/max(1, pixels) {
		return mismatch("%d×%d pixels in %d frames are more than allowed", r.stored.Width, r.stored.Height, frames)
	}
	return nil
}

func (r *render) open(frames int) (*vips.Image, error) {
	const once, strict = vips.AccessSequential, vips.FailOnError
	page := max(0, r.spec.Page-1)
	if r.rungBands > 0 {
		return r.openPixels()
	}
	switch r.stored.Format {
	case transform.JPEG:
		return vips.NewJpegloadBuffer(r.buf, &vips.JpegloadBufferOptions{Shrink: r.shrink(), Access: once, FailOn: strict})
	case transform.PNG:
		return vips.NewPngloadBuffer(r.buf, &vips.PngloadBufferOptions{Access: once, FailOn: strict})
	case transform.WebP:
		return vips.NewWebploadBuffer(r.buf, &vips.WebploadBufferOptions{Page: page, N: frames, Scale: r.scale(), Access: once,
			FailOn: strict})
	case transform.GIF:
		return vips.NewGifloadBuffer(r.buf, &vips.GifloadBufferOptions{Page: page, N: frames, Access: once, FailOn: strict})
	case transform.AVIF:
		return vips.NewHeifloadBuffer(r.buf, &vips.HeifloadBufferOptions{Access: once, FailOn: strict})
	}
	return nil, fmt.Errorf("no decoder for format %q", r.stored.Format)
}

// What decoders that can make the picture smaller, nearly for free, leave to resize, which does it better. The JPEG
// decoder leaves out frequencies, which is faithful: at 1.2 the SSIM against the picture decoded whole is above 0.99 for
// most photographs, and the work is 10 to 30 % less than with the 2 of libvips' own thumbnailer. WebP's averages pixels:
// at 1.5 it is 46 to 59 dB, and 30 % faster than decoded whole.
const (
	leastResizeJPEG = 1.2
	leastResizeWebP = 1.5
)

// shrink is the factor by which the JPEG decoder reduces the picture.
func (r *render) shrink() int {
	for _, shrink := range [...]int{8, 4, 2} {
		if r.reduction() >= r.leastResize*float64(shrink) {
			return shrink
		}
	}
	return 1
}

// scale is the factor by which the WebP decoder reduces a still.
func (r *render) scale() float64 {
	if r.src.Frames > 1 {
		return 1
	}
	return min(1, leastResizeWebP/r.reduction())
}

// reduction is how many times smaller the result is than what is decoded. Areas, extreme crops and trimming count in
// pixels of the source, so it is decoded as it is; and decoders do not reduce in linear light.
func (r *render) reduction() float64 {
	if r.Cut.Size != r.Whole || r.spec.Trim > 0 || r.spec.Linear {
		return 1
	}
	from := swapped(transform.Size{Width: r.stored.Width, Height: r.stored.Height}, r.turns())
	return min(float64(from.Width)/float64(r.Scaled.Width), float64(from.Height)/float64(r.Scaled.Height))
}

// check compares the header with what the origin found at upload.
func (r *render) check(f *frame) error {
	want := r.decodedSize()
	if f.Width() != want.Width || f.PageHeight() != want.Height {
		return mismatch("decoded size is %d×%d, not %d×%d", f.Width(), f.PageHeight(), want.Width, want.Height)
	}
	if f.Height()/want.Height > r.src.Frames {
		return mismatch("there are %d frames, not %d", f.Height()/want.Height, r.src.Frames)
	}
	return nil
}

func (r *render) decodedSize() transform.Size {
	width, height := r.stored.Width, r.stored.Height
	if r.rungBands > 0 {
		n := r.halvings()
		return transform.Size{Width: width / n, Height: height / n}
	}
	switch r.stored.Format {
	case transform.JPEG:
		width, height = width/r.shrink(), height/r.shrink()
	case transform.WebP:
		width = int(math.RoundToEven(float64(width) * r.scale()))
		height = int(math.RoundToEven(float64(height) * r.scale()))
	}
	return transform.Size{Width: width, Height: height}
}

func mismatch(format string, args ...any) error {
	return &edge.Error{Kind: edge.Damaged, Message: "the picture could not be decoded", Err: fmt.Errorf(format, args...)}
}
