package render_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/render"
	"github.com/pictor/pictor/edge/internal/render/worker"
	"github.com/pictor/pictor/shared/transform"
	"github.com/pictor/pictor/shared/wire"
)

// The test binary is its own worker, as pictor-edge is.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "render" {
		os.Exit(worker.Main())
	}
	os.Exit(m.Run())
}

func open(t testing.TB, options render.Options) *render.Pool {
	t.Helper()
	pool, err := render.Open(options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	return pool
}

// photo is a picture with some detail.
func photo(width, height int) image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, width, height))
	for y := range height {
		for x := range width {
			img.SetNRGBA(x, y, color.NRGBA{uint8(x * y >> 7), uint8(x ^ y), uint8(x + y), 255})
		}
	}
	return img
}

// upload is a picture on disk and what the origin would say about it.
func upload(t testing.TB, format string, img image.Image) (*wire.Source, *os.File) {
	t.Helper()
	var body bytes.Buffer
	var err error
	if format == "jpg" {
		err = jpeg.Encode(&body, img, nil)
	} else {
		err = (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&body, img)
	}
	if err != nil {
		t.Fatal(err)
	}
	size := img.Bounds().Size()
	sum := sha256.Sum256(body.Bytes())
	src := &wire.Source{Digest: hex.EncodeToString(sum[:]), Format: format, Width: size.X, Height: size.Y, Frames: 1,
		Bytes: int64(body.Len())}
	return src, onDisk(t, body.Bytes())
}

func onDisk(t testing.TB, body []byte) *os.File {
	t.Helper()
	name := filepath.Join(t.TempDir(), "blob")
	if err := os.WriteFile(name, body, 0o600); err != nil {
		t.Fatal(err)
	}
	file, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	return file
}

func job(t testing.TB, src *wire.Source, text string) edge.Job {
	t.Helper()
	spec, err := transform.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return edge.Job{Source: src, Spec: spec.Settle(src.Picture(), transform.Accept{})}
}

func wantPicture(t testing.TB, body []byte, err error, width, height int) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	got, format, err := image.DecodeConfig(bytes.NewReader(body))
	if err != nil || got.Width != width || got.Height != height {
		t.Fatalf("%s of %d×%d (%v), want %d×%d", format, got.Width, got.Height, err, width, height)
	}
}

func wantKind(t testing.TB, err error, kind edge.Kind) {
	t.Helper()
	if err == nil || edge.KindOf(err) != kind {
		t.Fatalf("error is %v (%v), want kind %v", err, edge.KindOf(err), kind)
	}
}

func TestRender(t *testing.T) {
	pool := open(t, render.Options{Workers: 2})
	src, file := upload(t, "jpg", photo(640, 480))
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			text := fmt.Sprintf("w_%d,h_50,c_fill,f_%s", 60+i, []string{"png", "jpg"}[i%2])
			body, err := pool.Render(t.Context(), job(t, src, text), file)
			wantPicture(t, body, err, 60+i, 50)
			if cap(body) != len(body) {
				t.Errorf("the body of %d bytes holds on to %d", len(body), cap(body))
			}
		})
	}
	all.Wait()
	if err := pool.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestLargeBodies(t *testing.T) {
	pool := open(t, render.Options{Workers: 1})
	src, file := upload(t, "png", noise(1500))
	body, err := pool.Render(t.Context(), job(t, src, "r_180,f_png"), file)
	wantPicture(t, body, err, 1500, 1500)
	if len(body) < 5<<20 {
		t.Fatalf("the body has only %d bytes", len(body))
	}
}

func TestDamagedPicturesFailAlone(t *testing.T) {
	pool := open(t, render.Options{Workers: 1})
	good, goodFile := upload(t, "png", photo(200, 100))
	src, file := upload(t, "jpg", photo(200, 100))
	whole, err := os.ReadFile(file.Name())
	if err != nil {
		t.Fatal(err)
	}
	for name, body := range map[string][]byte{
		"cut short":   whole[:len(whole)/2],
		"scan zeroed": slices.Concat(whole[:len(whole)-len(whole)/2], make([]byte, len(whole)/2)),
		"no picture":  []byte("<html>"),
	} {
		t.Run(name, func(t *testing.T) {
			bad := *src
			bad.Bytes = int64(len(body))
			_, err := pool.Render(t.Context(), job(t, &bad, "w_200,f_png"), onDisk(t, body))
			wantKind(t, err, edge.Damaged)
			out, err := pool.Render(t.Context(), job(t, good, "w_20,f_png"), goodFile)
			wantPicture(t, out, err, 20, 10)
		})
	}
}

