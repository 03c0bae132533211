package origin_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/crypto/bcrypt"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/blob/diskblob"
	"github.com/pictor/pictor/origin/internal/store/sqlstore"
	"github.com/pictor/pictor/shared/wire"
)

const (
	adminEmail = "root@example.org"
	password   = "correct horse"
)

// bench is a core on real drivers, with a clock that stands still.
type bench struct {
	testing.TB
	*origin.Core
	cfg   origin.Config
	clock *clock
	admin origin.Principal
}

// emptyDB is a new database file. Most of the time of a test would go into making its tables.
var emptyDB = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "pictor-test-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "empty.db")
	store, err := sqlstore.Open(context.Background(), path)
	if err != nil {
		return nil, err
	}
	if err := store.Close(); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
})

func openStore(t testing.TB, dir string) origin.Store {
	t.Helper()
	file, err := emptyDB()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "pictor.db")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	store, err := sqlstore.Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return store
}

type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// newBench starts a core; change may alter its configuration.
func newBench(t testing.TB, change ...func(*origin.Config)) *bench {
	t.Helper()
	if t, ok := t.(*testing.T); ok {
		t.Parallel()
	}
	dir := t.TempDir()
	store := openStore(t, dir)
	blobs, err := diskblob.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{TB: t, clock: &clock{now: time.Now()}} // the blobs have the real time, so this one starts there
	b.cfg = origin.Config{Store: store, Blobs: blobs, Probe: probe{}, DeliveryURL: "https://img.example.org",
		Now: b.clock.Now, BcryptCost: bcrypt.MinCost}
	for _, change := range change {
		change(&b.cfg)
	}
	b.restart()
	if _, _, err := b.Bootstrap(t.Context(), adminEmail, password); err != nil {
		t.Fatal(err)
	}
	b.admin = b.signIn(adminEmail)
	return b
}

// restart makes another core on the same drivers.
func (b *bench) restart() {
	b.Helper()
	core, err := origin.New(b.Context(), b.cfg)
	if err != nil {
		b.Fatal(err)
	}
	b.Core = core
}

// signIn opens a session from an address that nobody else uses.
func (b *bench) signIn(email string) origin.Principal {
	b.Helper()
	return b.must(b.BySession(b.Context(), b.token(email, password)))
}

func (b *bench) token(email, password string) string {
	b.Helper()
	_, token, _, err := b.SignIn(b.Context(), email, password, client("10.9.9.9"))
	if err != nil {
		b.Fatalf("sign in %s: %v", email, err)
	}
	return token
}

func (b *bench) must(who origin.Principal, err error) origin.Principal {
	b.Helper()
	if err != nil {
		b.Fatal(err)
	}
	return who
}

// user makes an account <name>@example.org and signs it in.
func (b *bench) user(name string) origin.Principal {
	b.Helper()
	email := name + "@example.org"
	if _, err := b.CreateAccount(b.Context(), b.admin, origin.NewAccount{Email: email, Password: password}); err != nil {
		b.Fatal(err)
	}
	return b.signIn(email)
}

func client(address string) origin.Client {
	return origin.Client{Address: netip.MustParseAddr(address), Agent: "test"}
}

// receive takes in a picture that the probe knows.
func (b *bench) receive(who origin.Principal, filename, body string) *origin.Received {
	b.Helper()
	r, err := b.Receive(b.Context(), who, filename, strings.NewReader(body))
	if err != nil {
		b.Fatalf("receive: %v", err)
	}
	b.Cleanup(r.Discard)
	return r
}

// upload makes an asset, or gives the error of making it.
func (b *bench) upload(who origin.Principal, body string, fields origin.AssetFields) (origin.Asset, bool, error) {
	b.Helper()
	return b.CreateAsset(b.Context(), who, b.receive(who, "photo.jpg", body), fields)
}

func (b *bench) asset(who origin.Principal, body string, fields origin.AssetFields) origin.Asset {
	b.Helper()
	asset, _, err := b.upload(who, body, fields)
	if err != nil {
		b.Fatalf("upload: %v", err)
	}
	return asset
}

// blob reads the bytes of a digest; missing when there are none.
func (b *bench) blob(digest string) (body string, missing bool) {
	b.Helper()
	r, err := b.OpenBlob(b.Context(), digest)
	if origin.KindOf(err) == origin.NotFound {
		return "", true
	}
	if err != nil {
		b.Fatal(err)
	}
	defer r.Close()
	bytes, err := io.ReadAll(io.NewSectionReader(r, 0, r.Size()))
	if err != nil {
		b.Fatal(err)
	}
	return string(bytes), false
}

// changesAfter are the names in the change log after the number, and its newest number.
func (b *bench) changesAfter(seq uint64) (names []string, last uint64) {
	b.Helper()
	_, last, rows, err := b.Changes(b.Context(), seq, 0)
	if err != nil {
		b.Fatal(err)
	}
	for _, row := range rows {
		if row.Name.Namespace != wire.NamespaceBlob { // TestFeedNamesBlobsThatAreGone
			names = append(names, row.Name.Name)
		}
	}
	return names, last
}

