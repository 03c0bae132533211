package originals_test

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/originals"
	"github.com/pictor/pictor/shared/wire"
)

var twoOwners = owners{{Name: "first"}, {Name: "second"}}

func TestChunkComesFromTheOwner(t *testing.T) {
	src, data := blob(1, 2*wire.ChunkBytes+5)
	o, asked := newOrigin(data), 0
	s := open(t, originals.Options{Origin: o, Ring: twoOwners, Peers: peers{
		"first": func(_ *wire.Source, i int) ([]byte, error) { asked++; return chunkOf(data, i), nil },
	}})
	for i := range 3 {
		wantChunk(t, s.Chunk, src, i, data)
		wantChunk(t, s.Chunk, src, i, data) // from memory
	}
	if wantWhole(t, o, 0, 0); asked != 3 {
		t.Fatalf("the owner was asked %d times for 3 chunks", asked)
	}
	if st := s.Stats(); st.PeerChunks != 3 || st.ChunkBytes != src.Bytes {
		t.Fatalf("stats: %+v", st)
	}
}

// An original is here from when it was fetched whole until it goes.
func TestHas(t *testing.T) {
	src, data := blob(1, 2*wire.ChunkBytes)
	s := open(t, originals.Options{Origin: newOrigin(data)})
	expect := func(want bool, when string) {
		t.Helper()
		if s.Has(src.Digest) != want {
			t.Errorf("%s: %v", when, !want)
		}
	}
	expect(false, "before")
	wantChunk(t, s.OwnerChunk, src, 1, data)
	expect(true, "when a part was wanted by one who believes this node to be the owner")
	s.Drop(src.Digest)
	expect(false, "when it was dropped")
}

func TestSourcesOfAChunkInOrder(t *testing.T) {
	src, data := blob(1, 2*wire.ChunkBytes)
	good := func(_ *wire.Source, i int) ([]byte, error) { return chunkOf(data, i), nil }
	wrong := func(_ *wire.Source, i int) ([]byte, error) { return chunkOf(data, 1-i), nil }
	short := func(_ *wire.Source, i int) ([]byte, error) { return chunkOf(data, i)[1:], nil }
	down := func(*wire.Source, int) ([]byte, error) {
		return nil, &edge.Error{Kind: edge.Unavailable, Message: "peer is gone"}
	}
	for name, test := range map[string]struct {
		peers  peers
		ranged int // requests to the origin
	}{
		"second helps":          {peers{"first": down, "second": good}, 0},
		"wrong bytes":           {peers{"first": wrong, "second": good}, 0},
		"short answer":          {peers{"first": short, "second": good}, 0},
		"both down":             {peers{"first": down, "second": down}, 1},
		"both lie":              {peers{"first": wrong, "second": short}, 1},
		"one down and one lies": {peers{"first": down, "second": wrong}, 1},
	} {
		t.Run(name, func(t *testing.T) {
			o := newOrigin(data)
			s := open(t, originals.Options{Origin: o, Ring: twoOwners, Peers: test.peers})
			wantChunk(t, s.Chunk, src, 1, data)
			wantWhole(t, o, 0, test.ranged)
		})
	}
}

func TestWrongChunkFromEverybody(t *testing.T) {
	src, data := blob(1, 2*wire.ChunkBytes)
	o := newOrigin()
	o.blobs[src.Digest] = append(bytes.Clone(data[wire.ChunkBytes:]), data[:wire.ChunkBytes]...)
	s := open(t, originals.Options{Origin: o, Ring: twoOwners, Peers: peers{
		"first":  func(*wire.Source, int) ([]byte, error) { return nil, errors.New("broken") },
		"second": func(*wire.Source, int) ([]byte, error) { return []byte("nonsense"), nil },
	}})
	_, err := s.Chunk(t.Context(), src, 0)
	wantKind(t, err, edge.Unavailable)
	if n := s.Stats().Corrupt; n != 2 {
		t.Fatalf("%d damaged chunks counted, want 2", n)
	}
}