func TestFileOfAnotherLengthIsNotTheSource(t *testing.T) {
	pool := open(t, render.Options{Workers: 1})
	src, file := upload(t, "png", photo(20, 20))
	src.Bytes++
	_, err := pool.Render(t.Context(), job(t, src, "w_10,f_png"), file)
	wantKind(t, err, edge.Internal)
}

func TestJobBeyondTheLimits(t *testing.T) {
	pool := open(t, render.Options{Workers: 1})
	src, file := upload(t, "png", photo(10, 2))
	_, err := pool.Render(t.Context(), job(t, src, "w_4000,c_outside,h_4000,f_png"), file)
	wantKind(t, err, edge.Invalid)
}

func TestOverlayIsASecondFile(t *testing.T) {
	pool := open(t, render.Options{Workers: 1})
	src, file := upload(t, "jpg", photo(200, 100))
	logo, logoFile := upload(t, "png", image.NewGray(image.Rect(0, 0, 30, 30))) // black
	logo.Digest = strings.Repeat("a", 64)
	j := job(t, src, "f_png,og_northwest,ov_"+logo.Digest)
	j.Overlay = logo
	body, err := pool.Render(t.Context(), j, file, logoFile)
	wantPicture(t, body, err, 200, 100)
	img, err := png.Decode(bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for x, black := range map[int]bool{29: true, 35: false} {
		if r, g, b, _ := img.At(x, 29).RGBA(); (r+g+b == 0) != black {
			t.Errorf("pixel %d is %v, want it black: %v", x, []uint32{r, g, b}, black)
		}
	}
	_, err = pool.Render(t.Context(), j, file)
	wantKind(t, err, edge.Internal)
	logo.Bytes++
	_, err = pool.Render(t.Context(), j, file, logoFile)
	wantKind(t, err, edge.Internal)
}

// A format that nobody insists on is not worth more bytes than the upload has.
func TestNoLargerThanTheUpload(t *testing.T) {
	pool := open(t, render.Options{Workers: 1})
	src, file := upload(t, "jpg", photo(400, 300))
	src.CleanBytes = src.Bytes
	_, err := pool.Render(t.Context(), job(t, src, "f_auto:png"), file)
	if err != edge.ErrNotSmaller {
		t.Fatalf("error %v, want that it is not smaller", err)
	}
	for _, text := range []string{"f_png", "f_auto:png,w_399"} {
		body, err := pool.Render(t.Context(), job(t, src, text), file)
		if err != nil || int64(len(body)) < src.Bytes {
			t.Errorf("%s: %d bytes of %d (%v)", text, len(body), src.Bytes, err)
		}
	}
	src.CleanBytes = 0 // cannot be delivered as it is
	body, err := pool.Render(t.Context(), job(t, src, "f_auto:png"), file)
	wantPicture(t, body, err, 400, 300)
}

// WebAssembly is compiled to machine code, inside the worker's confinement.
func TestConfinedWorkersReadHEIC(t *testing.T) {
	pool := open(t, render.Options{Workers: 1})
	body, err := os.ReadFile("picture/testdata/p3.heic")
	if err != nil {
		t.Fatal(err)
	}
	src := &wire.Source{Format: "heic", Width: 160, Height: 96, Frames: 1, Bytes: int64(len(body))}
	for range 2 {
		out, err := pool.Render(t.Context(), job(t, src, "w_40,f_png"), onDisk(t, body))
		wantPicture(t, out, err, 40, 24)
	}
}

// Only the pixels show that a trimmed picture has another shape.
func TestTrimmedBeyondTheLimits(t *testing.T) {
	pool := open(t, render.Options{Workers: 1})
	stripe := image.NewGray(image.Rect(0, 0, 90, 60))
	for x := range 90 {
		stripe.Pix[30*stripe.Stride+x], stripe.Pix[31*stripe.Stride+x], stripe.Pix[29*stripe.Stride+x] = 255, 255, 255
	}
	src, file := upload(t, "png", stripe)
	_, err := pool.Render(t.Context(), job(t, src, "tr_10,h_2000,c_fill,f_png"), file)
	wantKind(t, err, edge.Invalid)
}

// children are the worker processes of the pool under test, oldest first. They are looked for among all processes: the
// kernel's own lists of children miss some while others end.
func children(t testing.TB) []int {
	t.Helper()
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil || len(stats) == 0 {
		t.Skip("this system does not list processes")
	}
	var pids []int
	for _, name := range stats {
		stat, _ := os.ReadFile(name) // it may have ended meanwhile
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		if len(fields) < 2 || string(fields[1]) != strconv.Itoa(os.Getpid()) {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(name)))
		pids = append(pids, pid)
	}
	slices.Sort(pids)
	return pids
}

