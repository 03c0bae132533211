package picture

import (
	"fmt"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/shared/transform"
)

// Qualities when the Spec names none: they look about equally good.
const (
	jpegQuality = 80
	webpQuality = 80
	avifQuality = 55
)

// encode writes the frame in the Spec's format, without any metadata: pixels are sRGB, and that is what no profile
// means.
func (r *render) encode(f *frame) ([]byte, error) {
	body, err := r.save(f)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", r.spec.Format, err)
	}
	return body, nil
}

func (r *render) save(f *frame) ([]byte, error) {
	switch r.spec.Format {
	case transform.JPEG:
		return f.JpegsaveBuffer(&vips.JpegsaveBufferOptions{Q: r.quality(jpegQuality), OptimizeCoding: true,
			Keep: vips.KeepNone})
	case transform.PNG:
		return f.PngsaveBuffer(&vips.PngsaveBufferOptions{Compression: 3, Filter: vips.PngFilterUp, Keep: vips.KeepNone})
	case transform.WebP:
		return f.WebpsaveBuffer(&vips.WebpsaveBufferOptions{Q: r.quality(webpQuality), Effort: 2, Keep: vips.KeepNone})
	case transform.AVIF:
		return f.HeifsaveBuffer(&vips.HeifsaveBufferOptions{Q: r.quality(avifQuality), Effort: 0, Bitdepth: 8,
			Compression: vips.HeifCompressionAv1, Keep: vips.KeepNone})
	case transform.GIF:
		return f.GifsaveBuffer(&vips.GifsaveBufferOptions{Effort: 3, KeepDuplicateFrames: true, Keep: vips.KeepNone})
	}
	return nil, fmt.Errorf("no encoder")
}

func (r *render) quality(standard int) int {
	if r.spec.Quality != 0 {
		return r.spec.Quality
	}
	return standard
}
