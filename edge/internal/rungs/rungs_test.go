package rungs_test

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/edge/internal/memfile"
	"github.com/pictor/pictor/edge/internal/rungs"
)

func open(t *testing.T, o rungs.Options) *rungs.Store {
	t.Helper()
	s, err := rungs.Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// digest is a made-up name of a source.
func digest(n int) string { return fmt.Sprintf("%064x", n) }

// plain are pixels of that size, every byte the same.
func plain(t *testing.T, width, height int, value byte) rungs.Rung {
	t.Helper()
	r := rungs.Rung{Size: rungs.Size{Width: width, Height: height}, Bands: 3, Bytes: int64(3 * width * height)}
	var err error
	if r.File, err = memfile.Sized(r.Bytes); err != nil {
		t.Fatal(err)
	}
	if _, err := r.File.Write(bytes.Repeat([]byte{value}, int(r.Bytes))); err != nil {
		t.Fatal(err)
	}
	return r
}

// first is the first byte of the rung, -1 when there is none.
func first(t *testing.T, r *rungs.Rung) int {
	t.Helper()
	if r == nil {
		return -1
	}
	defer r.File.Close()
	var b [1]byte
	if _, err := r.File.ReadAt(b[:], 0); err != nil {
		t.Fatal(err)
	}
	return int(b[0])
}

func TestSmallestThatIsLargeEnough(t *testing.T) {
	s := open(t, rungs.Options{Dir: t.TempDir()})
	s.Keep(digest(1), rungs.Size{Width: 2000, Height: 1000}, []byte("J"))
	s.Hold(digest(1), plain(t, 400, 200, 4))
	s.Hold(digest(1), plain(t, 200, 100, 2))
	for width, want := range map[int]int{100: 2, 163: 2, 165: 4, 327: 4, 329: 'J', 1538: 'J', 1540: -1} {
		if got := first(t, s.Find(digest(1), rungs.Size{Width: width, Height: width / 2})); got != want {
			t.Errorf("for %d pixels: %d, want %d", width, got, want)
		}
	}
	if got := first(t, s.Find(digest(1), rungs.Size{Width: 10, Height: 900})); got != -1 {
		t.Errorf("a rung is used that is not high enough: %d", got)
	}
	if got := first(t, s.Find(digest(2), rungs.Size{Width: 10, Height: 10})); got != -1 {
		t.Errorf("another source: %d", got)
	}
	s.Drop(digest(1))
	if got := first(t, s.Find(digest(1), rungs.Size{Width: 10, Height: 10})); got != -1 {
		t.Errorf("after Drop: %d", got)
	}
	if st := s.Stats(); st.MemoryBytes != 0 || st.DiskBytes != 0 {
		t.Errorf("after Drop: %+v", st)
	}
}

func TestMemoryIsBounded(t *testing.T) {
	s := open(t, rungs.Options{MemoryBytes: 3 * 30000})
	for i := range 5 {
		s.Hold(digest(i), plain(t, 100, 100, byte(i)))
		if i == 2 { // the oldest is used, the next one is not
			first(t, s.Find(digest(0), rungs.Size{Width: 10, Height: 10}))
		}
	}
	var left []int
	for i := range 5 {
		if r := s.Find(digest(i), rungs.Size{Width: 10, Height: 10}); r != nil {
			left = append(left, first(t, r))
		}
	}
	if fmt.Sprint(left) != "[0 3 4]" {
		t.Errorf("left are %v", left)
	}
	if st := s.Stats(); st.MemoryBytes != 90000 {
		t.Errorf("%+v", st)
	}
}

// Pixels go when nobody uses them; who reads them is not disturbed.
func TestPixelsExpire(t *testing.T) {
	s := open(t, rungs.Options{Life: 20 * time.Millisecond})
	s.Hold(digest(1), plain(t, 100, 100, 7))
	r := s.Find(digest(1), rungs.Size{Width: 10, Height: 10})
	for deadline := time.Now().Add(time.Minute); s.Stats().MemoryBytes != 0; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("pixels stay")
		}
	}
	if got := first(t, r); got != 7 {
		t.Errorf("a reader's pixels: %d", got)
	}
}

