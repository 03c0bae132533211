package originals

import (
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

// shelf is the folder of files named by digest, and which of them to give up first. Files may disappear from under
// it: whoever opens one must be ready to fetch it again.
type shelf struct {
	dir      string
	maxBytes int64

	folder sync.Mutex // held while files come and go, so that nobody removes what another has just put there

	mu    sync.Mutex // taken after folder; never held across I/O
	files *simplelru.LRU[string, *file]
	bytes int64
}

type file struct {
	bytes    int64
	verified atomic.Bool // its bytes were hashed by this process
	touched  time.Time   // what the modification time says about its last use; guarded by shelf.mu
}

// tempPrefix marks downloads under way; those found at start were cut off by a crash.
const tempPrefix = "tmp-"

// touchEvery bounds how often a use is written down in the file's modification time, which orders the files after a
// restart. (Access times are off on many systems.)
const touchEvery = time.Minute

func openShelf(dir string, maxBytes int64) (*shelf, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder of originals: %w", err)
	}
	files, err := simplelru.NewLRU[string, *file](math.MaxInt, nil)
	if err != nil {
		return nil, fmt.Errorf("make index of originals: %w", err)
	}
	s := &shelf{dir: dir, maxBytes: maxBytes, files: files}
	if err := s.scan(); err != nil {
		return nil, fmt.Errorf("list originals: %w", err)
	}
	return s, nil
}

// scan takes in the files of an earlier run, least recently used first. What is not ours stays where it is.
func (s *shelf) scan() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	var found []fs.FileInfo
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), tempPrefix) {
			if err := os.Remove(filepath.Join(s.dir, e.Name())); err != nil {
				return err
			}
			continue
		}
		if info, err := e.Info(); err == nil && isDigest(e.Name()) && info.Mode().IsRegular() {
			found = append(found, info)
		}
	}
	slices.SortFunc(found, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, info := range found {
		s.put(info.Name(), &file{bytes: info.Size(), touched: info.ModTime()})
	}
	s.trim(s.maxBytes, 1)
	return nil
}

func isDigest(name string) bool {
	return len(name) == 64 && strings.Trim(name, "0123456789abcdef") == ""
}

func (s *shelf) path(digest string) string { return filepath.Join(s.dir, digest) }

// open gives the file, or nil when there is none. A file that is not as long as it was is removed.
func (s *shelf) open(digest string) (*os.File, *file) {
	entry, touch := s.use(digest)
	if entry == nil {
		return nil, nil
	}
	f, err := os.Open(s.path(digest))
	if err != nil {
		s.drop(digest, entry)
		return nil, nil
	}
	if info, err := f.Stat(); err != nil || info.Size() != entry.bytes {
		f.Close()
		s.drop(digest, entry)
		return nil, nil
	}
	if touch {
		// Only the order after a restart depends on it.
		_ = os.Chtimes(s.path(digest), time.Time{}, time.Now())
	}
	return f, entry
}

// use moves the file to the young end, and says whether that should be written down.
func (s *shelf) use(digest string) (entry *file, touch bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	entry, ok := s.files.Get(digest)
	if !ok {
		return nil, false
	}
	if now := time.Now(); now.Sub(entry.touched) > touchEvery {
		entry.touched, touch = now, true
	}
	return entry, touch
}

// take moves a checked download to its place and makes room for it. The newest file stays even when it alone is over
// the budget.
func (s *shelf) take(digest, temp string, bytes int64) error {
	entry := &file{bytes: bytes, touched: time.Now()}
	entry.verified.Store(true)
	s.folder.Lock()
	defer s.folder.Unlock()
	if err := os.Rename(temp, s.path(digest)); err != nil {
		return err
	}
	s.put(digest, entry)
	s.trim(s.maxBytes, 1)
	return nil
}

func (s *shelf) put(digest string, entry *file) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetLocked(digest)
	s.files.Add(digest, entry)
	s.bytes += entry.bytes
}

// shrink gives up half of the bytes.
func (s *shelf) shrink() {
	s.folder.Lock()
	defer s.folder.Unlock()
	_, bytes := s.size()
	s.trim(bytes/2, 0)
}

// trim removes the least recently used files; folder is held. Those who have one open are not disturbed. What cannot
// be removed is found again at the next start.
func (s *shelf) trim(toBytes int64, keep int) {
	for _, digest := range s.forgetOldest(toBytes, keep) {
		_ = os.Remove(s.path(digest))
	}
}

func (s *shelf) forgetOldest(toBytes int64, keep int) (gone []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.bytes > toBytes && s.files.Len() > keep {
		oldest, _, _ := s.files.GetOldest()
		s.forgetLocked(oldest)
		gone = append(gone, oldest)
	}
	return gone
}

// drop removes a file that turned out bad, unless another has taken its place.
func (s *shelf) drop(digest string, entry *file) {
	s.folder.Lock()
	defer s.folder.Unlock()
	if s.forget(digest, entry) {
		_ = os.Remove(s.path(digest))
	}
}

func (s *shelf) forget(digest string, entry *file) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if now, ok := s.files.Peek(digest); !ok || now != entry {
		return false
	}
	s.forgetLocked(digest)
	return true
}

func (s *shelf) forgetLocked(digest string) {
	if entry, ok := s.files.Peek(digest); ok {
		s.bytes -= entry.bytes
		s.files.Remove(digest)
	}
}

func (s *shelf) size() (files int, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files.Len(), s.bytes
}
