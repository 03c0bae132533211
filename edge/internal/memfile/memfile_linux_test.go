package memfile_test

import (
	"bytes"
	"io"
	"os"
	"testing"

	"github.com/pictor/pictor/edge/internal/memfile"
)

// open fails the test, and closes the file in the end.
func open(t *testing.T) func(*os.File, error) *os.File {
	return func(file *os.File, err error) *os.File {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { file.Close() })
		return file
	}
}

func TestContent(t *testing.T) {
	file := open(t)(memfile.Of([]byte("content")))
	got := make([]byte, 100)
	if n, err := file.ReadAt(got, 0); string(got[:n]) != "content" || err != io.EOF {
		t.Errorf("%q, %v", got[:n], err)
	}
}

// Who maps a file of a size must not lose it from under them; it is there to be written.
func TestLengthStays(t *testing.T) {
	file := open(t)(memfile.Sized(1000))
	if info, err := file.Stat(); err != nil || info.Size() != 1000 {
		t.Fatalf("%v, %v", info, err)
	}
	if file.Truncate(999) == nil || file.Truncate(1001) == nil {
		t.Error("its length can be changed")
	}
	if _, err := file.WriteAt(bytes.Repeat([]byte("x"), 1000), 0); err != nil {
		t.Errorf("it cannot be filled: %v", err)
	}
	if _, err := file.WriteAt([]byte("x"), 1000); err == nil {
		t.Error("it can be written beyond its end")
	}
}

func TestSizesThatCannotBe(t *testing.T) {
	before := descriptors(t)
	if _, err := memfile.Sized(-1); err == nil {
		t.Error("a file of less than nothing")
	}
	if now := descriptors(t); now != before {
		t.Errorf("%d descriptors before, %d after", before, now)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	open, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(open)
}

func TestFrozen(t *testing.T) {
	file := open(t)(memfile.Of([]byte("content")))
	if err := memfile.Freeze(file); err != nil {
		t.Fatal(err)
	}
	if _, err := file.WriteAt([]byte("x"), 0); err == nil || file.Truncate(0) == nil || file.Truncate(100) == nil {
		t.Error("it can be changed")
	}
	if memfile.Freeze(file) == nil {
		t.Error("it could be frozen again: its seals are not for good")
	}
}

// Files opened again do not share an offset, are not for writing, and are known of until the last is closed.
func TestReopened(t *testing.T) {
	file := open(t)(memfile.Of([]byte("content")))
	if memfile.InUse(file) {
		t.Error("in use by nobody")
	}
	var opened [2]*os.File
	for i := range opened {
		opened[i] = open(t)(memfile.Reopen(file))
	}
	for _, o := range opened {
		if got, err := io.ReadAll(o); string(got) != "content" || err != nil {
			t.Errorf("%q, %v", got, err)
		}
		if _, err := o.Write([]byte("x")); err == nil {
			t.Error("a reader can write")
		}
	}
	for _, o := range opened {
		if !memfile.InUse(file) {
			t.Error("in use, and not known")
		}
		o.Close()
	}
	if memfile.InUse(file) {
		t.Error("in use after the last was closed")
	}
}

// A worker has a descriptor of the same opening: it counts for as long as the worker has it.
func TestDuplicates(t *testing.T) {
	file := open(t)(memfile.Of([]byte("content")))
	opened := open(t)(memfile.Reopen(file))
	second := open(t)(memfile.Duplicate(opened))
	opened.Close()
	if !memfile.InUse(file) {
		t.Error("a duplicate does not count")
	}
	if got, err := io.ReadAll(second); string(got) != "content" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	second.Close()
	if memfile.InUse(file) {
		t.Error("in use after the last was closed")
	}
}
