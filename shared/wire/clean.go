package wire

import (
	"errors"
	"fmt"
	"io"
	"sort"
)

// Cleaner reads the clean picture that a Source's Clean describes, straight out of the blob: nothing is copied or kept.
// It is safe for concurrent use when the blob is; wrap it in an io.SectionReader to read it in order.
type Cleaner struct {
	blob   io.ReaderAt
	pieces []Piece
	ends   []int64 // ends[i] is where pieces[i] ends in the clean picture
}

// NewCleaner reads the pieces of the blob. It holds on to both.
func NewCleaner(blob io.ReaderAt, pieces []Piece) *Cleaner {
	c := &Cleaner{blob: blob, pieces: pieces, ends: make([]int64, len(pieces))}
	var end int64
	for i, p := range pieces {
		end += p.Size()
		c.ends[i] = end
	}
	return c
}

// Size is the number of bytes of the clean picture.
func (c *Cleaner) Size() int64 {
	if len(c.ends) == 0 {
		return 0
	}
	return c.ends[len(c.ends)-1]
}

// ReadAt implements io.ReaderAt. A blob shorter than its pieces gives io.ErrUnexpectedEOF: io.EOF would pass for the
// end of the picture.
func (c *Cleaner) ReadAt(p []byte, off int64) (int, error) {
	if off < 0 {
		return 0, errors.New("wire: read clean picture: negative offset")
	}
	read := 0
	for i := c.pieceAt(off); i < len(c.pieces) && read < len(p); i++ {
		inside := off + int64(read) - (c.ends[i] - c.pieces[i].Size())
		want := min(int64(len(p)-read), c.pieces[i].Size()-inside)
		n, err := c.readPiece(p[read:read+int(want)], c.pieces[i], inside)
		read += n
		if err != nil {
			return read, err
		}
	}
	if read < len(p) {
		return read, io.EOF
	}
	return read, nil
}

// pieceAt is the index of the piece that holds the byte at off, len(c.pieces) past the end.
func (c *Cleaner) pieceAt(off int64) int {
	return sort.Search(len(c.ends), func(i int) bool { return c.ends[i] > off })
}

// readPiece fills p from the piece, which holds enough.
func (c *Cleaner) readPiece(p []byte, piece Piece, inside int64) (int, error) {
	if piece.Insert != nil {
		return copy(p, piece.Insert[inside:]), nil
	}
	n, err := c.blob.ReadAt(p, piece.Offset+inside)
	if n == len(p) {
		return n, nil // a ReaderAt may report io.EOF with the last bytes
	}
	if err == nil || err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	return n, fmt.Errorf("read piece at %d: %w", piece.Offset, err)
}
