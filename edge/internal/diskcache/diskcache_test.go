package diskcache

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io/fs"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/cockroachdb/pebble/v2/vfs/errorfs"
	"go.uber.org/goleak"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/leaktest"
)

var _ edge.Disk = (*Cache)(nil)

// Pebble 2.1.7 keeps a reference to a file of values that could not be opened, so that its Close ends in a panic (which
// becomes an error here) before the cache of open files has ended its goroutines.
func TestMain(m *testing.M) {
	leaktest.Main(m, goleak.IgnoreAnyFunction(
		"github.com/cockroachdb/pebble/v2/internal/genericcache.(*shard[...]).releaseLoop"))
}

const testBudget = 8 << 20

func open(t testing.TB, o Options) *Cache {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.MaxBytes == 0 {
		o.MaxBytes = testBudget
	}
	if o.ReadTimeout == 0 {
		o.ReadTimeout = time.Minute // a busy test machine is no sick disk
	}
	if o.Rest == 0 {
		o.Rest = 5 * time.Millisecond
	}
	o.Log = slog.New(slog.DiscardHandler)
	c, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

func closeCache(t testing.TB, c *Cache) {
	t.Helper()
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
}

func key(i int) edge.Key { return edge.Key(fmt.Sprintf("1|8.18|%064x|f_webp,w_%d", i, i)) }

// object is random bytes that follow from i.
func object(i, size int) *edge.Object {
	body := make([]byte, size)
	var seed [32]byte
	binary.BigEndian.PutUint64(seed[:], uint64(i))
	_, _ = rand.NewChaCha8(seed).Read(body)
	return edge.NewObject("image/webp", body)
}

func same(a, b *edge.Object) bool {
	return a.MediaType == b.MediaType && a.ETag == b.ETag && bytes.Equal(a.Body, b.Body)
}

// settle waits until the queue is written.
func settle(t testing.TB, c *Cache) {
	t.Helper()
	eventually(t, "the queue is empty", func() bool { return c.Stats().QueueEntries == 0 })
}

func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

// has counts which of the objects are there, and fails when one is there with other bytes. It takes turns to get and to
// borrow.
func has(t testing.TB, c *Cache, from, to, size int) (n int) {
	t.Helper()
	for i := from; i < to; i++ {
		obj, done, ok := borrow(c, i)
		if ok {
			if !same(obj, object(i, size)) {
				t.Fatalf("key %d gives another Object", i)
			}
			n++
		}
		done()
	}
	return n
}

func borrow(c *Cache, i int) (obj *edge.Object, done func(), ok bool) {
	if i%2 == 0 {
		obj, ok = c.Get(key(i))
		return obj, func() {}, ok
	}
	return c.Lend(key(i))
}

func fill(t testing.TB, c *Cache, from, to, size int) {
	t.Helper()
	for i := from; i < to; i++ {
		c.Put(key(i), object(i, size))
		if i%16 == 15 {
			settle(t, c)
		}
	}
	settle(t, c)
}

// folderBytes is what the files take, all kinds.
func folderBytes(t testing.TB, dir string) (sum int64) {
	t.Helper()
	err := filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return nil // files go while we look
		}
		if info, err := d.Info(); err == nil {
			sum += info.Size()
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return sum
}

func TestPutCanBeReadAtOnceAndLater(t *testing.T) {
	c := open(t, Options{})
	for _, size := range []int{0, 1, 100, 5000, 300_000} {
		c.Put(key(size), object(size, size))
		if has(t, c, size, size+1, size) != 1 {
			t.Fatalf("an Object of %d bytes cannot be read at once", size)
		}
		settle(t, c)
		if has(t, c, size, size+1, size) != 1 {
			t.Fatalf("an Object of %d bytes cannot be read from the store", size)
		}
	}
	if _, ok := c.Get("other"); ok {
		t.Fatal("a key never put was found")
	}
	if st := c.Stats(); st.Hits != 10 || st.Misses != 1 || st.Written != 5 || !st.Open {
		t.Fatalf("stats: %+v", st)
	}
}

func TestPutReplaces(t *testing.T) {
	c := open(t, Options{})
	for i := range 3 {
		obj := object(i, 1000)
		c.Put("k", obj)
		settle(t, c)
		if got, ok := c.Get("k"); !ok || !same(got, obj) {
			t.Fatalf("after put %d the key gives another Object", i)
		}
	}
}

// The newest Object counts wherever older ones lie, and whoever has read those.
func TestPutReplacesInLaterGenerations(t *testing.T) {
	const size = 20_000
	c := open(t, Options{})
	for i := range 4 {
		obj := object(-1-i, size)
		c.Put("k", obj)
		settle(t, c)
		for turn := range 3 {
			if got, ok := c.Get("k"); !ok || !same(got, obj) {
				t.Fatalf("put %d, generation %d after it: the key gives another Object", i, turn)
			}
			from := (3*i + turn) * 60
			fill(t, c, from, from+60, size) // more than a generation
		}
	}
}

func TestReopenFindsEverything(t *testing.T) {
	dir := t.TempDir()
	for round := range 3 {
		c := open(t, Options{Dir: dir})
		if n := has(t, c, 0, round*20, 20_000); n != round*20 {
			t.Fatalf("round %d: %d of %d entries are left", round, n, round*20)
		}
		for i := range 20 {
			c.Put(key(round*20+i), object(round*20+i, 20_000))
		}
		closeCache(t, c) // writes what waits
	}
}

// Five times the budget goes through; the disk never takes much more than the budget, the newest part stays.
func TestFillAndEvict(t *testing.T) {
	const size, entries = 20_000, 5 * testBudget / 20_000
	dir := t.TempDir()
	c := open(t, Options{Dir: dir})
	var most int64
	for i := 0; i < entries; i += 100 {
		fill(t, c, i, min(entries, i+100), size)
		most = max(most, folderBytes(t, dir))
		// On a busy machine files that are not needed any more take their time to go.
		eventually(t, "no more than the budget and a quarter", func() bool { return folderBytes(t, dir) <= testBudget*5/4 })
	}
	eventually(t, "space comes back", func() bool { return folderBytes(t, dir) <= testBudget*11/10 })
	t.Logf("budget %d, at most %d on disk, at the end %d, counted %d", testBudget, most, folderBytes(t, dir), c.Stats().Bytes)
	if most > testBudget*2 {
		t.Errorf("the files took %d bytes, the budget is %d", most, testBudget)
	}
	if st := c.Stats(); st.Evicted < 25 || st.Bytes > testBudget || st.Dropped != 0 {
		t.Errorf("stats: %+v", st)
	}
	half := testBudget / size / 2
	if n := has(t, c, entries-half, entries, size); n != half {
		t.Errorf("%d of the %d newest entries are left", n, half)
	}
	if n := has(t, c, 0, entries-testBudget/size, size); n != 0 {
		t.Errorf("%d entries older than the budget are left", n)
	}
	before := c.Stats().Bytes
	closeCache(t, c)
	c = open(t, Options{Dir: dir})
	if n := has(t, c, entries-half, entries, size); n != half {
		t.Errorf("after a restart %d of the %d newest entries are left", n, half)
	}
	if got := c.Stats().Bytes; got < before {
		t.Errorf("after a restart %d bytes are counted, before %d", got, before)
	}
}

// What is asked for again and again outlives its generation.
func TestHitsAreKept(t *testing.T) {
	const size = 20_000
	c := open(t, Options{})
	c.Put("popular", object(-1, size))
	for i := range 2 * testBudget / size {
		c.Put(key(i), object(i, size))
		if i%8 == 0 {
			settle(t, c)
		}
		if obj, ok := c.Get("popular"); !ok || !same(obj, object(-1, size)) {
			t.Fatalf("the popular entry was lost after %d others", i)
		}
	}
	st := c.Stats()
	if st.Promoted == 0 || st.Promoted > 10 {
		t.Fatalf("promoted %d times while 16 generations went by, want a few", st.Promoted)
	}
}

// What is served from memory all the time, so that nobody asks the disk for it, outlives its generation, too.
func TestHotInMemoryIsKept(t *testing.T) {
	const size = 20_000
	c := open(t, Options{Hot: func() []edge.Key { return []edge.Key{"popular", "only in memory"} }})
	c.Put("popular", object(-1, size))
	c.Put("forgotten", object(-2, size))
	fill(t, c, 0, 3*testBudget/size, size)
	if obj, ok := c.Get("popular"); !ok || !same(obj, object(-1, size)) {
		t.Error("what is hot in memory is lost")
	}
	if _, ok := c.Get("forgotten"); ok {
		t.Error("what nobody wants is kept")
	}
	if st := c.Stats(); st.Promoted < 3 || st.Promoted > 15 || st.Misses != 1 || st.Hits != 1 {
		t.Errorf("stats: %+v", st)
	}
}

// What is lent is nobody else's until it is given back, and what was got or is to be written again is not lent on.
func TestLentMemoryIsUsedAgainOnlyWhenGivenBack(t *testing.T) {
	const size, entries = 20_000, 300
	c := open(t, Options{})
	fill(t, c, 0, entries, size)
	kept, ok := c.Get(key(0))
	lent, giveBack, lentOK := c.Lend(key(entries - 1))
	if !ok || !lentOK {
		t.Fatal("a miss")
	}
	for i := range entries {
		other, done, ok := c.Lend(key(i)) // the oldest of them are promoted
		if !ok || !same(other, object(i, size)) {
			t.Fatalf("key %d is lent as another Object", i)
		}
		done()
		if i%8 == 0 {
			settle(t, c) // or generations go before what is promoted from them is written
		}
	}
	if !same(kept, object(0, size)) || !same(lent, object(entries-1, size)) {
		t.Fatal("an Object changed while it was in use")
	}
	giveBack()
	settle(t, c)
	if has(t, c, 0, entries, size) != entries || c.Stats().Promoted == 0 {
		t.Fatalf("after all was lent, something is missing: %+v", c.Stats())
	}
}

func TestSmallerBudgetAfterRestart(t *testing.T) {
	dir := t.TempDir()
	c := open(t, Options{Dir: dir})
	fill(t, c, 0, 350, 20_000)
	closeCache(t, c)
	c = open(t, Options{Dir: dir, MaxBytes: testBudget / 4})
	if st := c.Stats(); st.Bytes > testBudget/4 {
		t.Fatalf("%d bytes are counted, the budget is now %d", st.Bytes, testBudget/4)
	}
	eventually(t, "space comes back", func() bool { return folderBytes(t, dir) <= testBudget/4*3/2 })
	if has(t, c, 340, 350, 20_000) != 10 {
		t.Fatal("the newest entries went, too")
	}
}

func TestObjectsTooLargeAreDropped(t *testing.T) {
	c := open(t, Options{})
	c.Put("giant", object(1, testBudget/8))
	if _, ok := c.Get("giant"); ok || c.Stats().Dropped != 1 {
		t.Fatalf("an Object of a whole generation was taken: %+v", c.Stats())
	}
}

func TestBadOptions(t *testing.T) {
	for _, o := range []Options{{}, {Dir: t.TempDir(), MaxBytes: 5}, {Dir: t.TempDir(), MaxBytes: -1}} {
		if c, err := Open(o); err == nil {
			t.Errorf("%+v was accepted", o)
			c.Close()
		}
	}
}

// Whatever happens to a file while the cache is down, it opens, serves nothing wrong, and takes new entries.
func TestCorruptFiles(t *testing.T) {
	damages := map[string]func(path string, size int64) error{
		"truncated": func(path string, size int64) error { return os.Truncate(path, size/2) },
		"emptied":   func(path string, _ int64) error { return os.Truncate(path, 0) },
		"removed":   func(path string, _ int64) error { return os.Remove(path) },
		"flipped":   func(path string, size int64) error { return flip(path, size/2) },
		"head":      func(path string, _ int64) error { return flip(path, 0) },
		"tail":      func(path string, size int64) error { return flip(path, size-3) },
		"garbage": func(path string, size int64) error {
			return os.WriteFile(path, bytes.Repeat([]byte("garbage "), int(size/8)+1), 0o600)
		},
	}
	sound := t.TempDir()
	c := open(t, Options{Dir: sound})
	fill(t, c, 0, 60, 8_000)
	closeCache(t, c)
	entries, err := os.ReadDir(filepath.Join(sound, storeFolder))
	if err != nil {
		t.Fatal(err)
	}
	seen := make(map[string]bool)
	for _, e := range entries {
		kind := strings.Trim(e.Name(), "0123456789-")
		if seen[kind] {
			continue // one of each kind
		}
		seen[kind] = true
		for name, damage := range damages {
			t.Run(kind+"/"+name, func(t *testing.T) {
				dir := t.TempDir()
				if err := os.CopyFS(dir, os.DirFS(sound)); err != nil {
					t.Fatal(err)
				}
				path := filepath.Join(dir, storeFolder, e.Name())
				if info, err := e.Info(); err != nil || damage(path, info.Size()) != nil {
					t.Skip("cannot be damaged in this way")
				}
				c := open(t, Options{Dir: dir})
				eventually(t, "a store is open", func() bool { return c.Stats().Open })
				has(t, c, 0, 60, 8_000)
				// A damaged table may be found out by a compaction now, and the store be set aside.
				eventually(t, "new entries are kept", func() bool {
					fill(t, c, 1000, 1060, 8_000)
					return has(t, c, 1000, 1060, 8_000) == 60
				})
				st := c.Stats()
				if damaging := name == "removed" && kind == ".blob"; damaging && st.Quarantined == 0 {
					t.Errorf("a store without one of its files is still in use: %+v", st)
				}
				if st.Quarantined > 0 {
					if _, err := os.Stat(filepath.Join(dir, quarantineFolder)); err != nil {
						t.Fatal(err)
					}
				}
			})
		}
	}
	if len(seen) < 5 {
		t.Fatalf("only these kinds of files were damaged: %v", seen)
	}
}

// A bit that flips in a file of values is found out wherever it is, also by those who only borrow.
func TestFlippedBitsInValues(t *testing.T) {
	const entries, size = 6, 3_000
	sound := t.TempDir()
	c := open(t, Options{Dir: sound})
	fill(t, c, 0, entries, size)
	closeCache(t, c)
	paths, err := filepath.Glob(filepath.Join(sound, storeFolder, "*.blob"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no files of values: %v", err)
	}
	info, err := os.Stat(paths[0])
	if err != nil {
		t.Fatal(err)
	}
	missing := 0
	for at := int64(0); at < info.Size(); at += info.Size()/30 + 1 {
		dir := t.TempDir()
		if err := os.CopyFS(dir, os.DirFS(sound)); err != nil {
			t.Fatal(err)
		}
		if err := flip(filepath.Join(dir, storeFolder, filepath.Base(paths[0])), at); err != nil {
			t.Fatal(err)
		}
		c := open(t, Options{Dir: dir})
		for i := range entries {
			obj, done, ok := c.Lend(key(i))
			switch {
			case !ok:
				missing++
			case !same(obj, object(i, size)):
				t.Fatalf("byte %d of %d is flipped, and key %d is lent with it", at, info.Size(), i)
			}
			done()
		}
		c.Close() // with an error where the whole file cannot be read
	}
	if missing < 25 {
		t.Fatalf("30 flipped bits cost only %d entries: they were not in values", missing)
	}
}

func flip(path string, at int64) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	if at < 0 || at >= int64(len(text)) {
		return fs.ErrInvalid
	}
	text[at] ^= 0x40
	return os.WriteFile(path, text, 0o600)
}

func TestAtMostOneQuarantine(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		c := open(t, Options{Dir: dir})
		c.Put("k", object(1, 1000))
		closeCache(t, c)
		manifests, err := filepath.Glob(filepath.Join(dir, storeFolder, "MANIFEST-*"))
		if err != nil || len(manifests) == 0 {
			t.Fatalf("no manifest: %v", err)
		}
		for _, m := range manifests {
			if err := os.WriteFile(m, []byte("nonsense"), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	c := open(t, Options{Dir: dir})
	if n := c.Stats().Quarantined; n != 1 {
		t.Fatalf("%d stores set aside at the last start, want 1", n)
	}
	folders, err := os.ReadDir(dir)
	if err != nil || len(folders) != 2 {
		t.Fatalf("folders: %v, want the store and one set aside", folders)
	}
}

// A machine that loses power at any moment leaves a sound store.
func TestCrash(t *testing.T) {
	const budget, size = 2 * testBudget, 20_000
	memory := vfs.NewCrashableMem()
	c := open(t, Options{Dir: "cache", MaxBytes: budget, fs: memory})
	for round := range 8 {
		written := (round + 1) * 50
		fill(t, c, written-50, written, size)
		c.Put("waiting", object(-2, size))
		random := rand.New(rand.NewPCG(1, uint64(round)))
		crashed := memory.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: round * 14, RNG: random})
		after := open(t, Options{Dir: "cache", MaxBytes: budget, fs: crashed})
		if st := after.Stats(); !st.Open || st.Quarantined != 0 || st.Trips != 0 {
			t.Fatalf("after a crash in round %d: %+v", round, st)
		}
		left := has(t, after, 0, written, size)
		closeCache(t, after)
		// What was written since the last flush, and in the flush under way, may be lost.
		if least := written - int(3*segmentBytes(budget)/size); left < least || after.Stats().Damaged != 0 {
			t.Fatalf("after a crash in round %d %d of %d entries are left, want %d", round, left, written, least)
		}
	}
}

// sick wraps a file system that fails on demand.
func sick(err error) (wrapped vfs.FS, failing *atomic.Bool) {
	failing = new(atomic.Bool)
	return errorfs.Wrap(vfs.Default, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if failing.Load() && op.Kind.ReadOrWrite() == errorfs.OpIsWrite && !strings.HasSuffix(op.Path, quarantineFolder) {
			return err
		}
		return nil
	})), failing
}

