// Package catalog remembers what public names mean, kept fresh by the origin's change feed.
package catalog

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/sync/singleflight"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/signing"
	"github.com/pictor/pictor/shared/wire"
)

// Origin is what the catalog asks the control plane. Errors of Kind Unavailable mean that it cannot be reached.
type Origin interface {
	// Manifest gives nil without an error when the name means nothing; seq is the change number read at.
	Manifest(ctx context.Context, name wire.Name) (m *wire.Manifest, seq uint64, err error)
	// Changes calls each for every line of the feed after the number, until the stream or ctx ends.
	Changes(ctx context.Context, after uint64, each func(wire.Change)) error
	Keyring(ctx context.Context) (wire.Keyring, error)
}

// Options of a Catalog; zero fields take the defaults.
type Options struct {
	Entries  int           // names remembered, also unknown ones; default 100 000
	Lease    time.Duration // a feed silent for longer vouches for nothing; default 5 s
	StaleFor time.Duration // how long public assets are served without a feed; default 1 h
	Since    Position      // up to where an earlier run followed the log, to hear what went meanwhile; default is its end
	// Meter gives the counter of an account; by default nothing is counted.
	Meter func(account string) *edge.Counter
	Now   func() time.Time
	Log   *slog.Logger
}

// Catalog implements edge.Catalog. Run keeps it fresh.
type Catalog struct {
	opt     Options
	origin  Origin
	lookups singleflight.Group
	keys    atomic.Pointer[signing.Keyring]
	keyed   chan struct{} // closed when the first keys are known
	heard   atomic.Int64  // when the feed last vouched for everything, Unix nanoseconds; 0 never
	asked   atomic.Int64  // manifest look-ups at the origin
	gone    tombstones    // written with mu held, read without
	drop    func(digest string)

	mu      sync.Mutex // guards what follows; never held across I/O
	entries *lru.Cache[wire.Name, entry]
	limits  limits
	recent  recent
	epoch   string
	applied uint64 // every change up to this number has been seen
	purges  uint64 // how often everything was forgotten: look-ups begun before must not be kept
}

// entry is what a name meant at change number seq; a nil known means «nothing».
type entry struct {
	known *edge.Known
	seq   uint64
}

