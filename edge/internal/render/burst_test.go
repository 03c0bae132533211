package render_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/render"
	"github.com/pictor/pictor/edge/internal/rungs"
	"github.com/pictor/pictor/shared/wire"
)

// poster is a source worth a rung: a made photograph of 12 megapixels.
func poster(t testing.TB) (*wire.Source, *os.File) {
	body := twelveMegapixels()
	sum := sha256.Sum256(body)
	return &wire.Source{Digest: hex.EncodeToString(sum[:]), Format: "jpg", Width: 4000, Height: 3000, Frames: 1,
		Bytes: int64(len(body))}, onDisk(t, body)
}

func openRungs(t testing.TB, dir string) *rungs.Store {
	t.Helper()
	store, err := rungs.Open(rungs.Options{Dir: dir})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { store.Close() })
	return store
}

// all renders the variants at the same time.
func all(t testing.TB, pool *render.Pool, src *wire.Source, file *os.File, texts ...string) [][]byte {
	t.Helper()
	bodies := make([][]byte, len(texts))
	var wait sync.WaitGroup
	for i, text := range texts {
		wait.Go(func() {
			var err error
			if bodies[i], err = pool.Render(t.Context(), job(t, src, text), file); err != nil {
				t.Errorf("%s: %v", text, err)
			}
		})
	}
	wait.Wait()
	return bodies
}

// The first of a page's variants is made directly, the others from one rung, which becomes a file when all is quiet; a
// later run begins with that.
func TestVariantsShareADecode(t *testing.T) {
	dir := t.TempDir()
	store := openRungs(t, dir)
	pool := open(t, render.Options{Workers: 2, Rungs: store})
	src, file := poster(t)
	sides := []int{320, 640, 960, 1280, 1600}
	var texts []string
	for _, side := range sides {
		texts = append(texts, fmt.Sprintf("w_%d,f_jpg", side), fmt.Sprintf("w_%d,f_webp", side))
	}
	bodies := all(t, pool, src, file, texts...)
	for i, side := range sides {
		wantPicture(t, bodies[2*i], nil, side, side*3/4)
	}
	st := store.Stats()
	if st.Held != 1 || st.Hits < int64(len(texts))-2 {
		t.Errorf("%d rungs were made and used %d times for %d variants", st.Held, st.Hits, len(texts))
	}
	eventually(t, func() bool { return store.Stats().Kept == 1 })
	pool.Close()
	store.Close()

	again := openRungs(t, dir)
	later := open(t, render.Options{Workers: 1, Rungs: again})
	body, err := later.Render(t.Context(), job(t, src, "w_1200,f_jpg"), file)
	wantPicture(t, body, err, 1200, 900)
	if st := again.Stats(); st.Hits != 1 || st.Held != 0 {
		t.Errorf("a file from an earlier run: %+v", st)
	}
}

// A source asked for once leaves no rung; asked for again, it gets one when there is nothing else to do.
func TestRungsForThoseWhoComeBack(t *testing.T) {
	store := openRungs(t, t.TempDir())
	pool := open(t, render.Options{Workers: 1, Rungs: store})
	src, file := poster(t)
	for i, text := range []string{"w_300,f_jpg", "w_400,f_jpg"} {
		body, err := pool.Render(t.Context(), job(t, src, text), file)
		wantPicture(t, body, err, 300+100*i, 225+75*i)
		if i == 0 && (pool.Stats().Background != 0 || store.Stats().Kept != 0) {
			t.Error("a rung is made for a source asked for once")
		}
	}
	eventually(t, func() bool { return store.Stats().Kept == 1 })
	if st := store.Stats(); st.Held != 0 || st.Hits != 0 {
		t.Errorf("the second variant was not made directly: %+v", st)
	}
}

