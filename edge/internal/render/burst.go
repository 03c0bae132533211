package render

import (
	"fmt"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/memfile"
	"github.com/pictor/pictor/edge/internal/rungs"
	"github.com/pictor/pictor/shared/transform"
)

// burst is one source several variants of which are wanted at the same time: the first is made directly, so that a
// source asked for once costs nothing extra; with the second a rung is made, from one decode, and the others wait for it.
type burst struct {
	tasks  int // waiting, held and running
	wanted int // of these, variants that somebody waits for and that may be made from a rung
	maker  *task
	size   rungs.Size // that the maker makes, or the last one made
	held   []*task
}

const (
	// standardRung is the least of the longer side of a rung that is smaller than half its source: enough for a picture
	// across a page.
	standardRung = 1920
	// leastReading is the cost of reading a source, in nanoseconds, from which on rungs are made.
	leastReading = 12e6
	// rungQuality of a JPEG: at 97 and rungs.FileRatio the SSIM is 0.99 and more, at 95 it is not.
	rungQuality = 97
	// maxFaithful is the highest quality for which a rung is used: who asks for more wants every detail.
	maxFaithful = 94
)

// lossy are the formats whose encoders hide more than a rung does.
var lossy = map[transform.Format]bool{transform.JPEG: true, transform.WebP: true, transform.AVIF: true}

// mayUseRung says whether the task's result would be the same, to the eye, when it is made from a rung.
func (p *Pool) mayUseRung(t *task) bool {
	switch {
	case p.cfg.Rungs == nil || t.digest == "" || t.direct || t.idle || t.fresh || t.pixels:
	case t.source.Alpha || t.source.Frames > 1 || t.source.Format == transform.GIF:
	case !lossy[t.spec.Format] || t.spec.Quality > maxFaithful || t.spec.Quality == transform.QualityBest:
	case t.layout.Cut.Size != t.layout.Whole || t.spec.Trim > 0: // count in pixels of the source
	case t.spec.Linear: // a rung was reduced in sRGB
	case t.rung == nil && t.reading() < leastReading:
	default:
		return true
	}
	return false
}

// find opens a rung for the task, if there is one.
func (p *Pool) find(t *task) {
	if !p.mayUseRung(t) {
		return
	}
	if r := p.cfg.Rungs.Find(t.digest, rungs.Size(t.scaled())); r != nil {
		t.retake(p, r)
	}
}

// planLocked decides from what the task is made, and queues it or makes it wait for that.
func (p *Pool) planLocked(t *task) {
	b := p.bursts[t.digest]
	if b == nil {
		b = &burst{}
		p.bursts[t.digest] = b
	}
	b.tasks++
	if t.rung != nil || !p.mayUseRung(t) {
		p.enqueueLocked(t)
		return
	}
	t.counted = true
	b.wanted++
	if p.joinLocked(b, t) {
		return
	}
	p.askedAgainLocked(t)
	p.enqueueLocked(t)
}

// joinLocked makes the task wait for a rung, and others of its source with it.
func (p *Pool) joinLocked(b *burst, t *task) bool {
	want := rungs.Size(t.scaled())
	if b.maker != nil {
		if !b.size.Holds(want, rungs.PixelRatio) {
			return false
		}
		p.holdLocked(b, t)
		return true
	}
	if b.wanted < 2 {
		return false
	}
	maker, size := p.newMaker(t, want)
	if maker == nil {
		return false
	}
	b.maker, b.size = maker, size
	p.holdLocked(b, t)
	for _, other := range p.tasks {
		fits := rungs.Size(other.scaled())
		if other.digest == t.digest && other.rung == nil && p.mayUseRung(other) && size.Holds(fits, rungs.PixelRatio) {
			p.holdLocked(b, other)
		}
	}
	p.tasks = keep(p.tasks, waiting)
	maker.arrived, maker.key = t.arrived, t.key
	b.tasks++
	p.enqueueLocked(maker)
	return true
}

func (p *Pool) holdLocked(b *burst, t *task) {
	t.state = held
	b.held = append(b.held, t)
}

func keep(tasks []*task, s state) (kept []*task) {
	for _, t := range tasks {
		if t.state == s {
			kept = append(kept, t)
		}
	}
	return kept
}

// newMaker gives a task that makes a rung large enough for the wanted size, or nil when none would be worth it.
func (p *Pool) newMaker(t *task, want rungs.Size) (*task, rungs.Size) {
	maker := p.rungTask(t, want)
	if maker == nil {
		return nil, rungs.Size{}
	}
	size := maker.layout.Out
	if !rungs.Size(size).Holds(want, rungs.PixelRatio) { // by rounding
		maker.close()
		return nil, rungs.Size{}
	}
	maker.pixels = true
	maker.estimate = p.learned.estimate(&maker.work)
	out, err := memfile.Sized(3 * int64(size.Width) * int64(size.Height))
	if err != nil {
		p.cfg.Log.Warn("no memory for a rung", "err", err)
		maker.close()
		return nil, rungs.Size{}
	}
	maker.out = out
	return maker, rungs.Size(size)
}

