package edge

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/pictor/pictor/shared/delivery"
)

// answer is one response while it is made.
type answer struct {
	edge       *Edge
	c          *fasthttp.RequestCtx
	start      time.Time
	target     string // as it came; empty for what is answered as before
	req        delivery.Request
	known      *Known
	stem       bool     // known was found by the stem of its name
	from       []*Known // all that the answer follows from
	bill       bill
	preset     *atomic.Int64 // counts its uses; nil without one
	span       Span          // nil for requests that are not followed
	negotiated bool          // the format depends on Accept
	hinted     bool          // the client's hints have changed the job
	quick      bool          // a better Object may take the place of the one that is sent
	dated      bool          // other bytes have another Last-Modified: neither negotiated nor encoded twice
	unread     bool          // nothing of the request is known
	tier       Tier
	bytes      int64 // body bytes to be sent
	err        error
}

// methodAllowed answers everything but GET and HEAD itself.
func (r *answer) methodAllowed() bool {
	switch {
	case r.c.IsGet() || r.c.IsHead():
		return true
	case r.c.IsOptions():
		r.preflight()
	default:
		r.refuse(fasthttp.StatusMethodNotAllowed, "only GET, HEAD and OPTIONS are answered here")
		r.c.Response.Header.Set("Allow", allowedMethods)
	}
	return false
}

// targetFits answers what is too long to be the URL of a picture.
func (r *answer) targetFits() bool {
	if len(r.c.Request.Header.RequestURI()) <= delivery.MaxTargetBytes {
		return true
	}
	r.refuse(fasthttp.StatusRequestURITooLong, "the URL is too long")
	return false
}

// deliver answers with what was found, and remembers the way to it.
func (r *answer) deliver(job Job, got found) {
	obj := got.obj
	r.quick, r.dated = obj.Quick, !r.negotiated && !r.edge.quick(job)
	r.prepare(obj.MediaType, obj.ETag)
	fresh := got.from == TierRender           // most are never asked for again, and a way takes 2.5 KB
	if !r.hinted && !obj.Fallback && !fresh { // the next client with this target gives other hints, or finds less waiting
		r.edge.remember(r, job, obj)
	}
	r.edge.inspect(&r.known.Manifest)
	if r.anew(got.tier); fresh {
		r.known.Meter.AddRender()
	}
	r.entity(obj.ETag, int64(len(obj.Body)), obj)
}

// stream answers with a large untransformed picture, read as it is sent.
func (r *answer) stream() error {
	r.dated = true
	src := &r.known.Source
	if !r.edge.Originals.Has(src.Digest) { // the origin may be asked for chunks
		if err := r.charge(); err != nil {
			return err
		}
	}
	etag := ETag(src.CleanDigest)
	r.prepare(src.Picture().Format.MediaType(), etag)
	r.anew(TierSource)
	r.edge.inspect(&r.known.Manifest)
	r.entity(etag, src.CleanBytes, streamed{r})
	return nil
}

// body hands over a part of an answer's body.
type body interface {
	put(resp *fasthttp.Response, from, length int64)
}

func (o *Object) put(resp *fasthttp.Response, from, length int64) {
	resp.SetBodyRaw(o.Body[from : from+length])
}

type streamed struct{ *answer }

func (s streamed) put(resp *fasthttp.Response, from, length int64) {
	resp.SetBodyStream(s.edge.download(s.req, &s.known.Manifest, from, length), int(length))
}