// On a disk that takes no writes the cache answers misses and drops puts, quickly; when the disk is well again, it
// works again, with what had been written.
func TestDiskThatFailsWrites(t *testing.T) {
	for _, err := range []error{syscall.ENOSPC, syscall.EIO} {
		t.Run(err.Error(), func(t *testing.T) {
			wrapped, failing := sick(err)
			c := open(t, Options{fs: wrapped})
			fill(t, c, 0, 50, 20_000)
			failing.Store(true)
			slowest := time.Duration(0)
			for i := 50; c.Stats().Trips == 0 || i < 1000; i++ {
				began := time.Now()
				c.Put(key(i), object(i, 20_000))
				c.Get(key(i))
				slowest = max(slowest, time.Since(began))
				if i > 100_000 {
					t.Fatalf("the trouble is never noticed: %+v", c.Stats())
				}
			}
			eventually(t, "the breaker is open", func() bool { return !c.Stats().Open || c.Stats().Trips > 1 })
			if slowest > 20*time.Second {
				t.Errorf("a call took %v", slowest)
			}
			failing.Store(false)
			eventually(t, "the cache works again", func() bool {
				c.Put("new", object(-1, 1000))
				_, ok := c.Get("new")
				return ok && c.Stats().Open
			})
			eventually(t, "new entries are kept", func() bool { // trouble of before may still be found out
				fill(t, c, 5000, 5050, 20_000)
				return has(t, c, 5000, 5050, 20_000) == 50
			})
		})
	}
}