// New makes a Catalog that knows nothing yet.
func New(origin Origin, opt Options) *Catalog {
	if opt.Entries == 0 {
		opt.Entries = 100_000
	}
	if opt.Lease == 0 {
		opt.Lease = 5 * time.Second
	}
	if opt.StaleFor == 0 {
		opt.StaleFor = time.Hour
	}
	if opt.Meter == nil {
		opt.Meter = func(string) *edge.Counter { return new(edge.Counter) }
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Log == nil {
		opt.Log = slog.Default()
	}
	entries, err := lru.NewWithEvict(opt.Entries, func(_ wire.Name, e entry) { e.outdate() })
	if err != nil {
		panic(err) // only for sizes that are not positive
	}
	c := &Catalog{opt: opt, origin: origin, keyed: make(chan struct{}), entries: entries, limits: newLimits(), applied: fromNow,
		gone: newTombstones(), drop: func(string) {}}
	if opt.Since != (Position{}) {
		c.epoch, c.applied = opt.Since.Epoch, opt.Since.Seq
	}
	return c
}

// Keys gives the current signing keys, nil before the first were fetched.
func (c *Catalog) Keys() *signing.Keyring { return c.keys.Load() }

// AwaitKeys waits until there are signing keys, or ctx ends.
func (c *Catalog) AwaitKeys(ctx context.Context) {
	select {
	case <-c.keyed:
	case <-ctx.Done():
	}
}

// Lookups counts the manifests asked of the origin.
func (c *Catalog) Lookups() int64 { return c.asked.Load() }

// Fresh implements edge.Catalog.
func (c *Catalog) Fresh(now time.Time) bool { return c.silence(now) <= c.opt.Lease }

// Heard implements edge.Catalog.
func (c *Catalog) Heard() time.Time {
	if at := c.heard.Load(); at != 0 {
		return time.Unix(0, at)
	}
	return time.Time{}
}

// silence is how long ago the feed last vouched for everything.
func (c *Catalog) silence(now time.Time) time.Duration {
	return time.Duration(now.UnixNano() - c.heard.Load())
}

// Recall implements edge.Catalog.
func (c *Catalog) Recall(name wire.Name) (known *edge.Known, err error, ok bool) {
	e, ok := c.entries.Get(name)
	if !ok || !c.usable(e) {
		return nil, nil, false
	}
	known, err = e.result()
	return known, err, true
}

// Find implements edge.Catalog.
func (c *Catalog) Find(ctx context.Context, name wire.Name) (*edge.Known, error) {
	if known, err, ok := c.Recall(name); ok {
		return known, err
	}
	asked, err := c.ask(ctx, name)
	if err != nil {
		return nil, err
	}
	return asked.result()
}

// usable: everything while the feed is alive; without it public assets only, for a while.
func (c *Catalog) usable(e entry) bool {
	silence := c.silence(c.opt.Now())
	if silence <= c.opt.Lease {
		return true
	}
	return silence <= c.opt.StaleFor && e.known != nil && e.known.Visibility == wire.Public
}

var errNotFound = &edge.Error{Kind: edge.NotFound, Message: "no such image"}

func (e entry) result() (*edge.Known, error) {
	if e.known == nil {
		return nil, errNotFound
	}
	return e.known, nil
}

// ask looks the name up at the origin; callers that want one name share a look-up.
func (c *Catalog) ask(ctx context.Context, name wire.Name) (entry, error) {
	key := wire.Name{Namespace: clone(name.Namespace), Name: clone(name.Name)} // outlives the request
	shared := context.WithoutCancel(ctx)                                       // the first caller may leave before the others
	result := c.lookups.DoChan(key.Namespace+"\x00"+key.Name, func() (any, error) {
		ctx, cancel := context.WithTimeout(shared, 10*time.Second)
		defer cancel()
		return c.lookUp(ctx, key)
	})
	select {
	case r := <-result:
		if r.Err != nil {
			return entry{}, r.Err
		}
		return r.Val.(entry), nil
	case <-ctx.Done():
		return entry{}, &edge.Error{Kind: edge.Timeout, Message: "the origin did not answer in time", Err: ctx.Err()}
	}
}

// lookUp asks until the answer is not older than a change already seen; the origin answers from a snapshot, so the
// second try is newer.
func (c *Catalog) lookUp(ctx context.Context, name wire.Name) (entry, error) {
	for range 3 {
		purges, asked := c.purgeCount(), c.opt.Now()
		c.asked.Add(1)
		m, seq, err := c.origin.Manifest(ctx, name)
		if err != nil {
			return entry{}, err
		}
		e := entry{seq: seq}
		if m != nil {
			e.known = &edge.Known{Manifest: *m, Meter: c.opt.Meter(m.Account), Asked: asked}
		}
		if kept, ok := c.keep(name, e, purges); ok {
			kept.limit(purges)
			return kept, nil
		}
	}
	return entry{}, &edge.Error{Kind: edge.Unavailable, Message: "the image changes too quickly"}
}

func (c *Catalog) purgeCount() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.purges
}

// keep remembers an entry, unless a newer change of the name is known. It gives the entry that is remembered now.
func (c *Catalog) keep(name wire.Name, e entry, purges uint64) (entry, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.purges != purges || e.seq < c.recent.after(name) {
		return entry{}, false
	}
	before, ok := c.entries.Peek(name)
	if ok && before.seq > e.seq {
		return before, true
	}
	before.outdate()
	c.entries.Add(name, e)
	if e.known != nil {
		c.gone.remove(e.known.Source.Digest, e.seq)
		c.limits.note(e.known.Account)
	}
	return e, true
}

// outdate tells those who hold on to what was known. Also an entry that gives way to others for want of room: from
// then on nobody here would notice its changes.
func (e entry) outdate() {
	if e.known != nil {
		e.known.Outdate()
	}
}

func clone(s string) string { return string(append([]byte(nil), s...)) }
