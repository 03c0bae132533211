package edge

import (
	"bytes"
	"context"
	"os"
	"sync"
	"unsafe"

	"github.com/valyala/fasthttp"

	"github.com/pictor/pictor/shared/delivery"
	"github.com/pictor/pictor/shared/transform"
	"github.com/pictor/pictor/shared/wire"
)

// Serve answers one request: the way it was answered before, or all the way.
func (e *Edge) Serve(c *fasthttp.RequestCtx) {
	r := answers.Get().(*answer)
	*r = answer{edge: e, c: c, start: e.Now()}
	e.serve(r)
	r.done()
	*r = answer{} // the pool must not hold on to manifests
	answers.Put(r)
}

func (e *Edge) serve(r *answer) {
	defer r.survive()
	ctx := r.follow()
	if !e.serveHot(ctx, r) {
		e.serveAnew(ctx, r)
	}
}

var answers = sync.Pool{New: func() any { return new(answer) }}

// serveAnew goes all the way for a request that nothing is remembered of.
func (e *Edge) serveAnew(ctx context.Context, r *answer) {
	if !r.methodAllowed() || !r.targetFits() {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, e.Policy.Deadline)
	defer cancel()
	ctx, leave := context.WithCancelCause(ctx)
	defer leave(nil)
	if conn, ok := r.c.Conn().(leaver); ok {
		defer conn.WhenGone(func() { leave(errCanceled) })()
	}
	err := e.answer(ctx, r)
	if err != nil && context.Cause(ctx) == errCanceled {
		err = errCanceled
	}
	if err != nil {
		r.fail(err)
	}
}

// leaver is a connection that can tell that its client has gone, until stop is called.
type leaver interface {
	WhenGone(leave func()) (stop func())
}

var errCanceled = &Error{Kind: Canceled, Message: "the client has gone"}

// answer reads the request, looks for the picture, admits the client, settles what it gets, finds that and delivers it.
func (e *Edge) answer(ctx context.Context, r *answer) error {
	if err := r.read(); err != nil {
		return err
	}
	ask := func(name wire.Name) (*Known, error) { return e.ask(ctx, r, name) }
	if err := r.look(ask); err != nil {
		return err
	}
	if err := e.admit(r, &r.req, r.known); err != nil {
		return err
	}
	job, err := r.settle(ask)
	if err != nil {
		return err
	}
	if name := r.req.Preset(); name != "" { // it exists, or nothing would be settled
		r.preset = r.known.Meter.Preset(name)
	}
	if job.Spec.IsZero() && job.Source.CleanBytes > wholeBytes {
		return r.stream()
	}
	got, err := e.find(ctx, r, job)
	if err != nil {
		return err
	}
	r.deliver(job, got)
	return nil
}

// read parses the target and proves its signature, before any look-up: a bad signature learns nothing.
func (r *answer) read() error {
	r.target = string(r.c.Request.Header.RequestURI()) // outlives the request's buffer: copy
	req, err := delivery.Parse(r.target)
	r.req, r.negotiated = req, req.Negotiable
	if err != nil {
		return asError(err)
	}
	return r.edge.prove(req.Signature, r.start)
}

// finder looks a name up.
type finder func(wire.Name) (*Known, error)

// look finds the picture, and decides whether this client may see it.
func (r *answer) look(find finder) (err error) {
	if r.known, r.stem, err = look(&r.req, find); err != nil {
		return err
	}
	r.from = []*Known{r.known}
	return allow(&r.known.Manifest, r.req.Signature, r.start)
}

// settle turns the wish into the job that names its result: with what the account has set, what the client can show, and
// the overlay.
func (r *answer) settle(find finder) (Job, error) {
	profile, err := profileOf(&r.req, r.known, find)
	if err != nil {
		return Job{}, err
	}
	if profile != nil {
		r.from = append(r.from, profile)
		r.req.Version = "" // that of the picture says nothing about the account's presets and defaults
	}
	job, err := settle(&r.req, r.stem, r.known, profile, acceptOf(&r.c.Request.Header))
	if err != nil {
		return Job{}, err
	}
	r.hinted = r.hint(&job)
	if err := r.addOverlay(&job, find); err != nil {
		return Job{}, err
	}
	r.offer(&job, profile)
	return job, nil
}

