package render

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"os"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/memfile"
	"github.com/pictor/pictor/shared/transform"
	"github.com/pictor/pictor/shared/wire"
)

// Check renders a tiny picture: nil means that the pool does its work. It waits for a worker as small jobs do, but is
// not turned away by a full queue: a busy node is a ready one.
func (p *Pool) Check(ctx context.Context) error {
	const side = 8
	var picture bytes.Buffer
	if err := png.Encode(&picture, image.NewGray(image.Rect(0, 0, side, side))); err != nil {
		return fmt.Errorf("check renderer: %w", err)
	}
	file, err := memfile.Of(picture.Bytes())
	if err != nil {
		return fmt.Errorf("check renderer: %w", err)
	}
	defer file.Close()
	job := edge.Job{
		Source: &wire.Source{Format: "png", Width: side, Height: side, Frames: 1, Bytes: int64(picture.Len())},
		Spec:   transform.Spec{Width: side / 2, Crop: transform.CropFit, Format: transform.JPEG},
	}
	if _, err := p.render(ctx, job, []*os.File{file}, false); err != nil {
		return fmt.Errorf("check renderer: %w", err)
	}
	return nil
}
