package picture

import (
	"bytes"
	"errors"
	"fmt"
	"image"
	"image/draw"
	"image/png"

	"github.com/gen2brain/heic"
	"golang.org/x/image/bmp"
	"golang.org/x/image/tiff"

	"github.com/pictor/pictor/shared/transform"
)

// foreign decodes what libvips is not given to decode, in Go and WebAssembly, which do not touch memory that is not
// theirs: TIFF, BMP, and HEIC, for which the pinned libvips has no decoder. What comes out is a PNG without compression,
// which costs a copy and takes the picture with its depth and its profile into the one pipeline there is. A HEIC
// comes out upright: its decoder applies the turns of the container, and the origin gives the size after them. It comes
// out opaque: the decoder leaves transparency out, and the origin says so.
func (r *render) foreign() error {
	var decode func([]byte) (image.Image, error)
	var profile []byte
	switch r.stored.Format {
	case transform.BMP:
		decode = decodeBMP
	case transform.TIFF:
		decode, profile = decodeTIFF, tiffProfile(r.buf)
	case transform.HEIC:
		decode, profile = decodeHEIC, heicProfile(r.buf)
	default:
		return nil
	}
	if err := r.checkLimits(1); err != nil {
		return err
	}
	if err := r.checkHeader(); err != nil {
		return err
	}
	img, err := recovered(decode, r.buf)
	if err != nil {
		return fmt.Errorf("decode %s: %w", r.stored.Format, err)
	}
	if err := r.checkSize(img.Bounds().Dx(), img.Bounds().Dy()); err != nil {
		return err
	}
	body, err := plainPNG(img, profile)
	if err != nil {
		return err
	}
	r.pins.Pin(&body[0]) // libvips reads it until the picture is encoded
	r.buf, r.stored.Format = body, transform.PNG
	return nil
}

// checkHeader compares the size before memory is taken for the pixels. The HEIC decoder cannot tell it sooner; its memory
// is bounded by WebAssembly's 4 GiB and by the worker's limit.
func (r *render) checkHeader() error {
	var config image.Config
	var err error
	switch r.stored.Format {
	case transform.BMP:
		config, err = bmp.DecodeConfig(bytes.NewReader(r.buf))
	case transform.TIFF:
		config, err = tiff.DecodeConfig(bytes.NewReader(r.buf))
	default:
		return nil
	}
	if err != nil {
		return fmt.Errorf("decode %s: %w", r.stored.Format, err)
	}
	return r.checkSize(config.Width, config.Height)
}

func (r *render) checkSize(width, height int) error {
	if width != r.stored.Width || height != r.stored.Height {
		return mismatch("decoded size is %d×%d, not %d×%d", width, height, r.stored.Width, r.stored.Height)
	}
	return nil
}

// recovered decodes, and takes a panic for what it is with these decoders: an error in the file.
func recovered(decode func([]byte) (image.Image, error), buf []byte) (img image.Image, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("decoder: %v", p)
		}
	}()
	return decode(buf)
}

func decodeBMP(buf []byte) (image.Image, error)  { return bmp.Decode(bytes.NewReader(buf)) }
func decodeTIFF(buf []byte) (image.Image, error) { return tiff.Decode(bytes.NewReader(buf)) }

// leastHEIC is the width from which on the decoder and its Go wrapper agree on how long a row of the planes is.
const leastHEIC = 128

func decodeHEIC(buf []byte) (image.Image, error) {
	if heic.Dynamic() == nil {
		return nil, errors.New("this program was built to use the system's libheif: build it with the tag nodynamic")
	}
	img, err := heic.Decode(bytes.NewReader(buf))
	if err == nil && img.Bounds().Dx() < leastHEIC {
		return nil, fmt.Errorf("a HEIC of less than %d px across is misread", leastHEIC)
	}
	return img, err
}

// plainPNG writes the picture without compression, with the profile if there is one.
func plainPNG(img image.Image, profile []byte) ([]byte, error) {
	if yuv, ok := img.(*image.YCbCr); ok { // which the encoder would ask for pixel by pixel
		rgb := image.NewRGBA(yuv.Bounds())
		draw.Draw(rgb, rgb.Bounds(), yuv, image.Point{}, draw.Src)
		img = rgb
	}
	var body bytes.Buffer
	encoder := png.Encoder{CompressionLevel: png.NoCompression}
	if err := encoder.Encode(&body, img); err != nil {
		return nil, fmt.Errorf("hand over pixels: %w", err)
	}
	return withProfile(body.Bytes(), profile)
}
