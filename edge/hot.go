package edge

import (
	"context"
	"hash/maphash"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/pictor/pictor/shared/delivery"
	"github.com/pictor/pictor/shared/transform"
)

// hotSlots bounds the targets that are remembered. A slot is taken over by the next target that falls on it.
const hotSlots = 1 << 15

// hotTable remembers how targets were answered. It is a direct-mapped table of immutable entries: a look-up takes no
// lock, shares no cache line between cores but the ones it reads, and allocates nothing (BenchmarkHit).
type hotTable struct {
	seed  maphash.Seed
	slots *[hotSlots]atomic.Pointer[route]
}

// route is what a raw target comes to. All but variants is immutable.
type route struct {
	target   string
	req      delivery.Request // its strings are parts of target
	variants [acceptClasses]atomic.Pointer[variant]
}

// variant is the answer to a route for clients that accept the same formats. It is immutable. It names the Object and
// does not hold it: what lives in memory is the memory cache's business.
type variant struct {
	known *Known
	from  []*Known // all that had a say: picture, profile, overlay
	key   Key
	uses  *atomic.Int64           // of the preset, nil without one
	etag  string                  // of the Object that head was made for
	quick bool                    // that Object is Quick
	dated bool                    // see answer
	head  fasthttp.ResponseHeader // all headers of a plain 200 but the Content-Length
}

// acceptClasses is the number of values of transform.Accept; negotiation looks at nothing else.
const acceptClasses = 4

// acceptClass numbers what the client accepts, 0 for routes that do not depend on it.
func (r *route) acceptClass(h *fasthttp.RequestHeader) int {
	if !r.req.Negotiable {
		return 0
	}
	return classOf(acceptOf(h))
}

func classOf(a transform.Accept) (class int) {
	if a.AVIF {
		class |= 1
	}
	if a.WebP {
		class |= 2
	}
	return class
}

func newHotTable() hotTable {
	return hotTable{seed: maphash.MakeSeed(), slots: new([hotSlots]atomic.Pointer[route])}
}

func (t *hotTable) slot(target []byte) *atomic.Pointer[route] {
	return &t.slots[maphash.Bytes(t.seed, target)%hotSlots]
}

// find gives the route of the target, nil when it is not remembered.
func (t *hotTable) find(target []byte) *route {
	r := t.slot(target).Load()
	if r == nil || r.target != string(target) { // compares without a copy
		return nil
	}
	return r
}

// keep remembers a variant of the target.
func (t *hotTable) keep(target string, req delivery.Request, class int, v *variant) {
	slot := t.slot([]byte(target))
	r := slot.Load()
	if r == nil || r.target != target {
		r = &route{target: target, req: req}
		slot.Store(r)
	}
	r.variants[class].Store(v)
}

// serveHot answers what was answered before and is still in memory, or on disk. It decides nothing that Serve would decide
// otherwise: whatever is not plainly the same is left to Serve.
func (e *Edge) serveHot(ctx context.Context, r *answer) bool {
	c := r.c
	if !c.IsGet() && !c.IsHead() {
		return false
	}
	route := e.hot.find(c.Request.Header.RequestURI())
	if route == nil {
		return false
	}
	if e.Policy.ClientHints && route.req.Negotiable && hintsOf(&c.Request.Header) != (hints{}) {
		return false
	}
	v := route.variants[route.acceptClass(&c.Request.Header)].Load()
	if v == nil || !v.current() || !e.Catalog.Fresh(r.start) || !e.mayShow(route.req.Signature, v.known, r.start) {
		return false
	}
	obj, ok := e.Memory.Get(v.key)
	if !ok {
		return e.serveStored(ctx, r, route, v)
	}
	if obj.ETag != v.etag || obj.Quick != v.quick || obj.Quick && obj.due(r.start) {
		return false
	}
	if e.admit(r, &route.req, v.known) != nil {
		return false // a refusal counts nothing, so it comes again
	}
	r.tier = TierMemory
	r.asBefore(route, v)
	r.entity(obj.ETag, int64(len(obj.Body)), obj)
	return true
}

// asBefore prepares what the answer before had.
func (r *answer) asBefore(route *route, v *variant) {
	r.preset, r.from, r.dated = v.uses, v.from, v.dated
	r.known, r.negotiated, r.quick = v.known, route.req.Negotiable, v.quick
	r.req.Signature.Given = route.req.Signature.Given // for an error's Vary
	v.head.CopyTo(&r.c.Response.Header)
	if changing(&route.req, &v.known.Manifest) {
		r.setCacheControl(&route.req)
	}
}

// current reports whether all that the answer follows from is as it was.
func (v *variant) current() bool {
	for _, known := range v.from {
		if !known.Current() {
			return false
		}
	}
	return true
}

// mayShow is prove and allow once more: signatures and assets expire.
func (e *Edge) mayShow(s delivery.Signature, known *Known, now time.Time) bool {
	return e.prove(s, now) == nil && allow(&known.Manifest, s, now) == nil
}

// remember keeps the way to an Object for the next request with its target.
func (e *Edge) remember(r *answer, job Job, obj *Object) {
	v := &variant{known: r.known, from: r.from, key: job.Key(), uses: r.preset, etag: obj.ETag, quick: obj.Quick,
		dated: r.dated}
	r.c.Response.Header.CopyTo(&v.head)
	class := 0
	if r.negotiated {
		class = classOf(acceptOf(&r.c.Request.Header))
	}
	e.hot.keep(r.target, r.req, class, v)
}
