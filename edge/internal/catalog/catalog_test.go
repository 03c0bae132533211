package catalog_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/catalog"
	"github.com/pictor/pictor/shared/wire"
)

// origin keeps the contract of catalog.Origin in memory; the real one meets the real catalog end to end.
type origin struct {
	mu      sync.Mutex
	epoch   string
	seq     uint64
	log     []wire.Change
	names   map[wire.Name]string // → visibility
	limits  *wire.AccountLimits  // of account a1, which has all names
	down    bool
	changed chan struct{}
	asked   atomic.Int64
	before  func() // runs inside a look-up, after it read

	failures atomic.Int64 // of look-ups to come; the feed goes on
}

func newOrigin() *origin {
	return &origin{epoch: "e1", seq: 10, names: map[wire.Name]string{}, changed: make(chan struct{})}
}

var errDown = &edge.Error{Kind: edge.Unavailable, Message: "down"}

func (o *origin) set(id, visibility string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	name := wire.Name{Namespace: wire.NamespaceCloud, Name: id}
	o.seq++
	if visibility == "" {
		delete(o.names, name)
	} else {
		o.names[name] = visibility
	}
	o.log = append(o.log, wire.Change{Epoch: o.epoch, Seq: o.seq, Name: &name})
	o.wakeLocked()
}

// limit changes the account's limits, which it announces by the profile's name.
func (o *origin) limit(l *wire.AccountLimits) {
	o.mu.Lock()
	defer o.mu.Unlock()
	name := wire.ProfileName("a1")
	o.seq++
	o.names[name], o.limits = wire.Public, l
	o.log = append(o.log, wire.Change{Epoch: o.epoch, Seq: o.seq, Name: &name})
	o.wakeLocked()
}

// announce puts a name into the log.
func (o *origin) announce(name wire.Name) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seq++
	o.log = append(o.log, wire.Change{Epoch: o.epoch, Seq: o.seq, Name: &name})
	o.wakeLocked()
}

func (o *origin) wakeLocked() {
	close(o.changed)
	o.changed = make(chan struct{})
}

func (o *origin) setDown(down bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.down = down
	o.wakeLocked()
}

func (o *origin) Manifest(_ context.Context, name wire.Name) (*wire.Manifest, uint64, error) {
	o.asked.Add(1)
	if o.failures.Load() > 0 {
		o.failures.Add(-1)
		return nil, 0, errDown
	}
	m, seq, err := o.read(name)
	if o.before != nil {
		o.before()
	}
	return m, seq, err
}

func (o *origin) read(name wire.Name) (*wire.Manifest, uint64, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.down {
		return nil, 0, errDown
	}
	visibility, ok := o.names[name]
	if !ok {
		return nil, o.seq, nil
	}
	return &wire.Manifest{Name: name, Seq: o.seq, Visibility: visibility, Account: "a1", Limits: o.limits,
		Source: wire.Source{Digest: "digest of " + name.Name}}, o.seq, nil
}

func (o *origin) Keyring(context.Context) (wire.Keyring, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.down {
		return wire.Keyring{}, errDown
	}
	return wire.Keyring{Keys: []wire.Key{{ID: "k1", Secret: []byte(strings.Repeat("s", 32))}}}, nil
}

func (o *origin) Changes(ctx context.Context, after uint64, each func(wire.Change)) error {
	for ctx.Err() == nil {
		lines, changed, err := o.since(&after)
		if err != nil {
			return err
		}
		for _, line := range lines {
			each(line)
		}
		select {
		case <-ctx.Done():
		case <-changed:
		case <-time.After(time.Second):
		}
	}
	return ctx.Err()
}

// since gives what is new after the number, and a heartbeat.
func (o *origin) since(after *uint64) ([]wire.Change, chan struct{}, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.down {
		return nil, nil, errDown
	}
	var lines []wire.Change
	for _, change := range o.log {
		if change.Seq > *after {
			lines = append(lines, change)
		}
	}
	*after = o.seq
	return append(lines, wire.Change{Epoch: o.epoch, Seq: o.seq}), o.changed, nil
}

// follow runs a catalog in a bubble of simulated time until the test ends.
func follow(t *testing.T, o *origin, test func(t *testing.T, c *catalog.Catalog)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o.changed = make(chan struct{}) // belongs to the bubble
		c := catalog.New(o, catalog.Options{})
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { c.Run(ctx) })
		synctest.Wait()
		test(t, c)
		cancel()
		running.Wait()
	})
}

func find(c *catalog.Catalog, id string) string {
	m, err := c.Find(context.Background(), wire.Name{Namespace: wire.NamespaceCloud, Name: id})
	if err != nil {
		return edge.KindOf(err).String()
	}
	return m.Visibility
}

