package originals

import (
	"errors"
	"fmt"
	"math"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/pictor/pictor/edge/internal/memfile"
)

// spare keeps originals in memory that the folder does not take: renders go on while the disk is full or sick. Files
// stay for a moment after their last use, as a page asks for its variants in a burst. Bytes count for as long as
// anybody has the file open, here or in a render process, so the budget holds whatever becomes of them.
// Where the system cannot tell, a disk that cannot be written stops renders.
type spare struct {
	maxBytes int64
	life     time.Duration

	mu    sync.Mutex
	files *simplelru.LRU[string, *memoryFile]
	bytes int64       // of files, and of those that are being written
	sweep *time.Timer // set while there are files
}

type memoryFile struct {
	*os.File
	bytes int64
	used  time.Time
}

var errNoRoom = errors.New("no room for it in memory")

func newSpare(maxBytes int64, life time.Duration) (*spare, error) {
	files, err := simplelru.NewLRU[string, *memoryFile](math.MaxInt, nil)
	if err != nil {
		return nil, fmt.Errorf("make index of originals in memory: %w", err)
	}
	return &spare{maxBytes: maxBytes, life: life, files: files}, nil
}

// open gives a descriptor of its own for reading, or nil.
func (s *spare) open(digest string) *os.File {
	s.mu.Lock()
	defer s.mu.Unlock()
	file, ok := s.files.Get(digest)
	if !ok {
		return nil
	}
	opened, err := memfile.Reopen(file.File)
	if err != nil {
		return nil
	}
	file.used = time.Now()
	return opened
}

func (s *spare) has(digest string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.files.Contains(digest)
}

// room gives an empty file for so many bytes, which count from now on. End it with take or giveBack.
func (s *spare) room(bytes int64) (*memoryFile, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, digest := range s.files.Keys() { // the least recently used first
		if s.bytes+bytes <= s.maxBytes {
			break
		}
		s.releaseLocked(digest)
	}
	if s.bytes+bytes > s.maxBytes {
		return nil, errNoRoom
	}
	file, err := memfile.New()
	if err != nil {
		return nil, err
	}
	s.bytes += bytes
	return &memoryFile{File: file, bytes: bytes}, nil
}

func (s *spare) giveBack(file *memoryFile) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.giveBackLocked(file)
}

func (s *spare) giveBackLocked(file *memoryFile) {
	s.bytes -= file.bytes
	file.Close()
}

// take enters a file that is written, unless there is one already.
func (s *spare) take(digest string, file *memoryFile) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.files.Contains(digest) { // of a download that nobody waited for any more
		s.giveBackLocked(file)
		return
	}
	file.used = time.Now()
	s.files.Add(digest, file)
	if s.sweep == nil {
		s.sweep = time.AfterFunc(s.life, s.expire)
	}
}

func (s *spare) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, digest := range s.files.Keys() {
		if file, _ := s.files.Peek(digest); time.Since(file.used) >= s.life {
			s.releaseLocked(digest)
		}
	}
	s.sweep = nil
	if s.files.Len() > 0 {
		s.sweep = time.AfterFunc(s.life/2, s.expire)
	}
}

// releaseLocked gives the memory of a file back, unless somebody has it open.
func (s *spare) releaseLocked(digest string) {
	file, _ := s.files.Peek(digest)
	if memfile.InUse(file.File) {
		return
	}
	s.files.Remove(digest)
	s.giveBackLocked(file)
}

func (s *spare) size() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bytes
}