func signalAll(t testing.TB, pids []int, sig syscall.Signal) {
	t.Helper()
	for _, pid := range pids {
		if err := syscall.Kill(pid, sig); err != nil && err != syscall.ESRCH { // it may have ended meanwhile
			t.Fatal(err)
		}
	}
}

// started runs a job in the background that is certain to be in the hands of a (stopped) worker on return.
func started(t *testing.T, ctx context.Context, pool *render.Pool, busy int, j edge.Job, file *os.File) chan error {
	t.Helper()
	failed := make(chan error, 1)
	go func() {
		_, err := pool.Render(ctx, j, file)
		failed <- err
	}()
	eventually(t, func() bool { return pool.Stats().Busy == busy })
	return failed
}

func eventually(t testing.TB, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it did not come true in a minute")
		}
	}
}

func TestCrashFailsOneJob(t *testing.T) {
	var mu sync.Mutex
	var reasons []string
	pool := open(t, render.Options{Workers: 1, Replaced: func(why string) {
		mu.Lock()
		reasons = append(reasons, why)
		mu.Unlock()
	}})
	src, file := upload(t, "png", photo(100, 100))
	workers := children(t)
	signalAll(t, workers, syscall.SIGSTOP)
	first := started(t, t.Context(), pool, 1, job(t, src, "w_10,f_png"), file)
	second := started(t, t.Context(), pool, 2, job(t, src, "w_11,f_png"), file)
	select {
	case err := <-first:
		t.Fatalf("a stopped worker answered: %v", err)
	case err := <-second:
		t.Fatalf("a stopped worker answered: %v", err)
	default:
	}
	signalAll(t, workers[:1], syscall.SIGKILL)
	var crashed error
	select {
	case crashed = <-first:
		first = nil
	case crashed = <-second:
		second = nil
	}
	wantKind(t, crashed, edge.Unavailable) // from outside: the picture is not to blame
	signalAll(t, workers[1:], syscall.SIGCONT)
	select { // the other job never noticed; a nil channel is the one that is done
	case err := <-first:
		crashed = err
	case err := <-second:
		crashed = err
	}
	if crashed != nil {
		t.Fatal(crashed)
	}
	eventually(t, func() bool { s := pool.Stats(); return s.Workers == 2 && s.Busy == 0 })
	body, err := pool.Render(t.Context(), job(t, src, "w_12,f_png"), file)
	wantPicture(t, body, err, 12, 12)
	mu.Lock()
	defer mu.Unlock()
	if !slices.Equal(reasons, []string{"crash"}) {
		t.Errorf("workers were replaced for %v", reasons)
	}
}

func TestWorkersThatDieIdleCostNoJob(t *testing.T) {
	pool := open(t, render.Options{Workers: 1})
	src, file := upload(t, "png", photo(100, 100))
	before := children(t)
	signalAll(t, before, syscall.SIGKILL)
	waitForOthers(t, pool, before)
	body, err := pool.Render(t.Context(), job(t, src, "w_12,f_png"), file)
	wantPicture(t, body, err, 12, 12)
}

