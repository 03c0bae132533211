package render

import (
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/transform"
)

// smallJob is the longest job that the kept worker takes.
const smallJob = 100 * time.Millisecond

// decodeCost and encodeCost are nanoseconds a pixel, measured on photographs with one core of a cloud machine. They only
// have to be right about which jobs are small.
var (
	decodeCost = [...]float64{transform.JPEG: 3, transform.PNG: 8, transform.WebP: 15, transform.AVIF: 40, transform.GIF: 10,
		transform.BMP: 5, transform.TIFF: 15, transform.HEIC: 170}
	encodeCost = [...]float64{transform.JPEG: 7, transform.PNG: 35, transform.WebP: 40, transform.AVIF: 50, transform.GIF: 430,
		transform.JSON: 1000, transform.BlurHash: 500, transform.ThumbHash: 300}
)

// predict is what a job will about take. A job beyond the limits is Invalid.
func predict(job edge.Job) (time.Duration, error) {
	src := job.Source.Picture()
	layout, err := job.Spec.Layout(src)
	if err != nil {
		return 0, &edge.Error{Kind: edge.Invalid, Message: err.Error(), Err: err}
	}
	if !src.Format.Concrete() || !job.Spec.Format.Concrete() {
		return 0, &edge.Error{Kind: edge.Internal, Message: "a job needs concrete formats"}
	}
	frames := 1
	if job.Spec.Animated(src) {
		frames = src.Frames
	}
	decode := float64(src.Width) * float64(src.Height) * decodeCost[src.Format]
	encode := float64(layout.Out.Width) * float64(layout.Out.Height) * encodeCost[job.Spec.Format]
	return time.Duration(float64(frames) * (decode + encode)), nil
}
