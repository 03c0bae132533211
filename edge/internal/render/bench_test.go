package render_test

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"image"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/edge/internal/render"
	"github.com/pictor/pictor/edge/internal/render/picture"
	"github.com/pictor/pictor/edge/internal/render/pipe"
	"github.com/pictor/pictor/shared/wire"
)

var photograph = flag.String("photo", "", "JPEG to use in benchmarks instead of a made one of 12 megapixels")

// twelveMegapixels is a JPEG with about the detail of a photograph: waves of many lengths, and grain.
var twelveMegapixels = sync.OnceValue(func() []byte {
	img := image.NewYCbCr(image.Rect(0, 0, 4000, 3000), image.YCbCrSubsampleRatio420)
	grain := rand.New(rand.NewPCG(1, 2))
	for y := range 3000 {
		for x := range 4000 {
			fx, fy := float64(x), float64(y)
			v := 128 + 60*math.Sin(fx/310+fy/170) + 30*math.Sin(fx*fy/90000) + 10*math.Sin(fx/7) + 6*grain.NormFloat64()
			img.Y[img.YOffset(x, y)] = uint8(min(max(v, 0), 255))
		}
	}
	for i := range img.Cb {
		img.Cb[i], img.Cr[i] = uint8(90+i%2000/30), uint8(170-i/2000/20)
	}
	var body bytes.Buffer
	if err := jpeg.Encode(&body, img, &jpeg.Options{Quality: 90}); err != nil {
		panic(err)
	}
	return body.Bytes()
})

func benchSource(b *testing.B) ([]byte, *wire.Source) {
	body := twelveMegapixels()
	if *photograph != "" {
		var err error
		if body, err = os.ReadFile(*photograph); err != nil {
			b.Fatal(err)
		}
	}
	size, err := jpeg.DecodeConfig(bytes.NewReader(body))
	if err != nil {
		b.Fatal(err)
	}
	return body, &wire.Source{Format: "jpg", Width: size.Width, Height: size.Height, Frames: 1, Bytes: int64(len(body))}
}

const thumbnail = "w_400,h_400,c_fill,f_jpg"

// BenchmarkHop compares a job through a worker process with the same pipeline called here, one job at a time. They take
// turns, and the fastest quarter of each counts: other work on the machine disturbs both alike, and rarely helps.
func BenchmarkHop(b *testing.B) {
	body, src := benchSource(b)
	j := job(b, src, thumbnail)
	pool, file := open(b, render.Options{Workers: 1}), onDisk(b, body)
	picture.Start()
	var hop, direct []time.Duration
	for b.Loop() {
		hop = append(hop, timed(b, func() error {
			_, err := pool.Render(b.Context(), j, file)
			return err
		}))
		direct = append(direct, timed(b, func() error {
			_, err := picture.Job{Source: src.Picture(), Bytes: int64(len(body)), Spec: j.Spec}.Render(body)
			return err
		}))
	}
	slices.Sort(hop)
	slices.Sort(direct)
	there, here := hop[len(hop)/4], direct[len(direct)/4]
	b.ReportMetric(float64(there.Microseconds()), "pool-µs")
	b.ReportMetric(float64(here.Microseconds()), "direct-µs")
	b.ReportMetric(100*float64(there-here)/float64(here), "overhead-%")
}

func timed(b *testing.B, work func() error) time.Duration {
	begun := time.Now()
	if err := work(); err != nil {
		b.Fatal(err)
	}
	return time.Since(begun)
}

// BenchmarkThroughput keeps two cores busy, through the pool and with nothing but libvips.
func BenchmarkThroughput(b *testing.B) {
	body, src := benchSource(b)
	j := job(b, src, thumbnail)
	b.Run("pool", func(b *testing.B) {
		pool, file := open(b, render.Options{Workers: 2}), onDisk(b, body)
		twice(b, func() error {
			_, err := pool.Render(b.Context(), j, file)
			return err
		})
	})
	b.Run("bare libvips", func(b *testing.B) {
		picture.Start()
		twice(b, func() error { return bare(body) })
	})
}

// twice does the work on two goroutines and reports how often a second.
func twice(b *testing.B, work func() error) {
	var both sync.WaitGroup
	share := [2]int{b.N / 2, b.N - b.N/2}
	b.ResetTimer()
	for _, n := range share {
		both.Go(func() {
			for range n {
				if err := work(); err != nil {
					b.Error(err)
				}
			}
		})
	}
	both.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "renders/s")
}

// bare is what one would write with libvips at hand.
func bare(body []byte) error {
	img, err := vips.NewThumbnailBuffer(body, 400, &vips.ThumbnailBufferOptions{Height: 400,
		Crop: vips.InterestingCentre, FailOn: vips.FailOnError})
	if err != nil {
		return err
	}
	defer img.Close()
	_, err = img.JpegsaveBuffer(&vips.JpegsaveBufferOptions{Q: 80, OptimizeCoding: true, Keep: vips.KeepNone})
	return err
}

