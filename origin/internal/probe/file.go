package probe

import (
	"errors"
	"fmt"
	"io"
)

// windowBytes is how much of an upload is in memory at a time. It must hold the longest thing that is looked at as a
// whole: a JPEG segment of 64 KiB.
const windowBytes = 256 << 10

// errShort says that the file ends before what its structure promises.
var errShort = errors.New("file is cut short")

// file reads an upload through one window, forwards for the most part.
type file struct {
	r      io.ReaderAt
	size   int64
	window []byte // its capacity is the most that is read at once
	start  int64  // where the window begins in the file
}

func newFile(r io.ReaderAt, size int64) file {
	return file{r: r, size: size, window: make([]byte, 0, min(max(size, 0), windowBytes))}
}

// at gives the n bytes at off, n at most windowBytes. They are lent until the next call.
func (f *file) at(off int64, n int) ([]byte, error) {
	data, err := f.ahead(off, n)
	if err != nil {
		return nil, err
	}
	return data[:n], nil
}

// ahead gives all that the window holds from off on, at least least bytes. They are lent until the next call.
func (f *file) ahead(off int64, least int) ([]byte, error) {
	if off < 0 || off > f.size-int64(least) {
		return nil, errShort
	}
	if off < f.start || off+int64(least) > f.start+int64(len(f.window)) {
		if err := f.load(off); err != nil {
			return nil, err
		}
	}
	return f.window[off-f.start:], nil
}

func (f *file) load(off int64) error {
	window := f.window[:min(int64(cap(f.window)), f.size-off)]
	f.window, f.start = window[:0], off // holds nothing should the read fail
	if err := f.readAt(window, off); err != nil {
		return err
	}
	f.window = window
	return nil
}

// readAt fills p from off without moving the window: for a few bytes far away.
func (f *file) readAt(p []byte, off int64) error {
	if off < 0 || off > f.size-int64(len(p)) {
		return errShort
	}
	n, err := f.r.ReadAt(p, off)
	if n == len(p) {
		return nil
	}
	return fmt.Errorf("read upload at %d: %w", off, err)
}