// rungTask gives a task that reduces the source of t to a rung, as a JPEG; nil when none would be worth it.
func (p *Pool) rungTask(t *task, want rungs.Size) *task {
	spec, ok := rungSpec(t.source, want)
	if !ok {
		return nil
	}
	src := t.source
	src.Orientation = 0 // rungs are as stored
	w := work{source: src, spec: spec, toRung: true, progressive: t.progressive}
	var err error
	if w.layout, err = spec.Layout(src); err != nil {
		return nil
	}
	w.readSource()
	file, err := memfile.Duplicate(t.file)
	if err != nil {
		p.cfg.Log.Warn("no rung is made", "err", err)
		return nil
	}
	maker := &task{work: w, digest: t.digest, blame: t.digest, bytes: t.bytes, file: file, owned: true, direct: true,
		done: make(chan outcome, 1)}
	maker.estimate = p.learned.estimate(&maker.work)
	return maker
}

// rungSpec chooses the size of a rung from which the wanted size can be made: for a JPEG one that its decoder gives by
// itself, so that pictures from the rung are the very pictures that would be made from the source.
func rungSpec(src transform.Source, want rungs.Size) (transform.Spec, bool) {
	size := rungs.Size{Width: src.Width / 2, Height: src.Height / 2}
	longer := max(src.Width, src.Height)
	switch {
	case src.Format == transform.JPEG:
		for _, shrink := range [...]int{4, 8} {
			if smaller := (rungs.Size{Width: src.Width / shrink, Height: src.Height / shrink}); longer/shrink >= standardRung &&
				smaller.Holds(want, rungs.PixelRatio) {
				size = smaller
			}
		}
	case longer > 2*standardRung:
		scale := standardRung / float64(longer)
		smaller := rungs.Size{Width: int(scale * float64(src.Width)), Height: int(scale * float64(src.Height))}
		if smaller.Holds(want, rungs.PixelRatio) {
			size = smaller
		}
	}
	if !size.Holds(want, rungs.PixelRatio) {
		return transform.Spec{}, false
	}
	spec, err := transform.Parse(fmt.Sprintf("c_fit,f_jpg,h_%d,q_%d,w_%d", size.Height, rungQuality, size.Width))
	return spec, err == nil
}

// settleLocked is called when a task is over.
func (p *Pool) settleLocked(t *task, o outcome) {
	b := p.bursts[t.digest]
	if b == nil {
		return // was never planned
	}
	if t.counted {
		b.wanted--
	}
	if b.tasks--; b.tasks == 0 {
		delete(p.bursts, t.digest)
	}
	if b.maker == t {
		b.maker = nil
		p.madeLocked(b, t, o)
	}
	if t.toRung && !t.pixels && o.err == nil {
		size := rungs.Size(t.layout.Out)
		p.spawnLocked(func() { p.cfg.Rungs.Keep(t.digest, size, o.body) })
	}
}

// madeLocked takes in a rung and lets go of those who waited for it.
func (p *Pool) madeLocked(b *burst, t *task, o outcome) {
	if o.err == nil {
		r := rungs.Rung{Size: b.size, Bands: o.bands, File: t.out}
		r.Bytes = int64(r.Width) * int64(r.Height) * int64(r.Bands)
		t.out = nil // the store's now
		p.cfg.Rungs.Hold(t.digest, r)
	}
	waiters := b.held
	b.held = nil
	for _, waiter := range waiters {
		if o.err == nil {
			p.find(waiter)
		}
		waiter.direct = waiter.rung == nil
		p.enqueueLocked(waiter)
	}
	if o.err == nil && !p.cfg.Rungs.OnDisk(t.digest) {
		p.writeLaterLocked(t)
	}
}

// writeLaterLocked makes the rung that is in memory a file, when there is nothing else to do.
func (p *Pool) writeLaterLocked(t *task) {
	file, err := memfile.Duplicate(t.file)
	if err != nil {
		return
	}
	writer := &task{work: t.work, digest: t.digest, blame: t.digest, bytes: t.bytes, file: file, owned: true,
		direct: true, idle: true, done: make(chan outcome, 1)}
	writer.pixels = false
	if r := p.cfg.Rungs.Find(t.digest, rungs.Size(t.layout.Out)); r != nil {
		writer.retake(p, r)
	}
	p.laterLocked(writer)
}

// askedAgainLocked has a rung made for later when the second variant of a source is wanted after the first was done.
func (p *Pool) askedAgainLocked(t *task) {
	if !p.seen.Contains(t.digest) {
		p.seen.Add(t.digest, struct{}{})
		return
	}
	if p.cfg.Rungs.OnDisk(t.digest) {
		return
	}
	if writer := p.rungTask(t, rungs.Size{}); writer != nil {
		writer.idle = true
		p.laterLocked(writer)
	}
}

// laterLocked queues work of the pool's own that nobody waits for, once for a source.
func (p *Pool) laterLocked(t *task) {
	for _, other := range p.later {
		if other.digest == t.digest && other.toRung {
			t.close()
			return
		}
	}
	if len(p.later) >= maxQueue/8 {
		t.close()
		return
	}
	b := p.bursts[t.digest]
	if b == nil {
		b = &burst{}
		p.bursts[t.digest] = b
	}
	b.tasks++
	t.arrived = time.Now()
	p.enqueueLocked(t)
}

// retry runs a task that failed with a rung once more with the source: the rung may be to blame.
func (p *Pool) retry(t *task, o outcome) bool {
	if o.err == nil || t.rung == nil || edge.KindOf(o.err) != edge.Damaged {
		return false
	}
	p.cfg.Log.Warn("rung is given up", "digest", t.digest, "err", o.err)
	p.cfg.Rungs.Drop(t.digest)
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return false
	}
	t.retake(p, nil)
	t.direct = true
	t.worker.tasks--
	p.enqueueLocked(t)
	p.dispatchLocked()
	return true
}