// Where a rung would show, or would not help, the source is used.
func TestNoRungs(t *testing.T) {
	store := openRungs(t, t.TempDir())
	pool := open(t, render.Options{Workers: 2, Rungs: store})
	src, file := poster(t)
	for name, texts := range map[string][]string{
		"nearly lossless": {"w_300,q_95,f_jpg", "w_400,q_100,f_webp"},
		"lossless":        {"w_300,f_png", "w_310,f_png"},
		"too large":       {"w_2600,f_jpg", "w_2700,f_jpg"},
	} {
		all(t, pool, src, file, texts...)
		if st := store.Stats(); st.Held+st.Kept+st.Hits != 0 {
			t.Errorf("%s: %+v", name, st)
		}
	}
	small, smallFile := upload(t, "jpg", photo(900, 700))
	all(t, pool, small, smallFile, "w_300,f_jpg", "w_310,f_jpg", "w_320,f_jpg")
	if st := store.Stats(); st.Held != 0 {
		t.Errorf("small source: %+v", st)
	}
}

// A rung that cannot be read costs nothing but time.
func TestBadRung(t *testing.T) {
	store := openRungs(t, t.TempDir())
	pool := open(t, render.Options{Workers: 1, Rungs: store})
	src, file := poster(t)
	store.Keep(src.Digest, rungs.Size{Width: 2000, Height: 1500}, []byte("\xff\xd8 is no picture"))
	body, err := pool.Render(t.Context(), job(t, src, "w_300,f_jpg"), file)
	wantPicture(t, body, err, 300, 225)
	if store.OnDisk(src.Digest) {
		t.Error("the bad rung is still there")
	}
}

// Those who leave take their part of the work with them, and no more.
func TestLeavingABurst(t *testing.T) {
	store := openRungs(t, t.TempDir())
	pool := open(t, render.Options{Workers: 1, Rungs: store})
	src, file := poster(t)
	workers := children(t)
	signalAll(t, workers, syscall.SIGSTOP)
	ctx, cancel := context.WithCancel(t.Context())
	var left, stayed sync.WaitGroup
	ask := func(g *sync.WaitGroup, ctx context.Context, text string, check func([]byte, error)) {
		j := job(t, src, text)
		g.Go(func() { check(pool.Render(ctx, j, file)) })
	}
	for i := range 3 {
		ask(&left, ctx, fmt.Sprintf("w_%d,f_jpg", 500+i), func(_ []byte, err error) {
			if err == nil {
				t.Error("a stopped worker answered")
			}
		})
	}
	eventually(t, func() bool { s := pool.Stats(); return s.Busy == 2 && s.Waiting >= 1 })
	ask(&stayed, t.Context(), "w_600,f_jpg", func(body []byte, err error) { wantPicture(t, body, err, 600, 450) })
	eventually(t, func() bool { return pool.Stats().Waiting >= 2 })
	cancel()
	left.Wait()
	signalAll(t, workers, syscall.SIGCONT)
	stayed.Wait()
	eventually(t, func() bool { s := pool.Stats(); return s.Waiting == 0 && s.Busy == 0 })
}

// The bound counts what goes before: a flood of long jobs is turned away, a short one is not.
func TestAdmission(t *testing.T) {
	pool := open(t, render.Options{Workers: 1, QueueTime: 2 * time.Second})
	large, largeFile := huge(t)
	small, smallFile := upload(t, "png", photo(100, 100))
	ctx, cancel := context.WithCancel(t.Context())
	var flood sync.WaitGroup
	defer flood.Wait()
	defer cancel()
	refused := make(chan error, 100)
	for range 12 {
		flood.Go(func() {
			if _, err := pool.Render(ctx, large, largeFile); ctx.Err() == nil {
				refused <- err
			}
		})
	}
	err := <-refused
	wantKind(t, err, edge.Overloaded)
	if e, ok := err.(*edge.Error); !ok || e.RetryAfter < time.Second || e.RetryAfter > 30*time.Second {
		t.Errorf("no hint when to come back: %v", err)
	}
	body, err := pool.Render(t.Context(), job(t, small, "w_12,f_png"), smallFile)
	wantPicture(t, body, err, 12, 12)
	if n := pool.Stats().Waiting; n == 0 {
		t.Error("the flood was over too soon for this test")
	}
}