// Peers that ask the owner for different chunks make it fetch the blob once.
func TestOwnerFetchesTheWholeBlobOnce(t *testing.T) {
	src, data := blob(1, 5*wire.ChunkBytes+1)
	o := newOrigin(data)
	s := open(t, originals.Options{Origin: o})
	var wg sync.WaitGroup
	for i := range 6 {
		wg.Go(func() { wantChunk(t, s.OwnerChunk, src, i, data) })
	}
	wg.Wait()
	wantWhole(t, o, 1, 0)
	wantFile(t, s, src, data)
	wantWhole(t, o, 1, 0)
}

func TestOwnerOfAGiantFetchesChunks(t *testing.T) {
	src, data := blob(1, 3*wire.ChunkBytes)
	o := newOrigin(data)
	s := open(t, originals.Options{Origin: o, WholeBytes: 2 * wire.ChunkBytes})
	wantChunk(t, s.OwnerChunk, src, 1, data)
	wantChunk(t, s.Chunk, src, 2, data)
	wantWhole(t, o, 0, 2)
}

func TestOwnerChunkAsksNoPeer(t *testing.T) {
	src, data := blob(1, 1000)
	s := open(t, originals.Options{Origin: newOrigin(data), Ring: twoOwners, Peers: peers{}}) // a call would panic
	wantChunk(t, s.OwnerChunk, src, 0, data)
}

// Two nodes that take each other for the owner, as happens while the ring changes, do not wait for each other.
func TestMutualOwnersDoNotDeadlock(t *testing.T) {
	src, data := blob(1, 1000)
	var a, b *originals.Store
	toB := func(src *wire.Source, i int) ([]byte, error) { return b.OwnerChunk(context.Background(), src, i) }
	toA := func(src *wire.Source, i int) ([]byte, error) { return a.OwnerChunk(context.Background(), src, i) }
	a = open(t, originals.Options{Origin: newOrigin(data), Ring: owners{{Name: "b"}}, Peers: peers{"b": toB}})
	b = open(t, originals.Options{Origin: newOrigin(data), Ring: owners{{Name: "a"}}, Peers: peers{"a": toA}})
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() { wantChunk(t, a.Chunk, src, 0, data) })
		wg.Go(func() { wantChunk(t, b.Chunk, src, 0, data) })
	}
	wg.Wait()
}

func TestChunkMemoryKeepsToItsBudget(t *testing.T) {
	src, data := blob(1, 8*wire.ChunkBytes)
	o := newOrigin(data)
	s := open(t, originals.Options{Origin: o, ChunkBytes: 3 * wire.ChunkBytes, WholeBytes: 1})
	for i := range 8 {
		wantChunk(t, s.Chunk, src, i, data)
		wantChunk(t, s.Chunk, src, max(0, i-1), data)
	}
	if n := s.Stats().ChunkBytes; n != 3*wire.ChunkBytes {
		t.Fatalf("%d bytes of chunks in memory, want the budget of 3 MiB", n)
	}
	wantWhole(t, o, 0, 8)
	wantChunk(t, s.Chunk, src, 0, data)
	wantWhole(t, o, 0, 9)
}

func TestConcurrentUseUnderEviction(t *testing.T) {
	const size = 40_000
	o := newOrigin()
	var sources []*wire.Source
	for i := range 12 {
		src, data := blob(uint64(i), size)
		o.blobs[src.Digest] = data
		sources = append(sources, src)
	}
	s := open(t, originals.Options{Origin: o, MaxBytes: 6 * size, ChunkBytes: 3 * size})
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			for range 100 {
				src := sources[rand.IntN(len(sources))]
				if rand.IntN(2) == 0 {
					wantFile(t, s, src, o.blobs[src.Digest])
				} else {
					wantChunk(t, s.Chunk, src, 0, o.blobs[src.Digest])
				}
			}
		})
	}
	wg.Wait()
	if st := s.Stats(); st.Bytes > 6*size || st.Corrupt != 0 {
		t.Fatalf("stats: %+v", st)
	}
}
