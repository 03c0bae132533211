package origin_test

import (
	"sync"
	"testing"
	"time"

	"github.com/pictor/pictor/origin"
)

// collect runs the collector and gives how many blobs went.
func (b *bench) collect(grace time.Duration) int {
	b.Helper()
	b.clock.pass(time.Second) // blobs have the real time, which moved on
	removed, err := b.CollectGarbage(b.Context(), grace)
	if err != nil {
		b.Fatalf("collect: %v", err)
	}
	return removed
}

func (b *bench) wantBlob(asset origin.Asset, want bool) {
	b.Helper()
	if _, missing := b.blob(asset.Digest); missing == want {
		b.Errorf("blob of %s there: %v, want %v", asset.Name.Name, !missing, want)
	}
}

func TestGarbage(t *testing.T) {
	b := newBench(t)
	kept := b.asset(b.admin, "img:kept", origin.AssetFields{PublicID: "kept"})
	deleted := b.asset(b.admin, "img:deleted", origin.AssetFields{PublicID: "deleted"})
	replaced := b.asset(b.admin, "img:replaced", origin.AssetFields{PublicID: "replaced"})
	b.clock.pass(100 * time.Hour) // long after they were written

	if err := b.DeleteAsset(t.Context(), b.admin, "deleted"); err != nil {
		t.Fatal(err)
	}
	b.asset(b.admin, "img:new", origin.AssetFields{PublicID: "replaced", Overwrite: true})
	wantEqual(t, b.collect(time.Hour), 0) // grace runs from when they were let go
	b.wantBlob(deleted, true)
	b.clock.pass(time.Hour)
	wantEqual(t, b.collect(time.Hour), 2)
	b.wantBlob(deleted, false)
	b.wantBlob(replaced, false)
	b.wantBlob(kept, true)
	wantEqual(t, b.collect(0), 0)

	back := b.asset(b.admin, "img:deleted", origin.AssetFields{PublicID: "back"})
	b.wantBlob(back, true)
}

func TestGarbageOfFailedUploads(t *testing.T) {
	b := newBench(t)
	taken := b.asset(b.admin, "img:1", origin.AssetFields{PublicID: "taken"})
	r := b.receive(b.admin, "x.jpg", "img:2")
	_, _, err := b.CreateAsset(t.Context(), b.admin, r, origin.AssetFields{PublicID: "taken"})
	wantKind(t, err, origin.Duplicate)
	b.clock.pass(time.Hour)
	wantEqual(t, b.collect(2*time.Hour), 0)
	wantEqual(t, b.collect(time.Minute), 1)
	if _, missing := b.blob(r.Source.Digest); !missing {
		t.Error("bytes without an asset stay")
	}
	b.wantBlob(taken, true)
}

// orTimeout waits until the work is done or has had every chance to be.
func orTimeout(done <-chan struct{}) {
	select {
	case <-done:
	case <-time.After(300 * time.Millisecond):
	}
}

// The collector meets an upload of the same bytes between its Commit and its transaction. It must not take them.
func TestCollectorMeetsUpload(t *testing.T) {
	hooks := &blobHooks{}
	b := newBench(t, hooks.into)
	b.asset(b.admin, "img:same", origin.AssetFields{PublicID: "old"})
	if err := b.DeleteAsset(t.Context(), b.admin, "old"); err != nil {
		t.Fatal(err)
	}
	b.clock.pass(time.Hour)
	done := make(chan struct{})
	hooks.committed = func() {
		go func() {
			defer close(done)
			b.collect(0)
		}()
		orTimeout(done)
	}
	asset := b.asset(b.admin, "img:same", origin.AssetFields{PublicID: "new"})
	<-done
	b.wantBlob(asset, true)
	b.collect(0)
	b.wantBlob(asset, true)
}

// The upload meets the collector between forgetting the blob and removing its bytes. It must not lose them.
func TestUploadMeetsCollector(t *testing.T) {
	hooks := &blobHooks{}
	b := newBench(t, hooks.into)
	b.asset(b.admin, "img:same", origin.AssetFields{PublicID: "old"})
	if err := b.DeleteAsset(t.Context(), b.admin, "old"); err != nil {
		t.Fatal(err)
	}
	b.clock.pass(time.Hour)
	r := b.receive(b.admin, "x.jpg", "img:same")
	var asset origin.Asset
	var err error
	done := make(chan struct{})
	hooks.beforeDelete = func() {
		go func() {
			defer close(done)
			asset, _, err = b.CreateAsset(t.Context(), b.admin, r, origin.AssetFields{PublicID: "new"})
		}()
		orTimeout(done)
	}
	wantEqual(t, b.collect(0), 1)
	<-done
	if err != nil {
		t.Fatal(err)
	}
	b.wantBlob(asset, true)
}

// Everything at once: whatever an upload acknowledged is there.
func TestGarbageUnderLoad(t *testing.T) {
	b := newBench(t)
	b.clock.pass(time.Hour)
	var all sync.WaitGroup
	stop := make(chan struct{})
	all.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				if _, err := b.CollectGarbage(t.Context(), 0); err != nil {
					t.Errorf("collect: %v", err)
				}
			}
		}
	})
	var uploads sync.WaitGroup
	for i := range 3 {
		uploads.Go(func() {
			for range 15 {
				asset, _, err := b.CreateAsset(t.Context(), b.admin, b.receive(b.admin, "x", picture(i%2)), origin.AssetFields{})
				if err != nil {
					t.Error(err)
					return
				}
				b.wantBlob(asset, true)
				if err := b.DeleteAsset(t.Context(), b.admin, asset.Name.Name); err != nil {
					t.Error(err)
				}
			}
		})
	}
	uploads.Wait()
	close(stop)
	all.Wait()
}