// The same where only the last step of a file of values fails, the one after which pebble knows no way back.
func TestValuesThatCannotBeFinished(t *testing.T) {
	for name, step := range map[string]errorfs.OpKind{"write": errorfs.OpFileWrite, "sync": errorfs.OpFileSyncData} {
		t.Run(name, func(t *testing.T) {
			var failing atomic.Bool
			var failed atomic.Int64
			c := open(t, Options{fs: errorfs.Wrap(vfs.Default, errorfs.InjectorFunc(func(op errorfs.Op) error {
				if failing.Load() && op.Kind == step && strings.HasSuffix(op.Path, ".blob") {
					failed.Add(1)
					return syscall.EIO
				}
				return nil
			}))})
			fill(t, c, 0, 50, 20_000)
			if err := c.Close(); err != nil {
				t.Fatal(err)
			}
			c = open(t, c.Options)
			failing.Store(true)
			for i := 50; failed.Load() == 0 && c.Stats().Open; i++ {
				c.Put(key(i), object(i, 20_000))
				if i > 100_000 {
					t.Fatal("files of values are finished without this step")
				}
			}
			eventually(t, "the store is left", func() bool { return c.Stats().Trips > 0 })
			failing.Store(false)
			eventually(t, "the cache works again", func() bool { return c.Stats().Open })
			if n := has(t, c, 0, 50, 20_000); n != 50 || c.Stats().Quarantined != 0 {
				t.Errorf("%d of 50 entries from before are there: %+v", n, c.Stats())
			}
		})
	}
}

