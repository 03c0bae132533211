package picture

import (
	"fmt"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/shared/transform"
)

// Qualities when the Spec names none. On photographs of 800 pixels they have an SSIM of 0.971, 0.968 and 0.965 at 64,
// 50 and 40 KB.
const (
	jpegQuality = 80
	webpQuality = 80
	avifQuality = 60
)

// webpEffort is that of a picture for which somebody waits.
var webpEffort = 2

// SetWebPEffort changes the effort of the WebP encoder, 1 to 6, before anything is rendered. It is a setting to measure
// by: 2 is what pays.
func SetWebPEffort(effort int) { webpEffort = effort }

// encode writes the frame in the Spec's format, without any metadata: pixels are sRGB, and that is what no profile
// means.
func (r *render) encode(f *frame) ([]byte, error) {
	if err := r.chooseQuality(f); err != nil {
		return nil, fmt.Errorf("choose quality: %w", err)
	}
	body, err := r.save(f)
	if err != nil {
		return nil, fmt.Errorf("encode %s: %w", r.spec.Format, err)
	}
	if r.spec.Format == transform.WebP && f.Height() > f.PageHeight() {
		return keepFrames(body, f)
	}
	return body, nil
}

// save encodes with the effort that pays while a client waits (0.4 megapixels of photograph): JPEG with its own Huffman
// tables, 2.8 ms, but not progressive, which is 3 % smaller for twice the time; PNG with the filter «up», 30 % smaller
// and faster than with none; WebP effort 2, 20 % smaller than 0, while 4 saves 3 % for twice the time; AVIF effort 0,
// smaller than WebP in the same time; GIF effort 3, where 5 saves 2 % for 2.5 times the time.
func (r *render) save(f *frame) ([]byte, error) {
	if r.best {
		return r.saveBest(f)
	}
	switch r.spec.Format {
	case transform.JPEG:
		return f.JpegsaveBuffer(&vips.JpegsaveBufferOptions{Q: r.quality(jpegQuality), OptimizeCoding: true,
			Keep: vips.KeepNone})
	case transform.PNG:
		return f.PngsaveBuffer(&vips.PngsaveBufferOptions{Compression: 3, Filter: vips.PngFilterUp, Keep: vips.KeepNone})
	case transform.WebP:
		return f.WebpsaveBuffer(&vips.WebpsaveBufferOptions{Q: r.quality(webpQuality), Effort: webpEffort, Keep: vips.KeepNone})
	case transform.AVIF:
		return f.HeifsaveBuffer(&vips.HeifsaveBufferOptions{Q: r.quality(avifQuality), Effort: 0, Bitdepth: 8,
			Compression: vips.HeifCompressionAv1, Keep: vips.KeepNone})
	case transform.GIF:
		return f.GifsaveBuffer(&vips.GifsaveBufferOptions{Effort: 3, KeepDuplicateFrames: true, Keep: vips.KeepNone})
	}
	return nil, fmt.Errorf("no encoder")
}

// saveBest encodes for those who will ask again, when nobody waits, at the same quality: docs/decisions/0003-efforts.md.
func (r *render) saveBest(f *frame) ([]byte, error) {
	switch r.spec.Format {
	case transform.JPEG:
		return f.JpegsaveBuffer(&vips.JpegsaveBufferOptions{Q: r.quality(jpegQuality), OptimizeCoding: true, Interlace: true,
			OptimizeScans: true, TrellisQuant: true, OvershootDeringing: true, Keep: vips.KeepNone})
	case transform.WebP:
		return f.WebpsaveBuffer(&vips.WebpsaveBufferOptions{Q: r.quality(webpQuality), Effort: 6, Keep: vips.KeepNone})
	case transform.AVIF:
		effort := bestAVIF
		if f.Width()*f.Height() > largeAVIF {
			effort = largeBestAVIF
		}
		return f.HeifsaveBuffer(&vips.HeifsaveBufferOptions{Q: r.quality(avifQuality), Effort: effort, Bitdepth: 8,
			Compression: vips.HeifCompressionAv1, Keep: vips.KeepNone})
	}
	return nil, fmt.Errorf("no second encoder")
}

// AVIF takes 2 s a megapixel at effort 4; the largest pictures get what ends in time.
const (
	bestAVIF      = 4
	largeBestAVIF = 2
	largeAVIF     = 4_000_000
)

func (r *render) quality(standard int) int {
	if r.spec.Quality != 0 {
		return r.spec.Quality
	}
	return standard
}
