package edge

import (
	"context"
	"fmt"
	"io"

	"github.com/pictor/pictor/shared/wire"
)

// wholeBytes is the largest untransformed picture that is held in memory and cached as one Object; larger ones are
// streamed in chunks.
const wholeBytes = 2 << 20

// blobAt reads a blob chunk by chunk, each checked against its hash.
type blobAt struct {
	ctx       context.Context
	originals Originals
	src       *wire.Source
}

func (b blobAt) ReadAt(p []byte, off int64) (n int, err error) {
	for n < len(p) && off < b.src.Bytes {
		chunk, err := b.originals.Chunk(b.ctx, b.src, int(off/wire.ChunkBytes))
		if err != nil {
			return n, err
		}
		within := off % wire.ChunkBytes
		if within >= int64(len(chunk)) {
			return n, fmt.Errorf("chunk at %d of %s is too short", off, b.src.Digest)
		}
		copied := copy(p[n:], chunk[within:])
		n, off = n+copied, off+int64(copied)
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

// clean is the source without private metadata, for random access.
func (e *Edge) clean(ctx context.Context, src *wire.Source) io.ReaderAt {
	return wire.NewCleaner(blobAt{ctx, e.Originals, src}, src.Clean)
}

// cleanObject reads the whole clean picture into an Object. It takes the file, not chunks: this node owns the source,
// and transforms of it are likely to follow.
func (e *Edge) cleanObject(ctx context.Context, src *wire.Source) (*Object, error) {
	file, err := e.Originals.File(ctx, src)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	body := make([]byte, src.CleanBytes)
	if _, err := wire.NewCleaner(file, src.Clean).ReadAt(body, 0); err != nil && err != io.EOF {
		return nil, fmt.Errorf("read clean picture of %s: %w", src.Digest, err)
	}
	obj := NewObject(src.Picture().Format.MediaType(), body)
	if obj.ETag != ETag(src.CleanDigest) {
		return nil, fmt.Errorf("clean picture of %s does not have the digest of its manifest", src.Digest)
	}
	return obj, nil
}
