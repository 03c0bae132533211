package mutate_test

import (
	"bytes"
	"hash/crc32"
	"image"
	"image/color"
	"math/bits"
	"math/rand/v2"
	"testing"

	"github.com/pictor/pictor/shared/mutate"
)

// whole is a file of random bytes.
func whole(bytes int) []byte {
	file := make([]byte, bytes)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(file)
	return file
}

// Each way does its own damage, to files of any length, and never to the one it was given.
func TestWays(t *testing.T) {
	for name, test := range map[string]struct {
		way  mutate.Way
		like func(was, is []byte) bool
	}{
		"bits":   {mutate.Bits, func(was, is []byte) bool { return len(is) == len(was) && flipped(was, is) <= 20 }},
		"cut":    {mutate.Cut, func(was, is []byte) bool { return len(is) > 0 && bytes.HasPrefix(was, is) }},
		"splice": {mutate.Splice, func(was, is []byte) bool { return len(is) == len(was) && span(was, is) <= len(was)/4 }},
		"number": {mutate.Number, func(was, is []byte) bool {
			return len(is) == len(was) && span(was, is) <= 4 && bytes.Equal(was[min(len(was), 604):], is[min(len(is), 604):])
		}},
	} {
		for _, size := range []int{8, 9, 700, 5000} {
			file, changed := whole(size), 0
			for seed := range uint64(200) {
				mutant := test.way(rand.New(rand.NewPCG(seed, 1)), file)
				if !bytes.Equal(file, whole(size)) {
					t.Fatalf("%s, %d bytes, seed %d: the file itself is damaged", name, size, seed)
				}
				if !test.like(file, mutant) {
					t.Errorf("%s, %d bytes, seed %d: other damage", name, size, seed)
				}
				if !bytes.Equal(file, mutant) {
					changed++
				}
			}
			if changed < 50 {
				t.Errorf("%s, %d bytes: only %d of 200 mutants are damaged", name, size, changed)
			}
		}
	}
}

// flipped counts the bits that differ.
func flipped(a, b []byte) (n int) {
	for i := range a {
		n += bits.OnesCount8(a[i] ^ b[i])
	}
	return n
}

// span is the length from the first byte that differs to the last.
func span(a, b []byte) int {
	first, last := len(a), len(a)-1
	for i := range a {
		if a[i] != b[i] {
			first, last = min(first, i), i
		}
	}
	return last - first + 1
}

// The mutant that failed last year is the same today.
func TestMutantsStayWhatTheyAre(t *testing.T) {
	sum := crc32.NewIEEE()
	for seed := range uint64(100) {
		rnd := rand.New(rand.NewPCG(seed, 2))
		_, _ = sum.Write(mutate.Any(rnd, whole(1000), mutate.Bits, mutate.Cut, mutate.Splice, mutate.Number))
	}
	if got := sum.Sum32(); got != 0xff0087e7 {
		t.Errorf("the mutants have the sum %#08x", got)
	}
}

func TestBMP(t *testing.T) {
	img := image.NewRGBA(image.Rect(0, 0, 4, 2))
	for i := range 8 {
		img.SetRGBA(i%4, i/4, color.RGBA{uint8(i), uint8(10 + i), uint8(20 + i), 255})
	}
	const want = "BM\x4e\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00" + // 78 bytes, pixels from 54
		"\x28\x00\x00\x00\x04\x00\x00\x00\x02\x00\x00\x00\x01\x00\x18\x00" + // 4×2 pixels of 24 bits
		"\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00" +
		"\x18\x0e\x04\x19\x0f\x05\x1a\x10\x06\x1b\x11\x07" + // blue, green, red; the last row first
		"\x14\x0a\x00\x15\x0b\x01\x16\x0c\x02\x17\x0d\x03"
	if got := mutate.BMP(img); string(got) != want {
		t.Errorf("%x", got)
	}
}
