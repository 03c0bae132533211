package probe

import "encoding/binary"

// box is one box of the ISO base media file format.
type box struct {
	kind           string
	off, body, end int64
}

func (b box) length() int64 { return b.end - b.body }

// box reads the head of the box at off, which must end by limit.
func (a *avifWalker) box(off, limit int64) (box, error) {
	head, err := a.at(off, int(min(16, a.size-off)))
	if err != nil {
		return box{}, err
	}
	b, ok := parseBox(head, off, limit)
	if !ok {
		return box{}, errShort
	}
	return b, nil
}

// parseBox reads the head of a box: a length of 1 is followed by the real one, 0 means up to the limit.
func parseBox(head []byte, off, limit int64) (box, bool) {
	if len(head) < 8 {
		return box{}, false
	}
	b := box{kind: string(head[4:8]), off: off, body: off + 8}
	length := uint64(binary.BigEndian.Uint32(head))
	switch {
	case length == 0:
		length = uint64(limit - off)
	case length == 1 && len(head) >= 16:
		b.body += 8
		length = binary.BigEndian.Uint64(head[8:])
	}
	if length < uint64(b.body-off) || length > uint64(limit-off) {
		return box{}, false
	}
	b.end = off + int64(length)
	return b, true
}

// box reads the next box and gives its body as fields too.
func (f *fields) box() (box, fields, error) {
	b, ok := parseBox(f.data[:min(16, len(f.data))], f.off, f.off+int64(len(f.data)))
	if !ok {
		return box{}, fields{}, invalid("a box is longer than the one it lies in")
	}
	f.skip(int(b.body - b.off))
	return b, fields{off: b.body, data: f.take(int(b.length()))}, nil
}
