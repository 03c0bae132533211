package e2e

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pictor/pictor/bench/picture"
)

// keptOf lists the files of a source that edges have in their folders.
func keptOf(t *testing.T, data string, edges int, digest string) (kept []string) {
	t.Helper()
	for i := range edges {
		for _, folder := range []string{"originals", "rungs"} {
			entries, err := os.ReadDir(filepath.Join(data, fmt.Sprintf("edge-%d", i+1), folder))
			if err != nil {
				t.Fatal(err)
			}
			for _, e := range entries {
				if strings.HasPrefix(e.Name(), digest) {
					kept = append(kept, fmt.Sprintf("edge-%d/%s/%.12s…", i+1, folder, e.Name()))
				}
			}
		}
	}
	return kept
}

// Originals and rungs go from all edges with the asset, and come back with it; renders that are under way when it goes
// leave nothing behind.
func TestWhatIsKeptGoesWithTheAsset(t *testing.T) {
	const edges = 3
	data := t.TempDir()
	s := startIn(t, data, edges)
	c := signIn(t, s)
	photo := picture.JPEG(picture.Photo(4000, 3000, 1))
	digest := fmt.Sprintf("%x", sha256.Sum256(photo))
	upload(t, c, "p.jpg", photo, map[string]string{"public_id": "p"})
	render := func(widths ...int) {
		t.Helper()
		for i, width := range widths {
			get(t, fmt.Sprintf("%s/v1/image/w_%d/p", s.Edges[i%edges].URL, width))
		}
	}
	render(300, 310, 320)
	within(t, time.Minute, "an original and a rung", func() bool {
		kept := fmt.Sprint(keptOf(t, data, edges, digest))
		return strings.Contains(kept, "originals") && strings.Contains(kept, "rungs")
	})

	upload(t, c, "p.jpg", picture.JPEG(picture.Photo(800, 600, 2)), map[string]string{"public_id": "p", "overwrite": "true"})
	took := within(t, 20*time.Second, "nothing of the overwritten picture", func() bool {
		return len(keptOf(t, data, edges, digest)) == 0
	})
	t.Logf("after an overwriting: %v", took)

	upload(t, c, "p.jpg", photo, map[string]string{"public_id": "p", "overwrite": "true"})
	var crew sync.WaitGroup
	for i := range 12 {
		crew.Go(func() {
			_, _, _ = tryGet(fmt.Sprintf("%s/v1/image/f_webp,w_%d/p", s.Edges[i%edges].URL, 900+i))
		})
	}
	within(t, time.Minute, "renders under way", func() bool { return len(keptOf(t, data, edges, digest)) > 0 })
	if err := c.Delete(context.Background(), "p"); err != nil {
		t.Fatal(err)
	}
	took = within(t, 20*time.Second, "nothing of the deleted picture", func() bool {
		return len(keptOf(t, data, edges, digest)) == 0
	})
	t.Logf("after a deletion: %v", took)
	crew.Wait()
	time.Sleep(time.Second) // what must not come back has no event to wait for
	if kept := keptOf(t, data, edges, digest); len(kept) > 0 {
		t.Errorf("renders that were under way left %v", kept)
	}
	if total(t, s, "pictor_edge_rung_disk_bytes") != 0 {
		t.Error("rungs are still counted")
	}
}

// Renders go on when an edge's disk takes no originals any more, in bounded memory, which is given back.
func TestRendersGoOnWithoutAFolderOfOriginals(t *testing.T) {
	data := t.TempDir()
	s := startIn(t, data, 1)
	c := signIn(t, s)
	if err := os.RemoveAll(filepath.Join(data, "edge-1", "originals")); err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		upload(t, c, "p.jpg", picture.JPEG(picture.Photo(2000, 1500, uint64(i))), map[string]string{"public_id": fmt.Sprint("p", i)})
	}
	var crew sync.WaitGroup
	for i := range 12 {
		crew.Go(func() {
			resp, body, err := tryGet(fmt.Sprintf("%s/v1/image/w_%d/p%d", s.Edges[0].URL, 300+i, i%3))
			if err != nil || resp.StatusCode != 200 {
				t.Errorf("%v %s", err, body)
			}
		})
	}
	crew.Wait()
	if n := total(t, s, "pictor_edge_originals_in_memory_total"); n != 3 {
		t.Errorf("%v of 3 originals were taken by memory", n)
	}
	within(t, time.Minute, "memory given back", func() bool { return total(t, s, "pictor_edge_originals_memory_bytes") == 0 })
}

// What went while an edge was stopped goes when it starts.
func TestWhatWentWhileAnEdgeWasStopped(t *testing.T) {
	data := t.TempDir()
	s := startIn(t, data, 1)
	c := signIn(t, s)
	photo := picture.JPEG(picture.Photo(400, 300, 1))
	digest := fmt.Sprintf("%x", sha256.Sum256(photo))
	upload(t, c, "p.jpg", photo, map[string]string{"public_id": "p"})
	get(t, s.Edges[0].URL+"/v1/image/w_30/p")
	within(t, time.Minute, "a position that is written down", func() bool {
		_, err := os.Stat(filepath.Join(data, "edge-1", "feed"))
		return err == nil && len(keptOf(t, data, 1, digest)) == 1
	})
	s.Edges[0].Stop()
	if err := c.Delete(context.Background(), "p"); err != nil {
		t.Fatal(err)
	}
	if kept := keptOf(t, data, 1, digest); len(kept) != 1 {
		t.Fatalf("kept while it is stopped: %v", kept)
	}
	if err := s.Edges[0].Start(); err != nil {
		t.Fatal(err)
	}
	within(t, time.Minute, "nothing of it after the start", func() bool { return len(keptOf(t, data, 1, digest)) == 0 })
}
