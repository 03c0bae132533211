package render

import (
	"slices"

	"github.com/pictor/pictor/shared/transform"
)

// batch is the tasks that a worker does as one: variants of one source that differ only in how they are encoded. The
// answers come one after the other.
type batch struct {
	tasks []*task
	left  int // those whose callers have gone; guarded by Pool.mu
}

// maxBatch bounds how long the last of a batch waits for the others.
const maxBatch = 4

// all is the task and its companions.
func (t *task) all() []*task {
	if t.batch == nil {
		return []*task{t}
	}
	return t.batch.tasks
}

// allLeft notes that one caller has gone and says whether nobody is left to work for.
func (b *batch) allLeft() bool {
	if b == nil {
		return true
	}
	b.left++
	return b.left == len(b.tasks)
}

// companionsLocked takes the tasks that can be done with t out of the queue.
func (p *Pool) companionsLocked(t *task) *batch {
	if !t.sharable() {
		return nil
	}
	b := &batch{tasks: []*task{t}}
	p.tasks = slices.DeleteFunc(p.tasks, func(other *task) bool {
		if len(b.tasks) == maxBatch || !other.sharable() || !t.alike(other) {
			return false
		}
		b.tasks = append(b.tasks, other)
		return true
	})
	if len(b.tasks) == 1 {
		return nil
	}
	return b
}

// sharable: what is opaque from the first to the last step is the same picture in every format.
func (t *task) sharable() bool {
	s := t.spec
	return t.digest != "" && t.over == nil && (!s.OrSource || t.rung != nil) && !t.fresh && !t.idle && !t.pixels &&
		!t.source.Alpha && t.source.Frames <= 1 && lossy[s.Format] && s.Radius == 0 && t.layout.Angle == 0 &&
		t.layout.Canvas == t.layout.Cropped.Size
}

func (t *task) alike(other *task) bool {
	a, b := t.spec, other.spec
	a.Format, a.Quality, b.Format, b.Quality = transform.JPEG, 0, transform.JPEG, 0
	return t.digest == other.digest && a == b && t.reads == other.reads
}
