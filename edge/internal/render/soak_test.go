package render_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"image"
	"image/color/palette"
	"image/draw"
	"image/gif"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/render"
	"github.com/pictor/pictor/edge/internal/render/picture"
	"github.com/pictor/pictor/shared/mutate"
	"github.com/pictor/pictor/shared/wire"
)

// soak reports whether the long forms were asked for («make soak»).
var soak = os.Getenv("PICTOR_SOAK") != ""

// long gives the number for the long form, or the one for every day.
func long(much, usual int) int {
	if soak {
		return much
	}
	return usual
}

// Workers are killed while they work, in every way: no more requests fail than workers, and none twice.
func TestKillsUnderLoad(t *testing.T) {
	pool := open(t, render.Options{Workers: 2, WallTime: 10 * time.Second}) // which only stopped workers take, also on a busy machine
	kills := long(100, 9)
	var requests, failures atomic.Int64
	ctx, stop := context.WithCancel(t.Context())
	var load sync.WaitGroup
	for i := range 4 {
		src, file := upload(t, "jpg", photo(1200+i, 900))
		load.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				requests.Add(1)
				text := fmt.Sprintf("w_%d,f_%s", 200+n%300, []string{"jpg", "webp", "png"}[n%3])
				if _, err := pool.Render(t.Context(), job(t, src, text), file); err != nil {
					failures.Add(1)
					if kind := edge.KindOf(err); kind != edge.Unavailable && kind != edge.Damaged && kind != edge.Timeout {
						t.Errorf("%s: %v", text, err)
					}
				}
			}
		})
	}
	rnd := rand.New(rand.NewPCG(3, 3))
	signals := []syscall.Signal{syscall.SIGSEGV, syscall.SIGKILL, syscall.SIGSTOP}
	for i := range kills {
		eventually(t, func() bool { return pool.Stats().Workers == 3 })
		before := requests.Load()
		workers := children(t)
		signalAll(t, []int{workers[rnd.IntN(len(workers))]}, signals[i%3])
		eventually(t, func() bool { return requests.Load() > before+5 })
	}
	stop()
	load.Wait()
	if n := failures.Load(); n > int64(kills) {
		t.Errorf("%d of %d requests failed with %d workers", n, requests.Load(), kills)
	}
	t.Logf("%d of %d requests failed with %d workers", failures.Load(), requests.Load(), kills)
	if n := pool.Stats().Quarantined; n != 0 {
		t.Errorf("%d sources are in quarantine", n)
	}
	if err := pool.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// seeds are small pictures in every format: made here where there is an encoder, else from the folder of package
// picture.
func seeds(t testing.TB) (all []wire.Source, bodies [][]byte) {
	t.Helper()
	picture.Start()
	const width, height = 320, 200
	add := func(format string, frames int, body []byte, err error) {
		if err != nil {
			t.Fatalf("%s: %v", format, err)
		}
		all = append(all, wire.Source{Format: format, Width: width, Height: height, Frames: frames})
		bodies = append(bodies, body)
	}
	plain := photo(width, height).(*image.NRGBA)
	img, err := vips.NewImageFromMemory(plain.Pix, width, height, 4)
	if err != nil {
		t.Fatal(err)
	}
	defer img.Close()
	rgb, err := img.Copy(&vips.CopyOptions{Interpretation: vips.InterpretationSrgb})
	if err != nil {
		t.Fatal(err)
	}
	defer rgb.Close()
	if err := rgb.Flatten(nil); err != nil {
		t.Fatal(err)
	}
	body, err := rgb.JpegsaveBuffer(nil)
	add("jpg", 1, body, err)
	body, err = rgb.JpegsaveBuffer(&vips.JpegsaveBufferOptions{Q: 80, Interlace: true})
	add("jpg", 1, body, err)
	body, err = rgb.PngsaveBuffer(nil)
	add("png", 1, body, err)
	body, err = rgb.WebpsaveBuffer(nil)
	add("webp", 1, body, err)
	body, err = rgb.HeifsaveBuffer(&vips.HeifsaveBufferOptions{Q: 50, Bitdepth: 8, Compression: vips.HeifCompressionAv1})
	add("avif", 1, body, err)
	body, err = rgb.TiffsaveBuffer(nil)
	add("tiff", 1, body, err)
	add("bmp", 1, mutate.BMP(plain), nil)
	var animation bytes.Buffer
	frame := image.NewPaletted(plain.Rect, palette.Plan9)
	draw.Draw(frame, frame.Rect, plain, image.Point{}, draw.Src)
	err = gif.EncodeAll(&animation, &gif.GIF{Image: []*image.Paletted{frame, frame, frame}, Delay: []int{5, 5, 5}})
	add("gif", 3, animation.Bytes(), err)
	for _, h := range []struct {
		name          string
		width, height int
	}{{"p3", 160, 96}, {"tenbit", 160, 96}, {"grid", 250, 130}} {
		body, err = os.ReadFile("picture/testdata/" + h.name + ".heic")
		add("heic", 1, body, err)
		all[len(all)-1].Width, all[len(all)-1].Height = h.width, h.height
	}
	return all, bodies
}

