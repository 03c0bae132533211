package edge

import (
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"net"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/pictor/pictor/shared/delivery"
	"github.com/pictor/pictor/shared/wire"
)

// answer is one response while it is made.
type answer struct {
	edge       *Edge
	c          *fasthttp.RequestCtx
	start      time.Time
	req        delivery.Request
	known      *Known
	bill       bill
	negotiated bool // the format depends on Accept
	tier       Tier
	bytes      int64 // body bytes to be sent
	err        error
}

// methodAllowed answers everything but GET and HEAD itself.
func (r *answer) methodAllowed() bool {
	h := &r.c.Response.Header
	switch {
	case r.c.IsGet() || r.c.IsHead():
		return true
	case r.c.IsOptions():
		r.common()
		h.Set("Allow", allowedMethods)
		h.Set("Access-Control-Allow-Methods", allowedMethods)
		h.Set("Access-Control-Allow-Headers", "*")
		h.Set("Access-Control-Max-Age", "86400")
		r.c.SetStatusCode(fasthttp.StatusNoContent)
	default:
		h.Set("Allow", allowedMethods)
		r.refuse(fasthttp.StatusMethodNotAllowed, "only GET, HEAD and OPTIONS are answered here")
	}
	return false
}

const allowedMethods = "GET, HEAD, OPTIONS"

// stream answers with a large untransformed picture, read as it is sent.
func (r *answer) stream() {
	r.tier = TierSource
	src := &r.known.Source
	etag := ETag(src.CleanDigest)
	r.prepare(src.Picture().Format.MediaType(), etag)
	r.entity(etag, src.CleanBytes, streamed{r})
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
	resp.SetBodyStream(s.edge.slices(s.req, &s.known.Manifest, from, length), int(length))
}

// prepare sets the headers that do not depend on conditions and ranges: what serveHot remembers.
func (r *answer) prepare(mediaType, etag string) {
	h := &r.c.Response.Header
	r.common()
	h.Set("ETag", etag)
	h.SetLastModified(r.modified())
	r.setCacheControl(&r.req)
	h.Set("Accept-Ranges", "bytes")
	h.SetContentType(mediaType)
}

func (r *answer) modified() time.Time { return time.Unix(r.known.UpdatedAt, 0) }

// entity settles conditions and ranges for a body of this size; the headers are prepared.
func (r *answer) entity(etag string, size int64, b body) {
	in, h := &r.c.Request.Header, &r.c.Response.Header
	if notModified(in, etag, r.modified) {
		h.SetContentType("")
		r.c.Response.SkipBody = true
		r.c.SetStatusCode(fasthttp.StatusNotModified)
		return
	}
	from, length, verdict := readRange(in, size, etag, r.modified)
	switch verdict {
	case rangeUnsatisfiable:
		h.Set("Content-Range", fmt.Sprintf("bytes */%d", size))
		r.refuse(fasthttp.StatusRequestedRangeNotSatisfiable, "the range is outside the image")
		return
	case rangeOne:
		h.Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, from+length-1, size))
		r.c.SetStatusCode(fasthttp.StatusPartialContent)
	case rangeNone:
		length = size
	}
	b.put(&r.c.Response, from, length)
	if !r.c.IsHead() {
		r.bytes = length
	}
}

// common sets what every answer carries: file 003, «Security model», and what makes a picture usable from any site.
func (r *answer) common() {
	h := &r.c.Response.Header
	h.Set("Strict-Transport-Security", "max-age=31536000")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors *; sandbox")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Timing-Allow-Origin", "*")
	if r.negotiated {
		h.Set("Vary", "Accept")
	}
}

// Lifetimes of answers.
const (
	immutableAge    = 365 * 24 * time.Hour // ?v= is the current version: the URL will never mean other bytes
	otherVersionAge = time.Minute          // ?v= is some other text: the current bytes, for a short while
	staleAge        = 24 * time.Hour       // how long a shared cache may bridge our absence
	notFoundAge     = 10 * time.Second
)

// setCacheControl says how long the answer may be kept: never longer than the signature or the asset lives.
func (r *answer) setCacheControl(req *delivery.Request) {
	m := &r.known.Manifest
	age, suffix := r.edge.Policy.PublicAge, staleSuffix
	switch {
	case req.Version == "":
	case req.Version == strconv.FormatInt(m.Version, 10):
		age, suffix = immutableAge, ", immutable"
	default:
		age, suffix = otherVersionAge, ""
	}
	left := lifeLeft(req, m, r.start)
	scope := "public, max-age="
	switch {
	case m.Visibility != wire.Public:
		scope, age, suffix = "private, max-age=", left, ""
	case left < age+staleAge:
		age, suffix = min(age, left), ""
	}
	value := append(make([]byte, 0, 96), scope...)
	value = strconv.AppendInt(value, seconds(age), 10)
	value = append(value, suffix...)
	r.c.Response.Header.SetCanonical(headerCacheControl, value)
}

