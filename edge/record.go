package edge

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/valyala/fasthttp"
)

// done counts the answer, ends its trace and writes its log line.
func (r *answer) done() {
	e, status := r.edge, r.c.Response.StatusCode()
	took := e.Now().Sub(r.start)
	e.Observer.Served(r.tier, status, r.bytes, took)
	if r.known != nil && r.err == nil {
		r.known.Meter.Add(r.bytes)
		if r.preset != nil {
			r.preset.Add(1)
		}
	}
	if r.err != nil {
		r.countRefusal()
	}
	if r.span != nil {
		r.endSpan(status)
	}
	if r.logged() {
		r.log(status, took)
	}
}

func (r *answer) countRefusal() {
	if e, ok := r.err.(*Error); ok && e.Limit != nil {
		r.edge.Observer.Refused(e.Limit.Name)
	}
}

// logged: everything but hits, and one hit in so many. Connections that are turned away are only counted: a flood of them
// must not become one of lines.
func (r *answer) logged() bool {
	if r.unread && KindOf(r.err) != Invalid {
		return false
	}
	if r.tier != TierMemory && r.tier != TierDisk || r.err != nil {
		return true
	}
	n := r.edge.Policy.LogHits
	return n > 0 && rand.Uint32N(n) == 0
}

// log writes one wide line, always with the same fields. Neither query nor headers are in it: they may hold secrets.
func (r *answer) log(status int, took time.Duration) {
	level, kind, cause, trace, account, asset := slog.LevelInfo, "", "", "", "", ""
	if status >= fasthttp.StatusInternalServerError {
		level = slog.LevelError
	}
	if r.err != nil {
		kind, cause = KindOf(r.err).String(), r.err.Error()
	}
	if r.span != nil {
		trace = r.span.Trace()
	}
	if r.known != nil {
		account, asset = r.known.Account, r.known.Asset
	}
	method, path := r.asked()
	r.edge.Log.LogAttrs(context.Background(), level, "request",
		slog.String("method", method),
		slog.String("path", path),
		slog.Int("status", status),
		slog.String("tier", r.tier.String()),
		slog.Int64("bytes", r.bytes),
		slog.Float64("ms", float64(took.Microseconds())/1000),
		slog.String("client", r.edge.Client(r.c).String()),
		slog.String("account", account),
		slog.String("asset", asset),
		slog.Bool("signed", r.req.Signature.Given),
		slog.String("kind", kind),
		slog.String("err", cause),
		slog.String("trace", trace))
}

func (r *answer) asked() (method, path string) {
	if r.unread {
		return "", ""
	}
	return string(r.c.Method()), string(pathOf(r.c.Request.Header.RequestURI()))
}

// pathOf is the target without its query.
func pathOf(target []byte) []byte {
	path, _, _ := bytes.Cut(target, []byte("?"))
	return path
}