func TestRemembersUntilItChanges(t *testing.T) {
	o := newOrigin()
	follow(t, o, func(t *testing.T, c *catalog.Catalog) {
		steps := []struct{ set, want string }{{"", "not_found"}, {wire.Public, wire.Public}, {wire.Private, wire.Private}, {"", "not_found"}}
		for i, step := range steps {
			if i > 0 {
				o.set("a", step.set)
				synctest.Wait()
			}
			asked := o.asked.Load()
			for range 3 {
				if got := find(c, "a"); got != step.want {
					t.Fatalf("step %d: got %s, want %s", i, got, step.want)
				}
			}
			if n := o.asked.Load() - asked; n != 1 {
				t.Errorf("step %d: asked the origin %d times", i, n)
			}
		}
		if c.AwaitKeys(t.Context()); c.Keys() == nil {
			t.Error("no keys")
		}
	})
}

func TestWithoutAFeed(t *testing.T) {
	o := newOrigin()
	o.names[wire.Name{Namespace: wire.NamespaceCloud, Name: "open"}] = wire.Public
	o.names[wire.Name{Namespace: wire.NamespaceCloud, Name: "secret"}] = wire.Private
	follow(t, o, func(t *testing.T, c *catalog.Catalog) {
		find(c, "open")
		find(c, "secret")
		o.setDown(true)
		time.Sleep(4 * time.Second)
		if got := find(c, "secret"); got != wire.Private {
			t.Errorf("within the lease: %s", got)
		}
		time.Sleep(2 * time.Second)
		if c.Fresh(time.Now()) {
			t.Error("fresh without a feed")
		}
		for id, want := range map[string]string{"open": wire.Public, "secret": "unavailable", "other": "unavailable"} {
			if got := find(c, id); got != want {
				t.Errorf("%s beyond the lease: got %s, want %s", id, got, want)
			}
		}
		time.Sleep(time.Hour)
		if got := find(c, "open"); got != "unavailable" {
			t.Errorf("after an hour: %s", got)
		}
		o.mu.Lock()
		o.names[wire.Name{Namespace: wire.NamespaceCloud, Name: "open"}] = wire.Private
		o.mu.Unlock()
		o.set("open", wire.Private) // while nobody listens
		o.setDown(false)
		time.Sleep(3 * time.Second)
		if got := find(c, "open"); got != wire.Private || !c.Fresh(time.Now()) {
			t.Errorf("after the feed came back: %s, fresh %v", got, c.Fresh(time.Now()))
		}
	})
}

// A blob is gone until somebody reads that it is there again, and not for ever.
func TestBlobsThatAreGone(t *testing.T) {
	o := newOrigin()
	synctest.Test(t, func(t *testing.T) {
		o.changed = make(chan struct{})
		c := catalog.New(o, catalog.Options{})
		var told []string
		c.Tell(func(digest string) {
			if !c.Gone(digest) {
				t.Errorf("%s is to be dropped and may be kept", digest)
			}
			told = append(told, digest)
		})
		ctx, cancel := context.WithCancel(context.Background())
		var running sync.WaitGroup
		running.Go(func() { c.Run(ctx) })
		synctest.Wait()
		const a, b = "digest of a", "digest of b"
		o.announce(wire.BlobName(a))
		o.announce(wire.BlobName(b))
		synctest.Wait()
		if len(told) != 2 || !c.Gone(a) || !c.Gone(b) || c.Gone("digest of c") {
			t.Errorf("told %v; gone: %v, %v", told, c.Gone(a), c.Gone(b))
		}
		o.set("a", wire.Public)
		find(c, "a")
		if c.Gone(a) || !c.Gone(b) {
			t.Errorf("an asset has the bytes again: gone are %v, %v", c.Gone(a), c.Gone(b))
		}
		time.Sleep(time.Hour)
		if c.Gone(b) {
			t.Error("gone for ever")
		}
		cancel()
		running.Wait()
	})
}

