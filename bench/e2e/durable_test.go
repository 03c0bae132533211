package e2e

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/pictor/pictor/bench/client"
	"github.com/pictor/pictor/bench/picture"
	"github.com/pictor/pictor/bench/stack"
)

// Whenever the origin is killed: what it acknowledged is there, byte for byte, and of nothing else there is a half.
func TestKilledOriginLosesNothing(t *testing.T) {
	kills := 6
	if soak {
		kills = 200
	}
	s := start(t, 1)
	c := signIn(t, s)
	rnd := rand.New(rand.NewPCG(3, uint64(kills)))
	contents := uploads(24)
	kept := ledger{acknowledged: map[string][]byte{}, tried: map[string][]byte{}}
	made := 0
	for ; made < kills || len(kept.acknowledged) < kills && made < 20*kills; made++ { // a busy machine acknowledges little in between
		ctx, cancel := context.WithCancel(context.Background())
		var crew sync.WaitGroup
		for worker := range 3 {
			crew.Go(func() { kept.uploadUntilDone(ctx, c, fmt.Sprintf("k%d/w%d", made, worker), contents) })
		}
		time.Sleep(time.Duration(20+rnd.IntN(250)) * time.Millisecond) // the moment of the kill is the test's input
		s.Origin.Kill()
		cancel()
		crew.Wait()
		restart(t, s.Origin)
	}
	t.Logf("%d uploads acknowledged, %d tried, %d kills", len(kept.acknowledged), len(kept.tried), made)
	if len(kept.acknowledged) < kills {
		t.Fatal("too few uploads came through for the test to mean anything")
	}
	for _, id := range slices.Sorted(maps.Keys(kept.tried)) {
		resp, body := get(t, s.Edges[0].URL+"/v1/image/"+id)
		_, acknowledged := kept.acknowledged[id]
		switch {
		case resp.StatusCode == 200 && bytes.Equal(body, kept.tried[id]):
		case resp.StatusCode == 404 && !acknowledged:
		default:
			t.Errorf("%s (acknowledged: %v): %d, %d bytes of %d", id, acknowledged, resp.StatusCode, len(body), len(kept.tried[id]))
		}
	}
}

// uploads are pictures of many sizes, so that kills hit every stage.
func uploads(n int) [][]byte {
	var all [][]byte
	for i := range n {
		side := 40 << (i % 5)
		all = append(all, picture.PNG(picture.Photo(side, side, uint64(i))))
	}
	return all
}

func restart(t *testing.T, origin *stack.Program) {
	t.Helper()
	if err := origin.Start(); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Minute)
	defer cancel()
	if err := origin.WaitReady(ctx); err != nil {
		t.Fatal(err)
	}
}

// ledger remembers what was uploaded under which id.
type ledger struct {
	mu                  sync.Mutex
	acknowledged, tried map[string][]byte
}

func (l *ledger) uploadUntilDone(ctx context.Context, c *client.Client, prefix string, contents [][]byte) {
	for i := 0; ctx.Err() == nil; i++ {
		id, content := fmt.Sprintf("%s/%d", prefix, i), contents[i%len(contents)]
		l.mu.Lock()
		l.tried[id] = content
		l.mu.Unlock()
		if _, err := c.Upload(ctx, "x.png", content, map[string]string{"public_id": id}); err != nil {
			return
		}
		l.mu.Lock()
		l.acknowledged[id] = content
		l.mu.Unlock()
	}
}