// waitForOthers returns when all those workers are gone and others have taken their places, without a job to need them.
func waitForOthers(t testing.TB, pool *render.Pool, before []int) {
	t.Helper()
	eventually(t, func() bool {
		if s := pool.Stats(); s.Free != len(before) || s.Workers != len(before) {
			return false
		}
		now := children(t)
		return len(now) == len(before) && !slices.ContainsFunc(now, func(pid int) bool { return slices.Contains(before, pid) })
	})
}

func TestWallClockLimit(t *testing.T) {
	pool := open(t, render.Options{Workers: 1, WallTime: 200 * time.Millisecond})
	src, file := upload(t, "png", photo(100, 100))
	signalAll(t, children(t), syscall.SIGSTOP)
	_, err := pool.Render(t.Context(), job(t, src, "w_10,f_png"), file)
	wantKind(t, err, edge.Timeout)
}

// huge is a job of several seconds: noise has no structure that an encoder could use.
func huge(t testing.TB) (edge.Job, *os.File) {
	src, file := upload(t, "png", noise(1000))
	return job(t, src, "w_4000,h_4000,c_fill,q_100,f_avif"), file
}

func noise(side int) image.Image {
	img := image.NewNRGBA(image.Rect(0, 0, side, side))
	rand.NewChaCha8([32]byte{}).Read(img.Pix)
	for i := 3; i < len(img.Pix); i += 4 {
		img.Pix[i] = 255
	}
	return img
}

func TestProcessorTimeLimit(t *testing.T) {
	pool := open(t, render.Options{Workers: 1, CPUTime: time.Second})
	j, file := huge(t)
	begun := time.Now()
	_, err := pool.Render(t.Context(), j, file)
	wantKind(t, err, edge.Timeout)
	t.Logf("stopped after %v", time.Since(begun))
	src, file := upload(t, "png", photo(100, 100))
	body, err := pool.Render(t.Context(), job(t, src, "w_12,f_png"), file)
	wantPicture(t, body, err, 12, 12)
}

