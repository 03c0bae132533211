package edge

import (
	"context"

	"github.com/pictor/pictor/shared/transform"
)

// Where a client left the format to us and too much is waiting, a format that takes less time stands in for the best: a
// larger picture in time instead of a smaller one too late. It is made and kept under its own key, while that of the best
// format stays unmade, and the answer lives no longer than a Quick one. The node that would do the work decides, anew for
// each request, so nothing outlasts the pressure.

// offer notes in the job what else the client takes: what the same URL gives to clients that read fewer formats. What
// cannot move or lose detail never stands in: it would be another picture, or a far larger one.
func (r *answer) offer(job *Job, profile *Known) {
	src := job.Source.Picture()
	if r.edge.Fallback == nil || !r.negotiated || job.Spec.IsZero() || job.Spec.Animated(src) {
		return
	}
	accept := acceptOf(&r.c.Request.Header)
	last := job.Spec.Format
	for _, fewer := range [...]transform.Accept{{WebP: accept.WebP}, {}} {
		other, err := settle(&r.req, r.stem, r.known, profile, fewer)
		f := other.Spec.Format
		if err != nil || f == last || !f.Concrete() || f.Lossless() {
			continue
		}
		spec := job.Spec // hints and overlay have had their say
		spec.Format, last = f, f
		job.Fallbacks = append(job.Fallbacks, spec.Settle(src, fewer))
	}
}

// cheaper gives the job that is done in the place of this one, if too much is waiting.
func (e *Edge) cheaper(job Job) (Job, bool) {
	if e.Fallback == nil || len(job.Fallbacks) == 0 || job.Making == MakeNothing {
		return Job{}, false
	}
	jobs := []Job{job}
	for _, spec := range job.Fallbacks {
		other := job
		other.Spec = spec
		jobs = append(jobs, other)
	}
	chosen := e.Fallback(jobs)
	jobs[chosen].Fallbacks = nil
	return jobs[chosen], chosen > 0
}

// ownFallback is own for a job that another stands in for, unless its result is there.
func (e *Edge) ownFallback(ctx context.Context, key Key, job, fallback Job) (found, error) {
	if got, ok := e.stored(ctx, key); ok {
		e.again(key, job, got.obj)
		return got, nil
	}
	got, err := e.own(ctx, fallback.Key(), fallback)
	if err == nil {
		got.obj = got.obj.asFallback()
	}
	return got, err
}

// asFallback is the Object as the answer to a wish for another format.
func (o *Object) asFallback() *Object {
	return &Object{MediaType: o.MediaType, ETag: o.ETag, Body: o.Body, Quick: true, Fallback: true}
}
