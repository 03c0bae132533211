package probe

import (
	"bytes"
	"cmp"
	"slices"
)

// maxBlankedBytes bounds the zeros that travel in every Manifest of the picture.
const maxBlankedBytes = 1 << 20

// patch overwrites bytes of the upload in place: with, then zeros up to its length. Sizes and offsets, which the file is
// full of, stay as they are.
type patch struct {
	off, length int64
	with        string
}

// blank overwrites all that the picture does not need.
func (a *avifWalker) blank() error {
	for _, b := range a.meta.unneeded {
		if err := a.free(b); err != nil {
			return err
		}
	}
	kept, err := a.blankItems()
	if err != nil {
		return err
	}
	for _, b := range append(a.media, a.meta.idat) {
		if err := a.blankGaps(b, kept); err != nil {
			return err
		}
	}
	return nil
}

// blankItems turns the items that go into items of no known kind, without name and type, and gives the bytes of those
// that stay, in order.
func (a *avifWalker) blankItems() ([]extent, error) {
	var kept []extent
	for _, item := range a.meta.list {
		if !a.meta.goes(item) {
			kept = append(kept, item.extents...)
			continue
		}
		if item.kind != "free" {
			if err := a.patch(patch{off: item.entry.off, length: 4, with: "free"}); err != nil {
				return nil, err
			}
		}
		if err := a.zero(item.entry.off+4, item.entry.end()); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(kept, func(x, y extent) int { return cmp.Compare(x.off, y.off) })
	return kept, nil
}

// blankGaps zeroes what lies in the box but in no kept extent: bytes that nothing refers to may hold anything.
func (a *avifWalker) blankGaps(b box, kept []extent) error {
	off := b.body
	for _, e := range kept {
		if e.end() <= off || e.off >= b.end {
			continue
		}
		if err := a.zero(off, e.off); err != nil {
			return err
		}
		off = e.end()
	}
	return a.zero(off, b.end)
}

// free turns a box into a free one of the same size.
func (a *avifWalker) free(b box) error {
	if b.kind != "free" {
		if err := a.patch(patch{off: b.off + 4, length: 4, with: "free"}); err != nil {
			return err
		}
	}
	return a.zero(b.body, b.end)
}

// zero overwrites a run with zeros, unless it holds nothing else already.
func (a *avifWalker) zero(off, end int64) error {
	for at := off; at < end; {
		data, err := a.ahead(at, 1)
		if err != nil {
			return err
		}
		data = data[:min(int64(len(data)), end-at)]
		if !allZero(data) {
			return a.patch(patch{off: off, length: end - off})
		}
		at += int64(len(data))
	}
	return nil
}

// allZero compares the bytes with themselves, one further on.
func allZero(data []byte) bool {
	return len(data) == 0 || data[0] == 0 && bytes.Equal(data[1:], data[:len(data)-1])
}

func (a *avifWalker) patch(p patch) error {
	if len(a.patches) == maxPieces {
		return invalid("its metadata lies in more than %d places", maxPieces)
	}
	a.patches = append(a.patches, p)
	return nil
}

// apply makes the pieces out of the patches.
func (a *avifWalker) apply() error {
	slices.SortFunc(a.patches, func(x, y patch) int { return cmp.Compare(x.off, y.off) })
	off, blanked := int64(0), int64(0)
	for _, p := range a.patches {
		if p.off >= a.end {
			break // behind the last needed box, where the clean picture ends
		}
		if p.off < off {
			return invalid("its boxes overlap")
		}
		if blanked += p.length; blanked > maxBlankedBytes {
			return invalid("more than %d KiB of metadata would have to be blanked", maxBlankedBytes>>10)
		}
		a.clean.keep(off, p.off-off)
		a.clean.insert(append([]byte(p.with), make([]byte, p.length-int64(len(p.with)))...))
		off = p.off + p.length
	}
	a.clean.keep(off, a.end-off)
	return nil
}