var headerCacheControl = []byte("Cache-Control")

var staleSuffix = fmt.Sprintf(", stale-while-revalidate=%[1]d, stale-if-error=%[1]d", seconds(staleAge))

// changing reports whether the Cache-Control of an answer depends on the clock.
func changing(req *delivery.Request, m *wire.Manifest) bool {
	return req.Signature.Given || m.ExpiresAt != 0
}

// lifeLeft is how long from now on the signature and the asset are valid.
func lifeLeft(req *delivery.Request, m *wire.Manifest, now time.Time) time.Duration {
	left := time.Duration(math.MaxInt64)
	if req.Signature.Given {
		left = time.Unix(req.Signature.Fields.Expires, 0).Sub(now)
	}
	if m.ExpiresAt != 0 {
		left = min(left, time.Unix(m.ExpiresAt, 0).Sub(now))
	}
	return max(0, left)
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

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
}

// fail answers with an error.
func (r *answer) fail(err error) {
	r.err = err
	kind, message := KindOf(err), "internal error"
	if e, ok := err.(*Error); ok {
		message = e.Message
	}
	h := &r.c.Response.Header
	switch kind {
	case NotFound:
		h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", seconds(notFoundAge)))
	case Overloaded, Unavailable:
		h.Set("Retry-After", strconv.FormatInt(retryAfter(err), 10))
	case Limited:
		h.Set("Retry-After", strconv.FormatInt(retryAfter(err), 10))
		r.rateHeaders(err)
	}
	r.refuse(statusOf[kind], message)
}

// retryAfter is the error's hint in whole seconds, at least one.
func retryAfter(err error) int64 {
	if e, ok := err.(*Error); ok && e.RetryAfter > time.Second {
		return int64(math.Ceil(e.RetryAfter.Seconds()))
	}
	return 1
}

// refuse writes an error answer: file 003, «Errors».
func (r *answer) refuse(status int, message string) {
	r.common()
	h := &r.c.Response.Header
	if len(h.Peek("Cache-Control")) == 0 || status != fasthttp.StatusNotFound {
		h.Set("Cache-Control", "no-store")
	}
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

// done counts the answer and writes its log line.
func (r *answer) done() {
	e, status := r.edge, r.c.Response.StatusCode()
	took := e.Now().Sub(r.start)
	e.Observer.Served(r.tier, status, r.bytes, took)
	if r.known != nil && r.err == nil {
		r.known.Meter.Add(r.bytes)
	}
	r.log(status, took)
}

// log writes one wide line for everything but hits; the target goes without its query, which may hold secrets.
func (r *answer) log(status int, took time.Duration) {
	if r.tier == TierMemory && r.err == nil {
		return
	}
	attrs := []any{"method", string(r.c.Method()), "path", string(pathOf(r.c.Request.Header.RequestURI())),
		"status", status, "tier", r.tier.String(), "bytes", r.bytes, "ms", float64(took.Microseconds()) / 1000,
		"remote", r.c.RemoteIP().String()}
	if r.err != nil {
		attrs = append(attrs, "kind", KindOf(r.err).String(), "err", r.err.Error())
	}
	switch {
	case status >= 500:
		r.edge.Log.Error("request", attrs...)
	default:
		r.edge.Log.Info("request", attrs...)
	}
}

func pathOf(target []byte) []byte {
	for i, b := range target {
		if b == '?' {
			return target[:i]
		}
	}
	return target
}

// ServeMalformed answers what could not be read as a request, and closes the connection: where the next request would
// begin is anybody's guess.
func ServeMalformed(c *fasthttp.RequestCtx, err error) {
	status, message := fasthttp.StatusBadRequest, "malformed HTTP request"
	if why, ok := errors.AsType[refusal](err); ok {
		status, message = why.Refusal()
	} else if _, ok := errors.AsType[*fasthttp.ErrSmallBuffer](err); ok {
		status, message = fasthttp.StatusRequestHeaderFieldsTooLarge, "the request head is too large"
	} else if timeout, ok := errors.AsType[net.Error](err); ok && timeout.Timeout() {
		status, message = fasthttp.StatusRequestTimeout, "the request did not arrive in time"
	}
	r := answer{c: c}
	r.refuse(status, message)
	c.SetConnectionClose()
	if conn, ok := c.Conn().(lingerer); ok {
		conn.Linger()
	}
}

// refusal is an error of the connection itself: it knows what to answer.
type refusal interface {
	error
	Refusal() (status int, message string)
}

// lingerer is a connection that can see to it that its last answer is read.
type lingerer interface{ Linger() }
