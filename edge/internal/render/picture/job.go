package picture

import (
	"errors"
	"fmt"
	"io"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/transform"
)

// Job is one piece of work. Source and the settled Spec say what is wanted.
type Job struct {
	Source transform.Source
	Bytes  int64 // of the source
	Spec   transform.Spec
	Over   *Overlay
	Clean  int64 // bytes of the source, cleaned, if it can be: the most that Spec.OrSource lets a result have
	Rung   *Rung // what the file holds instead of the source, nil for the source itself
	ToRung bool  // the result will be a rung: leave all that can be to the decoder
	Best   bool  // nobody waits: encode as well as can be
}

// Rung is a reduced copy of a source: its first frame as stored, not upright, in eight bits of sRGB or grey, and opaque.
type Rung struct {
	Width, Height int
	Bands         int // 1 or 3 when the file holds plain pixels, row by row; 0 when it is a JPEG
}

// Render decodes the whole file in buf and gives the picture that the Spec asks for, encoded. Nobody may write to buf
// meanwhile. Errors are *edge.Error: Damaged when the pixels cannot be decoded or are not what Source says.
func (j Job) Render(buf []byte) ([]byte, error) {
	var body []byte
	err := j.run(buf, func(r *render) (err error) {
		body, err = r.run()
		return err
	})
	return body, err
}

// Each is Render for several Specs that differ in nothing but how the picture is encoded: it is made once. They and their
// results come one after the other.
func (j Job) Each(buf []byte, specs []transform.Spec, done func(body []byte, err error) error) error {
	var gone error
	err := j.run(buf, func(r *render) error {
		f, err := r.picture()
		if err != nil {
			return err
		}
		defer f.Close()
		if err := r.hold(f); err != nil {
			return err
		}
		for _, r.spec = range specs {
			if gone = done(r.encode(f)); gone != nil {
				return nil
			}
		}
		return nil
	})
	for range specs {
		if err != nil && gone == nil {
			gone = done(nil, err)
		}
	}
	return gone
}

// Pixels writes the picture as plain pixels, without encoding it: 1 or 3 bands of eight bits. They are written as they
// are made; three copies of 18 MB on the way, as other ways of libvips need, took longer than the resizing.
func (j Job) Pixels(buf []byte, into io.Writer) (bands int, err error) {
	err = j.run(buf, func(r *render) error {
		f, err := r.picture()
		if err != nil {
			return err
		}
		defer f.Close()
		if bands = f.Bands(); bands != 1 && bands != 3 {
			return fmt.Errorf("a rung of %d bands", bands)
		}
		target := vips.NewTarget(writer{into})
		defer target.Close()
		return f.RawsaveTarget(target, &vips.RawsaveTargetOptions{Keep: vips.KeepNone})
	})
	return bands, err
}

// writer stays open when libvips closes it.
type writer struct{ io.Writer }

func (writer) Close() error { return nil }

func (j Job) run(buf []byte, do func(*render) error) error {
	r := render{buf: buf, src: j.Source, stored: j.Source, spec: j.Spec, bytes: j.Bytes, over: j.Over, clean: j.Clean, best: j.Best,
		leastResize: leastResizeJPEG}
	if j.ToRung {
		r.leastResize = 1
	}
	if j.Rung != nil {
		r.stored.Format, r.stored.Width, r.stored.Height = transform.JPEG, j.Rung.Width, j.Rung.Height
		r.stored.Frames, r.rungBands = 1, j.Rung.Bands
	}
	defer r.close()
	if err := r.foreign(); err != nil {
		return damaged(err)
	}
	if err := r.trim(); err != nil {
		return damaged(err)
	}
	var err error
	if r.Layout, err = r.spec.Layout(r.src); err != nil {
		return &edge.Error{Kind: edge.Invalid, Message: err.Error(), Err: err}
	}
	if err := do(&r); err != nil {
		return damaged(err)
	}
	return nil
}

// close frees what outlives a step.
func (r *render) close() {
	if r.drawn != nil {
		r.drawn.Close()
	}
	r.pins.Unpin()
}

// openPixels opens a rung of plain pixels.
func (r *render) openPixels() (*vips.Image, error) {
	if len(r.buf) != r.stored.Width*r.stored.Height*r.rungBands {
		return nil, errors.New("a rung has the wrong size")
	}
	raw, err := vips.NewImageFromMemory(r.buf, r.stored.Width, r.stored.Height, r.rungBands)
	if err != nil {
		return nil, err
	}
	defer raw.Close()
	if n := r.halvings(); n > 1 {
		if err := raw.Shrink(float64(n), float64(n), nil); err != nil {
			return nil, err
		}
		// The decoder leaves out what does not fill a pixel. Keeping it would be another scale: half a pixel at the rim.
		if err := raw.ExtractArea(0, 0, r.stored.Width/n, r.stored.Height/n); err != nil {
			return nil, err
		}
	}
	space := vips.InterpretationSrgb
	if r.rungBands == 1 {
		space = vips.InterpretationBW
	}
	return raw.Copy(&vips.CopyOptions{Interpretation: space})
}

// halvings is the factor by which pixels are averaged before they are resized, where the decoder of a JPEG would have
// reduced the source by as much more: the results are alike, and it is faster.
func (r *render) halvings() int {
	n := 1
	for r.src.Format == transform.JPEG && r.reduction() >= 2*leastResizeJPEG*float64(n) && n < 8 {
		n *= 2
	}
	return n
}
