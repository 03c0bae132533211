//go:build !race

package diskcache

import (
	"runtime"
	"testing"
)

// The race detector makes pools forget.
func TestLendMakesLittleGarbage(t *testing.T) {
	const size, turns = 100_000, 300
	c := open(t, Options{})
	fill(t, c, 0, 10, size)
	lend := func() {
		for i := range turns {
			_, done, ok := c.Lend(key(i % 10))
			if !ok {
				t.Fatal("a miss")
			}
			done()
		}
	}
	lend()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	lend()
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / turns; each > size/10 {
		t.Errorf("to lend %d bytes takes %d bytes of garbage", size, each)
	}
}
