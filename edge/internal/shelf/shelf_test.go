package shelf_test

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pictor/pictor/edge/internal/shelf"
)

// open keeps files that are named key.text.
func open(t *testing.T, dir string, maxBytes int64, gone func(string) bool) *shelf.Shelf {
	t.Helper()
	key := func(name string) (string, bool) { return strings.CutSuffix(name, ".text") }
	s, err := shelf.Open(shelf.Options{Dir: dir, MaxBytes: maxBytes, Key: key, Gone: gone})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// put gives the error of Take.
func put(t *testing.T, s *shelf.Shelf, key, name, content string) error {
	t.Helper()
	temp, err := s.Temp()
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(temp.Name())
	if _, err := temp.WriteString(content); err != nil {
		t.Fatal(err)
	}
	if err := temp.Close(); err != nil {
		t.Fatal(err)
	}
	return s.Take(key, name, temp.Name(), int64(len(content)))
}

func mustPut(t *testing.T, s *shelf.Shelf, key, content string) {
	t.Helper()
	if err := put(t, s, key, key+".text", content); err != nil {
		t.Fatal(err)
	}
}

// content is what is kept under the key, "" for nothing.
func content(t *testing.T, s *shelf.Shelf, key string) string {
	t.Helper()
	file, _ := s.Open(key)
	if file == nil {
		return ""
	}
	defer file.Close()
	text, err := io.ReadAll(file)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func wantFiles(t *testing.T, s *shelf.Shelf, want ...string) {
	t.Helper()
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, e := range entries {
		got = append(got, e.Name())
	}
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("in the folder: %v, want %v", got, want)
	}
}

func wantSize(t *testing.T, s *shelf.Shelf, files int, bytes int64) {
	t.Helper()
	if f, b := s.Size(); f != files || b != bytes {
		t.Errorf("%d files of %d bytes, want %d of %d", f, b, files, bytes)
	}
}

func TestTheLeastRecentlyUsedGoes(t *testing.T) {
	s := open(t, t.TempDir(), 30, nil)
	for _, key := range []string{"a", "b", "c"} {
		mustPut(t, s, key, strings.Repeat(key, 10))
	}
	content(t, s, "a")
	mustPut(t, s, "d", "dddddddddd")
	wantFiles(t, s, "a.text", "c.text", "d.text")
	wantSize(t, s, 3, 30)
	mustPut(t, s, "e", strings.Repeat("e", 50)) // the newest stays, however large
	wantFiles(t, s, "e.text")
	s.Shrink()
	wantFiles(t, s)
	wantSize(t, s, 0, 0)
}

func TestOneFileAKey(t *testing.T) {
	s := open(t, t.TempDir(), 100, nil)
	mustPut(t, s, "a", "old")
	mustPut(t, s, "a", "newer")
	wantSize(t, s, 1, 5)
	if err := put(t, s, "a", "other name", "newest"); err != nil {
		t.Fatal(err)
	}
	wantFiles(t, s, "other name")
	wantSize(t, s, 1, 6)
	if got := content(t, s, "a"); got != "newest" {
		t.Errorf("kept is %q", got)
	}
}

func TestRestart(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir, 100, nil)
	for i, key := range []string{"a", "b", "c"} {
		mustPut(t, first, key, strings.Repeat(key, 10))
		stamp := time.Now().Add(time.Duration(i-10) * time.Hour)
		if err := os.Chtimes(filepath.Join(dir, key+".text"), stamp, stamp); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"tmp-cut-off", "not ours"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(filepath.Join(dir, "folder.text"), 0o700); err != nil {
		t.Fatal(err)
	}
	second := open(t, dir, 100, nil)
	if opened, file := second.Open("a"); opened == nil || file.Checked.Load() {
		t.Error("a file of an earlier run is missing, or counts as checked")
	} else {
		opened.Close() // and this use is written down: the next run finds it the youngest
	}
	third := open(t, dir, 20, nil)
	wantFiles(t, third, "a.text", "c.text", "folder.text", "not ours")
	wantSize(t, third, 2, 20)
}

func TestFilesThatAreNotWhatTheyWere(t *testing.T) {
	for name, damage := range map[string]func(path string) error{
		"shorter": func(path string) error { return os.Truncate(path, 1) },
		"gone":    os.Remove,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t, t.TempDir(), 100, nil)
			mustPut(t, s, "a", "0123456789")
			if err := damage(filepath.Join(s.Dir, "a.text")); err != nil {
				t.Fatal(err)
			}
			if got := content(t, s, "a"); got != "" || s.Has("a") {
				t.Errorf("still kept: %q", got)
			}
			wantFiles(t, s)
			wantSize(t, s, 0, 0)
		})
	}
}

func TestDiscardLeavesTheNextFileAlone(t *testing.T) {
	s := open(t, t.TempDir(), 100, nil)
	mustPut(t, s, "a", "bad")
	opened, bad := s.Open("a")
	opened.Close()
	mustPut(t, s, "a", "good")
	s.Discard("a", bad)
	if got := content(t, s, "a"); got != "good" {
		t.Errorf("after the discard of its predecessor: %q", got)
	}
	s.Drop("a")
	s.Drop("a")
	wantFiles(t, s)
}

// Whatever was on its way when a key went: nothing is left after Drop.
func TestNothingIsPutBackAfterDrop(t *testing.T) {
	var gone atomic.Bool
	s := open(t, t.TempDir(), 1<<20, func(key string) bool { return key == "a" && gone.Load() })
	var started, all sync.WaitGroup
	for range 8 {
		started.Add(1)
		all.Go(func() {
			for i := 0; !gone.Load() || i < 20; i++ {
				if err := put(t, s, "a", "a.text", "content"); err != nil && err != shelf.ErrGone {
					t.Error(err)
				}
				if i == 0 {
					started.Done()
				}
			}
		})
	}
	started.Wait()
	gone.Store(true)
	s.Drop("a")
	if s.Has("a") {
		t.Error("it is there after Drop")
	}
	all.Wait()
	mustPut(t, s, "b", "another")
	wantFiles(t, s, "b.text")
	wantSize(t, s, 1, 7)
}

func TestFolderThatCannotBeMade(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := shelf.Open(shelf.Options{Dir: filepath.Join(file, "below"), MaxBytes: 1}); err == nil {
		t.Error("no error")
	}
}
