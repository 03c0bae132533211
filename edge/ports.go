package edge

import (
	"context"
	"errors"
	"io"
	"net/netip"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pictor/pictor/shared/transform"
	"github.com/pictor/pictor/shared/wire"
)

// Job is one rendering: a source and a settled Spec (concrete format, see transform.Spec.Settle). Only these two are named by
// its Key.
type Job struct {
	Source    *wire.Source
	Spec      transform.Spec
	Overlay   *wire.Source // whose digest the Spec names; nil when it names none
	Making    Making
	Variants  int              // how many different ones MakeCounted allows; 0: as many as the node that makes them is set to
	Best      bool             // nobody waits: encode as well as can be, when there is nothing else to do
	Fallbacks []transform.Spec // settled, in formats that the client takes as well: see fallback.go
}

// sources are the blobs that the job needs, its Source first.
func (j Job) sources() []*wire.Source {
	if j.Overlay == nil {
		return []*wire.Source{j.Source}
	}
	return []*wire.Source{j.Source, j.Overlay}
}

// uses reports whether the job needs the blob.
func (j Job) uses(digest string) bool {
	return j.Source.Digest == digest || j.Overlay != nil && j.Overlay.Digest == digest
}

// Object is an immutable answer, ready to send. Body is shared by many requests and never changed or copied.
type Object struct {
	MediaType string
	ETag      string // quoted, a hash of Body
	Body      []byte
	Quick     bool // made for somebody who waited: a better one may take its place, see refine.go
	Fallback  bool // Quick, and not of the job that was asked for but of one of its Fallbacks: no cache keeps it for that

	until int64       // of a Quick copy of another node's: when to ask that node again, in nanoseconds of Unix time
	asked atomic.Bool // of a Quick one of this node's: again, after it was made
}

// Bytes is what the object costs a cache.
func (o *Object) Bytes() int64 { return int64(len(o.Body) + len(o.ETag) + len(o.MediaType)) }

// Catalog finds what a name means, fresh to within a second while the change feed is alive. Names of NamespaceProfile mean
// no picture: the Known of one has a Profile.
type Catalog interface {
	// Recall gives what Find would give without asking the origin; ok is false when it would ask.
	Recall(name wire.Name) (known *Known, err error, ok bool)
	// Find gives what is known of the name, or an error of Kind NotFound, or Unavailable when the origin cannot be
	// asked. A private asset is never answered from memory that the feed does not vouch for; a public one is, for a
	// bounded time.
	Find(ctx context.Context, name wire.Name) (*Known, error)
	// Fresh reports whether the feed vouches, at this moment, for every Known that is current.
	Fresh(now time.Time) bool
	// Heard is when the feed last vouched for every Known that is current; the zero Time before it ever did.
	Heard() time.Time
}

// Known is a Manifest as a Catalog holds it. The hot path keeps it and asks two atomics instead of looking it up again.
type Known struct {
	wire.Manifest
	Meter    *Counter  // of the account; never nil
	Asked    time.Time // when the origin said so
	outdated atomic.Bool
}

// Outdate marks that the name has changed since: the Catalog does so before it forgets the Known.
func (k *Known) Outdate() { k.outdated.Store(true) }

// Current reports whether no change of the name is known.
func (k *Known) Current() bool { return !k.outdated.Load() }

// Counter counts what one account's pictures cost, and keeps its limits. It never blocks.
type Counter struct {
	requests, bytes, renders atomic.Int64
	limits                   atomic.Pointer[accountLimits] // nil before any were read
	answers, work            mark

	mu      sync.Mutex               // never held while working
	presets map[string]*atomic.Int64 // uses; few, for only those that the account has are counted
}

// maxPresetsCounted bounds the names of one account. An account has fewer, but they come and go.
const maxPresetsCounted = 1000

// Preset is where uses of the account's preset are counted, nil where there are too many names.
func (c *Counter) Preset(name string) *atomic.Int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	uses := c.presets[name]
	if uses != nil || len(c.presets) >= maxPresetsCounted {
		return uses
	}
	if c.presets == nil {
		c.presets = make(map[string]*atomic.Int64)
	}
	uses = new(atomic.Int64)
	c.presets[strings.Clone(name)] = uses // a part of a target: copy
	return uses
}

// TakePresets tells how often presets were used, and begins anew.
func (c *Counter) TakePresets(tell func(name string, uses int64)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for name, uses := range c.presets {
		if n := uses.Swap(0); n > 0 {
			tell(name, n)
		}
	}
}

