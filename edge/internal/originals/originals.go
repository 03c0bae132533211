// Package originals keeps uploaded blobs near the renderer: edge.Originals as a folder of files with a byte budget.
// Nothing leaves it that was not checked against its digest, or piece by piece against the chunk hashes.
package originals

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/shelf"
	"github.com/pictor/pictor/shared/wire"
)

// Options of a Store. Dir, Origin, Ring and Peers must be given; other zero values stand for the defaults.
type Options struct {
	Dir        string
	MaxBytes   int64         // budget of the folder, 10 GiB by default
	ChunkBytes int64         // budget of chunks in memory, 64 MiB by default
	SpareBytes int64         // budget of whole originals in memory, for a disk that is full or sick; 128 MiB by default
	SpareLife  time.Duration // of these after their last use, 10 s by default
	WholeBytes int64         // the owner of a blob no larger than this fetches all of it for one chunk; 32 MiB by default
	Origin     edge.Origin
	Ring       edge.Ring
	Peers      edge.Peers // may be nil when Ring gives no owners
	// Gone reports whether nothing may be kept of a blob any more; who makes it so calls Drop afterwards. Nil is never.
	Gone func(digest string) bool
	Log  *slog.Logger
}

const (
	defaultMaxBytes   = 10 << 30
	defaultChunkBytes = 64 << 20
	defaultWholeBytes = 32 << 20
	defaultSpareBytes = 128 << 20
	defaultSpareLife  = 10 * time.Second
)

// Store implements edge.Originals.
type Store struct {
	Options
	shelf  *shelf.Shelf // checked files are those that were hashed in this run
	spare  *spare
	chunks *chunkCache
	sick   atomic.Bool // the folder could not be written the last time

	downloads edge.Flights[string, struct{}]
	asking    edge.Flights[chunkKey, []byte] // may ask peers
	own       edge.Flights[chunkKey, []byte] // may not; peers join only these, so that two nodes never wait for each other

	fetches, fetchedBytes, corrupt, borrowed, peerChunks, peerFailures atomic.Int64
}

// Stats are figures since Open, apart from the first four.
type Stats struct {
	Files, Bytes  int64 // in the folder
	MemoryBytes   int64 // of whole ones in memory, because the folder did not take them
	ChunkBytes    int64 // in memory
	Borrowed      int64 // originals that the folder did not take
	OriginFetches int64 // requests to the origin, whole blobs and chunks
	OriginBytes   int64
	Corrupt       int64 // files and chunks that did not have their hash
	PeerChunks    int64 // chunks that came from owners
	PeerFailures  int64 // owners asked in vain
}

// Open takes in the files of an earlier run. They are hashed once more before their first use.
func Open(o Options) (*Store, error) {
	o.MaxBytes = cmp.Or(o.MaxBytes, defaultMaxBytes)
	o.ChunkBytes = cmp.Or(o.ChunkBytes, defaultChunkBytes)
	o.SpareBytes = cmp.Or(o.SpareBytes, defaultSpareBytes)
	o.SpareLife = cmp.Or(o.SpareLife, defaultSpareLife)
	o.WholeBytes = cmp.Or(o.WholeBytes, defaultWholeBytes)
	if o.Gone == nil {
		o.Gone = func(string) bool { return false }
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	files, err := shelf.Open(shelf.Options{Dir: o.Dir, MaxBytes: o.MaxBytes, Key: keyOf, Gone: o.Gone})
	if err != nil {
		return nil, fmt.Errorf("open originals: %w", err)
	}
	inMemory, err := newSpare(o.SpareBytes, o.SpareLife)
	if err != nil {
		return nil, err
	}
	chunks, err := newChunkCache(o.ChunkBytes)
	if err != nil {
		return nil, err
	}
	return &Store{Options: o, shelf: files, spare: inMemory, chunks: chunks}, nil
}

// Stats gives a snapshot.
func (s *Store) Stats() Stats {
	files, bytes := s.shelf.Size()
	return Stats{
		Files:         int64(files),
		Bytes:         bytes,
		MemoryBytes:   s.spare.size(),
		ChunkBytes:    s.chunks.size(),
		Borrowed:      s.borrowed.Load(),
		OriginFetches: s.fetches.Load(),
		OriginBytes:   s.fetchedBytes.Load(),
		Corrupt:       s.corrupt.Load(),
		PeerChunks:    s.peerChunks.Load(),
		PeerFailures:  s.peerFailures.Load(),
	}
}

// openAttempts: between the download and the opening others may push the file out. Once is bad luck.
const openAttempts = 4

// File implements edge.Originals.
func (s *Store) File(ctx context.Context, src *wire.Source) (*os.File, error) {
	if err := checkSource(src); err != nil {
		return nil, err
	}
	for range openAttempts {
		if f := s.checked(src.Digest); f != nil {
			return f, nil
		}
		_, err := s.downloads.Do(ctx, src.Digest, func(ctx context.Context) (struct{}, error) {
			return struct{}{}, s.ensure(ctx, src)
		})
		if err != nil {
			return nil, err
		}
	}
	return nil, &edge.Error{Kind: edge.Overloaded, Message: "the store of originals is too small for the work",
		Err: fmt.Errorf("original %s was pushed out %d times before it could be opened", src.Digest, openAttempts)}
}

// checked opens the original if it is here and its bytes are known to be right.
func (s *Store) checked(digest string) *os.File {
	if f, entry := s.shelf.Open(digest); f != nil {
		if entry.Checked.Load() {
			return f
		}
		f.Close()
	}
	return s.spare.open(digest)
}

// Drop removes a blob from the folder. In memory it stays for a moment.
func (s *Store) Drop(digest string) { s.shelf.Drop(digest) }

// ensure leaves a checked file on the shelf, or in memory. The flight before may have done so.
func (s *Store) ensure(ctx context.Context, src *wire.Source) error {
	f, entry := s.shelf.Open(src.Digest)
	if f == nil && s.spare.has(src.Digest) {
		return nil
	}
	if f == nil {
		return s.fetch(ctx, src)
	}
	defer f.Close()
	if entry.Checked.Load() {
		return nil
	}
	err := checkFile(ctx, f, src)
	if err == nil {
		entry.Checked.Store(true)
		return nil
	}
	if ctx.Err() != nil {
		return err
	}
	s.discard(src.Digest, entry, err)
	return s.fetch(ctx, src)
}

// discard removes a file that is not what its name says.
func (s *Store) discard(digest string, entry *shelf.File, reason error) {
	s.corrupt.Add(1)
	s.Log.Warn("original on disk is damaged, fetching it again", "digest", digest, "err", reason)
	s.shelf.Discard(digest, entry)
}

// keyOf: files are named by their digest.
func keyOf(name string) (string, bool) { return name, isDigest(name) }

func isDigest(name string) bool {
	return len(name) == 64 && strings.Trim(name, "0123456789abcdef") == ""
}

// checkSource refuses what can only come from a confused peer: the digest becomes a file name, the sizes become
// allocations.
func checkSource(src *wire.Source) error {
	var wrong string
	switch chunks := (src.Bytes + wire.ChunkBytes - 1) / wire.ChunkBytes; {
	case !isDigest(src.Digest):
		wrong = "digest"
	case src.Bytes <= 0 || int64(len(src.Chunks)) != chunks:
		wrong = "size"
	default:
		return nil
	}
	return &edge.Error{Kind: edge.Invalid, Message: "the description of the original makes no sense",
		Err: errors.New("bad " + wrong)}
}
