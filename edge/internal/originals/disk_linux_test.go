package originals_test

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/originals"
	"github.com/pictor/pictor/shared/wire"
)

// Renders go on without a disk, within a budget.
func TestFolderThatIsGone(t *testing.T) {
	src, data := blob(1, 3*wire.ChunkBytes)
	other, otherData := blob(2, 2*wire.ChunkBytes)
	o := newOrigin(data, otherData)
	s := open(t, originals.Options{Origin: o, Dir: filepath.Join(t.TempDir(), "gone"), SpareBytes: 4 * wire.ChunkBytes})
	// Rights would not stop root.
	if err := os.RemoveAll(s.Dir); err != nil {
		t.Fatal(err)
	}
	held, err := s.File(t.Context(), src)
	if err != nil {
		t.Fatal(err)
	}
	defer held.Close()
	if _, err := held.WriteAt([]byte("x"), 0); err == nil || held.Truncate(0) == nil {
		t.Error("the file in memory can be changed")
	}
	wantFile(t, s, src, data) // from its beginning: nobody shares an offset
	wantChunk(t, s.OwnerChunk, src, 2, data)
	wantWhole(t, o, 1, 0)
	if st := s.Stats(); st.MemoryBytes != src.Bytes || st.Borrowed != 1 || st.Files != 0 {
		t.Errorf("stats: %+v", st)
	}

	time.Sleep(200 * time.Millisecond) // four lives: it stays, for somebody has it open
	_, err = s.File(t.Context(), other)
	wantKind(t, err, edge.Unavailable)
	wantChunk(t, s.OwnerChunk, other, 1, otherData) // chunks need no room
	wantWhole(t, o, 1, 1)
	if got, err := io.ReadAll(held); err != nil || len(got) != len(data) {
		t.Errorf("%d bytes, %v", len(got), err)
	}
	held.Close()
	wantFile(t, s, other, otherData)
	eventually(t, "memory is given back", func() bool { return s.Stats().MemoryBytes == 0 })

	if err := os.Mkdir(s.Dir, 0o700); err != nil {
		t.Fatal(err)
	}
	wantFile(t, s, src, data)
	if st := s.Stats(); st.Files != 1 || st.MemoryBytes != 0 {
		t.Errorf("with a folder again: %+v", st)
	}
}

// What does not arrive whole costs no memory for long.
func TestBrokenDownloadIntoMemory(t *testing.T) {
	src, data := blob(1, 1000)
	o := newOrigin()
	o.blobs[src.Digest] = data[1:]
	s := open(t, originals.Options{Origin: o, Gone: func(string) bool { return true }, SpareBytes: 1500})
	for range 3 {
		_, err := s.File(t.Context(), src)
		wantKind(t, err, edge.Unavailable)
	}
	o.blobs[src.Digest] = data
	wantFile(t, s, src, data)
}

func TestMemoryUnderConcurrentUse(t *testing.T) {
	const size = 10_000
	o := newOrigin()
	var sources []*wire.Source
	for i := range 6 {
		src, data := blob(uint64(i), size)
		o.blobs[src.Digest] = data
		sources = append(sources, src)
	}
	s := open(t, originals.Options{Origin: o, Gone: func(string) bool { return true }, SpareBytes: 4 * size,
		SpareLife: time.Millisecond})
	var all sync.WaitGroup
	for worker := range 3 { // three files are open at most, and one is written for a caller that waits
		all.Go(func() {
			for i := range 100 {
				src := sources[(i*(worker+1))%len(sources)]
				wantFile(t, s, src, o.blobs[src.Digest])
			}
		})
	}
	all.Wait()
	eventually(t, "memory is given back", func() bool { return s.Stats().MemoryBytes == 0 })
}

// mount gives a file system of a megabyte.
func mount(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=1m")
	if errors.Is(err, unix.EPERM) {
		t.Skip("mounting is not allowed here")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestFullDisk(t *testing.T) {
	dir := mount(t)
	if err := os.WriteFile(filepath.Join(dir, "ballast"), make([]byte, 900<<10), 0o600); err != nil {
		t.Fatal(err)
	}
	src, data := blob(1, 500<<10)
	o := newOrigin(data)
	s := open(t, originals.Options{Origin: o, Dir: dir})
	wantFile(t, s, src, data)
	wantWhole(t, o, 1, 0) // no byte was fetched in vain
	if st := s.Stats(); st.Borrowed != 1 || len(files(t, dir)) != 1 {
		t.Errorf("stats: %+v, in the folder: %v", st, files(t, dir))
	}
	if err := os.Remove(filepath.Join(dir, "ballast")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "memory is given back", func() bool { return s.Stats().MemoryBytes == 0 })
	wantFile(t, s, src, data)
	if st := s.Stats(); st.Files != 1 || st.Borrowed != 1 {
		t.Errorf("with room again: %+v", st)
	}
}

// A disk that cannot be written any more is still read.
func TestReadOnlyDisk(t *testing.T) {
	dir := mount(t)
	kept, keptData := blob(1, 100<<10)
	src, data := blob(2, 100<<10)
	o := newOrigin(keptData, data)
	s := open(t, originals.Options{Origin: o, Dir: dir})
	wantFile(t, s, kept, keptData)
	if err := unix.Mount("", dir, "", unix.MS_REMOUNT|unix.MS_RDONLY, ""); err != nil {
		t.Fatal(err)
	}
	wantFile(t, s, src, data)
	wantFile(t, s, kept, keptData)
	wantWhole(t, o, 2, 0)
	if st := s.Stats(); st.Files != 1 || st.Borrowed != 1 {
		t.Errorf("stats: %+v", st)
	}
}

// A blob larger than what is left in memory does not push out what others have open.
func TestMemoryHasNoRoomForAll(t *testing.T) {
	a, dataA := blob(1, 1000)
	b, dataB := blob(2, 1000)
	s := open(t, originals.Options{Origin: newOrigin(dataA, dataB), Gone: func(string) bool { return true }, SpareBytes: 1500,
		SpareLife: time.Hour})
	held, err := s.File(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	_, err = s.File(t.Context(), b)
	wantKind(t, err, edge.Unavailable)
	wantFile(t, s, a, dataA)
	held.Close()
	wantFile(t, s, b, dataB)
	if st := s.Stats(); st.MemoryBytes != 1000 || st.Borrowed != 2 {
		t.Errorf("stats: %+v", st)
	}
}
