// Package rungs keeps reduced copies of large sources, from which further variants are made at a fraction of the cost:
// as plain pixels in memory for the burst in which a page asks for its variants, and as files for later. All of it is
// a cache. Rungs are found by the digest of the source, so nobody reaches those of a picture that is gone; Drop sees to it
// that nothing is left of them.
package rungs

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/pictor/pictor/edge/internal/memfile"
	"github.com/pictor/pictor/edge/internal/shelf"
)

// Size of a rung in pixels, as its source is stored: before the orientation tag is applied.
type Size struct{ Width, Height int }

// Holds reports whether from is at least so many times as large as s.
func (from Size) Holds(s Size, times float64) bool {
	return float64(from.Width) >= times*float64(s.Width) && float64(from.Height) >= times*float64(s.Height)
}

// Rung is a reduced copy of a source, open for reading. Who got it closes File.
type Rung struct {
	Size
	Bands int // of plain pixels; 0 for a JPEG
	Bytes int64
	File  *os.File
}

// Options of a Store. Zero values stand for the defaults; without Dir there are no files.
type Options struct {
	Dir         string
	MemoryBytes int64         // budget of plain pixels, 64 MiB by default
	DiskBytes   int64         // budget of files, 512 MiB by default
	Life        time.Duration // of plain pixels after their last use, 10 s by default
	// Gone reports whether nothing may be kept of a source any more; who makes it so calls Drop afterwards. Nil is never.
	Gone func(digest string) bool
	Log  *slog.Logger
}

const (
	defaultMemoryBytes = 64 << 20
	defaultDiskBytes   = 512 << 20
	defaultLife        = 10 * time.Second
)

// Ratios by which a rung must be larger than the picture made from it, for an SSIM of at least 0.99 against the same
// picture made from the source: docs/decisions/0002-rungs.md.
const (
	PixelRatio = 1.22
	FileRatio  = 1.3
)

// Store keeps rungs. It is safe for concurrent use.
type Store struct {
	Options
	shelf *shelf.Shelf // nil without a folder

	mu     sync.Mutex
	pixels *simplelru.LRU[string, []*pixels]
	bytes  int64
	sweep  *time.Timer // set while there are pixels

	hits, misses, held, kept atomic.Int64
}

// pixels of one source in one size. The file is one in memory that can neither shrink nor grow.
type pixels struct {
	Rung
	used time.Time
}

// Stats are counts since Open, apart from the first two.
type Stats struct {
	MemoryBytes, DiskBytes int64
	Hits, Misses           int64 // of Find
	Held, Kept             int64 // rungs taken in: pixels, files
}

// Open takes in the files of an earlier run.
func Open(o Options) (*Store, error) {
	o.MemoryBytes = cmp.Or(o.MemoryBytes, defaultMemoryBytes)
	o.DiskBytes = cmp.Or(o.DiskBytes, defaultDiskBytes)
	o.Life = cmp.Or(o.Life, defaultLife)
	if o.Gone == nil {
		o.Gone = func(string) bool { return false }
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	lru, err := simplelru.NewLRU[string, []*pixels](1<<20, nil)
	if err != nil {
		return nil, fmt.Errorf("make index of rungs: %w", err)
	}
	s := &Store{Options: o, pixels: lru}
	if o.Dir != "" {
		s.shelf, err = shelf.Open(shelf.Options{Dir: o.Dir, MaxBytes: o.DiskBytes, Key: keyOf, Gone: o.Gone})
		if err != nil {
			return nil, fmt.Errorf("open rungs: %w", err)
		}
	}
	return s, nil
}

// Find opens the smallest rung of the source from which a picture of the wanted size can be made, or gives nil. Pixels
// go before files.
func (s *Store) Find(digest string, want Size) *Rung {
	r := s.findPixels(digest, want)
	if r == nil && s.shelf != nil {
		r = s.findFile(digest, want)
	}
	if r == nil {
		s.misses.Add(1)
		return nil
	}
	s.hits.Add(1)
	return r
}

func (s *Store) findPixels(digest string, want Size) *Rung {
	s.mu.Lock()
	defer s.mu.Unlock()
	all, _ := s.pixels.Get(digest)
	for _, p := range all { // smallest first
		if !p.Holds(want, PixelRatio) {
			continue
		}
		p.used = time.Now()
		r := p.Rung
		var err error
		if r.File, err = memfile.Duplicate(p.File); err != nil {
			return nil
		}
		return &r
	}
	return nil
}

// Hold takes pixels in, and their file with them; what must go to make room is the least recently used.
func (s *Store) Hold(digest string, r Rung) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.Gone(digest) {
		r.File.Close()
		return
	}
	s.held.Add(1)
	all, _ := s.pixels.Get(digest)
	all = append(slices.Clone(all), &pixels{r, time.Now()})
	slices.SortFunc(all, func(a, b *pixels) int { return cmp.Compare(a.Bytes, b.Bytes) })
	s.pixels.Add(digest, all)
	s.bytes += r.Bytes
	for s.bytes > s.MemoryBytes && s.pixels.Len() > 0 {
		oldest, _, _ := s.pixels.GetOldest()
		s.forgetLocked(oldest)
	}
	if s.sweep == nil {
		s.sweep = time.AfterFunc(s.Life, s.expire)
	}
}

// expire gives up what was not used for a while.
func (s *Store) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, digest := range s.pixels.Keys() {
		all, _ := s.pixels.Peek(digest)
		if !slices.ContainsFunc(all, func(p *pixels) bool { return time.Since(p.used) < s.Life }) {
			s.forgetLocked(digest)
		}
	}
	s.sweep = nil
	if s.pixels.Len() > 0 {
		s.sweep = time.AfterFunc(s.Life/2, s.expire)
	}
}

func (s *Store) forgetLocked(digest string) {
	all, _ := s.pixels.Peek(digest)
	for _, p := range all {
		s.bytes -= p.Bytes
		p.File.Close() // whoever reads it has a descriptor of their own
	}
	s.pixels.Remove(digest)
}

// Keep takes a JPEG in as a file, for later. Trouble with the disk costs the rung.
func (s *Store) Keep(digest string, size Size, jpeg []byte) {
	if s.shelf == nil {
		return
	}
	err := s.keepFile(digest, size, jpeg)
	if errors.Is(err, shelf.ErrGone) {
		return
	}
	if err != nil {
		s.Log.Warn("rung is not kept", "digest", digest, "err", err)
		return
	}
	s.kept.Add(1)
}

// OnDisk reports whether there is a file for the source already.
func (s *Store) OnDisk(digest string) bool { return s.shelf == nil || s.shelf.Has(digest) }

// Drop forgets the rungs of a source: the source is gone, or one of them turned out bad.
func (s *Store) Drop(digest string) {
	s.mu.Lock()
	s.forgetLocked(digest)
	s.mu.Unlock()
	if s.shelf != nil {
		s.shelf.Drop(digest)
	}
}

// Stats gives a snapshot.
func (s *Store) Stats() Stats {
	st := Stats{Hits: s.hits.Load(), Misses: s.misses.Load(), Held: s.held.Load(), Kept: s.kept.Load()}
	s.mu.Lock()
	st.MemoryBytes = s.bytes
	s.mu.Unlock()
	if s.shelf != nil {
		_, st.DiskBytes = s.shelf.Size()
	}
	return st
}

// Close frees the memory; files stay for the next run.
func (s *Store) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, digest := range s.pixels.Keys() {
		s.forgetLocked(digest)
	}
	if s.sweep != nil {
		s.sweep.Stop()
	}
	return nil
}
