package memcache_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/memcache"
)

var _ edge.Memory = (*memcache.Cache)(nil)

func open(t testing.TB, o memcache.Options) *memcache.Cache {
	t.Helper()
	c, err := memcache.New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func object(bytes int) *edge.Object {
	return &edge.Object{MediaType: "image/webp", ETag: `"e"`, Body: make([]byte, bytes)}
}

func TestSetThenGetSharesTheObject(t *testing.T) {
	c := open(t, memcache.Options{})
	obj := object(100)
	c.Set("a", obj)
	c.Wait()
	if got, ok := c.Get("a"); !ok || got != obj {
		t.Fatalf("Get = %p, %v; want the same Object %p", got, ok, obj)
	}
	if _, ok := c.Get("b"); ok {
		t.Fatal("Get of a key never set found something")
	}
}

func TestSetReplaces(t *testing.T) {
	c := open(t, memcache.Options{})
	quick, final := object(100), object(50)
	c.Set("a", quick)
	c.Wait()
	c.Set("a", final)
	c.Wait()
	if got, _ := c.Get("a"); got != final {
		t.Fatal("Get after a second Set still gives the first Object")
	}
}

func TestKeys(t *testing.T) {
	c := open(t, memcache.Options{})
	for _, key := range []edge.Key{"a", "b", "c", "b"} {
		c.Set(key, object(10))
	}
	c.Wait()
	if keys := c.Keys(); len(keys) != 3 || !slices.Contains(keys, "a") || !slices.Contains(keys, "b") || !slices.Contains(keys, "c") {
		t.Fatalf("keys: %q", keys)
	}
}

func TestStaysWithinBudget(t *testing.T) {
	const budget = 1 << 20
	c := open(t, memcache.Options{MaxBytes: budget, MeanBytes: 1 << 10})
	for i := range 5000 {
		c.Set(edge.Key(fmt.Sprint("key", i)), object(1000))
		c.Get(edge.Key(fmt.Sprint("key", i)))
		if i%100 == 0 {
			c.Wait()
		}
	}
	c.Wait()
	held := 0
	for i := range 5000 {
		if obj, ok := c.Get(edge.Key(fmt.Sprint("key", i))); ok {
			held += len(obj.Body)
		}
	}
	s := c.Stats()
	if held > budget || s.UsedBytes > budget {
		t.Fatalf("holds %d bytes, counts %d, budget %d", held, s.UsedBytes, budget)
	}
	if held < budget/2 {
		t.Fatalf("holds only %d bytes of %d", held, budget)
	}
	if s.Evicted+s.Rejected == 0 {
		t.Fatal("nothing was counted as evicted or rejected")
	}
}

func TestGiantsAreNotAdmitted(t *testing.T) {
	c := open(t, memcache.Options{MaxBytes: 1 << 20})
	c.Set("giant", object(1<<17))
	c.Set("small", object(1<<16))
	c.Wait()
	if _, ok := c.Get("giant"); ok {
		t.Fatal("an Object of an eighth of the budget was admitted")
	}
	if _, ok := c.Get("small"); !ok {
		t.Fatal("an Object of a sixteenth of the budget was not admitted")
	}
	if n := c.Stats().Oversized; n != 1 {
		t.Fatalf("Oversized = %d, want 1", n)
	}
}

func TestBadBudget(t *testing.T) {
	if _, err := memcache.New(memcache.Options{MaxBytes: -1}); err == nil {
		t.Fatal("a negative budget was accepted")
	}
}

func TestConcurrentUse(t *testing.T) {
	c := open(t, memcache.Options{MaxBytes: 1 << 18, MeanBytes: 1 << 10})
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 3000 {
				n := rand.IntN(500)
				key := edge.Key(fmt.Sprint(n))
				if obj, ok := c.Get(key); ok && len(obj.Body) != n {
					t.Errorf("key %s gave the Object of %d", key, len(obj.Body))
				}
				c.Set(key, object(n))
			}
		})
	}
	wg.Wait()
}

func BenchmarkGet(b *testing.B) {
	c := open(b, memcache.Options{})
	key := edge.Key("1|8.18.7-1|" + strings.Repeat("0123456789abcdef", 4) + "|f_webp,h_400,w_400")
	c.Set(key, object(20_000))
	c.Wait()
	b.ReportAllocs()
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			c.Get(key)
		}
	})
}