// Who comes back hears of the blobs that went meanwhile; a restored database has other numbers.
func TestBlobsThatWentMeanwhile(t *testing.T) {
	o := newOrigin()
	o.changed = make(chan struct{})
	o.announce(wire.BlobName("before"))
	since := catalog.Position{Epoch: o.epoch, Seq: o.seq}
	o.announce(wire.BlobName("meanwhile"))
	for name, test := range map[string]struct {
		since catalog.Position
		want  string
	}{
		"where it was":       {since, "[meanwhile later]"},
		"for the first time": {catalog.Position{}, "[later]"},
		"another log":        {catalog.Position{Epoch: "e0", Seq: since.Seq + 100}, "[later]"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := &origin{epoch: o.epoch, seq: o.seq, log: slices.Clone(o.log), names: o.names, changed: make(chan struct{})}
				c := catalog.New(o, catalog.Options{Since: test.since})
				var told []string
				c.Tell(func(digest string) { told = append(told, digest) })
				ctx, cancel := context.WithCancel(context.Background())
				var running sync.WaitGroup
				running.Go(func() { c.Run(ctx) })
				synctest.Wait()
				o.announce(wire.BlobName("later"))
				synctest.Wait()
				if got := fmt.Sprint(told); got != test.want || !c.Fresh(time.Now()) {
					t.Errorf("told %s, want %s", got, test.want)
				}
				if got := c.Position(); got != (catalog.Position{Epoch: o.epoch, Seq: o.seq}) {
					t.Errorf("at %+v", got)
				}
				cancel()
				running.Wait()
			})
		})
	}
}

// A look-up that read before a change and answers after it must not bring the old state back.
func TestSlowLookUpDoesNotBringBackTheOld(t *testing.T) {
	o := newOrigin()
	o.names[wire.Name{Namespace: wire.NamespaceCloud, Name: "a"}] = wire.Public
	follow(t, o, func(t *testing.T, c *catalog.Catalog) {
		var once sync.Once
		o.before = func() {
			once.Do(func() {
				o.set("a", wire.Private)
				time.Sleep(100 * time.Millisecond) // the feed overtakes the answer
			})
		}
		if got := find(c, "a"); got != wire.Private {
			t.Errorf("first: %s", got)
		}
		if got := find(c, "a"); got != wire.Private {
			t.Errorf("then: %s", got)
		}
	})
}

func TestRestoredDatabase(t *testing.T) {
	o := newOrigin()
	o.names[wire.Name{Namespace: wire.NamespaceCloud, Name: "a"}] = wire.Public
	follow(t, o, func(t *testing.T, c *catalog.Catalog) {
		if got := find(c, "a"); got != wire.Public {
			t.Fatal(got)
		}
		o.mu.Lock()
		o.epoch, o.seq, o.log = "e2", 4, nil
		clear(o.names)
		o.wakeLocked()
		o.mu.Unlock()
		synctest.Wait()
		if got := find(c, "a"); got != "not_found" {
			t.Errorf("a name from before the restore: %s", got)
		}
	})
}

func TestCallersShareALookUp(t *testing.T) {
	o := newOrigin()
	follow(t, o, func(t *testing.T, c *catalog.Catalog) {
		o.before = func() { time.Sleep(time.Second) }
		var all sync.WaitGroup
		for range 20 {
			all.Go(func() {
				if got := find(c, "a"); got != "not_found" {
					t.Errorf("got %s", got)
				}
			})
		}
		all.Wait()
		if n := o.asked.Load(); n != 1 {
			t.Errorf("%d look-ups", n)
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Millisecond)
		defer cancel()
		_, err := c.Find(ctx, wire.Name{Name: "b"})
		if edge.KindOf(err) != edge.Timeout || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("impatient caller: %v", err)
		}
		time.Sleep(2 * time.Second) // let the look-up end within the bubble
	})
}

// Limits that change are read at once, whether or not anybody asks for a name of the account, and as often as it takes.
func TestChangedLimits(t *testing.T) {
	o := newOrigin()
	follow(t, o, func(t *testing.T, c *catalog.Catalog) {
		want := func(limits *wire.AccountLimits) {
			t.Helper()
			known, err, ok := c.Recall(wire.ProfileName("a1"))
			if !ok || err != nil || known.Limits != limits {
				t.Errorf("known without asking: %+v, %v, %v; want %+v", known, err, ok, limits)
			}
		}
		some, other := &wire.AccountLimits{NewVariants: wire.NewVariantsAny}, &wire.AccountLimits{Variants: new(int)}
		o.limit(some)
		synctest.Wait()
		if n := o.asked.Load(); n != 0 {
			t.Errorf("asked %d times for limits of an account that nobody wants pictures of", n)
		}
		o.set("a", wire.Public)
		find(c, "a")
		o.limit(other)
		synctest.Wait()
		want(other)
		var once sync.Once
		o.before = func() { once.Do(func() { o.limit(some) }) } // they change again while they are read
		o.limit(nil)
		synctest.Wait()
		want(some)
		o.before = nil
		o.failures.Store(3)
		o.limit(other)
		time.Sleep(5 * time.Second)
		want(other)
		if n := o.failures.Load(); n != 0 {
			t.Errorf("%d failures to come", n)
		}
	})
}
