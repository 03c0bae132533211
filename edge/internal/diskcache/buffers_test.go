package diskcache

import "testing"

func TestBuffersHaveTheLengthAskedFor(t *testing.T) {
	var b buffers
	for range 2 {
		for _, n := range []int{0, 1, 4095, 4096, 4097, 100_000, 1 << 22, 1<<22 + 1} {
			buf := b.take(n)
			if len(*buf) != n || cap(*buf) > max(4096, 2*n) {
				t.Fatalf("%d bytes were asked for, got %d of %d", n, len(*buf), cap(*buf))
			}
			b.giveBack(buf)
		}
	}
}
