package originals

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/wire"
)

type chunkKey struct {
	digest string
	index  int
}

// Chunk implements edge.Originals: from memory, from the file where it is here, from the owners, from the origin.
func (s *Store) Chunk(ctx context.Context, src *wire.Source, i int) ([]byte, error) {
	return s.chunk(ctx, src, i, &s.asking, s.anywhere)
}

// OwnerChunk is Chunk for a peer that believes this node to be the owner. It asks no other peer, so that a request
// takes one hop at most, and fetches the whole blob where that is not too much: more chunks will be wanted.
func (s *Store) OwnerChunk(ctx context.Context, src *wire.Source, i int) ([]byte, error) {
	return s.chunk(ctx, src, i, &s.own, s.asOwner)
}

// Has implements edge.Originals.
func (s *Store) Has(digest string) bool { return s.shelf.Has(digest) }

type chunkSource func(context.Context, *wire.Source, int) ([]byte, error)

func (s *Store) chunk(ctx context.Context, src *wire.Source, i int, group *edge.Flights[chunkKey, []byte],
	from chunkSource) ([]byte, error) {
	if err := checkSource(src); err != nil {
		return nil, err
	}
	if i < 0 || i >= len(src.Chunks) {
		return nil, &edge.Error{Kind: edge.Invalid, Message: "the original has no such part"}
	}
	key := chunkKey{src.Digest, i}
	if chunk := s.chunks.get(key); chunk != nil {
		return chunk, nil
	}
	return group.Do(ctx, key, func(ctx context.Context) ([]byte, error) {
		chunk, err := from(ctx, src, i)
		if err == nil {
			s.chunks.put(key, chunk)
		}
		return chunk, err
	})
}

func (s *Store) anywhere(ctx context.Context, src *wire.Source, i int) ([]byte, error) {
	if chunk := s.local(src, i); chunk != nil {
		return chunk, nil
	}
	owners := s.Ring.Owners(src.Digest)
	if len(owners) == 0 {
		return s.asOwner(ctx, src, i)
	}
	for _, owner := range owners {
		chunk, err := s.fromPeer(ctx, owner, src, i)
		if err == nil {
			return chunk, nil
		}
		if ctx.Err() != nil {
			return nil, err
		}
		s.peerFailures.Add(1)
		s.Log.Debug("owner gave no chunk", "peer", owner.Name, "digest", src.Digest, "chunk", i, "err", err)
	}
	return s.fromOrigin(ctx, src, i)
}

// asOwner takes the chunk from the whole file, fetching that; from the origin where the file would be too large or
// cannot be kept.
func (s *Store) asOwner(ctx context.Context, src *wire.Source, i int) ([]byte, error) {
	if chunk := s.local(src, i); chunk != nil {
		return chunk, nil
	}
	if src.Bytes > s.WholeBytes {
		return s.fromOrigin(ctx, src, i)
	}
	f, err := s.File(ctx, src)
	if errors.Is(err, errStorage) {
		return s.fromOrigin(ctx, src, i)
	}
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readChunk(f, src, i)
}

// local gives the chunk from the file on the shelf, if there is one and it is sound.
func (s *Store) local(src *wire.Source, i int) []byte {
	f, entry := s.shelf.Open(src.Digest)
	if f == nil {
		return nil
	}
	defer f.Close()
	chunk, err := readChunk(f, src, i)
	if err != nil {
		s.discard(src.Digest, entry, err)
		return nil
	}
	return chunk
}

func readChunk(f io.ReaderAt, src *wire.Source, i int) ([]byte, error) {
	chunk := make([]byte, chunkBytes(src, i))
	if n, err := f.ReadAt(chunk, int64(i)*wire.ChunkBytes); n < len(chunk) {
		return nil, unavailable("the original cannot be read", err)
	}
	if err := checkChunk(chunk, src, i); err != nil {
		return nil, err
	}
	return chunk, nil
}

func (s *Store) fromPeer(ctx context.Context, peer edge.Peer, src *wire.Source, i int) ([]byte, error) {
	chunk, err := s.Peers.Chunk(ctx, peer, src, i)
	if err != nil {
		return nil, err
	}
	if err := checkChunk(chunk, src, i); err != nil {
		s.corrupt.Add(1)
		s.Log.Warn("peer sent a damaged chunk", "peer", peer.Name, "err", err)
		return nil, err
	}
	s.peerChunks.Add(1)
	return chunk, nil
}

func (s *Store) fromOrigin(ctx context.Context, src *wire.Source, i int) ([]byte, error) {
	chunk := make([]byte, chunkBytes(src, i))
	body, err := s.ask(ctx, src, int64(i)*wire.ChunkBytes, int64(len(chunk)))
	if err != nil {
		return nil, err
	}
	defer body.Close()
	n, err := io.ReadFull(body, chunk)
	s.fetchedBytes.Add(int64(n))
	if err != nil {
		return nil, unavailable("the original cannot be fetched", fmt.Errorf("after %d bytes of chunk %d: %w", n, i, err))
	}
	if err := checkChunk(chunk, src, i); err != nil {
		s.corrupt.Add(1)
		return nil, unavailable("the original cannot be fetched", fmt.Errorf("from the origin: %w", err))
	}
	return chunk, nil
}

// chunkBytes is the length of the i-th chunk; only the last is shorter than the others.
func chunkBytes(src *wire.Source, i int) int64 {
	return min(wire.ChunkBytes, src.Bytes-int64(i)*wire.ChunkBytes)
}

var errWrongChunk = errors.New("the bytes do not have the hash of the manifest")

func checkChunk(chunk []byte, src *wire.Source, i int) error {
	sum := sha256.Sum256(chunk)
	if int64(len(chunk)) != chunkBytes(src, i) || !bytes.Equal(sum[:], src.Chunks[i]) {
		return unavailable("the original cannot be fetched", fmt.Errorf("chunk %d of %s: %w", i, src.Digest, errWrongChunk))
	}
	return nil
}

// chunkCache keeps checked chunks in memory, up to a number of bytes.
type chunkCache struct {
	maxBytes int64

	mu     sync.Mutex
	chunks *simplelru.LRU[chunkKey, []byte]
	bytes  int64
}

func newChunkCache(maxBytes int64) (*chunkCache, error) {
	chunks, err := simplelru.NewLRU[chunkKey, []byte](math.MaxInt, nil)
	if err != nil {
		return nil, fmt.Errorf("make cache of chunks: %w", err)
	}
	return &chunkCache{maxBytes: maxBytes, chunks: chunks}, nil
}

func (c *chunkCache) get(key chunkKey) []byte {
	c.mu.Lock()
	defer c.mu.Unlock()
	chunk, _ := c.chunks.Get(key)
	return chunk
}

func (c *chunkCache) put(key chunkKey, chunk []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.chunks.Peek(key); ok {
		c.bytes -= int64(len(old))
	}
	c.chunks.Add(key, chunk)
	c.bytes += int64(len(chunk))
	for c.bytes > c.maxBytes {
		_, old, _ := c.chunks.RemoveOldest()
		c.bytes -= int64(len(old))
	}
}

func (c *chunkCache) size() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes
}