// BenchmarkBody is the cost of bringing an answer of that size through the socket.
func BenchmarkBody(b *testing.B) {
	for name, size := range map[string]int{"20KB": 20 << 10, "5MB": 5 << 20} {
		b.Run(name, func(b *testing.B) {
			ours, theirs := ends(b)
			body := make([]byte, size)
			b.SetBytes(int64(size))
			go func() {
				for theirs.Reply(pipe.Answer{}, body) == nil {
				}
			}()
			for b.Loop() {
				if _, _, err := ours.Answer(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

var (
	pages  = flag.String("pages", "", "folder of large JPEGs for BenchmarkPage instead of made ones")
	effort = flag.Int("effort", 2, "of the WebP encoder on both sides of BenchmarkPage")
)

// BenchmarkPage is a page that was never asked for: large photographs in the widths of a srcset and as a thumbnail, in
// two formats, four requests at a time; beside it the same with nothing but libvips, each variant from its original.
func BenchmarkPage(b *testing.B) {
	sources, files := pageSources(b)
	type request struct {
		source int
		width  int // 0 is the thumbnail
		format string
	}
	var requests []request
	for i := range sources {
		for _, width := range []int{320, 640, 960, 1280, 1600, 0} {
			for _, format := range []string{"webp", "jpg"} {
				requests = append(requests, request{i, width, format})
			}
		}
	}
	inFlight := func(do func(request) error) time.Duration {
		begun := time.Now()
		var wait sync.WaitGroup
		next := make(chan request)
		for range 4 {
			wait.Go(func() {
				for r := range next {
					if err := do(r); err != nil {
						b.Error(err)
					}
				}
			})
		}
		for _, r := range requests {
			next <- r
		}
		close(next)
		wait.Wait()
		return time.Since(begun)
	}
	var ours, bares, oursUsed, baresUsed time.Duration
	for b.Loop() {
		store := openRungs(b, b.TempDir())
		pool := open(b, render.Options{Rungs: store, WebPEffort: *effort})
		used := childrenTime(b)
		ours += inFlight(func(r request) error {
			text := "f_" + r.format + ",q_80,w_" + strconv.Itoa(r.width)
			if r.width == 0 {
				text = "c_fill,h_400,w_400,q_80,f_" + r.format
			}
			_, err := pool.Render(b.Context(), job(b, sources[r.source], text), files[r.source])
			return err
		})
		oursUsed += childrenTime(b) - used
		pool.Close()
		store.Close()
		used = processorTime()
		picture.Start()
		bares += inFlight(func(r request) error { return bareVariant(files[r.source], r.width, r.format) })
		baresUsed += processorTime() - used
	}
	n := time.Duration(b.N)
	b.ReportMetric((ours / n).Seconds(), "pool-s")
	b.ReportMetric((bares / n).Seconds(), "bare-s")
	b.ReportMetric(float64(ours)/float64(bares), "ratio")
	b.ReportMetric(float64(oursUsed)/float64(baresUsed), "processor-ratio") // says more on a busy machine
}

// processorTime is that of this process.
func processorTime() time.Duration {
	var usage syscall.Rusage
	if syscall.Getrusage(syscall.RUSAGE_SELF, &usage) != nil {
		return 0
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}

// childrenTime is that of the workers alive.
func childrenTime(b *testing.B) (used time.Duration) {
	const tick = 10 * time.Millisecond
	for _, pid := range children(b) {
		stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:])
		for _, field := range fields[11:13] {
			ticks, _ := strconv.Atoi(string(field))
			used += time.Duration(ticks) * tick
		}
	}
	return used
}

// bareVariant is bare for a variant of a file.
func bareVariant(file *os.File, width int, format string) error {
	body, err := os.ReadFile(file.Name())
	if err != nil {
		return err
	}
	options := &vips.ThumbnailBufferOptions{Height: 10000, Size: vips.SizeDown, FailOn: vips.FailOnError}
	if width == 0 {
		width = 400
		options = &vips.ThumbnailBufferOptions{Height: 400, Crop: vips.InterestingCentre, FailOn: vips.FailOnError}
	}
	img, err := vips.NewThumbnailBuffer(body, width, options)
	if err != nil {
		return err
	}
	defer img.Close()
	if format == "jpg" {
		_, err = img.JpegsaveBuffer(&vips.JpegsaveBufferOptions{Q: 80, OptimizeCoding: true, Keep: vips.KeepNone})
	} else {
		_, err = img.WebpsaveBuffer(&vips.WebpsaveBufferOptions{Q: 80, Effort: *effort, Keep: vips.KeepNone})
	}
	return err
}

// pageSources are twelve pictures of 12 megapixels, or those of -pages.
func pageSources(b *testing.B) (sources []*wire.Source, files []*os.File) {
	var bodies [][]byte
	names, _ := filepath.Glob(filepath.Join(*pages, "*.jpg"))
	for _, name := range names {
		body, err := os.ReadFile(name)
		if err != nil {
			b.Fatal(err)
		}
		bodies = append(bodies, body)
	}
	for i := 0; *pages == "" && i < 12; i++ {
		bodies = append(bodies, append(bytes.Clone(twelveMegapixels()), byte(i))) // sources of their own
	}
	for _, body := range bodies {
		size, err := jpeg.DecodeConfig(bytes.NewReader(body))
		if err != nil {
			b.Fatal(err)
		}
		sum := sha256.Sum256(body)
		sources = append(sources, &wire.Source{Digest: hex.EncodeToString(sum[:]), Format: "jpg", Width: size.Width,
			Height: size.Height, Frames: 1, Bytes: int64(len(body))})
		files = append(files, onDisk(b, body))
	}
	return sources, files
}
