package render

import (
	"encoding/binary"
	"os"
	"sync"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/rungs"
	"github.com/pictor/pictor/shared/transform"
)

// Nanoseconds a pixel of one core, measured on photographs on a cloud machine. They are where predictions begin; what
// jobs really take corrects them, see learned.
var (
	scanCost   = [...]float64{transform.JPEG: 2} // of the pixels that are read, whatever becomes of them
	decodeCost = [...]float64{transform.JPEG: 5, transform.PNG: 8, transform.WebP: 15, transform.AVIF: 40, transform.GIF: 10,
		transform.BMP: 5, transform.TIFF: 15, transform.HEIC: 170}
	encodeCost = [...]float64{transform.JPEG: 10, transform.PNG: 35, transform.WebP: 45, transform.AVIF: 55,
		transform.GIF: 430, transform.JSON: 1000, transform.BlurHash: 500, transform.ThumbHash: 300}
)

const (
	resizeCost      = 2.0 // of a decoded pixel
	progressiveCost = 6.0 // times the scan of a baseline JPEG
	bestCost        = 30. // times the encoding for somebody who waits
	baseCost        = 2 * time.Millisecond
)

// class is work that is alike: what was learned from one job of it holds for the next.
type class struct {
	from        transform.Format // FormatSource for plain pixels
	to          transform.Format // FormatSource for plain pixels
	progressive bool
	best        bool
}

// estimate is what a job will about take of one core.
type estimate struct {
	class
	raw  time.Duration // as the tables say
	cost time.Duration // as experience says
}

// work is what a worker is asked to do.
type work struct {
	source      transform.Source
	spec        transform.Spec // settled
	layout      transform.Layout
	progressive bool // the source is a progressive JPEG
	reads       read
	pixels      bool // no encoding
	toRung      bool
	best        bool
}

// read is the picture in the file: the source, or a rung of it.
type read struct {
	transform.Size
	format transform.Format // FormatSource for plain pixels
	frames int
}

// newWork reads a job. One beyond the limits is Invalid.
func newWork(job edge.Job) (work, error) {
	w := work{source: job.Source.Picture(), spec: job.Spec, best: job.Best}
	var err error
	if w.layout, err = w.spec.Layout(w.source); err != nil {
		return w, &edge.Error{Kind: edge.Invalid, Message: err.Error(), Err: err}
	}
	if !w.source.Format.Concrete() || !w.spec.Format.Concrete() {
		return w, &edge.Error{Kind: edge.Internal, Message: "a job needs concrete formats"}
	}
	w.readSource()
	return w, nil
}

func readOf(r *rungs.Rung) read {
	from := read{transform.Size(r.Size), transform.JPEG, 1}
	if r.Bands > 0 {
		from.format = transform.FormatSource
	}
	return from
}

func (w *work) readSource() {
	w.reads = read{transform.Size{Width: w.source.Width, Height: w.source.Height}, w.source.Format, 1}
	if w.spec.Animated(w.source) {
		w.reads.frames = w.source.Frames
	}
}

// scaled is the size after resizing, as stored.
func (w *work) scaled() transform.Size {
	s := w.layout.Scaled
	if (w.source.Orientation >= 5) != (w.layout.Turn%2 == 1) {
		s.Width, s.Height = s.Height, s.Width
	}
	return s
}

// reading is the cost of decoding and resizing.
func (w *work) reading() float64 {
	all := float64(w.reads.frames) * float64(w.reads.Width) * float64(w.reads.Height)
	if w.reads.format == transform.FormatSource {
		return all * resizeCost
	}
	cost := all * (decodeCost[w.reads.format] + resizeCost)
	if w.reads.format == transform.JPEG {
		shrink := float64(w.shrink())
		scan := scanCost[transform.JPEG]
		if w.progressive && w.reads.Width == w.source.Width {
			scan *= progressiveCost
		}
		cost = all*scan + cost/(shrink*shrink)
	}
	return cost
}

// shrink is about the factor by which the JPEG decoder reduces the picture.
func (w *work) shrink() int {
	if w.layout.Cut.Size != w.layout.Whole || w.spec.Trim > 0 || w.spec.Linear {
		return 1
	}
	scaled, margin := w.scaled(), 1.2
	if w.toRung {
		margin = 1
	}
	reduction := min(float64(w.reads.Width)/float64(scaled.Width), float64(w.reads.Height)/float64(scaled.Height))
	for _, shrink := range [...]int{8, 4, 2} {
		if reduction >= margin*float64(shrink) {
			return shrink
		}
	}
	return 1
}

func (w *work) writing() float64 {
	if w.pixels {
		return 0
	}
	cost := float64(w.reads.frames) * float64(w.layout.Out.Width) * float64(w.layout.Out.Height) * encodeCost[w.spec.Format]
	if w.best {
		cost *= bestCost
	}
	return cost
}

// learned are factors between the tables and what jobs of a class took, as a moving average. There are no more classes
// than pairs of formats, times four.
type learned struct {
	mu      sync.Mutex
	factors map[class]float64
}

// learnRate is the weight of the latest job.
const learnRate = 0.2

func (l *learned) estimate(w *work) estimate {
	e := estimate{class: class{from: w.reads.format, to: w.spec.Format, best: w.best}}
	e.progressive = w.progressive && w.reads.format != transform.FormatSource
	if w.pixels {
		e.to = transform.FormatSource
	}
	e.raw = baseCost + time.Duration(w.reading()+w.writing())
	e.cost = e.raw
	l.mu.Lock()
	defer l.mu.Unlock()
	if factor, ok := l.factors[e.class]; ok {
		e.cost = time.Duration(float64(e.raw) * factor)
	}
	return e
}

// learn takes in what a job took. One job may be odd, so its say is bounded.
func (l *learned) learn(e estimate, took time.Duration) {
	const most = 10
	ratio := min(max(float64(took)/float64(e.raw), 1./most), most)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.factors == nil {
		l.factors = map[class]float64{}
	}
	factor, ok := l.factors[e.class]
	if !ok {
		factor = 1
	}
	l.factors[e.class] = factor + learnRate*(ratio-factor)
}

// isProgressive finds the frame header of a JPEG that is large enough to matter, and says whether it needs several
// passes.
func isProgressive(w work, file *os.File) bool {
	if w.source.Format != transform.JPEG || w.source.Width*w.source.Height < 1_000_000 {
		return false
	}
	var head [4]byte
	for at, steps := int64(2), 0; steps < 256; steps++ {
		if _, err := file.ReadAt(head[:], at); err != nil || head[0] != 0xff {
			return false
		}
		switch marker := head[1]; {
		case marker == 0xff: // padding
			at++
		case marker == 0xc2 || marker == 0xc6 || marker == 0xca || marker == 0xce:
			return true
		case marker == 0xc0 || marker == 0xc1 || marker == 0xda:
			return false
		default:
			at += 2 + int64(binary.BigEndian.Uint16(head[2:]))
		}
	}
	return false
}