// slowest is how much of the processor's time a damaged file may take: by the clock on the wall, a busy machine would be its fault.
// Three seconds of it a worker of the race detector's needs for its first HEIC.
const slowest = 10 * time.Second

// Damaged files are the picture's fault and nobody else's, and are found out soon.
func TestMutants(t *testing.T) {
	pool := open(t, render.Options{Workers: 2, CPUTime: slowest})
	sources, bodies := seeds(t)
	var good atomic.Int64
	var wait sync.WaitGroup
	next := make(chan int)
	for range 3 {
		wait.Go(func() {
			for i := range next {
				rnd := rand.New(rand.NewPCG(uint64(i), 11))
				src := sources[i%len(sources)]
				body := mutate.Any(rnd, bodies[i%len(bodies)], mutate.Bits, mutate.Cut, mutate.Splice, mutate.Number)
				sum := sha256.Sum256(body)
				src.Bytes, src.Digest = int64(len(body)), hex.EncodeToString(sum[:])
				file := memory(t, body)
				text := []string{"w_100,f_jpg", "w_320,f_webp", "w_80,h_80,c_fill,f_png", "r_90,f_jpg"}[rnd.IntN(4)]
				_, err := pool.Render(t.Context(), job(t, &src, text), file)
				file.Close()
				if err == nil {
					good.Add(1)
				} else if edge.KindOf(err) != edge.Damaged {
					t.Errorf("mutant %d of %s: %v (%v)", i, src.Format, err, edge.KindOf(err))
				}
			}
		})
	}
	mutants := long(10_000, 500)
	for i := range mutants {
		next <- i
	}
	close(next)
	wait.Wait()
	if err := pool.Check(t.Context()); err != nil {
		t.Error(err)
	}
	t.Logf("%d of %d could be rendered", good.Load(), mutants)
	if good.Load() == 0 || good.Load() == int64(mutants) {
		t.Error("the mutants are all alike")
	}
}

func memory(t testing.TB, body []byte) *os.File {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err == nil {
		_, err = file.Write(body)
	}
	if err != nil {
		t.Fatal(err)
	}
	return file
}

// Memory does not grow with the number of renders.
func TestMemoryIsFlat(t *testing.T) {
	if !soak {
		t.Skip("takes minutes; see «make soak»")
	}
	pool := open(t, render.Options{Workers: 2, Rungs: openRungs(t, t.TempDir())})
	var sources []*wire.Source
	var files []*os.File
	for i, width := range []int{1200, 2000, 3000, 4000, 6000} {
		src, file := upload(t, "jpg", photo(width, width*2/3+i))
		sources, files = append(sources, src), append(files, file)
	}
	var early int64
	for i := range 2000 {
		text := fmt.Sprintf("w_%d,f_%s", 100+i*37%900, []string{"jpg", "webp", "png", "avif"}[i%4])
		if _, err := pool.Render(t.Context(), job(t, sources[i%5], text), files[i%5]); err != nil {
			t.Fatal(err)
		}
		if i == 200 {
			early = resident(t)
		}
	}
	if late := resident(t); late > early*11/10 {
		t.Errorf("%d MB after 200 renders, %d after 2000", early>>20, late>>20)
	} else {
		t.Logf("%d MB after 200 renders, %d after 2000", early>>20, late>>20)
	}
}

// resident is the memory of all workers.
func resident(t testing.TB) (sum int64) {
	for _, pid := range children(t) {
		var size, pages int64
		statm, _ := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
		if _, err := fmt.Sscan(string(statm), &size, &pages); err == nil {
			sum += pages * int64(os.Getpagesize())
		}
	}
	return sum
}

// A thumbnail hardly notices a hundred posters of another picture that wait.
func TestThumbnailsDuringAFlood(t *testing.T) {
	if !soak {
		t.Skip("measures times; see «make soak»")
	}
	pool := open(t, render.Options{Workers: 2})
	large, largeFile := poster(t)
	src, file := upload(t, "jpg", photo(2000, 1500))
	thumbnails := func() time.Duration {
		var took []time.Duration
		for i := range 100 {
			begun := time.Now()
			if _, err := pool.Render(t.Context(), job(t, src, fmt.Sprintf("w_200,q_%d,f_webp", 1+i%90)), file); err != nil {
				t.Fatal(err)
			}
			took = append(took, time.Since(begun))
		}
		slices.Sort(took)
		return took[98]
	}
	idle := thumbnails()
	ctx, cancel := context.WithCancel(t.Context())
	var flood sync.WaitGroup
	for i := range 100 {
		flood.Go(func() {
			_, _ = pool.Render(ctx, job(t, large, fmt.Sprintf("w_%d,f_avif", 1200+i)), largeFile)
		})
	}
	eventually(t, func() bool { return pool.Stats().Waiting > 80 })
	busy := thumbnails()
	left := pool.Stats().Waiting
	cancel()
	flood.Wait()
	t.Logf("p99 %v idle, %v with a flood of which %d are left", idle, busy, left)
	if busy > idle+60*time.Millisecond {
		t.Errorf("p99 %v idle, %v during a flood", idle, busy)
	}
}