// look finds what the request names: by its very name, or by its stem where nothing has the name.
func look(req *delivery.Request, find finder) (known *Known, stem bool, err error) {
	known, err = find(req.Name)
	if KindOf(err) == NotFound && req.Stem != (wire.Name{}) {
		known, err = find(req.Stem)
		return known, true, err
	}
	return known, false, err
}

// profileOf is that of the picture's account, or nil where the request does not ask for it.
func profileOf(req *delivery.Request, known *Known, find finder) (*Known, error) {
	if !req.NeedsProfile() {
		return nil, nil
	}
	return find(wire.ProfileName(known.Account))
}

// ask gives what the name means. A client that may cause no work still gets what is known here.
func (e *Edge) ask(ctx context.Context, r *answer, name wire.Name) (*Known, error) {
	if known, err, ok := e.Catalog.Recall(name); ok {
		return known, err
	}
	if err := r.charge(); err != nil {
		return nil, err
	}
	r.bill.asked = true
	ctx, span := e.step(ctx, stepLook)
	known, err := e.Catalog.Find(ctx, name)
	span.End(err)
	return known, err
}

// settle turns the wish into the job that names its result. stem says how the picture was found.
func settle(req *delivery.Request, stem bool, known, profile *Known, accept transform.Accept) (Job, error) {
	var defaults *wire.Profile
	if profile != nil {
		defaults = profile.Profile
	}
	spec, err := req.Settle(stem, defaults, known.Source.Picture(), accept)
	if err == nil && spec.IsZero() && !known.Source.Cleanable() {
		spec = spec.Settle(known.Source.Picture(), accept) // in a format that browsers show
	}
	return Job{Source: &known.Source, Spec: spec}, asError(err)
}

// acceptOf reads the Accept header. Several lines are one list (RFC 9110, section 5.3).
func acceptOf(h *fasthttp.RequestHeader) transform.Accept {
	lines := h.PeekAll("Accept")
	if len(lines) == 1 {
		return transform.ParseAccept(unsafeString(lines[0])) // looked at, not kept
	}
	return transform.ParseAccept(string(bytes.Join(lines, comma)))
}

// unsafeString views bytes as text without a copy. The text must not outlive the bytes.
func unsafeString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

// found is an Object and where it came from.
type found struct {
	obj  *Object
	tier Tier
	from Tier // the tier where a peer had it, if it comes from one; else the same
}

// find gives the job's result from wherever it is nearest. A client that may cause no work still gets what there is.
func (e *Edge) find(ctx context.Context, r *answer, job Job) (found, error) {
	key := job.Key()
	if obj, ok := e.Memory.Get(key); ok && e.fresh(key, job, obj) {
		return found{obj, TierMemory, TierMemory}, nil
	}
	refusal := r.buy(&job)
	got, err := e.asking.Do(ctx, job.flight(), func(ctx context.Context) (found, error) { return e.fetch(ctx, key, job) })
	if err != nil {
		if job.Making == MakeNothing && KindOf(err) == Limited {
			err = refusal
		}
		return found{}, err
	}
	r.refund(got)
	return got, nil
}

// fetch tries the nodes that own the source, then works here. A sick peer costs time, never an error.
func (e *Edge) fetch(ctx context.Context, key Key, job Job) (found, error) {
	owners := e.Ring.Owners(job.Source.Digest)
	if len(owners) > 0 {
		if got, ok := e.stored(ctx, key); ok && !got.obj.Quick { // left from when this node was an owner, or stood in for one
			return got, nil
		}
	}
	for _, peer := range owners {
		obj, tier, err := e.askPeer(ctx, peer, job)
		if err == nil {
			if !obj.Fallback {
				obj.expire(e.Now())
				e.Memory.Set(key, obj)
			}
			return found{obj, TierPeer, tier}, nil
		}
		if verdict(err) || ctx.Err() != nil { // or nobody waits any more
			return found{}, err
		}
		e.Log.Warn("peer did not answer, going on without it", "peer", peer.Name, "err", err)
	}
	return e.own(ctx, key, job)
}

func (e *Edge) askPeer(ctx context.Context, peer Peer, job Job) (*Object, Tier, error) {
	ctx, span := e.step(ctx, stepPeer)
	span.Text("pictor.peer", peer.Name)
	obj, tier, err := e.Peers.Object(ctx, peer, job)
	span.Text("pictor.tier", tier.String())
	span.End(err)
	return obj, tier, err
}

