// Package servertest runs a whole origin on loopback for tests: the real core with SQLite, disk and probe behind the
// real listeners. Only the clock and the dice are the test's.
package servertest

import (
	"bytes"
	"context"
	"log/slog"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/crypto/bcrypt"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/api/kit"
	"github.com/pictor/pictor/origin/internal/blob/diskblob"
	"github.com/pictor/pictor/origin/internal/probe"
	"github.com/pictor/pictor/origin/internal/server"
	"github.com/pictor/pictor/origin/internal/store/sqlstore"
	"github.com/pictor/pictor/shared/cluster"
)

// The first administrator of every Origin.
const (
	AdminEmail    = "admin@example.com"
	AdminPassword = "correct horse"
)

// DeliveryURL is where every Origin sends those who want pictures.
const DeliveryURL = "https://img.example.com"

// Options are what a test may want otherwise.
type Options struct {
	Limits         origin.Limits // nil: none
	MaxUploadBytes int64         // 0: 1 MiB
	Proxies        kit.Proxies
	PublicURL      string
	DrainWait      time.Duration // 0: 30 s
	Plan           origin.Plan   // of all accounts
	Fetch          origin.Fetcher
	Dialects       []string
	Hosts          map[string]string
}

// Origin is a running origin.
type Origin struct {
	*server.Server
	Core    *origin.Core
	Clock   *Clock
	Cluster cluster.Key
	Log     *Buffer
	Blobs   string // the folder that uploads are kept in
	URL     string // of the public API

	stop context.CancelFunc
	done chan struct{}
	err  error // of Run, once done is closed
}

// Start runs an origin until the test ends or Stop is called.
func Start(t testing.TB, opt Options) *Origin {
	t.Helper()
	if opt.MaxUploadBytes == 0 {
		opt.MaxUploadBytes = 1 << 20
	}
	if opt.DrainWait == 0 {
		opt.DrainWait = 30 * time.Second
	}
	if opt.Limits == nil {
		opt.Limits = origin.Limits{}
	}
	dir := t.TempDir()
	o := &Origin{Log: new(Buffer), Blobs: filepath.Join(dir, "blobs"), done: make(chan struct{}),
		Clock:   &Clock{now: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)},
		Cluster: cluster.Key("a cluster key that only tests know")}
	log := slog.New(slog.NewTextHandler(o.Log, nil))
	o.Core = newCore(t, dir, o, opt, log)
	var err error
	o.Server, err = server.New(server.Config{Core: o.Core, Cluster: o.Cluster, Log: log, Listen: "127.0.0.1:0",
		OpsListen: "127.0.0.1:0", EdgeListen: "127.0.0.1:0", DeliveryURL: DeliveryURL, PublicURL: opt.PublicURL,
		Proxies: opt.Proxies, MaxUploadBytes: opt.MaxUploadBytes, DrainWait: opt.DrainWait, Now: o.Clock.Now,
		Dialects: opt.Dialects, Hosts: opt.Hosts})
	if err != nil {
		t.Fatal(err)
	}
	o.URL = "http://" + o.Addr().String()
	ctx, cancel := context.WithCancel(context.Background())
	o.stop = cancel
	go func() {
		defer close(o.done)
		o.err = o.Run(ctx)
	}()
	t.Cleanup(func() {
		if err := o.Stop(); err != nil {
			t.Errorf("stop the origin: %v", err)
		}
	})
	return o
}

func newCore(t testing.TB, dir string, o *Origin, opt Options, log *slog.Logger) *origin.Core {
	t.Helper()
	ctx := context.Background()
	store, err := sqlstore.Open(ctx, filepath.Join(dir, "pictor.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() }) // runs after the server's, which was added later
	blobs, err := diskblob.Open(o.Blobs)
	if err != nil {
		t.Fatal(err)
	}
	core, err := origin.New(ctx, origin.Config{Store: store, Blobs: blobs, Probe: probe.Prober{}, Fetch: opt.Fetch,
		Plan: opt.Plan, Limits: opt.Limits,
		MaxUploadBytes: opt.MaxUploadBytes, DeliveryURL: DeliveryURL, Now: o.Clock.Now, Rand: newDice(), Log: log,
		BcryptCost: bcrypt.MinCost})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := core.Bootstrap(ctx, AdminEmail, AdminPassword); err != nil {
		t.Fatal(err)
	}
	return core
}

// Stop tells the origin to end, and waits for it.
func (o *Origin) Stop() error {
	o.stop()
	<-o.done
	return o.err
}

// Session signs in and gives who that is, with the session's token.
func (o *Origin) Session(t testing.TB, email, password string) (origin.Principal, string) {
	t.Helper()
	_, token, _, err := o.Core.SignIn(context.Background(), email, password, origin.Client{})
	if err != nil {
		t.Fatal(err)
	}
	who, err := o.Core.BySession(context.Background(), token)
	if err != nil {
		t.Fatal(err)
	}
	return who, token
}

// Admin is the first administrator, signed in.
func (o *Origin) Admin(t testing.TB) (origin.Principal, string) {
	t.Helper()
	return o.Session(t, AdminEmail, AdminPassword)
}

// Key mints an API key, «id:secret», for who.
func (o *Origin) Key(t testing.TB, who origin.Principal) string {
	t.Helper()
	key, secret, err := o.Core.MintAPIKey(context.Background(), who, "")
	if err != nil {
		t.Fatal(err)
	}
	return key.ID + ":" + secret
}

// Clock is a clock that stands until it is moved.
type Clock struct {
	mu  sync.Mutex
	now time.Time
}

// Now reads the clock.
func (c *Clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

// Advance moves it on.
func (c *Clock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// dice throw the same every time, so that answers can be compared as text.
type dice struct {
	mu     sync.Mutex
	source *rand.ChaCha8
}

func newDice() *dice { return &dice{source: rand.NewChaCha8([32]byte{})} }

func (d *dice) Read(p []byte) (int, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.source.Read(p)
}

// Buffer is a log that can be read while it is written.
type Buffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *Buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *Buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
