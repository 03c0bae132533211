package probe

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"strings"
)

const pngSignature = "\x89PNG\r\n\x1a\n"

func isPNG(head []byte) bool { return bytes.HasPrefix(head, []byte(pngSignature)) }

// maxChunkBytes is the longest that the standard allows.
const maxChunkBytes = 1<<31 - 1

// pngKept are the chunks that belong to the picture, with the lengths that make sense of them. All others are dropped:
// text, times, Exif, content credentials, and whatever is not known. An ancillary chunk of another length is dropped
// too, decoders ignore it. acTL, fcTL and fdAT are the animation.
var pngKept = map[string]struct{ least, most int64 }{
	"PLTE": {3, 768},
	"IDAT": {0, maxChunkBytes},
	"tRNS": {1, 256},
	"gAMA": {4, 4},
	"cHRM": {32, 32},
	"sRGB": {1, 1},
	"iCCP": {1, maxChunkBytes},
	"sBIT": {1, 4},
	"cICP": {4, 4},
	"mDCV": {24, 24},
	"cLLI": {8, 8},
	"pHYs": {9, 9},
	"bKGD": {1, 6},
	"acTL": {8, 8},
	"fcTL": {26, 26},
	"fdAT": {4, maxChunkBytes},
}

// Colour types of IHDR.
const (
	pngGray      = 0
	pngRGB       = 2
	pngPalette   = 3
	pngGrayAlpha = 4
	pngRGBAlpha  = 6
)

// pngDepths are the bits a sample may have, per colour type.
var pngDepths = map[byte]string{
	pngGray:      "\x01\x02\x04\x08\x10",
	pngRGB:       "\x08\x10",
	pngPalette:   "\x01\x02\x04\x08",
	pngGrayAlpha: "\x08\x10",
	pngRGBAlpha:  "\x08\x10",
}

type pngWalker struct {
	*walker
	colour  byte
	palette bool
	data    int64 // bytes of IDAT
	ended   bool  // another chunk followed the IDATs
	exif    bool  // the first eXIf has been seen; later ones count for nothing, as in libpng
}

type pngChunk struct {
	name        string
	off, length int64 // of the whole chunk, of its data
}

func (c pngChunk) data() int64 { return c.off + 8 }
func (c pngChunk) end() int64  { return c.off + 12 + c.length }

// walkPNG goes from chunk to chunk until IEND. Frames stays 1 for an APNG: libvips renders its still picture, while the
// untransformed delivery stays animated.
func walkPNG(w *walker) error {
	p := &pngWalker{walker: w}
	p.clean.keep(0, int64(len(pngSignature)))
	off, err := p.header()
	for err == nil {
		var c pngChunk
		if c, err = p.chunk(off); err != nil {
			return err
		}
		if c.name == "IEND" {
			return p.finish(c)
		}
		off, err = c.end(), p.visit(c)
	}
	return err
}

// chunk reads the head of the chunk at off and sees that all of it is there.
func (p *pngWalker) chunk(off int64) (pngChunk, error) {
	p.part = "chunks"
	head, err := p.at(off, 8)
	if err != nil {
		return pngChunk{}, err
	}
	c := pngChunk{name: string(head[4:]), off: off, length: int64(binary.BigEndian.Uint32(head))}
	for _, letter := range []byte(c.name) {
		if letter|0x20 < 'a' || letter|0x20 > 'z' {
			return pngChunk{}, invalid("something that is no chunk stands at byte %d", off)
		}
	}
	if c.length > maxChunkBytes || c.end() > p.size {
		p.part = c.name + " chunk"
		return pngChunk{}, errShort
	}
	return c, nil
}

// header reads IHDR and gives where it ends.
func (p *pngWalker) header() (int64, error) {
	c, err := p.chunk(int64(len(pngSignature)))
	if err != nil {
		return 0, err
	}
	if c.name != "IHDR" || c.length != 13 {
		return 0, invalid("it does not begin with a header")
	}
	if err := p.keepChunk(c); err != nil {
		return 0, err
	}
	ihdr, err := p.at(c.data(), 13)
	if err != nil {
		return 0, err
	}
	depth, colour := ihdr[8], ihdr[9]
	if strings.IndexByte(pngDepths[colour], depth) < 0 {
		return 0, invalid("colour type %d with %d bits does not exist", colour, depth)
	}
	if ihdr[10] != 0 || ihdr[11] != 0 || ihdr[12] > 1 {
		return 0, invalid("its compression, filter or interlacing is unknown")
	}
	p.colour = colour
	p.source.Alpha = colour == pngGrayAlpha || colour == pngRGBAlpha
	return c.end(), p.setSize(int64(binary.BigEndian.Uint32(ihdr)), int64(binary.BigEndian.Uint32(ihdr[4:])))
}

