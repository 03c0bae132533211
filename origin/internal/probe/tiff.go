package probe

import (
	"encoding/binary"
	"slices"
)

// Bounds of what a TIFF may count up.
const (
	maxTIFFEntries = 4096
	maxTIFFBlocks  = 1 << 19 // 100 megapixels in the smallest tiles
)

// Tags of a TIFF (revision 6.0) that bear on how its picture is stored.
const (
	tiffWidth        = 256
	tiffHeight       = 257
	tiffBits         = 258
	tiffCompression  = 259
	tiffPhotometric  = 262
	tiffStrips       = 273
	tiffRowsPerStrip = 278
	tiffStripBytes   = 279
	tiffPlanar       = 284
	tiffTileWidth    = 322
	tiffTileHeight   = 323
	tiffTiles        = 324
	tiffTileBytes    = 325
	tiffExtra        = 338
	tiffSampleFormat = 339
)

func isTIFF(head []byte) bool { return byteOrder(head) != nil }

// tiffWalker reads the first directory; what further ones describe is not shown.
type tiffWalker struct {
	*walker
	order   binary.ByteOrder
	entries map[uint16][]byte // of the first directory
}

// walkTIFF takes what the renderer's decoder takes. There is no clean TIFF: its metadata lies wherever offsets lead, so
// untransformed it is delivered as a picture of another format.
func walkTIFF(w *walker) error {
	head, err := w.at(0, 8)
	if err != nil {
		return err
	}
	t := &tiffWalker{walker: w, order: byteOrder(head), entries: map[uint16][]byte{}}
	if err := t.directory(int64(t.order.Uint32(head[4:]))); err != nil {
		return err
	}
	if err := w.setSize(int64(t.number(tiffWidth, 0)), int64(t.number(tiffHeight, 0))); err != nil {
		return err
	}
	if err := t.mode(); err != nil {
		return err
	}
	if entry := t.entries[tagOrientation]; entry != nil {
		w.source.Orientation = orientationIn(t.order, entry)
	}
	w.part = "pixels"
	return t.blocks()
}

func (t *tiffWalker) directory(off int64) error {
	t.part = "directory"
	count, err := t.at(off, 2)
	if err != nil {
		return err
	}
	n := int(t.order.Uint16(count))
	if n > maxTIFFEntries {
		return invalid("its directory has more than %d entries", maxTIFFEntries)
	}
	data, err := t.at(off+2, 12*n)
	if err != nil {
		return err
	}
	last := -1
	for entry := range slices.Chunk(slices.Clone(data), 12) {
		tag := t.order.Uint16(entry)
		if int(tag) <= last {
			return invalid("its directory is not in order")
		}
		last = int(tag)
		t.entries[tag] = entry
	}
	return nil
}

// number is an entry's only or first small number.
func (t *tiffWalker) number(tag uint16, otherwise uint32) uint32 {
	values, err := t.numbers(tag, 4)
	if err != nil || len(values) == 0 {
		return otherwise
	}
	return values[0]
}

// numbers are an entry's shorts or longs. More than most, or none that are there, is an error.
func (t *tiffWalker) numbers(tag uint16, most int) ([]uint32, error) {
	entry := t.entries[tag]
	if entry == nil {
		return nil, nil
	}
	each, n := 2, t.order.Uint32(entry[4:])
	switch t.order.Uint16(entry[2:]) {
	case 3: // short
	case 4: // long
		each = 4
	default:
		return nil, invalid("its entry %d is no whole number", tag)
	}
	if n == 0 || n > uint32(most) {
		return nil, invalid("its entry %d has %d values", tag, n)
	}
	data := make([]byte, int(n)*each)
	if len(data) <= 4 {
		copy(data, entry[8:])
	} else if err := t.readAt(data, int64(t.order.Uint32(entry[8:]))); err != nil {
		return nil, err
	}
	values := make([]uint32, n)
	for i := range values {
		if each == 2 {
			values[i] = uint32(t.order.Uint16(data[2*i:]))
		} else {
			values[i] = t.order.Uint32(data[4*i:])
		}
	}
	return values, nil
}

// mode checks how the pixels are stored.
func (t *tiffWalker) mode() error {
	bits, err := t.numbers(tiffBits, 16)
	if err != nil {
		return err
	}
	if bits == nil {
		bits = []uint32{1}
	}
	for _, b := range bits {
		if b != bits[0] || b != 1 && b != 8 && b != 16 {
			return unsupported("%v bits a sample are not taken", bits)
		}
	}
	if f := t.number(tiffSampleFormat, 1); f != 1 && f != 4 {
		return unsupported("samples that are no whole numbers are not taken")
	}
	if t.number(tiffPlanar, 1) != 1 {
		return unsupported("colours in planes are not taken")
	}
	if c := t.number(tiffCompression, 1); !slices.Contains([]uint32{1, 3, 4, 5, 8, 32946, 32773}, c) {
		return unsupported("compression %d is not taken", c)
	}
	return t.colours(bits)
}

func (t *tiffWalker) colours(bits []uint32) error {
	extra := t.number(tiffExtra, 0)
	switch colours := t.number(tiffPhotometric, 0); {
	case colours <= 1 && len(bits) == 1, colours == 3 && len(bits) == 1 && bits[0] <= 8:
	case colours == 2 && len(bits) == 3 && bits[0] > 1:
	case colours == 2 && len(bits) == 4 && bits[0] > 1 && (extra == 1 || extra == 2):
		t.source.Alpha = true
	default:
		return unsupported("colours of kind %d in %d samples are not taken", colours, len(bits))
	}
	return nil
}

// blocks sees that every strip or tile is there.
func (t *tiffWalker) blocks() error {
	width, height := int64(t.source.Width), int64(t.source.Height)
	across, tall := width, int64(t.number(tiffRowsPerStrip, uint32(height)))
	places, lengths := uint16(tiffStrips), uint16(tiffStripBytes)
	if t.entries[tiffTileWidth] != nil {
		across, tall = int64(t.number(tiffTileWidth, 0)), int64(t.number(tiffTileHeight, 0))
		places, lengths = tiffTiles, tiffTileBytes
	}
	if across <= 0 || tall <= 0 {
		return invalid("its strips or tiles have no size")
	}
	offsets, err := t.numbers(places, maxTIFFBlocks)
	if err != nil {
		return err
	}
	sizes, err := t.numbers(lengths, maxTIFFBlocks)
	if err != nil {
		return err
	}
	want := ((width + across - 1) / across) * ((height + tall - 1) / tall)
	if int64(len(offsets)) < want || int64(len(sizes)) < want {
		return invalid("it has %d of %d strips or tiles", min(len(offsets), len(sizes)), want)
	}
	for i := range want {
		if int64(offsets[i])+int64(sizes[i]) > t.size {
			return errShort
		}
	}
	return nil
}