func TestMemoryLimit(t *testing.T) {
	pool := open(t, render.Options{Workers: 1, MemoryBytes: 64 << 20})
	j, file := huge(t)
	_, err := pool.Render(t.Context(), j, file)
	wantKind(t, err, edge.Damaged)
	if err := pool.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestCallersNeedNotWait(t *testing.T) {
	pool := open(t, render.Options{Workers: 1})
	src, file := upload(t, "png", photo(100, 100))
	workers := children(t)
	signalAll(t, workers, syscall.SIGSTOP)
	ctx, cancel := context.WithCancel(t.Context())
	failed := started(t, ctx, pool, 1, job(t, src, "w_10,f_png"), file)
	cancel()
	if err := <-failed; !errors.Is(err, context.Canceled) {
		t.Fatalf("error is %v, want the context's", err)
	}
	// The worker is stopped for good, so the grace runs out and it is replaced.
	eventually(t, func() bool { return pool.Stats().Busy == 0 && !slices.Equal(children(t), workers) })
}

func TestQueueIsBounded(t *testing.T) {
	pool := open(t, render.Options{Workers: 1, QueueTime: time.Nanosecond})
	src, file := upload(t, "png", photo(100, 100))
	workers := children(t)
	signalAll(t, workers, syscall.SIGSTOP)
	j := job(t, src, "w_10,f_png")
	running := []chan error{started(t, t.Context(), pool, 1, j, file), started(t, t.Context(), pool, 2, j, file)}
	running = append(running, started(t, t.Context(), pool, 2, j, file))
	eventually(t, func() bool { return pool.Stats().Waiting == 1 })
	_, err := pool.Render(t.Context(), j, file)
	wantKind(t, err, edge.Overloaded)
	if e := (*edge.Error)(nil); !errors.As(err, &e) || e.RetryAfter <= 0 {
		t.Errorf("no hint when to come back: %v", err)
	}
	signalAll(t, workers, syscall.SIGCONT)
	for _, failed := range running {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
}

// While every other worker does large jobs, small ones have one of their own.
func TestSmallJobsDoNotWaitForLargeOnes(t *testing.T) {
	pool := open(t, render.Options{Workers: 1})
	large, largeFile := huge(t)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	first := started(t, ctx, pool, 1, large, largeFile)
	second := started(t, ctx, pool, 1, large, largeFile)
	eventually(t, func() bool { return pool.Stats().Waiting == 1 })
	src, file := upload(t, "png", photo(100, 100))
	body, err := pool.Render(t.Context(), job(t, src, "w_12,f_png"), file)
	wantPicture(t, body, err, 12, 12)
	select {
	case err := <-first:
		t.Fatalf("the large job was not large: %v", err)
	case err := <-second:
		t.Fatalf("the large job was not large: %v", err)
	default:
	}
}

func TestWorkersAreRecycled(t *testing.T) {
	replaced := make(chan string, 10)
	pool := open(t, render.Options{Workers: 1, RecycleJobs: 2, Replaced: func(why string) { replaced <- why }})
	for range 4 {
		if err := pool.Check(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if why := <-replaced; why != "age" {
		t.Fatalf("replaced for %q", why)
	}
	grown := open(t, render.Options{Workers: 1, RecycleBytes: 1, Replaced: func(why string) { replaced <- why }})
	if err := grown.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	for why := range replaced {
		if why == "size" {
			return
		}
	}
}

func TestWorkersSeeNoSecrets(t *testing.T) {
	t.Setenv("PICTOR_CLUSTER_KEY", "a secret of the edge, thirty-two bytes long")
	open(t, render.Options{Workers: 1})
	for _, pid := range children(t) {
		env, err := os.ReadFile(fmt.Sprintf("/proc/%d/environ", pid))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(env, []byte("MALLOC_ARENA_MAX=2")) {
			t.Errorf("this is not a worker's environment: %q", env)
		}
		if bytes.Contains(env, []byte("PICTOR_")) || bytes.Contains(env, []byte("PATH=/")) {
			t.Errorf("the environment is %q", env)
		}
	}
}

// Every thread of a worker is confined and nice, also those made later.
func TestWorkersAreConfined(t *testing.T) {
	pool := open(t, render.Options{Workers: 1})
	if err := pool.Check(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, pid := range children(t) {
		tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
		if len(tasks) == 0 {
			t.Fatal("no threads found")
		}
		for _, task := range tasks {
			status, err := os.ReadFile(task + "/status")
			stat, gone := os.ReadFile(task + "/stat")
			if err != nil || gone != nil {
				continue // it has ended meanwhile
			}
			if !bytes.Contains(status, []byte("Seccomp:\t2")) || !bytes.Contains(status, []byte("NoNewPrivs:\t1")) {
				t.Errorf("thread %s is not confined", task)
			}
			fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
			if nice := string(fields[16]); nice != "10" {
				t.Errorf("thread %s has niceness %s", task, nice)
			}
		}
	}
}

func TestWorkersEndWithTheirPool(t *testing.T) {
	pool := open(t, render.Options{Workers: 2})
	if n := len(children(t)); n != 3 {
		t.Fatalf("%d workers, want one per core and one for small jobs", n)
	}
	src, file := upload(t, "png", photo(100, 100))
	signalAll(t, children(t), syscall.SIGSTOP)
	failed := started(t, t.Context(), pool, 1, job(t, src, "w_10,f_png"), file)
	pool.Close()
	wantKind(t, <-failed, edge.Unavailable)
	if left := children(t); len(left) != 0 {
		t.Errorf("workers %v are left", left)
	}
	_, err := pool.Render(t.Context(), job(t, src, "w_10,f_png"), file)
	wantKind(t, err, edge.Unavailable)
}

func TestOpenSaysWhyWorkersDoNotStart(t *testing.T) {
	_, err := render.Open(render.Options{Command: []string{"/bin/sh", "-c", "echo no libvips here >&2; exit 1"}})
	if err == nil || !strings.Contains(err.Error(), "no libvips here") {
		t.Fatalf("error is %v", err)
	}
}
