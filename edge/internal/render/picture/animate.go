package picture

import (
	"fmt"
	"math"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/shared/transform"
)

// animation takes each frame through the steps by itself, so that none bleeds into the next, and puts them on one
// strip, which is how libvips holds animations.
func (r *render) animation() (*frame, error) {
	strip, err := r.load(-1)
	if err != nil {
		return nil, err
	}
	defer strip.Close()
	timing, err := readTiming(strip)
	if err != nil {
		return nil, err
	}
	joined, err := r.join(strip)
	if err != nil {
		return nil, err
	}
	return joined, timing.in(r.spec.Format).write(joined, r.Out.Height)
}

func (r *render) join(strip *frame) (*frame, error) {
	var frames []*vips.Image
	defer func() {
		for _, img := range frames {
			img.Close() // the strip holds on to what it needs
		}
	}()
	for y := 0; y < strip.Height(); y += r.stored.Height {
		f, err := r.nth(strip, y)
		if err != nil {
			return nil, err
		}
		frames = append(frames, f.Image)
	}
	joined, err := vips.NewArrayjoin(frames, &vips.ArrayjoinOptions{Across: 1})
	if err != nil {
		return nil, fmt.Errorf("join frames: %w", err)
	}
	return &frame{joined}, nil
}

// nth is the finished frame that begins at row y of the strip.
func (r *render) nth(strip *frame, y int) (*frame, error) {
	img, err := strip.Copy(&vips.CopyOptions{})
	if err != nil {
		return nil, fmt.Errorf("copy frame: %w", err)
	}
	f := &frame{img}
	if err := f.ExtractArea(0, y, r.stored.Width, r.stored.Height); err != nil {
		f.Close()
		return nil, fmt.Errorf("extract frame: %w", err)
	}
	if err := f.SetPages(1); err != nil {
		f.Close()
		return nil, fmt.Errorf("extract frame: %w", err)
	}
	return f, r.steps(f)
}

// timing is what makes frames an animation.
type timing struct {
	delays []int // milliseconds, one a frame
	loop   int   // times to play, 0 for ever
}

func readTiming(strip *frame) (timing, error) {
	delays, err := strip.PageDelay()
	if err != nil {
		return timing{}, fmt.Errorf("read delays: %w", err)
	}
	return timing{delays, strip.Loop()}, nil
}

// in gives what the format can say of it. GIF counts hundredths of a second in 16 bits, which libvips lets overflow. WebP
// gets 100 ms for 10 and less, which is libvips' rule, and that of browsers, who would not show it faster.
func (t timing) in(format transform.Format) timing {
	said := timing{make([]int, len(t.delays)), t.loop}
	for i, delay := range t.delays {
		switch {
		case format == transform.GIF:
			delay = min(delay, 10*math.MaxUint16)
		case delay <= 10:
			delay = 100
		}
		said.delays[i] = delay
	}
	return said
}

func (t timing) write(strip *frame, pageHeight int) error {
	if err := strip.SetArrayInt("delay", t.delays); err != nil {
		return fmt.Errorf("write delays: %w", err)
	}
	strip.SetLoop(t.loop)
	if err := strip.SetPageHeight(pageHeight); err != nil {
		return fmt.Errorf("write frame height: %w", err)
	}
	return nil
}

// keepFrames puts back what the WebP encoder left out of the strip.
func keepFrames(body []byte, strip *frame) ([]byte, error) {
	t, err := readTiming(strip)
	if err != nil {
		return nil, err
	}
	return withEveryFrame(body, transform.Size{Width: strip.Width(), Height: strip.PageHeight()}, t), nil
}
