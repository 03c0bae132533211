package e2e

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pictor/pictor/bench/client"
	"github.com/pictor/pictor/bench/picture"
	"github.com/pictor/pictor/shared/mutate"
)

// Damaged files go through a whole stack: what the origin takes in is asked for at the edge. Nothing fails but the file,
// soon, and the edge is the same one afterwards.
func TestMutants(t *testing.T) {
	s := start(t, 1, "PICTOR_EDGE_WORKERS=2")
	c := signIn(t, s)
	edge := s.Edges[0].URL
	seeds := wholeFiles(t, c, edge)
	began := total(t, s, "process_start_time_seconds")
	var taken, delivered atomic.Int64
	// Flipped bits are the most likely to get past the origin, so they are the most frequent.
	ways := []mutate.Way{mutate.Cut, mutate.Splice, mutate.Number, mutate.Bits, mutate.Bits, mutate.Bits}
	try := func(i int) {
		seed := seeds[i%len(seeds)]
		rnd := rand.New(rand.NewPCG(uint64(i), 5))
		a, err := c.Upload(context.Background(), seed.name, mutate.Any(rnd, seed.content, ways...),
			map[string]string{"public_id": fmt.Sprintf("m%d", i)})
		if err != nil {
			if refused, ok := errors.AsType[*client.StatusError](err); !ok || refused.Status >= 500 {
				t.Errorf("upload of mutant %d, %s: %v", i, seed.name, err)
			}
			return
		}
		taken.Add(1)
		text := []string{"w_100,f_jpg", "w_320,f_webp", "w_80,h_80,c_fill,f_png", "r_90,f_jpg", "f_json"}[rnd.IntN(5)]
		for again := false; ; again = true { // a busy machine is no mutant's fault, nor is a worker that meets its first HEIC
			asked := time.Now()
			resp, body, err := tryGet(edge + "/v1/image/" + text + "/" + a.PublicID)
			took := time.Since(asked)
			switch {
			case err != nil:
				t.Errorf("mutant %d, %s, %s: %v", i, seed.name, text, err)
			case resp.StatusCode >= 500 && resp.StatusCode != 503 && resp.StatusCode != 504:
				t.Errorf("mutant %d, %s, %s: %d %s", i, seed.name, text, resp.StatusCode, body)
			case took > slowest && !again:
				continue
			case took > slowest:
				t.Errorf("mutant %d, %s, %s: %s", i, seed.name, text, took)
			case resp.StatusCode == 200:
				delivered.Add(1)
			}
			return
		}
	}
	mutants := 500
	if soak {
		mutants = 10_000
	}
	var wait sync.WaitGroup
	next := make(chan int)
	for range 4 {
		wait.Go(func() {
			for i := range next {
				try(i)
			}
		})
	}
	for i := range mutants {
		next <- i
	}
	close(next)
	wait.Wait()
	t.Logf("of %d mutants the origin took %d, of which the edge delivered %d", mutants, taken.Load(), delivered.Load())
	if n := taken.Load(); n < int64(mutants/20) || delivered.Load() == n {
		t.Error("the mutants are all alike")
	}
	if now := total(t, s, "process_start_time_seconds"); now != began {
		t.Errorf("the edge started at %v and again at %v", began, now)
	}
	if resp, body := get(t, edge+"/v1/image/w_20,f_png/whole.jpg"); resp.StatusCode != 200 {
		t.Errorf("the edge after all that: %d %s", resp.StatusCode, body)
	}
}

type wholeFile struct {
	name    string
	content []byte
}

// wholeFiles are small pictures in all formats of upload. WebP and AVIF are made by the edge; HEIC is what the edge's own
// tests have.
func wholeFiles(t *testing.T, c *client.Client, edge string) []wholeFile {
	photo := picture.Photo(320, 200, 1)
	files := []wholeFile{{"a.jpg", picture.JPEG(photo)}, {"a.png", picture.PNG(photo)}, {"a.gif", picture.GIF(320, 200, 3)},
		{"a.bmp", mutate.BMP(photo)}, {"a.tiff", tiff(photo)}}
	upload(t, c, "whole.jpg", files[0].content, map[string]string{"public_id": "whole.jpg"})
	for _, format := range []string{"webp", "avif"} {
		resp, body := get(t, edge+"/v1/image/w_300,f_"+format+"/whole.jpg")
		if resp.StatusCode != 200 {
			t.Fatalf("%s: %d %s", format, resp.StatusCode, body)
		}
		files = append(files, wholeFile{"a." + format, body})
	}
	names, err := filepath.Glob("../../edge/internal/render/picture/testdata/*.heic")
	if err != nil || len(names) == 0 {
		t.Fatalf("no HEIC to damage (%v)", err)
	}
	for _, name := range names {
		content, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, wholeFile{"a.heic", content})
	}
	for _, f := range files {
		upload(t, c, f.name, f.content, nil)
	}
	return files
}

// tiff is one of 24 bits, not compressed, in one strip.
func tiff(img *image.RGBA) []byte {
	size := img.Rect.Size()
	const strip = 8 + 2 + 10*12 + 4 + 6
	fields := [][3]uint32{ // tag, type, value: of all but the bits, which are three
		{256, 4, uint32(size.X)}, {257, 4, uint32(size.Y)}, {258, 3, strip - 6}, {259, 3, 1}, {262, 3, 2},
		{273, 4, strip}, {277, 3, 3}, {278, 4, uint32(size.Y)}, {279, 4, uint32(3 * size.X * size.Y)}, {284, 3, 1},
	}
	out := []byte("II*\x00\x08\x00\x00\x00")
	out = binary.LittleEndian.AppendUint16(out, uint16(len(fields)))
	for _, f := range fields {
		count := uint32(1)
		if f[0] == 258 {
			count = 3
		}
		out = binary.LittleEndian.AppendUint16(out, uint16(f[0]))
		out = binary.LittleEndian.AppendUint16(out, uint16(f[1]))
		out = binary.LittleEndian.AppendUint32(out, count)
		out = binary.LittleEndian.AppendUint32(out, f[2])
	}
	out = append(out, 0, 0, 0, 0, 8, 0, 8, 0, 8, 0)
	for y := range size.Y {
		for x := range size.X {
			p := img.RGBAAt(x, y)
			out = append(out, p.R, p.G, p.B)
		}
	}
	return out
}