// stored reads a result from disk.
func (e *Edge) stored(ctx context.Context, key Key) (found, bool) {
	_, span := e.step(ctx, stepDisk)
	defer span.End(nil)
	obj, ok := e.Disk.Get(key)
	if !ok {
		return found{}, false
	}
	e.Memory.Set(key, obj)
	return found{obj, TierDisk, TierDisk}, true
}

// verdict reports whether a peer's error would be the same here.
func verdict(err error) bool {
	kind := KindOf(err)
	return kind == Damaged || kind == Invalid || kind == NotFound || kind == Limited
}

// ServePeer answers another node's request for a job, without asking further nodes.
func (e *Edge) ServePeer(ctx context.Context, job Job) (*Object, Tier, error) {
	got, err := e.own(ctx, job.Key(), job)
	return got.obj, got.tier, err
}

// own finds or makes the job's result on this node.
func (e *Edge) own(ctx context.Context, key Key, job Job) (found, error) {
	if obj, ok := e.Memory.Get(key); ok {
		e.again(key, job, obj)
		return found{obj, TierMemory, TierMemory}, nil
	}
	if fallback, ok := e.cheaper(job); ok {
		return e.ownFallback(ctx, key, job, fallback)
	}
	job.Fallbacks = nil // the work is shared with those who take nothing else
	return e.local.Do(ctx, job.flight(), func(ctx context.Context) (found, error) { return e.fill(ctx, key, job) })
}

// fill reads the result from disk, or makes it and keeps it.
func (e *Edge) fill(ctx context.Context, key Key, job Job) (found, error) {
	if got, ok := e.stored(ctx, key); ok {
		e.again(key, job, got.obj)
		return got, nil
	}
	if err := e.mayMake(job); err != nil {
		return found{}, err
	}
	got, err := e.make(ctx, job)
	if err != nil {
		return found{}, err
	}
	e.Memory.Set(key, got.obj)
	e.Disk.Put(key, got.obj)
	return got, nil
}

// make cleans or renders the source.
func (e *Edge) make(ctx context.Context, job Job) (found, error) {
	if job.Spec.IsZero() {
		return e.cleaned(ctx, job.Source)
	}
	files, err := e.openOriginals(ctx, job)
	defer closeAll(files)
	if err != nil {
		return found{}, err
	}
	body, err := e.render(ctx, job, files)
	if err == ErrNotSmaller {
		return e.cleaned(ctx, job.Source)
	}
	if err != nil {
		return found{}, err
	}
	obj := NewObject(job.Spec.Format.MediaType(), body)
	obj.Quick = e.quick(job)
	return found{obj, TierRender, TierRender}, nil
}

func (e *Edge) cleaned(ctx context.Context, src *wire.Source) (found, error) {
	ctx, span := e.step(ctx, stepClean)
	obj, err := e.cleanObject(ctx, src)
	span.End(err)
	return found{obj, TierSource, TierSource}, err
}

// openOriginals opens the source, and the overlay if there is one. What it has opened before an error, it gives too.
func (e *Edge) openOriginals(ctx context.Context, job Job) (files []*os.File, err error) {
	for _, src := range job.sources() {
		file, err := e.openOriginal(ctx, src)
		if err != nil {
			return files, err
		}
		files = append(files, file)
	}
	return files, nil
}

func closeAll(files []*os.File) {
	for _, file := range files {
		file.Close()
	}
}

func (e *Edge) openOriginal(ctx context.Context, src *wire.Source) (*os.File, error) {
	ctx, span := e.step(ctx, stepOriginal)
	file, err := e.Originals.File(ctx, src)
	span.End(err)
	return file, err
}

func (e *Edge) render(ctx context.Context, job Job, files []*os.File) ([]byte, error) {
	ctx, span := e.step(ctx, stepRender)
	span.Text("pictor.spec", job.Spec.String())
	start := e.Now()
	body, err := e.Renderer.Render(ctx, job, files...)
	failure := err
	if err == ErrNotSmaller {
		failure = nil
	}
	e.Observer.Rendered(job, e.Now().Sub(start), failure)
	span.End(failure)
	return body, err
}
