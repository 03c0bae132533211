package edge

import (
	"context"
	"sync"
	"time"

	"github.com/pictor/pictor/shared/transform"
)

// Fast now, better later: what is waited for is encoded at the effort that is best per millisecond. An Object made so is
// Quick: caches keep it for a minute at most, other nodes as well. When it is asked for again, its owner encodes the
// picture once more, with patience, when there is nothing else to do, and keeps that in its place.

// quickAge is how long a Quick Object may be kept elsewhere: it may be replaced at any time.
const quickAge = time.Minute

// refined are the formats whose encoders make good use of more time: docs/decisions/0003-efforts.md.
var refined = map[transform.Format]bool{transform.JPEG: true, transform.WebP: true, transform.AVIF: true}

// quick reports whether what the job gives at first may be improved.
func (e *Edge) quick(job Job) bool {
	return e.Policy.Refine && refined[job.Spec.Format] && !job.Spec.Animated(job.Source.Picture())
}

// expire makes the Object another node's copy that is good for a while.
func (o *Object) expire(now time.Time) {
	if o.Quick {
		o.until = now.Add(quickAge).UnixNano()
	}
}

// due reports whether a hit needs more than being served: it is a copy that has to be fetched again, or the first hit of
// an Object that is Quick.
func (o *Object) due(now time.Time) bool {
	if o.until != 0 {
		return now.UnixNano() >= o.until
	}
	return !o.asked.Load()
}

// fresh reports whether an Object in memory may be served, and has it improved if this node owns it.
func (e *Edge) fresh(key Key, job Job, obj *Object) bool {
	if !obj.Quick {
		return true
	}
	if len(e.Ring.Owners(job.Source.Digest)) > 0 {
		return obj.until != 0 && !obj.due(e.Now())
	}
	e.again(key, job, obj)
	return true
}

// again notes that a Quick Object was asked for after it had been served.
func (e *Edge) again(key Key, job Job, obj *Object) {
	if obj.Quick && e.Policy.Refine && !obj.asked.Swap(true) {
		e.refiner.add(e, key, job, obj)
	}
}

// refiner is the list of Objects to improve. One goroutine works on it while there are any.
type refiner struct {
	mu      sync.Mutex // never held while working
	waiting map[Key]refinement
	running bool
}

type refinement struct {
	job Job
	old *Object
}

const (
	maxRefinements = 1024
	// refineTime bounds the wait for an idle moment together with the work.
	refineTime = 10 * time.Minute
)

func (r *refiner) add(e *Edge, key Key, job Job, obj *Object) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.waiting) >= maxRefinements {
		obj.asked.Store(false) // later, perhaps
		return
	}
	if r.waiting == nil {
		r.waiting = map[Key]refinement{}
	}
	r.waiting[key] = refinement{job, obj}
	if !r.running {
		r.running = true
		go r.run(e)
	}
}

// forget takes out what would be made from the source.
func (r *refiner) forget(digest string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, one := range r.waiting {
		if one.job.uses(digest) {
			delete(r.waiting, key)
		}
	}
}

func (r *refiner) run(e *Edge) {
	for {
		key, next, ok := r.next()
		if !ok {
			return
		}
		e.refine(key, next)
	}
}

// next takes any one; without one, the goroutine has ended when the lock is free.
func (r *refiner) next() (Key, refinement, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for key, one := range r.waiting {
		delete(r.waiting, key)
		return key, one, true
	}
	r.running = false
	return "", refinement{}, false
}

// refine makes the better Object and puts it in the place of the Quick one. What turns out no smaller is not sent: the
// old bytes are final then.
func (e *Edge) refine(key Key, one refinement) {
	ctx, cancel := context.WithTimeout(context.Background(), refineTime)
	defer cancel()
	start := e.Now()
	body, err := attempt(func() ([]byte, error) { return e.renderBest(ctx, one.job) })
	saved := int64(len(one.old.Body) - len(body))
	switch {
	case err != nil && err != ErrNotSmaller:
		e.Observer.Refined(one.job, e.Now().Sub(start), 0, err)
		if kind := KindOf(err); kind == Overloaded || kind == Unavailable {
			one.old.asked.Store(false)
		}
		return
	case err == ErrNotSmaller || saved <= 0:
		body, saved = one.old.Body, 0
	}
	e.Observer.Refined(one.job, e.Now().Sub(start), saved, nil)
	obj := NewObject(one.old.MediaType, body)
	e.Memory.Set(key, obj)
	e.Disk.Put(key, obj)
}

func (e *Edge) renderBest(ctx context.Context, job Job) ([]byte, error) {
	job.Best = true
	files, err := e.openOriginals(ctx, job)
	defer closeAll(files)
	if err != nil {
		return nil, err
	}
	return e.Renderer.Render(ctx, job, files...)
}
