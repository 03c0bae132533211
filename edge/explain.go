package edge

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/pictor/pictor/shared/delivery"
	"github.com/pictor/pictor/shared/transform"
	"github.com/pictor/pictor/shared/wire"
)

// Finding is one thing that an explanation has to say.
type Finding struct{ Name, Text string }

// findings are in the order of the delivery path.
type findings []Finding

func (f *findings) add(name, format string, args ...any) {
	*f = append(*f, Finding{name, fmt.Sprintf(format, args...)})
}

func (f *findings) fail(err error) { f.add("refused", "%s: %v", KindOf(err), err) }

// ExplainTarget tells what can be read from a raw request target alone.
func ExplainTarget(target string) []Finding {
	f, _, _ := explainTarget(target)
	return f
}

func explainTarget(target string) (f findings, req delivery.Request, err error) {
	if req, err = delivery.Parse(target); err != nil {
		err = asError(err)
		f.fail(err)
		return f, req, err
	}
	f.add("name", "%s in %s", req.Name.Name, req.Name.Namespace)
	if req.Stem != (wire.Name{}) {
		f.add("stem", "%s in %s, where nothing has the name", req.Stem.Name, req.Stem.Namespace)
	}
	f.add("asks for", "%s", asksFor(&req))
	if req.Version != "" {
		f.add("v", "%s", req.Version)
	}
	f.add("signature", "%s", signatureOf(req.Signature))
	return f, req, nil
}

func asksFor(req *delivery.Request) string {
	switch {
	case req.Plain():
		return "the picture as uploaded, without private metadata"
	case req.NeedsProfile() && req.Chosen():
		return "what the account's profile says"
	case req.NeedsProfile():
		return "a transform, completed by the account's profile"
	default:
		return "a transform"
	}
}

// signatureOf tells of a signature without showing it.
func signatureOf(s delivery.Signature) string {
	if !s.Given {
		return "none"
	}
	key, _, _ := strings.Cut(s.Text, ".")
	until := time.Unix(s.Fields.Expires, 0).UTC().Format(time.RFC3339)
	return fmt.Sprintf("by key %s, dialect %s, until %s", key, s.Fields.Dialect, until)
}

// Explain tells what this node makes of a target for a client with this Accept header, and why. It makes nothing and
// counts nothing, but may ask the origin what names mean.
func (e *Edge) Explain(ctx context.Context, target, accept string) []Finding {
	f, req, err := explainTarget(target)
	if err != nil {
		return f
	}
	r := &answer{edge: e, c: new(fasthttp.RequestCtx), start: e.Now()}
	r.c.Request.Header.SetRequestURI(target)
	r.c.Request.Header.Set("Accept", accept)
	job, err := e.explainJob(ctx, &f, r)
	if err != nil {
		f.fail(err)
		return f
	}
	f.job(&req, job, accept)
	r.quick = e.explainPlace(&f, job)
	if r.quick {
		f.add("later", "encoded once more, with patience, when it is asked for again")
	}
	r.setCacheControl(&r.req)
	r.common()
	for _, name := range []string{"Cache-Control", "Vary"} {
		if value := r.c.Response.Header.Peek(name); len(value) > 0 {
			f.add(strings.ToLower(name), "%s", value)
		}
	}
	return f
}

// explainJob goes the way of Edge.answer, and tells what it finds there.
func (e *Edge) explainJob(ctx context.Context, f *findings, r *answer) (Job, error) {
	if err := r.read(); err != nil {
		return Job{}, err
	}
	find := func(name wire.Name) (*Known, error) { return e.Catalog.Find(ctx, name) }
	err := r.look(find)
	if r.known != nil {
		f.manifest(r.known, r.stem, e.Catalog.Fresh(r.start))
	}
	if err != nil {
		return Job{}, err
	}
	return r.settle(find)
}

func (f *findings) manifest(known *Known, stem, fresh bool) {
	m := &known.Manifest
	f.add("asset", "%s, version %d of %s, account %s, %s", m.Asset, m.Version,
		time.Unix(m.UpdatedAt, 0).UTC().Format(time.RFC3339), m.Account, m.Visibility)
	if m.ExpiresAt != 0 {
		f.add("expires", "%s", time.Unix(m.ExpiresAt, 0).UTC().Format(time.RFC3339))
	}
	if stem {
		f.add("found by", "stem")
	}
	if rules := known.Meter.rules(); rules != "" {
		f.add("limits", "of the account: %s", rules)
	}
	if !fresh {
		f.add("feed", "silent: what is known of the asset may be old")
	}
	s := &m.Source
	f.add("source", "%s, %d×%d px, %d frames, %d bytes, sha256 %s", s.Format, s.Width, s.Height, max(1, s.Frames), s.Bytes, s.Digest)
}

// job tells what is made, how large, in which format and why in that one.
func (f *findings) job(req *delivery.Request, job Job, accept string) {
	source := job.Source.Picture()
	if job.Spec.IsZero() {
		f.add("result", "the picture as uploaded, cleaned: %d bytes", job.Source.CleanBytes)
		f.add("key", "%s", job.Key())
		return
	}
	f.add("spec", "%s", job.Spec)
	if layout, err := job.Spec.Layout(source); err == nil {
		f.add("size", "%d×%d px", layout.Out.Width, layout.Out.Height)
	}
	switch {
	case req.Negotiable:
		f.add("format", "%s: negotiated with Accept %q, for a source that is %s", job.Spec.Format, accept, nature(source))
	case job.Spec.Format == source.Format:
		f.add("format", "%s: that of the source, or asked for", job.Spec.Format)
	default:
		f.add("format", "%s: asked for", job.Spec.Format)
	}
	f.add("key", "%s", job.Key())
}

func nature(src transform.Source) string {
	switch {
	case src.Frames > 1:
		return "animated"
	case src.Alpha:
		return "transparent"
	default:
		return "opaque"
	}
}

// explainPlace tells where the result is and who would make it, and reports whether a better one may take its place.
func (e *Edge) explainPlace(f *findings, job Job) (quick bool) {
	key, place := job.Key(), "in memory"
	obj, ok := e.Memory.Get(key)
	if !ok {
		place = "on disk"
		obj, ok = e.Disk.Get(key)
	}
	if ok {
		quick = obj.Quick
	} else {
		place, quick = "not yet", e.quick(job)
	}
	f.add("here", "%s", place)
	var owners []string
	for _, peer := range e.Ring.Owners(job.Source.Digest) {
		owners = append(owners, peer.Name+" at "+peer.Address)
	}
	f.add("owner", "%s", strings.Join(append(owners, "this node"), ", then "))
	return quick
}
