package edge

import (
	"context"

	"github.com/valyala/fasthttp"
)

// Tracer follows single requests through the steps of an edge and on to its peers. Safe for concurrent use.
type Tracer interface {
	// Request begins to follow a request, or does not: then it gives a nil Span. The context carries it to the steps.
	Request(c *fasthttp.RequestCtx) (context.Context, Span)
	// Step begins a part of what ctx follows; never nil. The name is one of a few.
	Step(ctx context.Context, name string) (context.Context, Span)
}

// Span is a piece of work that is followed. Neither keys nor values may hold anything secret: no query, no header.
type Span interface {
	Text(key, value string)
	Number(key string, value int64)
	// Trace is the id under which all spans of a request are found.
	Trace() string
	// End is called once. Of an error, the Kind and the client's message become known, not the cause.
	End(err error)
}

// Steps of a request.
const (
	stepLook     = "look up"  // a name, at the origin
	stepDisk     = "disk"     // read a result
	stepPeer     = "peer"     // ask the owner
	stepOriginal = "original" // open it, after fetching it where needed
	stepRender   = "render"   // and wait for a worker
	stepClean    = "clean"    // the picture as uploaded
)

// step begins a part of the work. Without a Tracer it costs a comparison.
func (e *Edge) step(ctx context.Context, name string) (context.Context, Span) {
	if e.Tracer == nil {
		return ctx, untraced{}
	}
	return e.Tracer.Step(ctx, name)
}

type untraced struct{}

func (untraced) Text(string, string)  {}
func (untraced) Number(string, int64) {}
func (untraced) Trace() string        { return "" }
func (untraced) End(error)            {}

// follow begins to follow the request, if it is one of those.
func (r *answer) follow() (ctx context.Context) {
	if r.edge.Tracer == nil {
		return context.Background()
	}
	ctx, r.span = r.edge.Tracer.Request(r.c)
	return ctx
}

// endSpan says what came of the request.
func (r *answer) endSpan(status int) {
	s := r.span
	s.Text("http.request.method", string(r.c.Method()))
	s.Text("url.path", string(pathOf(r.c.Request.Header.RequestURI())))
	s.Number("http.response.status_code", int64(status))
	s.Number("http.response.body.size", r.bytes)
	s.Text("pictor.tier", r.tier.String())
	s.End(r.err)
}