func TestPixelsKeepTheirLength(t *testing.T) {
	r := plain(t, 10, 10, 1)
	defer r.File.Close()
	if r.File.Truncate(1) == nil || r.File.Truncate(1000) == nil {
		t.Error("the length can be changed: who maps the file would crash")
	}
}

func TestFilesOutliveTheProgram(t *testing.T) {
	dir := t.TempDir()
	s := open(t, rungs.Options{Dir: dir, DiskBytes: 2500})
	for i := range 3 {
		s.Keep(digest(i), rungs.Size{Width: 100, Height: 100}, bytes.Repeat([]byte{byte('a' + i)}, 1000))
	}
	s.Keep(digest(2), rungs.Size{Width: 100, Height: 100}, bytes.Repeat([]byte("C"), 1000)) // takes the place of another
	s.Close()
	for name, content := range map[string]string{"tmp-half": "x", "notes.txt": "not ours", digest(9) + "-10x10-zz.jpg": "odd"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	again := open(t, rungs.Options{Dir: dir, DiskBytes: 2500})
	if again.OnDisk(digest(0)) || !again.OnDisk(digest(1)) || !again.OnDisk(digest(2)) || again.Stats().DiskBytes != 2000 {
		t.Errorf("after a restart: %+v", again.Stats())
	}
	if got := first(t, again.Find(digest(2), rungs.Size{Width: 10, Height: 10})); got != 'C' {
		t.Errorf("after a restart: %d", got)
	}
	if _, err := os.Stat(filepath.Join(dir, "notes.txt")); err != nil {
		t.Errorf("a file that is not ours is gone: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "tmp-half")); err == nil {
		t.Error("a file cut off by a crash is still there")
	}
}

// What the disk has changed, shortened or lost is no rung.
func TestDamagedFiles(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"changed":   func(p string) error { return os.WriteFile(p, []byte(strings.Repeat("y", 1000)), 0o600) },
		"shortened": func(p string) error { return os.Truncate(p, 10) },
		"gone":      os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			s := open(t, rungs.Options{Dir: dir})
			s.Keep(digest(1), rungs.Size{Width: 100, Height: 100}, []byte(strings.Repeat("x", 1000)))
			s.Close()
			again := open(t, rungs.Options{Dir: dir})
			files, err := filepath.Glob(filepath.Join(dir, "*.jpg"))
			if err != nil || len(files) != 1 {
				t.Fatalf("%d files, %v", len(files), err)
			}
			if err := damage(files[0]); err != nil {
				t.Fatal(err)
			}
			if r := again.Find(digest(1), rungs.Size{Width: 10, Height: 10}); r != nil {
				content, _ := io.ReadAll(r.File)
				t.Errorf("a damaged rung is used: %.20q", content)
			}
			if again.OnDisk(digest(1)) || again.Stats().DiskBytes != 0 {
				t.Errorf("it is still counted: %+v", again.Stats())
			}
		})
	}
}

// What is gone leaves nothing behind, also when a rung of it was being made.
func TestNothingIsTakenInOfWhatIsGone(t *testing.T) {
	gone := map[string]bool{}
	s := open(t, rungs.Options{Dir: t.TempDir(), Gone: func(digest string) bool { return gone[digest] }})
	size := rungs.Size{Width: 100, Height: 100}
	for i := range 2 {
		s.Keep(digest(i), size, []byte("J"))
		s.Hold(digest(i), plain(t, 100, 100, 1))
	}
	gone[digest(0)] = true
	s.Drop(digest(0))
	s.Keep(digest(0), size, []byte("J"))
	s.Hold(digest(0), plain(t, 100, 100, 1))
	if r := s.Find(digest(0), rungs.Size{Width: 10, Height: 10}); r != nil || s.OnDisk(digest(0)) {
		t.Errorf("of what is gone: %v", r)
	}
	if st := s.Stats(); st.MemoryBytes != 30000 || st.DiskBytes != 1 || st.Held != 2 || st.Kept != 2 {
		t.Errorf("%+v", st)
	}
	if files, err := filepath.Glob(filepath.Join(s.Dir, "*")); err != nil || len(files) != 1 {
		t.Errorf("in the folder: %v, %v", files, err)
	}
}
