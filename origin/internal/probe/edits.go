package probe

import (
	"bytes"
	"cmp"

	"github.com/pictor/pictor/shared/wire"
)

// maxPieces bounds what travels in every Manifest of the picture. Cameras and editors stay far below.
const maxPieces = 4096

// edits collects the clean picture as pieces, in order. Past maxPieces it stops growing, and err says so.
type edits struct {
	pieces []wire.Piece
	size   int64
	err    error
}

// keep adds the n bytes at off of the upload. Runs that touch become one piece: a file without metadata is one piece.
func (e *edits) keep(off, n int64) {
	if n == 0 {
		return
	}
	e.size += n
	if last := len(e.pieces) - 1; last >= 0 {
		p := &e.pieces[last]
		if p.Insert == nil && p.Offset+p.Length == off {
			p.Length += n
			return
		}
	}
	e.add(wire.Piece{Offset: off, Length: n})
}

// insert adds bytes that are not in the upload. It holds on to them.
func (e *edits) insert(b []byte) {
	e.size += int64(len(b))
	e.add(wire.Piece{Insert: b})
}

// replace puts with in the place of was, which stands at off, and keeps it when they are the same: what has been
// cleaned before is one piece too.
func (e *edits) replace(off int64, was, with []byte) {
	if bytes.Equal(was, with) {
		e.keep(off, int64(len(was)))
		return
	}
	e.insert(with)
}

// append adds all of other.
func (e *edits) append(other *edits) {
	for _, p := range other.pieces {
		if p.Insert != nil {
			e.insert(p.Insert)
		} else {
			e.keep(p.Offset, p.Length)
		}
	}
	e.err = cmp.Or(e.err, other.err)
}

func (e *edits) add(p wire.Piece) {
	switch {
	case e.err != nil:
	case len(e.pieces) == maxPieces:
		e.err = invalid("its metadata lies in more than %d places", maxPieces)
	default:
		e.pieces = append(e.pieces, p)
	}
}
