package edge_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttputil"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/signing"
	"github.com/pictor/pictor/shared/wire"
)

// The parts of the edge below are doubles that keep the contracts of ports.go in memory; the real ones have tests of
// their own and meet in the end-to-end tests.

// now is when all tests happen.
var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

type world struct {
	t       testing.TB
	keys    *signing.Keyring
	client  *http.Client
	edge    *edge.Edge
	mu      sync.Mutex
	names   map[string]*edge.Known
	found   map[string]bool // names that Find was asked for
	blobs   map[string][]byte
	looked  atomic.Int64 // catalog look-ups
	renders atomic.Int64
	asked   atomic.Int64 // requests to peers
	meter   edge.Counter
	render  func(ctx context.Context, job edge.Job) ([]byte, error)
	owners  []edge.Peer
	peer    func(ctx context.Context, peer edge.Peer, job edge.Job) (*edge.Object, error)
	tier    edge.Tier // where peers have their objects from
	limiter *limiter
	memory  store
	address netip.Addr                             // the client's
	lookup  func(name string) (*edge.Known, error) // replaces the catalog, nil for names
	whole   bool                                   // originals are here
	stale   bool                                   // the feed is silent
	heard   time.Time                              // since then
}

func newWorld(t testing.TB) *world {
	keys, err := signing.New([]wire.Key{{ID: "k1", Secret: []byte(strings.Repeat("s", 32))}})
	if err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, keys: keys, names: map[string]*edge.Known{}, found: map[string]bool{}, blobs: map[string][]byte{},
		limiter: &limiter{}}
	w.render = func(_ context.Context, job edge.Job) ([]byte, error) {
		return []byte("rendered " + job.Spec.String()), nil
	}
	w.edge = edge.New(edge.Parts{Catalog: w, Keys: func() *signing.Keyring { return w.keys }, Memory: &w.memory, Disk: &store{},
		Originals: w, Ring: ringFunc(func(string) []edge.Peer { return w.owners }), Peers: peersOf{w}, Renderer: rendererOf{w},
		Limiter: w.limiter, Client: func(*fasthttp.RequestCtx) netip.Addr { return w.address },
		Observer: silent{}, Log: slog.New(slog.DiscardHandler), Now: func() time.Time { return now },
		Policy: edge.Policy{PublicAge: time.Hour, Deadline: time.Minute, StaleWhileRevalidate: 24 * time.Hour,
			StaleIfError: 24 * time.Hour}})
	w.serve()
	return w
}

// remake makes the edge anew under another policy.
func (w *world) remake(p edge.Policy) {
	parts := w.edge.Parts
	parts.Policy = p
	w.edge = edge.New(parts)
	w.serve()
}

// serve starts a real fasthttp server on a listener in memory.
func (w *world) serve() {
	l := fasthttputil.NewInmemoryListener()
	server := &fasthttp.Server{Handler: w.edge.Serve, ReadBufferSize: 16 << 10, NoDefaultContentType: true,
		NoDefaultServerHeader: true}
	go server.Serve(l)
	w.client = &http.Client{Transport: &http.Transport{DisableCompression: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return l.Dial() }}}
	w.t.Cleanup(func() {
		w.client.CloseIdleConnections()
		l.Close()
	})
}