// mark is a limit.Mark that many change.
type mark struct{ atomic.Int64 }

// Add counts one answer with so many body bytes.
func (c *Counter) Add(bytes int64) {
	c.requests.Add(1)
	c.bytes.Add(bytes)
}

// AddRender counts one answer that had to be rendered.
func (c *Counter) AddRender() { c.renders.Add(1) }

// Take gives the counts and begins anew.
func (c *Counter) Take() (requests, bytes, renders int64) {
	return c.requests.Swap(0), c.bytes.Swap(0), c.renders.Swap(0)
}

// Memory keeps hot Objects. Get after Set may miss: admission is the cache's business. Safe for concurrent use.
type Memory interface {
	Get(key Key) (*Object, bool)
	Set(key Key, obj *Object)
}

// Disk keeps Objects over restarts. It never blocks on a sick disk and never fails a request: trouble is a miss.
// An Object handed to Put can be read back at once, before it is written. Safe for concurrent use.
type Disk interface {
	Get(key Key) (*Object, bool)
	// Lend is Get for an answer that nobody keeps: the Body is not to be used any more after done, which is called at most
	// once. Under pressure it gives nothing where Get would still wait.
	Lend(key Key) (obj *Object, done func(), ok bool)
	Put(key Key, obj *Object)
}

// Originals gives access to uploaded blobs, checked against their digest. Several callers that want one missing blob
// wait for one download. Safe for concurrent use.
type Originals interface {
	// File opens the whole blob for reading, fetching it first where needed. The caller closes it.
	File(ctx context.Context, src *wire.Source) (*os.File, error)
	// Chunk gives the i-th wire.ChunkBytes of the blob, fetching and checking no more than that where it can. The
	// caller may keep the slice but not change it.
	Chunk(ctx context.Context, src *wire.Source, i int) ([]byte, error)
	// Has reports whether the whole blob is here, so that Chunk will most likely ask nobody.
	Has(digest string) bool
}

// Ring places sources on nodes.
type Ring interface {
	// Owners gives the peers to ask for the digest, best first; it ends before this node itself: an empty list means
	// «the work is yours». At most two.
	Owners(digest string) []Peer
}

// Peer is another edge of the cluster.
type Peer struct {
	Name    string
	Address string // host:port of its peer listener
}

// Limiter bounds what clients may cause and how many variants of a picture are made. It never blocks for long. Its
// errors are of Kind Limited. Safe for concurrent use.
type Limiter interface {
	// Miss counts a piece of work that the client causes: a render, a question to the origin. Unmiss takes it back.
	Miss(client netip.Addr) error
	Unmiss(client netip.Addr)
	// View counts one answer of a dialect that limits how often a client may look.
	View(client netip.Addr) error
	// Variant counts a result that is about to be made here, once for each key, against job.Variants or else a bound of
	// the Limiter's own.
	Variant(job Job) error
}

// Peers talk to other edges. An owner that does not accept within 150 ms, is gone, or is draining gives an error of
// Kind Unavailable, and the caller does the work itself; other Kinds are the owner's verdict on the job.
type Peers interface {
	// Object gives the job's result and where the peer had it from.
	Object(ctx context.Context, peer Peer, job Job) (*Object, Tier, error)
	Chunk(ctx context.Context, peer Peer, src *wire.Source, i int) ([]byte, error)
}

// Renderer makes pictures. Errors are of Kind Damaged (the pixels cannot be decoded), Invalid (the Spec has no Layout),
// Overloaded, Timeout, Unavailable (closing, or nobody waits any more), or Internal.
type Renderer interface {
	// Render reads the source, and the overlay if the job has one, from files, which it does not close, and gives the
	// encoded bytes. Where the Spec says that the upload itself will do and the result is no smaller than that, cleaned,
	// it gives ErrNotSmaller instead; but never where the upload's colours are not sRGB to everybody.
	Render(ctx context.Context, job Job, files ...*os.File) ([]byte, error)
}

// ErrNotSmaller says that a render is not worth sending: the upload itself is no larger.
var ErrNotSmaller = errors.New("the result is no smaller than the upload")

// Origin is what the edge asks the control plane for blobs.
type Origin interface {
	// Blob streams length bytes of the blob from offset; length < 0 means to the end. The caller closes it.
	Blob(ctx context.Context, digest string, offset, length int64) (io.ReadCloser, error)
}