func TestDiskThatCannotBeOpened(t *testing.T) {
	wrapped, failing := sick(syscall.EIO)
	failing.Store(true)
	c := open(t, Options{fs: wrapped})
	c.Put("k", object(1, 1000))
	if _, ok := c.Get("k"); ok || c.Stats().Open || c.Stats().Dropped != 1 {
		t.Fatalf("stats: %+v", c.Stats())
	}
	failing.Store(false)
	eventually(t, "the cache opens", func() bool { return c.Stats().Open })
	if n := c.Stats().Quarantined; n != 0 {
		t.Fatalf("a store that could not be opened for outer reasons was set aside %d times", n)
	}
}

// hanging wraps a file system whose reads stop until released.
func hanging() (wrapped vfs.FS, hang func(), release func()) {
	var gate atomic.Pointer[chan struct{}]
	wrapped = errorfs.Wrap(vfs.Default, errorfs.InjectorFunc(func(op errorfs.Op) error {
		if g := gate.Load(); g != nil && op.Kind == errorfs.OpFileReadAt {
			<-*g
		}
		return nil
	}))
	hang = func() { g := make(chan struct{}); gate.Store(&g) }
	release = func() { close(*gate.Swap(nil)) }
	return wrapped, hang, release
}

func TestDiskThatHangs(t *testing.T) {
	wrapped, hang, release := hanging()
	dir := t.TempDir()
	c := open(t, Options{Dir: dir, fs: wrapped})
	fill(t, c, 0, 100, 20_000)
	closeCache(t, c)
	c = open(t, Options{Dir: dir, fs: wrapped, ReadTimeout: 100 * time.Millisecond})
	hang()
	began := time.Now()
	var wg sync.WaitGroup
	for i := range 200 {
		wg.Go(func() {
			if _, _, ok := borrow(c, i%100); ok {
				t.Errorf("key %d was read from a disk that hangs", i)
			}
		})
	}
	wg.Wait()
	if took := time.Since(began); took > 30*time.Second {
		t.Errorf("200 reads of a disk that hangs took %v", took)
	}
	if st := c.Stats(); st.Slow != 200 {
		t.Errorf("stats: %+v", st)
	}
	release()
	eventually(t, "reads work again", func() bool { return has(t, c, 0, 100, 20_000) == 100 })
}