// entity settles conditions and ranges for a body of this size; the headers are prepared.
func (r *answer) entity(etag string, size int64, b body) {
	h := &r.c.Response.Header
	asked := conditionsOf(&r.c.Request.Header, etag)
	modified := r.modified()
	switch asked.status(modified) {
	case fasthttp.StatusNotModified:
		h.SetContentType("")
		r.c.Response.SkipBody = true
		r.c.SetStatusCode(fasthttp.StatusNotModified)
		return
	case fasthttp.StatusPreconditionFailed:
		r.refuse(fasthttp.StatusPreconditionFailed, "the image is not the one that the condition names")
		return
	}
	if !r.c.IsGet() { // Range means something to GET only (RFC 9110, section 14.2)
		b.put(&r.c.Response, 0, size)
		return
	}
	if !r.dated {
		modified = time.Time{} // a part of what there was at that time may be a part of something else
	}
	from, length, verdict := asked.part(size, etag, modified)
	switch verdict {
	case rangeUnsatisfiable:
		r.refuse(fasthttp.StatusRequestedRangeNotSatisfiable, "the range is outside the image")
		h.Set("Content-Range", fmt.Sprintf("bytes */%d", size))
		return
	case rangeOne:
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, from+length-1, size))
		r.c.SetStatusCode(fasthttp.StatusPartialContent)
	case rangeNone:
		length = size
	}
	b.put(&r.c.Response, from, length)
	r.bytes = length
}

// statusOf is the one table from Kinds to statuses.
var statusOf = [...]int{
	Internal:    fasthttp.StatusInternalServerError,
	Invalid:     fasthttp.StatusBadRequest,
	Forbidden:   fasthttp.StatusForbidden,
	NotFound:    fasthttp.StatusNotFound,
	Damaged:     fasthttp.StatusUnprocessableEntity,
	Overloaded:  fasthttp.StatusServiceUnavailable,
	Unavailable: fasthttp.StatusServiceUnavailable,
	Timeout:     fasthttp.StatusGatewayTimeout,
	Limited:     fasthttp.StatusTooManyRequests,
	Canceled:    499, // nobody reads it; logs and figures take it from nginx
}

// fail answers with an error.
func (r *answer) fail(err error) {
	r.err = err
	kind, message := KindOf(err), "internal error"
	if e, ok := err.(*Error); ok {
		message = e.Message
	}
	r.refuse(statusOf[kind], message)
	h := &r.c.Response.Header
	switch kind {
	case NotFound:
		h.Set("Cache-Control", "public, max-age="+strconv.FormatInt(seconds(notFoundAge), 10))
	case Overloaded, Unavailable:
		h.Set("Retry-After", strconv.FormatInt(retryAfter(err), 10))
	case Limited:
		h.Set("Retry-After", strconv.FormatInt(retryAfter(err), 10))
		r.rateHeaders(err)
	}
}

// retryAfter is the error's hint in whole seconds, at least one.
func retryAfter(err error) int64 {
	if e, ok := err.(*Error); ok && e.RetryAfter > time.Second {
		return int64(math.Ceil(e.RetryAfter.Seconds()))
	}
	return 1
}

// refuse writes an error answer in the place of all that was prepared: file 003, «Errors».
func (r *answer) refuse(status int, message string) {
	h := &r.c.Response.Header
	h.Reset()
	r.common()
	h.Set("Cache-Control", "no-store")
	body, err := json.Marshal(struct {
		Error string `json:"error"`
	}{message})
	if err != nil {
		panic(err) // a struct of one string always marshals
	}
	r.c.SetStatusCode(status)
	h.SetContentType("application/json; charset=utf-8")
	r.c.SetBody(append(body, '\n'))
}

// Refuse answers in the place of Serve what is no request, or one too many, and tells of it as of any request.
func (e *Edge) Refuse(c *fasthttp.RequestCtx, status int, message string) {
	r := answer{edge: e, c: c, start: e.Now(), unread: true, err: &Error{Kind: refusalKind(status), Message: message}}
	ServeRefusal(c, status, message)
	r.done()
}

func refusalKind(status int) Kind {
	switch status {
	case fasthttp.StatusTooManyRequests:
		return Limited
	case fasthttp.StatusServiceUnavailable:
		return Overloaded
	}
	return Invalid
}

// ServeRefusal is the answer that Refuse gives.
func ServeRefusal(c *fasthttp.RequestCtx, status int, message string) {
	r := answer{c: c}
	r.refuse(status, message)
	if status == fasthttp.StatusTooManyRequests || status == fasthttp.StatusServiceUnavailable {
		c.Response.Header.Set("Retry-After", "1")
	}
}
