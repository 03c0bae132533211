package edge

import (
	"bytes"
	"context"
	"math/rand/v2"

	"github.com/valyala/fasthttp"
)

// offerOne in so many answers from disk goes the long way, which keeps the Object and offers it to the memory cache. What
// has become popular is soon there; what has not is neither allocated nor collected: docs/decisions/0008-disk-hits.md.
const offerOne = 64

// serveStored is serveHot for an Object that is on disk and not, or no longer, in memory.
func (e *Edge) serveStored(ctx context.Context, r *answer, route *route, v *variant) bool {
	if !r.c.IsGet() || v.quick || rand.Uint32N(offerOne) == 0 {
		return false
	}
	_, span := e.step(ctx, stepDisk)
	obj, done, ok := e.Disk.Lend(v.key)
	span.End(nil)
	if !ok {
		return false
	}
	if obj.ETag != v.etag || obj.Quick || e.admit(r, &route.req, v.known) != nil {
		done()
		return false
	}
	r.asBefore(route, v)
	r.anew(TierDisk)
	r.entity(obj.ETag, int64(len(obj.Body)), &loan{body: obj.Body, done: done})
	return true
}

// loan is a body that is given back when it is sent. If it never is, because a condition or a broken connection came
// between, the collector gets it.
type loan struct {
	bytes.Reader // over part, for whoever sends it piece by piece
	body, part   []byte
	done         func()
}

// Bytes is what is to be sent.
func (l *loan) Bytes() []byte { return l.part }

func (l *loan) put(resp *fasthttp.Response, from, length int64) {
	l.part = l.body[from : from+length]
	l.Reset(l.part)
	resp.SetBodyStream(l, int(length)) // which is closed; a raw body could not be given back
}

// Close is called when nothing of the body is read any more.
func (l *loan) Close() error {
	l.body, l.part = nil, nil
	l.Reset(nil)
	l.done()
	return nil
}