func TestConcurrentUse(t *testing.T) {
	c := open(t, Options{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 600 {
				i := rand.IntN(800)
				obj, done, ok := borrow(c, i)
				if ok && !same(obj, object(i, 15_000)) {
					t.Errorf("key %d gives another Object", i)
				}
				done()
				c.Put(key(i), object(i, 15_000))
				c.Stats()
			}
		})
	}
	wg.Wait()
	closeCache(t, c)
	c.Put("late", object(1, 10))
	if _, ok := c.Get("late"); ok {
		t.Error("a closed cache took an entry")
	}
}

func BenchmarkGet(b *testing.B) {
	for _, size := range []int{10_000, 20_000, 100_000} {
		c := open(b, Options{MaxBytes: 1 << 30})
		entries := 80_000_000 / size
		for i := range entries {
			c.Put(key(i), object(i, size))
			if i%100 == 0 {
				settle(b, c)
			}
		}
		settle(b, c)
		b.Run(fmt.Sprint("hit/", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if _, ok := c.Get(key(i % entries)); !ok {
					b.Fatal("miss")
				}
			}
		})
		b.Run(fmt.Sprint("lend/", size), func(b *testing.B) {
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				_, done, ok := c.Lend(key(i % entries))
				if !ok {
					b.Fatal("miss")
				}
				done()
			}
		})
		b.Run(fmt.Sprint("miss/", size), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				c.Get(key(-1 - i))
			}
		})
	}
}
