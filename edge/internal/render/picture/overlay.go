package picture

import (
	"fmt"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/shared/transform"
)

// Overlay is a second picture, to be drawn on the result.
type Overlay struct {
	Source transform.Source
	Data   []byte // the whole file; nobody may write to it meanwhile
}

// overlay draws the second picture on the padded canvas. All frames of an animation get the same.
func (r *render) overlay(f *frame) error {
	if r.over == nil {
		return nil
	}
	if r.drawn == nil {
		if err := r.readOverlay(); err != nil {
			return err
		}
	}
	if f.Interpretation() != r.drawn.Interpretation() { // one of them grey: both in colour
		for _, img := range []*frame{f, r.drawn} {
			if err := img.Colourspace(vips.InterpretationSrgb, nil); err != nil {
				return fmt.Errorf("overlay: %w", err)
			}
		}
	}
	opaque := !f.HasAlpha()
	at := r.spec.OverlayLayout(r.Canvas, r.over.Source)
	if err := f.Composite2(r.drawn.Image, vips.BlendModeOver, &vips.Composite2Options{X: at.X, Y: at.Y}); err != nil {
		return fmt.Errorf("overlay: %w", err)
	}
	if opaque { // and stays so, which keeps JPEG and others from looking at it
		if err := f.ExtractBand(0, &vips.ExtractBandOptions{N: f.Bands() - 1}); err != nil {
			return fmt.Errorf("overlay: %w", err)
		}
	}
	if err := f.Cast(vips.BandFormatUchar, nil); err != nil {
		return fmt.Errorf("overlay: %w", err)
	}
	return nil
}

// readOverlay renders the second picture as a job of its own: upright, in sRGB, in its size on the canvas.
func (r *render) readOverlay() error {
	at := r.spec.OverlayLayout(r.Canvas, r.over.Source)
	job := Job{Source: r.over.Source, Bytes: int64(len(r.over.Data)), Spec: transform.Spec{Width: at.Width,
		Height: at.Height, Crop: transform.CropScale, Format: transform.PNG}}
	return job.run(r.over.Data, func(inner *render) error {
		f, err := inner.picture()
		if err != nil {
			return err
		}
		defer f.Close()
		return r.keepOverlay(f)
	})
}

// keepOverlay takes the finished pixels, in the Spec's opacity, over into this render.
func (r *render) keepOverlay(f *frame) error {
	if !f.HasAlpha() {
		if err := f.Addalpha(); err != nil {
			return fmt.Errorf("overlay: %w", err)
		}
	}
	copied, err := f.Copy(nil)
	if err != nil {
		return fmt.Errorf("overlay: %w", err)
	}
	drawn := &frame{copied}
	opacity := r.spec.Opacity
	fade := func(p pixels) {
		if opacity == 0 {
			return
		}
		for i := p.bands - 1; i < len(p.data); i += p.bands {
			p.data[i] = clamped(float64(p.data[i]) * float64(opacity) / 100)
		}
	}
	if err := r.edit(drawn, fade); err != nil {
		drawn.Close()
		return err
	}
	r.drawn = drawn
	return nil
}
