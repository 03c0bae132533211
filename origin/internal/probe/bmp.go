package probe

import (
	"encoding/binary"
	"slices"
)

// Lengths of the headers of a BMP. The headers of other lengths are OS/2's and from before 1995.
const (
	bmpFileHeader = 14
	bmpInfo       = 40
	bmpV4         = 108
	bmpV5         = 124
)

func isBMP(head []byte) bool { return string(head[:min(2, len(head))]) == "BM" && len(head) > 5 }

// bmpHeader is what both headers say that bears on the picture.
type bmpHeader struct {
	data        []byte // both, as they are in the file
	pixels      int64  // where they begin
	width, rows int64
	bits        int
	palette     int64 // bytes
	rowBytes    int64
	long        bool // version 4 or 5
}

// walkBMP takes what the renderer's decoder takes: one to eight bits with a palette, 24 and 32 bits, not compressed. The
// clean picture is headers, palette and rows; the profile of a version 5 header goes (it may be the name of a file,
// and no decoder of ours looks at it), and so does all that stands between and behind.
func walkBMP(w *walker) error {
	h, err := w.bmpHeader()
	if err != nil {
		return err
	}
	if err := w.setSize(h.width, h.rows); err != nil {
		return err
	}
	w.source.Alpha = h.bits == 32 && h.long
	size := h.rowBytes * h.rows
	w.part = "rows"
	if h.pixels > w.size-size {
		return errShort
	}
	headers := int64(len(h.data))
	w.clean.replace(0, h.data, h.cleaned(headers+h.palette+size))
	w.clean.keep(headers, h.palette)
	w.clean.keep(h.pixels, size)
	return nil
}

func (w *walker) bmpHeader() (h bmpHeader, err error) {
	data, err := w.at(0, bmpFileHeader+bmpInfo)
	if err != nil {
		return h, err
	}
	long := int64(binary.LittleEndian.Uint32(data[bmpFileHeader:]))
	if !slices.Contains([]int64{bmpInfo, bmpV4, bmpV5}, long) {
		return h, unsupported("a header of %d bytes is not taken", long)
	}
	if data, err = w.at(0, int(bmpFileHeader+long)); err != nil {
		return h, err
	}
	h.data, h.long = slices.Clone(data), long > bmpInfo
	return h, h.read()
}

func (h *bmpHeader) read() error {
	info, le := h.data[bmpFileHeader:], binary.LittleEndian
	h.pixels = int64(le.Uint32(h.data[10:]))
	h.width, h.rows = int64(int32(le.Uint32(info[4:]))), int64(int32(le.Uint32(info[8:])))
	if h.rows < 0 { // from top to bottom
		h.rows = -h.rows
	}
	if err := checkSize(h.width, h.rows); err != nil {
		return err
	}
	h.bits = int(le.Uint16(info[14:]))
	if le.Uint16(info[12:]) != 1 || !h.plain() {
		return unsupported("compressed pixels are not taken")
	}
	switch h.bits {
	case 1, 2, 4, 8:
		colours := int64(le.Uint32(info[32:]))
		if colours == 0 {
			colours = 1 << h.bits
		}
		if colours > 1<<h.bits {
			return invalid("its palette has %d colours", colours)
		}
		h.palette = 4 * colours
	case 24, 32:
	default:
		return unsupported("%d bits a pixel are not taken", h.bits)
	}
	if h.pixels != int64(len(h.data))+h.palette {
		return unsupported("pixels that do not follow the header are not taken")
	}
	h.rowBytes = (h.width*int64(h.bits) + 31) / 32 * 4
	return nil
}

// plain reports whether the pixels are stored as they are. Masks count when they say what is usual anyway.
func (h *bmpHeader) plain() bool {
	info, le := h.data[bmpFileHeader:], binary.LittleEndian
	switch le.Uint32(info[16:]) {
	case 0:
		return true
	case 3:
		return h.long && le.Uint32(info[40:]) == 0xff0000 && le.Uint32(info[44:]) == 0xff00 &&
			le.Uint32(info[48:]) == 0xff && le.Uint32(info[52:]) == 0xff000000
	}
	return false
}

// cleaned are the headers with the right length of the file, and without a profile.
func (h *bmpHeader) cleaned(size int64) []byte {
	data := slices.Clone(h.data)
	binary.LittleEndian.PutUint32(data[2:], uint32(size))
	clear(data[6:10]) // reserved
	info := data[bmpFileHeader:]
	if len(info) == bmpV5 {
		if kind := string(info[56:60]); kind == "KNIL" || kind == "DEBM" { // LINK, MBED
			copy(info[56:60], "BGRs")
		}
		clear(info[112:]) // profile, its length, reserved
	}
	return data
}