// visit decides about one chunk between IHDR and IEND.
func (p *pngWalker) visit(c pngChunk) error {
	if c.name != "IDAT" && p.data > 0 {
		p.ended = true
	}
	kept, known := pngKept[c.name]
	critical := c.name[0] < 'a'
	switch {
	case c.name == "eXIf":
		return p.orient(c)
	case critical && !known:
		return invalid("it has an unknown critical chunk %s, or a second header", c.name)
	case !known:
		return nil
	case c.length >= kept.least && c.length <= kept.most:
		return p.keepKnown(c)
	case critical:
		return invalid("its %s has a length of %d", c.name, c.length)
	}
	return nil
}

// keepKnown keeps a chunk that belongs to the picture, where the standard allows it.
func (p *pngWalker) keepKnown(c pngChunk) error {
	switch c.name {
	case "IDAT":
		if p.ended {
			return invalid("its IDAT chunks are not in one run")
		}
		p.data += c.length
	case "PLTE":
		if p.palette || p.data > 0 || c.length%3 != 0 {
			return invalid("its palette is misplaced or malformed")
		}
		p.palette = true
	case "tRNS":
		if p.data > 0 {
			return nil // too late for decoders
		}
		p.source.Alpha = true
	}
	return p.keepChunk(c)
}

// keepChunk checks the CRC and keeps the chunk. What is dropped is not read at all.
func (p *pngWalker) keepChunk(c pngChunk) error {
	if err := p.checkCRC(c); err != nil {
		return err
	}
	p.clean.keep(c.off, c.end()-c.off)
	return nil
}

func (p *pngWalker) checkCRC(c pngChunk) error {
	sum := uint32(0)
	for off, end := c.off+4, c.end()-4; off < end; {
		data, err := p.ahead(off, 1)
		if err != nil {
			return err
		}
		data = data[:min(int64(len(data)), end-off)]
		sum = crc32.Update(sum, crc32.IEEETable, data)
		off += int64(len(data))
	}
	want, err := p.at(c.end()-4, 4)
	if err != nil {
		return err
	}
	if sum != binary.BigEndian.Uint32(want) {
		return invalid("the checksum of its %s chunk is wrong", c.name)
	}
	return nil
}

// maxExifBytes is as much of an eXIf chunk as is looked at: what a JPEG could hold.
const maxExifBytes = 64 << 10

// orient reads the orientation of an eXIf chunk and puts one that says only this in its place. libvips honours it like
// a JPEG's when it comes before the pixels; one that comes later it never sees, so it counts for nothing.
func (p *pngWalker) orient(c pngChunk) error {
	if p.exif || p.data > 0 {
		return nil
	}
	p.exif = true
	if err := p.checkCRC(c); err != nil {
		return err
	}
	chunk, err := p.at(c.off, int(min(c.end()-c.off, maxExifBytes)))
	if err != nil {
		return err
	}
	if o := orientationOf(chunk[8:min(len(chunk), 8+int(c.length))]); o != 1 {
		p.source.Orientation = o
		p.clean.replace(c.off, chunk, newPNGChunk("eXIf", minimalTIFF(o)))
	}
	return nil
}

func newPNGChunk(name string, data []byte) []byte {
	chunk := binary.BigEndian.AppendUint32(nil, uint32(len(data)))
	chunk = append(append(chunk, name...), data...)
	return binary.BigEndian.AppendUint32(chunk, crc32.ChecksumIEEE(chunk[4:]))
}

func (p *pngWalker) finish(iend pngChunk) error {
	switch {
	case p.data == 0:
		return invalid("it has no pixels")
	case p.colour == pngPalette && !p.palette:
		return invalid("it has no palette")
	case iend.length != 0:
		return invalid("its IEND has a length of %d", iend.length)
	}
	return p.keepChunk(iend)
}
