// Package shelf keeps files under keys in a folder, up to a number of bytes: what was not used for longest goes first.
// Files outlive the program, and may disappear from under it: whoever opens one must be ready for that.
package shelf

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"
)

// Options of a Shelf. Dir, MaxBytes and Key must be given.
type Options struct {
	Dir      string // made where it is missing; what is in it and not ours stays as it is
	MaxBytes int64
	// Key tells what a file found at start is kept under; ok is false for names that are not ours.
	Key func(name string) (key string, ok bool)
	// Gone reports whether nothing must be kept under the key any more; nil is never. Whoever makes it so calls Drop
	// afterwards: then nothing stays, also not what was on its way.
	Gone func(key string) bool
}

// Shelf is a folder of files, one a key. It is safe for concurrent use.
type Shelf struct {
	Options

	folder sync.Mutex // held while files come and go, so that nobody removes what another has just put there

	mu    sync.Mutex // taken after folder; never held across I/O
	files *simplelru.LRU[string, *File]
	bytes int64
}

// File is one file on the shelf.
type File struct {
	Name    string // in the folder
	Bytes   int64
	Checked atomic.Bool // its content was checked by this process; what Take brings is
	touched time.Time   // what the modification time says about its last use; guarded by Shelf.mu
}

// ErrGone says that nothing is kept under the key any more.
var ErrGone = errors.New("nothing may be kept of it any more")

// tempPrefix marks files that are being written; those found at start were cut off by a crash.
const tempPrefix = "tmp-"

// touchEvery bounds how often a use is written down in the file's modification time, which orders the files after a
// restart. (Access times are off on many systems.)
const touchEvery = time.Minute

// Open takes in the files of an earlier run, least recently used first.
func Open(o Options) (*Shelf, error) {
	if err := os.MkdirAll(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder: %w", err)
	}
	files, err := simplelru.NewLRU[string, *File](math.MaxInt, nil)
	if err != nil {
		return nil, fmt.Errorf("make index of files: %w", err)
	}
	s := &Shelf{Options: o, files: files}
	if err := s.scan(); err != nil {
		return nil, fmt.Errorf("list files: %w", err)
	}
	return s, nil
}

func (s *Shelf) scan() error {
	entries, err := os.ReadDir(s.Dir)
	if err != nil {
		return err
	}
	var found []fs.FileInfo
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), tempPrefix) {
			if err := os.Remove(s.path(e.Name())); err != nil {
				return err
			}
			continue
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			found = append(found, info)
		}
	}
	slices.SortFunc(found, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	var gone []string
	for _, info := range found {
		if key, ok := s.Key(info.Name()); ok {
			gone = append(gone, s.put(key, &File{Name: info.Name(), Bytes: info.Size(), touched: info.ModTime()})...)
		}
	}
	s.remove(append(gone, s.forgetOldest(s.MaxBytes, 1)...))
	return nil
}

func (s *Shelf) path(name string) string { return filepath.Join(s.Dir, name) }

// Has reports whether there is a file under the key, as far as is known.
func (s *Shelf) Has(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files.Contains(key)
}

// Open gives the file under the key for reading, or nil when there is none. One that is not as long as it was is removed.
func (s *Shelf) Open(key string) (*os.File, *File) {
	file, touch := s.use(key)
	if file == nil {
		return nil, nil
	}
	opened, err := os.Open(s.path(file.Name))
	if err != nil {
		s.Discard(key, file)
		return nil, nil
	}
	if info, err := opened.Stat(); err != nil || info.Size() != file.Bytes {
		opened.Close()
		s.Discard(key, file)
		return nil, nil
	}
	if touch {
		// Only the order after a restart depends on it.
		_ = os.Chtimes(s.path(file.Name), time.Time{}, time.Now())
	}
	return opened, file
}

// use moves the file to the young end, and says whether that should be written down.
func (s *Shelf) use(key string) (file *File, touch bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	file, ok := s.files.Get(key)
	if !ok {
		return nil, false
	}
	if now := time.Now(); now.Sub(file.touched) > touchEvery {
		file.touched, touch = now, true
	}
	return file, touch
}

// Temp makes a file in the folder to write to. The caller closes it, and removes it when Take has not taken it.
func (s *Shelf) Temp() (*os.File, error) { return os.CreateTemp(s.Dir, tempPrefix) }

// Take moves a file that Temp gave, written and checked, to its place, makes room for it, and removes another one of the
// key. The newest file stays even when it alone is over the budget. It is not synced: after a crash its content is to be
// checked before it is used.
func (s *Shelf) Take(key, name, temp string, bytes int64) error {
	file := &File{Name: name, Bytes: bytes, touched: time.Now()}
	file.Checked.Store(true)
	s.folder.Lock()
	defer s.folder.Unlock()
	if s.Gone != nil && s.Gone(key) {
		return ErrGone
	}
	if err := os.Rename(temp, s.path(name)); err != nil {
		return err
	}
	s.remove(append(s.put(key, file), s.forgetOldest(s.MaxBytes, 1)...))
	return nil
}

// put enters a file that is there, and gives the name of the one whose place it takes, if any.
func (s *Shelf) put(key string, file *File) (gone []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old := s.forgetLocked(key); old != nil && old.Name != file.Name {
		gone = append(gone, old.Name)
	}
	s.files.Add(key, file)
	s.bytes += file.Bytes
	return gone
}

// Shrink gives up half of the bytes: the disk may be fuller than the budget knows, and would stay so.
func (s *Shelf) Shrink() {
	s.folder.Lock()
	defer s.folder.Unlock()
	_, bytes := s.Size()
	s.remove(s.forgetOldest(bytes/2, 0))
}

// remove deletes files that are forgotten; folder is held, or nobody else knows the Shelf yet. Those who have one open are
// not disturbed. What cannot be removed is found again at the next start.
func (s *Shelf) remove(names []string) {
	for _, name := range names {
		_ = os.Remove(s.path(name))
	}
}

func (s *Shelf) forgetOldest(toBytes int64, keep int) (gone []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.bytes > toBytes && s.files.Len() > keep {
		oldest, _, _ := s.files.GetOldest()
		gone = append(gone, s.forgetLocked(oldest).Name)
	}
	return gone
}

// Drop removes what is kept under the key.
func (s *Shelf) Drop(key string) {
	s.folder.Lock()
	defer s.folder.Unlock()
	s.remove(s.forget(key, nil))
}

// Discard removes a file that turned out bad, unless another has taken its place.
func (s *Shelf) Discard(key string, bad *File) {
	s.folder.Lock()
	defer s.folder.Unlock()
	s.remove(s.forget(key, bad))
}

// forget forgets the file, or any one under the key when it is nil, and gives the name of what it forgot.
func (s *Shelf) forget(key string, file *File) (gone []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now, ok := s.files.Peek(key); ok && (file == nil || now == file) {
		gone = append(gone, s.forgetLocked(key).Name)
	}
	return gone
}

func (s *Shelf) forgetLocked(key string) *File {
	file, ok := s.files.Peek(key)
	if !ok {
		return nil
	}
	s.bytes -= file.Bytes
	s.files.Remove(key)
	return file
}

// Size is how much there is.
func (s *Shelf) Size() (files int, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files.Len(), s.bytes
}
