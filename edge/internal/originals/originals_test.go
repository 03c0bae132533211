package originals_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/leaktest"
	"github.com/pictor/pictor/edge/internal/originals"
	"github.com/pictor/pictor/shared/wire"
)

var _ edge.Originals = (*originals.Store)(nil)

func TestMain(m *testing.M) { leaktest.Main(m) }

// blob makes a source of random bytes.
func blob(seed uint64, size int) (*wire.Source, []byte) {
	data := make([]byte, size)
	random := rand.NewChaCha8([32]byte{byte(seed), byte(seed >> 8)})
	_, _ = random.Read(data)
	sum := sha256.Sum256(data)
	src := &wire.Source{Digest: hex.EncodeToString(sum[:]), Bytes: int64(size), Format: "jpg"}
	for at := 0; at < size; at += wire.ChunkBytes {
		chunk := sha256.Sum256(data[at:min(size, at+wire.ChunkBytes)])
		src.Chunks = append(src.Chunks, chunk[:])
	}
	return src, data
}

func chunkOf(data []byte, i int) []byte {
	return data[i*wire.ChunkBytes : min(len(data), (i+1)*wire.ChunkBytes)]
}

// origin serves blobs, as long as gate allows.
type origin struct {
	mu      sync.Mutex
	blobs   map[string][]byte
	whole   int
	ranged  int
	fail    error
	gate    chan struct{} // when set, a body comes only after it was closed
	waiting atomic.Int32  // callers at the gate
	gone    atomic.Int32  // callers whose context ended at the gate
}

func (o *origin) Blob(ctx context.Context, digest string, offset, length int64) (io.ReadCloser, error) {
	o.mu.Lock()
	data, fail, gate := o.blobs[digest], o.fail, o.gate
	if length < 0 {
		o.whole++
	} else {
		o.ranged++
	}
	o.mu.Unlock()
	if gate != nil {
		o.waiting.Add(1)
		select {
		case <-gate:
		case <-ctx.Done():
			o.gone.Add(1)
			return nil, ctx.Err()
		}
	}
	if fail != nil {
		return nil, fail
	}
	if data == nil {
		return nil, &edge.Error{Kind: edge.NotFound, Message: "no such blob"}
	}
	data = data[min(offset, int64(len(data))):]
	if length >= 0 {
		data = data[:min(length, int64(len(data)))]
	}
	return io.NopCloser(bytes.NewReader(data)), nil
}

func (o *origin) counts() (whole, ranged int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.whole, o.ranged
}

func newOrigin(blobs ...[]byte) *origin {
	o := &origin{blobs: make(map[string][]byte)}
	for _, b := range blobs {
		sum := sha256.Sum256(b)
		o.blobs[hex.EncodeToString(sum[:])] = b
	}
	return o
}

// owners is a ring that always gives the same answer.
type owners []edge.Peer

func (o owners) Owners(string) []edge.Peer { return o }

// peers answer chunks by name.
type peers map[string]func(*wire.Source, int) ([]byte, error)

func (p peers) Chunk(_ context.Context, peer edge.Peer, src *wire.Source, i int) ([]byte, error) {
	return p[peer.Name](src, i)
}

func (peers) Object(context.Context, edge.Peer, edge.Job) (*edge.Object, edge.Tier, error) {
	return nil, 0, errors.New("not asked here")
}

// solo is a ring in which all work is this edge's own.
type solo struct{}

func (solo) Owners(string) []edge.Peer { return nil }