// add makes an asset of the content, which is clean but for its last three bytes.
func (w *world) add(name string, content []byte, change func(*wire.Manifest)) *wire.Manifest {
	clean := content[:len(content)-3]
	m := &wire.Manifest{Name: wire.Name{Namespace: wire.NamespaceCloud, Name: name}, Account: "a1", Version: 3,
		Visibility: wire.Public, UpdatedAt: now.Add(-time.Hour).Unix(),
		Source: wire.Source{Digest: digest(content), Bytes: int64(len(content)), Format: "jpg", Width: 1000, Height: 500,
			Frames: 1, Clean: []wire.Piece{{Length: int64(len(clean))}}, CleanDigest: digest(clean), CleanBytes: int64(len(clean))}}
	if change != nil {
		change(m)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if before := w.names[name]; before != nil {
		before.Outdate()
	}
	w.names[name] = &edge.Known{Manifest: *m, Meter: &w.meter}
	w.blobs[m.Source.Digest] = content
	return m
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

type answer struct {
	*http.Response
	body string
}

// get sends the target as it stands.
func (w *world) get(target string, headers ...string) answer {
	return w.do("GET", target, headers...)
}

func (w *world) do(method, target string, headers ...string) answer {
	w.t.Helper()
	req, err := http.NewRequest(method, "http://edge/", nil)
	if err != nil {
		w.t.Fatal(err)
	}
	req.URL.Opaque = target
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	resp, err := w.client.Do(req)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, target, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		w.t.Fatalf("%s %s: %v", method, target, err)
	}
	return answer{resp, string(body)}
}

func (w *world) Find(_ context.Context, name wire.Name) (*edge.Known, error) {
	w.looked.Add(1)
	if w.lookup != nil {
		return w.lookup(name.Name)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	key := name.Name
	if name.Namespace != wire.NamespaceCloud {
		key = name.Namespace + ":" + name.Name
	}
	if m := w.names[key]; m != nil {
		w.found[key] = true
		return m, nil
	}
	return nil, &edge.Error{Kind: edge.NotFound, Message: "no such image"}
}

func (w *world) Recall(name wire.Name) (*edge.Known, error, bool) {
	if w.lookup != nil {
		return nil, nil, false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stale || !w.found[name.Name] {
		return nil, nil, false
	}
	w.looked.Add(1)
	return w.names[name.Name], nil, true
}

func (w *world) File(_ context.Context, src *wire.Source) (*os.File, error) {
	path := filepath.Join(w.t.TempDir(), src.Digest)
	if err := os.WriteFile(path, w.blob(src), 0o600); err != nil {
		return nil, err
	}
	return os.Open(path)
}

func (w *world) Chunk(_ context.Context, src *wire.Source, i int) ([]byte, error) {
	blob := w.blob(src)
	return blob[i*wire.ChunkBytes : min(len(blob), (i+1)*wire.ChunkBytes)], nil
}

func (w *world) Has(string) bool { return w.whole }

func (w *world) blob(src *wire.Source) []byte {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.blobs[src.Digest]
}

func (w *world) Fresh(time.Time) bool { return !w.stale }

func (w *world) Heard() time.Time { return w.heard }

type rendererOf struct{ *world }

func (r rendererOf) Render(ctx context.Context, job edge.Job, _ ...*os.File) ([]byte, error) {
	r.renders.Add(1)
	return r.render(ctx, job)
}

type peersOf struct{ *world }

func (p peersOf) Object(ctx context.Context, peer edge.Peer, job edge.Job) (*edge.Object, edge.Tier, error) {
	p.asked.Add(1)
	obj, err := p.peer(ctx, peer, job)
	return obj, p.tier, err
}

func (p peersOf) Chunk(context.Context, edge.Peer, *wire.Source, int) ([]byte, error) {
	return nil, &edge.Error{Kind: edge.Unavailable, Message: "not here"}
}

type ringFunc func(string) []edge.Peer

func (f ringFunc) Owners(digest string) []edge.Peer { return f(digest) }

// limiter refuses what it is told to, and counts.
type limiter struct {
	noMiss, noView, noVariant error
	misses, views, variants   atomic.Int64
	bound                     atomic.Int64 // of variants, that the last job brought
}

func (l *limiter) Miss(netip.Addr) error { return count(&l.misses, l.noMiss) }
func (l *limiter) Unmiss(netip.Addr)     { l.misses.Add(-1) }
func (l *limiter) View(netip.Addr) error { return count(&l.views, l.noView) }
func (l *limiter) Variant(job edge.Job) error {
	l.bound.Store(int64(job.Variants))
	return count(&l.variants, l.noVariant)
}

func count(n *atomic.Int64, err error) error {
	if err == nil {
		n.Add(1)
	}
	return err
}

type silent struct{}

func (silent) Served(edge.Tier, int, int64, time.Duration)   {}
func (silent) Rendered(edge.Job, time.Duration, error)       {}
func (silent) Refined(edge.Job, time.Duration, int64, error) {}
func (silent) Refused(string)                                {}

// store is a Memory or a Disk without limits.
type store struct {
	m          sync.Map
	lent, back atomic.Int64
}

func (s *store) Get(key edge.Key) (*edge.Object, bool) {
	obj, ok := s.m.Load(key)
	if !ok {
		return nil, false
	}
	return obj.(*edge.Object), true
}
func (s *store) Set(key edge.Key, obj *edge.Object) { s.m.Store(key, obj) }
func (s *store) Put(key edge.Key, obj *edge.Object) { s.m.Store(key, obj) }

var picture = bytes.Repeat([]byte("0123456789"), 100)