func wantKind(t testing.TB, err error, want origin.Kind) {
	t.Helper()
	if err == nil || origin.KindOf(err) != want {
		t.Errorf("got error %v, want Kind %d", err, want)
	}
}

func wantEqual(t testing.TB, got, want any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func ptr[T any](v T) *T { return &v }

// probe takes bytes that begin with «img:» for a picture, the four bytes being private metadata.
type probe struct{}

func (probe) Probe(r io.ReaderAt, size int64) (wire.Source, error) {
	head := make([]byte, 4)
	if _, err := r.ReadAt(head, 0); err != nil && err != io.EOF {
		return wire.Source{}, err
	}
	switch {
	case bytes.Equal(head, []byte("big:")):
		return wire.Source{}, origin.Errorf(origin.TooLarge, "more than 100 megapixels")
	case !bytes.Equal(head, []byte("img:")):
		return wire.Source{}, origin.Errorf(origin.Unsupported, "not a picture")
	}
	clean := []wire.Piece{{Insert: []byte("clean:")}, {Offset: 4, Length: size - 4}}
	return wire.Source{Bytes: size, Format: "jpg", Width: 40, Height: 30, Frames: 1, Clean: clean, CleanBytes: size + 2}, nil
}

func TestNewRefuses(t *testing.T) {
	b := newBench(t)
	for name, change := range map[string]func(*origin.Config){
		"no store":         func(c *origin.Config) { c.Store = nil },
		"no URL":           func(c *origin.Config) { c.DeliveryURL = "" },
		"relative URL":     func(c *origin.Config) { c.DeliveryURL = "/img" },
		"trailing slash":   func(c *origin.Config) { c.DeliveryURL = "https://img.example.org/" },
		"unknown limit":    func(c *origin.Config) { c.Limits = origin.Limits{"LOGN_IP": {Count: 1, Per: time.Second}} },
		"negative limit":   func(c *origin.Config) { c.Limits = origin.Limits{origin.LimitLoginIP: {Count: -1, Per: 1}} },
		"limit of no time": func(c *origin.Config) { c.Limits = origin.Limits{origin.LimitLoginIP: {Count: 5}} },
		"negative cap":     func(c *origin.Config) { c.MaxUploadBytes = -1 },
		"bcrypt too dear":  func(c *origin.Config) { c.BcryptCost = 99 },
	} {
		cfg := b.cfg
		change(&cfg)
		if _, err := origin.New(t.Context(), cfg); err == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestReady(t *testing.T) {
	full := origin.Errorf(origin.Unavailable, "full")
	hooks := &blobHooks{}
	b := newBench(t, hooks.into)
	if err := b.Ready(t.Context()); err != nil {
		t.Fatal(err)
	}
	hooks.stage = func() error { return full }
	if err := b.Ready(t.Context()); !errors.Is(err, full) {
		t.Errorf("ready without room: %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := b.Ready(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("ready: %v", err)
	}
}

// blobHooks are called around the steps of a blob store.
type blobHooks struct {
	origin.Blobs
	stage        func() error
	committed    func()
	beforeDelete func()
}

func (h *blobHooks) into(cfg *origin.Config) { h.Blobs, cfg.Blobs = cfg.Blobs, h }

func (h *blobHooks) Stage(ctx context.Context) (origin.Staging, error) {
	if h.stage != nil {
		if err := h.stage(); err != nil {
			return nil, err
		}
	}
	staging, err := h.Blobs.Stage(ctx)
	return &hookedStaging{staging, h}, err
}

func (h *blobHooks) Delete(ctx context.Context, digest string) error {
	if h.beforeDelete != nil {
		h.beforeDelete()
	}
	return h.Blobs.Delete(ctx, digest)
}

type hookedStaging struct {
	origin.Staging
	hooks *blobHooks
}

func (s *hookedStaging) Commit(ctx context.Context, digest string) error {
	err := s.Staging.Commit(ctx, digest)
	if s.hooks.committed != nil {
		s.hooks.committed()
	}
	return err
}

func picture(n int) string { return fmt.Sprintf("img:%d", n) }

// newEmptyCore is a core without accounts.
func newEmptyCore(t *testing.T, cfg origin.Config) *origin.Core {
	t.Helper()
	cfg.Store = openStore(t, t.TempDir())
	core, err := origin.New(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return core
}

// storeHooks are called around the transactions of a store.
type storeHooks struct {
	origin.Store
	viewed func()
}

func (h *storeHooks) into(cfg *origin.Config) { h.Store, cfg.Store = cfg.Store, h }

func (h *storeHooks) View(ctx context.Context, fn func(origin.ReadTx) error) error {
	err := h.Store.View(ctx, fn)
	if h.viewed != nil {
		h.viewed()
	}
	return err
}

// failingCommit is a blob store whose disk fails at the last moment.
type failingCommit struct {
	origin.Blobs
	err error
}

func (f failingCommit) Stage(ctx context.Context) (origin.Staging, error) {
	staging, err := f.Blobs.Stage(ctx)
	return failingStaging{staging, f.err}, err
}

type failingStaging struct {
	origin.Staging
	err error
}

func (s failingStaging) Commit(context.Context, string) error {
	return errors.Join(s.err, s.Discard())
}
