package edge

import (
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"

	"github.com/pictor/pictor/shared/transform"
)

// Client hints take part only where the operator switched them on, and only for URLs that leave something open: the
// format is negotiated, and no signature says exactly what is to be had.

const (
	varyAccept = "Accept"
	varyHints  = "Accept, Sec-CH-DPR, Sec-CH-Width, Save-Data"
	acceptCH   = "Sec-CH-DPR, Sec-CH-Width"
)

var headerAcceptCH = []byte("Accept-CH")

// hints are what a client says of its screen and its line. They come in steps, for each makes a result of its own.
type hints struct {
	dpr   int  // hundredths: 100, 150, 200 or 300; 0 is unknown
	width int  // pixels, a multiple of widthStep; 0 is unknown
	spare bool // the client asks for fewer bytes
}

const (
	widthStep    = 100
	spareQuality = 50
)

// hintable reports whether hints have a say.
func (r *answer) hintable() bool {
	return r.negotiated && r.edge.Policy.ClientHints && !r.req.Signature.Given
}

func hintsOf(h *fasthttp.RequestHeader) hints {
	return hints{dpr: dprOf(h.Peek("Sec-CH-DPR")), width: widthOf(h.Peek("Sec-CH-Width")),
		spare: strings.EqualFold(unsafeString(h.Peek("Save-Data")), "on")}
}

// dprOf rounds up to the next step.
func dprOf(text []byte) int {
	dpr, err := strconv.ParseFloat(unsafeString(text), 64)
	if err != nil || !(dpr > 0) {
		return 0
	}
	for _, step := range [...]int{100, 150, 200} {
		if dpr*100 <= float64(step) {
			return step
		}
	}
	return 100 * transform.MaxDPR
}

// widthOf rounds up to the next step.
func widthOf(text []byte) int {
	n, ok := digits(unsafeString(text))
	if !ok || n == 0 || n > transform.MaxSide {
		return 0
	}
	return int(n+widthStep-1) / widthStep * widthStep
}

// apply changes a settled Spec: a size that the URL gives without a dpr is in the client's pixels, nothing is wider than
// the place it is for, and those who spare bytes get a lower quality. A hint that would break a limit is left out.
func (h hints) apply(s transform.Spec, src transform.Source, dprGiven bool) transform.Spec {
	if h.dpr > 100 && !dprGiven {
		s = within(s, resized(s, h.dpr, 100), src)
	}
	if layout, err := s.Layout(src); err == nil && h.width > 0 && layout.Out.Width > h.width {
		s = within(s, resized(s, h.width, layout.Out.Width), src)
	}
	if h.spare && !s.Format.Lossless() && (s.Quality <= 0 || s.Quality > spareQuality) {
		s.Quality = spareQuality
	}
	return s.Settle(src, transform.Accept{})
}

// resized multiplies the size in the Spec, if it gives one. Areas are in the source's pixels.
func resized(s transform.Spec, times, by int) transform.Spec {
	if s.Crop != transform.CropArea {
		s.Width, s.Height = ceil(s.Width*times, by), ceil(s.Height*times, by)
	}
	return s
}

func ceil(n, by int) int { return (n + by - 1) / by }

// within gives the changed Spec if it keeps all limits.
func within(s, changed transform.Spec, src transform.Source) transform.Spec {
	if _, err := changed.Layout(src); err != nil || changed.Width > transform.MaxSide || changed.Height > transform.MaxSide {
		return s
	}
	return changed
}

// hint lets the client's hints change the job, and reports whether there were any.
func (r *answer) hint(job *Job) bool {
	if !r.hintable() || job.Spec.IsZero() || job.Spec.Format.Inspects() {
		return false
	}
	h := hintsOf(&r.c.Request.Header)
	if h == (hints{}) {
		return false
	}
	job.Spec = h.apply(job.Spec, job.Source.Picture(), strings.Contains(r.target, "dpr"))
	return true
}
