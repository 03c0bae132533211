package rungs

import (
	"fmt"
	"hash/crc32"
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

// shelf is the folder of JPEGs, one a source. A name says all there is to know: digest, size, CRC-32C of the content.
// Files may disappear from under it.
type shelf struct {
	dir      string
	maxBytes int64

	mu    sync.Mutex // never held across I/O but the removal of files
	files *simplelru.LRU[string, *file]
	bytes int64
}

type file struct {
	name    string
	size    Size
	sum     uint32
	bytes   int64
	checked atomic.Bool // the content had its sum, in this run
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

const (
	nameFormat = "%s-%dx%d-%08x.jpg"
	tempSuffix = ".tmp" // of files that are being written; those found at start were cut off by a crash
)

func openShelf(dir string, maxBytes int64) (*shelf, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder of rungs: %w", err)
	}
	files, err := simplelru.NewLRU[string, *file](math.MaxInt, nil)
	if err != nil {
		return nil, fmt.Errorf("make index of rungs: %w", err)
	}
	s := &shelf{dir: dir, maxBytes: maxBytes, files: files}
	if err := s.scan(); err != nil {
		return nil, fmt.Errorf("list rungs: %w", err)
	}
	return s, nil
}

// scan takes in the files of an earlier run, oldest first.
func (s *shelf) scan() error {
	entries, err := os.ReadDir(s.dir)
	if err != nil {
		return err
	}
	var infos []fs.FileInfo
	for _, e := range entries {
		if strings.HasSuffix(e.Name(), tempSuffix) {
			_ = os.Remove(filepath.Join(s.dir, e.Name()))
			continue
		}
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() {
			infos = append(infos, info)
		}
	}
	slices.SortFunc(infos, func(a, b fs.FileInfo) int { return a.ModTime().Compare(b.ModTime()) })
	for _, info := range infos {
		if digest, f := parseName(info.Name()); f != nil {
			f.bytes = info.Size()
			s.put(digest, f)
		}
	}
	return nil
}

func parseName(name string) (digest string, f *file) {
	f = &file{name: name}
	digest, rest, ok := strings.Cut(name, "-")
	if !ok {
		return "", nil
	}
	if _, err := fmt.Sscanf(rest, "%dx%d-%x.jpg", &f.size.Width, &f.size.Height, &f.sum); err != nil {
		return "", nil
	}
	if name != fmt.Sprintf(nameFormat, digest, f.size.Width, f.size.Height, f.sum) {
		return "", nil // not ours
	}
	return digest, f
}

func (s *shelf) has(digest string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files.Contains(digest)
}

func (s *shelf) size() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}

func (s *shelf) find(digest string, want Size) *Rung {
	s.mu.Lock()
	f, ok := s.files.Get(digest)
	s.mu.Unlock()
	if !ok || !f.size.Holds(want, FileRatio) {
		return nil
	}
	opened, err := s.open(f)
	if err != nil {
		s.drop(digest)
		return nil
	}
	return &Rung{Size: f.size, Bytes: f.bytes, File: opened}
}

// open checks the content on its first use in this run.
func (s *shelf) open(f *file) (*os.File, error) {
	path := filepath.Join(s.dir, f.name)
	if !f.checked.Load() {
		content, err := os.ReadFile(path)
		if err != nil {
			return nil, err
		}
		if int64(len(content)) != f.bytes || crc32.Checksum(content, castagnoli) != f.sum {
			return nil, fmt.Errorf("rung %s is damaged", f.name)
		}
		f.checked.Store(true)
		_ = os.Chtimes(path, time.Time{}, time.Now()) // only the order after a restart depends on it
	}
	return os.Open(path)
}

func (s *shelf) keep(digest string, size Size, jpeg []byte) error {
	f := &file{size: size, bytes: int64(len(jpeg)), sum: crc32.Checksum(jpeg, castagnoli)}
	f.name = fmt.Sprintf(nameFormat, digest, size.Width, size.Height, f.sum)
	f.checked.Store(true)
	path := filepath.Join(s.dir, f.name)
	if err := os.WriteFile(path+tempSuffix, jpeg, 0o600); err != nil {
		return err
	}
	if err := os.Rename(path+tempSuffix, path); err != nil {
		return err
	}
	s.put(digest, f)
	return nil
}

// put enters a file that is there, and makes room for it.
func (s *shelf) put(digest string, f *file) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if old, ok := s.files.Peek(digest); ok && old.name != f.name {
		s.removeLocked(digest, old)
	} else if ok {
		s.bytes -= old.bytes
	}
	s.files.Add(digest, f)
	s.bytes += f.bytes
	for s.bytes > s.maxBytes && s.files.Len() > 0 {
		oldest, old, _ := s.files.GetOldest()
		s.removeLocked(oldest, old)
	}
}

func (s *shelf) drop(digest string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f, ok := s.files.Peek(digest); ok {
		s.removeLocked(digest, f)
	}
}

func (s *shelf) removeLocked(digest string, f *file) {
	s.files.Remove(digest)
	s.bytes -= f.bytes
	_ = os.Remove(filepath.Join(s.dir, f.name)) // what cannot be removed is found again at the next start
}
