//go:build !race

// The race detector makes sync.Pool forget at random, which allocates and loses the record of accesses.

package memcache_test

import (
	"fmt"
	"testing"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/memcache"
)

func TestGetDoesNotAllocate(t *testing.T) {
	c := open(t, memcache.Options{})
	key := edge.Key("1|engine|digest|f_webp,w_400")
	c.Set(key, object(100))
	c.Wait()
	// Ristretto's record of accesses takes a fresh buffer every 64th time; the average rounds down to none.
	allocs := testing.AllocsPerRun(10_000, func() {
		if _, ok := c.Get(key); !ok {
			t.Fatal("lost the Object")
		}
	})
	if allocs != 0 {
		t.Fatalf("Get allocates %v times", allocs)
	}
}

// A popular Object survives a scan of cold ones many times the size of the cache.
func TestScanLeavesPopularObjects(t *testing.T) {
	c := open(t, memcache.Options{MaxBytes: 1 << 20, MeanBytes: 1 << 10})
	for i := range 100 {
		c.Set(edge.Key(fmt.Sprint("hot", i)), object(1000))
	}
	c.Wait()
	for range 50 {
		for i := range 100 {
			c.Get(edge.Key(fmt.Sprint("hot", i)))
		}
	}
	for i := range 5000 {
		c.Set(edge.Key(fmt.Sprint("cold", i)), object(1000))
		c.Wait()
	}
	kept := 0
	for i := range 100 {
		if _, ok := c.Get(edge.Key(fmt.Sprint("hot", i))); ok {
			kept++
		}
	}
	if kept < 80 {
		t.Fatalf("%d of 100 popular Objects survived the scan, want at least 80", kept)
	}
}