func open(t *testing.T, o originals.Options) *originals.Store {
	t.Helper()
	if o.Dir == "" {
		o.Dir = t.TempDir()
	}
	if o.Ring == nil {
		o.Ring = solo{}
	}
	o.Log = slog.New(slog.DiscardHandler)
	if o.SpareLife == 0 {
		o.SpareLife = 50 * time.Millisecond
	}
	s, err := originals.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// wantFile and the like use Errorf, not Fatalf: tests call them from goroutines.
func wantFile(t *testing.T, s *originals.Store, src *wire.Source, want []byte) {
	t.Helper()
	f, err := s.File(t.Context(), src)
	if err != nil {
		t.Error(err)
		return
	}
	defer f.Close()
	got, err := io.ReadAll(f)
	if err != nil || !bytes.Equal(got, want) {
		t.Errorf("File gives %d bytes (err %v), want the %d of the blob", len(got), err, len(want))
	}
}

func wantChunk(t *testing.T, get func(context.Context, *wire.Source, int) ([]byte, error), src *wire.Source, i int,
	data []byte) {
	t.Helper()
	chunk, err := get(t.Context(), src, i)
	if err != nil {
		t.Error(err)
		return
	}
	if !bytes.Equal(chunk, chunkOf(data, i)) {
		t.Errorf("chunk %d is wrong", i)
	}
}

func wantKind(t *testing.T, err error, kind edge.Kind) {
	t.Helper()
	if err == nil || edge.KindOf(err) != kind {
		t.Errorf("got error %v of kind %v, want %v", err, edge.KindOf(err), kind)
	}
}

func wantWhole(t *testing.T, o *origin, whole, ranged int) {
	t.Helper()
	if w, r := o.counts(); w != whole || r != ranged {
		t.Fatalf("origin was asked for %d whole blobs and %d ranges, want %d and %d", w, r, whole, ranged)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

func files(t *testing.T, dir string) (names []string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

func TestFileIsFetchedOnce(t *testing.T) {
	src, data := blob(1, 3*wire.ChunkBytes+17)
	o := newOrigin(data)
	s := open(t, originals.Options{Origin: o})
	for range 3 {
		wantFile(t, s, src, data)
	}
	wantChunk(t, s.Chunk, src, 3, data)
	wantWhole(t, o, 1, 0)
	if st := s.Stats(); st.OriginFetches != 1 || st.Files != 1 || st.Bytes != src.Bytes || st.OriginBytes != src.Bytes {
		t.Fatalf("stats: %+v", st)
	}
}

func TestManyCallersShareOneDownload(t *testing.T) {
	src, data := blob(1, 100_000)
	o := newOrigin(data)
	o.gate = make(chan struct{})
	s := open(t, originals.Options{Origin: o})
	var wg sync.WaitGroup
	for i := range 20 {
		wg.Go(func() {
			if i%2 == 0 {
				wantFile(t, s, src, data)
			} else {
				wantChunk(t, s.Chunk, src, 0, data)
			}
		})
	}
	eventually(t, "the download has begun", func() bool { return o.waiting.Load() == 1 })
	close(o.gate)
	wg.Wait()
	wantWhole(t, o, 1, 0)
}

func TestOneCallerLeavingTakesNothingFromTheOthers(t *testing.T) {
	src, data := blob(1, 1000)
	o := newOrigin(data)
	o.gate = make(chan struct{})
	s := open(t, originals.Options{Origin: o})
	first, leave := context.WithCancel(t.Context())
	left, got := make(chan error), make(chan error)
	go func() { _, err := s.File(first, src); left <- err }()
	eventually(t, "the download has begun", func() bool { return o.waiting.Load() == 1 })
	go func() {
		f, err := s.File(t.Context(), src)
		if err == nil {
			f.Close()
		}
		got <- err
	}()
	time.Sleep(20 * time.Millisecond) // lets the second join; it would succeed alone, too
	leave()
	wantKind(t, <-left, edge.Timeout)
	close(o.gate)
	if err := <-got; err != nil {
		t.Fatal(err)
	}
	wantWhole(t, o, 1, 0)
}

func TestAllCallersGoneEndsTheDownload(t *testing.T) {
	src, data := blob(1, 1000)
	o := newOrigin(data)
	o.gate = make(chan struct{})
	s := open(t, originals.Options{Origin: o})
	ctx, leave := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			_, err := s.File(ctx, src)
			wantKind(t, err, edge.Timeout)
		})
	}
	eventually(t, "the download has begun", func() bool { return o.waiting.Load() == 1 })
	leave()
	wg.Wait()
	// A caller that came late has begun another one, in vain as well.
	eventually(t, "the download was cancelled", func() bool { return o.gone.Load() == o.waiting.Load() })
	close(o.gate)
	wantFile(t, s, src, data) // a later caller starts anew
}

func TestWrongBytesFromTheOrigin(t *testing.T) {
	src, data := blob(1, 2*wire.ChunkBytes)
	flipped := bytes.Clone(data)
	flipped[wire.ChunkBytes+5] ^= 1
	lies := map[string][]byte{"flipped": flipped, "short": data[:len(data)-1], "long": append(bytes.Clone(data), 0),
		"empty": {}}
	for name, lie := range lies {
		t.Run(name, func(t *testing.T) {
			o := newOrigin()
			o.blobs[src.Digest] = lie
			s := open(t, originals.Options{Origin: o})
			_, err := s.File(t.Context(), src)
			wantKind(t, err, edge.Unavailable)
			if left := files(t, s.Dir); len(left) != 0 {
				t.Fatalf("left behind: %v", left)
			}
			o.blobs[src.Digest] = data
			wantFile(t, s, src, data)
		})
	}
}

func TestOriginErrors(t *testing.T) {
	src, data := blob(1, 1000)
	o := newOrigin(data)
	o.fail = errors.New("connection refused")
	s := open(t, originals.Options{Origin: o})
	_, err := s.File(t.Context(), src)
	wantKind(t, err, edge.Unavailable)
	_, err = s.Chunk(t.Context(), src, 0)
	wantKind(t, err, edge.Unavailable)
	o.fail = nil
	missing, _ := blob(2, 1000)
	_, err = s.File(t.Context(), missing)
	wantKind(t, err, edge.NotFound)
}

func TestSourcesThatMakeNoSense(t *testing.T) {
	good, data := blob(1, 1000)
	s := open(t, originals.Options{Origin: newOrigin(data)})
	bad := map[string]func(*wire.Source){
		"path": func(src *wire.Source) {
			src.Digest = "../../../../../../../../../../../../../../../../../etc/passwd/xxxxxxxxxxxxxxx"[:64]
		},
		"upper":    func(src *wire.Source) { src.Digest = "A" + src.Digest[1:] },
		"empty":    func(src *wire.Source) { src.Digest = "" },
		"negative": func(src *wire.Source) { src.Bytes = -1 },
		"nothing":  func(src *wire.Source) { src.Bytes, src.Chunks = 0, nil },
		"huge":     func(src *wire.Source) { src.Bytes = 1 << 60 },
	}
	for name, spoil := range bad {
		src := *good
		spoil(&src)
		_, err := s.File(t.Context(), &src)
		wantKind(t, err, edge.Invalid)
		_, err = s.Chunk(t.Context(), &src, 0)
		if wantKind(t, err, edge.Invalid); len(files(t, s.Dir)) != 0 {
			t.Fatalf("%s: a file was made", name)
		}
	}
	for _, i := range []int{-1, 1} {
		_, err := s.OwnerChunk(t.Context(), good, i)
		wantKind(t, err, edge.Invalid)
	}
}

func TestBudgetGivesUpTheLeastRecentlyUsed(t *testing.T) {
	const size = 1000
	o := newOrigin()
	s := open(t, originals.Options{Origin: o, MaxBytes: 3 * size})
	var sources []*wire.Source
	for i := range 4 {
		src, data := blob(uint64(i), size)
		o.blobs[src.Digest] = data
		sources = append(sources, src)
	}
	for _, i := range []int{0, 1, 2, 0, 3} { // 1 is the one to go
		wantFile(t, s, sources[i], o.blobs[sources[i].Digest])
	}
	if st := s.Stats(); st.Files != 3 || st.Bytes != 3*size {
		t.Fatalf("stats: %+v", st)
	}
	wantWhole(t, o, 4, 0)
	for _, i := range []int{0, 2, 3} {
		wantFile(t, s, sources[i], o.blobs[sources[i].Digest])
	}
	wantWhole(t, o, 4, 0)
	if n := len(files(t, s.Dir)); n != 3 {
		t.Fatalf("%d files in the folder, want 3", n)
	}
}

func TestOpenFilesOutliveTheirEviction(t *testing.T) {
	a, dataA := blob(1, 1000)
	b, dataB := blob(2, 1000)
	s := open(t, originals.Options{Origin: newOrigin(dataA, dataB), MaxBytes: 1000})
	f, err := s.File(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	wantFile(t, s, b, dataB)
	if st := s.Stats(); st.Files != 1 {
		t.Fatalf("%d files kept, want 1", st.Files)
	}
	if got, err := io.ReadAll(f); err != nil || !bytes.Equal(got, dataA) {
		t.Fatalf("the open file gives %d bytes, err %v", len(got), err)
	}
}

func TestBlobLargerThanTheBudgetIsServed(t *testing.T) {
	src, data := blob(1, 5000)
	s := open(t, originals.Options{Origin: newOrigin(data), MaxBytes: 1000})
	wantFile(t, s, src, data)
}

func TestRestartFindsFilesInOrderOfUse(t *testing.T) {
	dir, o := t.TempDir(), newOrigin()
	s := open(t, originals.Options{Dir: dir, Origin: o})
	var sources []*wire.Source
	old := time.Now().Add(-time.Hour)
	for i := range 3 {
		src, data := blob(uint64(i), 1000)
		o.blobs[src.Digest] = data
		sources = append(sources, src)
		wantFile(t, s, src, data)
		stamp := old.Add(time.Duration(i) * time.Minute)
		if err := os.Chtimes(filepath.Join(dir, src.Digest), stamp, stamp); err != nil {
			t.Fatal(err)
		}
	}
	s = open(t, originals.Options{Dir: dir, Origin: o})
	wantFile(t, s, sources[0], o.blobs[sources[0].Digest]) // the oldest becomes the youngest, and that is written down
	s = open(t, originals.Options{Dir: dir, Origin: o, MaxBytes: 2000})
	if left := files(t, dir); len(left) != 2 {
		t.Fatalf("%d files left, want 2", len(left))
	}
	wantFile(t, s, sources[0], o.blobs[sources[0].Digest])
	wantFile(t, s, sources[2], o.blobs[sources[2].Digest])
	wantWhole(t, o, 3, 0)
}

func TestRestartCleansUp(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"tmp-123", "README"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s := open(t, originals.Options{Dir: dir, Origin: newOrigin()})
	if left := files(t, dir); fmt.Sprint(left) != "[README]" || s.Stats().Files != 0 {
		t.Fatalf("left %v, %d files on the shelf", left, s.Stats().Files)
	}
}

// What rotted while the edge was down, or while it ran, is noticed and fetched again.
func TestRottenFiles(t *testing.T) {
	src, data := blob(1, 2*wire.ChunkBytes)
	rots := map[string]func(path string) error{
		"flipped":   func(path string) error { return overwrite(path, data, wire.ChunkBytes+9) },
		"truncated": func(path string) error { return os.Truncate(path, 1000) },
		"removed":   os.Remove,
	}
	for name, rot := range rots {
		for _, restart := range []bool{true, false} {
			for _, chunk := range []bool{true, false} {
				if name == "flipped" && !restart && !chunk {
					continue // a file is hashed once per run; its chunks always are
				}
				t.Run(fmt.Sprintf("%s/restart=%v/chunk=%v", name, restart, chunk), func(t *testing.T) {
					o := newOrigin(data)
					s := open(t, originals.Options{Origin: o})
					wantFile(t, s, src, data)
					if err := rot(filepath.Join(s.Dir, src.Digest)); err != nil {
						t.Fatal(err)
					}
					if restart {
						s = open(t, originals.Options{Dir: s.Dir, Origin: o})
					}
					if chunk {
						wantChunk(t, s.Chunk, src, 1, data)
					} else {
						wantFile(t, s, src, data)
					}
					wantWhole(t, o, 2, 0)
				})
			}
		}
	}
}

func overwrite(path string, data []byte, at int) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	_, err = f.WriteAt([]byte{data[at] ^ 1}, int64(at))
	return err
}

// What is gone is neither kept nor put back; who needs it for work that goes on gets it.
func TestGone(t *testing.T) {
	src, data := blob(1, 100_000)
	o := newOrigin(data)
	var gone atomic.Bool
	s := open(t, originals.Options{Origin: o, Gone: func(digest string) bool { return digest == src.Digest && gone.Load() }})
	wantFile(t, s, src, data)
	o.gate = make(chan struct{})
	other, otherData := blob(2, 1000)
	o.blobs[other.Digest] = otherData
	gone.Store(true)
	s.Drop(src.Digest)
	if left := files(t, s.Dir); len(left) != 0 {
		t.Fatalf("left after Drop: %v", left)
	}
	var wg sync.WaitGroup
	wg.Go(func() { wantFile(t, s, src, data) })
	wg.Go(func() { wantFile(t, s, other, otherData) })
	eventually(t, "both downloads have begun", func() bool { return o.waiting.Load() == 2 })
	close(o.gate)
	wg.Wait()
	if left := files(t, s.Dir); fmt.Sprint(left) != fmt.Sprint([]string{other.Digest}) {
		t.Errorf("in the folder: %v", left)
	}
	gone.Store(false)
	eventually(t, "memory is given back", func() bool { return s.Stats().MemoryBytes == 0 })
	wantFile(t, s, src, data)
	if n := s.Stats().Files; n != 2 {
		t.Errorf("%d files, and both may be kept again", n)
	}
}

// A download that is under way when its blob goes leaves nothing behind.
func TestGoneWhileItIsFetched(t *testing.T) {
	src, data := blob(1, 100_000)
	o := newOrigin(data)
	o.gate = make(chan struct{})
	var gone atomic.Bool
	s := open(t, originals.Options{Origin: o, Gone: func(string) bool { return gone.Load() }})
	var wg sync.WaitGroup
	wg.Go(func() { wantFile(t, s, src, data) })
	eventually(t, "the download has begun", func() bool { return o.waiting.Load() == 1 })
	gone.Store(true)
	s.Drop(src.Digest)
	close(o.gate)
	wg.Wait()
	if left := files(t, s.Dir); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}
