package render_test

import (
	"bytes"
	"flag"
	"image"
	"image/jpeg"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
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
			_, err := picture.Render(body, src.Picture(), j.Spec)
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
