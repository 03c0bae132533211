// Package picture makes one picture of another with libvips. It is the only package that knows libvips, and it runs in
// worker processes only: decoders meet hostile bytes here. One step a file, in the order of transform.Layout.
package picture

import (
	"errors"
	"runtime"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/transform"
)

// Start readies libvips; Job.Render needs it, and calling it again does nothing.
func Start() {
	vips.Startup(&vips.Config{
		ConcurrencyLevel: 1,    // workers are the parallelism; more threads in one add memory, not throughput
		VectorEnabled:    true, // not the binding's default: without SIMD it is up to 3.5 times slower
	})
}

// damaged words a failure for the client. libvips works when pixels are pulled, which is while encoding, so the step
// that reports a failure tells nothing about its cause; with checked sizes that is nearly always the source.
func damaged(err error) error {
	if e, ok := errors.AsType[*edge.Error](err); ok {
		return e
	}
	if err == edge.ErrNotSmaller {
		return err
	}
	return &edge.Error{Kind: edge.Damaged, Message: "the picture could not be decoded", Err: err}
}

// render is one job.
type render struct {
	buf  []byte
	src  transform.Source
	spec transform.Spec
	transform.Layout

	stored      transform.Source // what buf holds: src, or a rung of it
	rungBands   int              // of a rung of plain pixels, else 0
	leastResize float64
	bytes       int64 // of the source
	over        *Overlay
	drawn       *frame // the overlay, once it is ready to be drawn
	clean       int64  // bytes of the source, cleaned; 0 when it cannot be
	coloured    bool   // the source's colours are not sRGB, or say what they are
	best        bool
	area        transform.Rect   // of the source as stored, once it is trimmed
	focus       *transform.Point // where to crop, once it is known: one place for all frames
	pins        runtime.Pinner   // pixels that libvips reads from our memory, see frame.hold
}

func (r *render) run() ([]byte, error) {
	f, err := r.picture()
	if err != nil {
		return nil, err
	}
	defer f.Close()
	if r.spec.Format.Inspects() {
		return r.inspect(f)
	}
	body, err := r.encode(f)
	if err == nil && r.spec.OrSource && r.clean > 0 && int64(len(body)) >= r.clean && !r.coloured {
		return nil, edge.ErrNotSmaller
	}
	return body, err
}

// picture gives the finished picture, for an animation all frames on one tall strip.
func (r *render) picture() (*frame, error) {
	if r.spec.Animated(r.src) {
		return r.animation()
	}
	f, err := r.load(1)
	if err != nil {
		return nil, err
	}
	return f, r.steps(f)
}

// steps takes one frame from the decoder to the encoder. It closes the frame when it fails.
func (r *render) steps(f *frame) error {
	for _, step := range [...]func(*frame) error{
		r.trimmed, r.cut, r.resize, r.upright, r.crop, r.adjust, r.blur, r.sharpen, r.pixelate, r.pad, r.overlay, r.round,
		r.rotate, r.flatten, r.gray,
	} {
		if err := step(f); err != nil {
			f.Close()
			return err
		}
	}
	return nil
}
