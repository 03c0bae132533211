package probe

import (
	"bytes"
	"encoding/binary"
)

// Feature flags of VP8X.
const (
	webpAnimated = 0x02
	webpExif     = 0x08
	webpAlpha    = 0x10
	webpProfile  = 0x20
)

func isWebP(head []byte) bool {
	return len(head) >= 12 && string(head[:4]) == "RIFF" && string(head[8:12]) == "WEBP"
}

// webpChunk is one RIFF chunk. They are padded to even lengths.
type webpChunk struct {
	name        string
	off, length int64 // of the whole chunk, of its payload
}

func (c webpChunk) payload() int64 { return c.off + 8 }
func (c webpChunk) end() int64     { return c.payload() + c.length + c.length&1 }

type webpWalker struct {
	*walker
	riff   int64 // length that the RIFF header gives
	flags  byte
	canvas [2]int64
	body   edits // what comes after the RIFF header and VP8X, which depend on it
	images int   // still pictures met
	frames int
	anim   bool // ANIM has been met
	exif   bool // the first EXIF has been met; later ones count for nothing, as in libvips
}

// walkWebP goes from chunk to chunk until the end of the RIFF form.
func walkWebP(w *walker) error {
	p := &webpWalker{walker: w}
	head, err := p.at(0, 12)
	if err != nil {
		return err
	}
	p.riff = int64(binary.LittleEndian.Uint32(head[4:]))
	end := 8 + p.riff
	if end > p.size {
		return errShort
	}
	first, err := p.chunk(12, end)
	if err != nil {
		return err
	}
	switch first.name {
	case "VP8X":
		return p.extended(first, end)
	case "VP8 ", "VP8L":
		return p.simple(first)
	}
	return invalid("it begins with an unknown chunk")
}

// chunk reads the head of the chunk at off, which must lie before end.
func (p *webpWalker) chunk(off, end int64) (webpChunk, error) {
	p.part = "chunks"
	head, err := p.at(off, 8)
	if err != nil {
		return webpChunk{}, err
	}
	c := webpChunk{name: string(head[:4]), off: off, length: int64(binary.LittleEndian.Uint32(head[4:]))}
	if c.end() > end {
		return webpChunk{}, invalid("a chunk reaches beyond what it lies in")
	}
	return c, nil
}

// simple is a file of one image chunk. Decoders ignore whatever follows it.
func (p *webpWalker) simple(c webpChunk) error {
	width, height, err := p.bitstream(c)
	if err != nil {
		return err
	}
	p.body.keep(c.off, c.end()-c.off)
	p.assemble(edits{})
	return p.setSize(width, height)
}

// extended is a file that begins with VP8X.
func (p *webpWalker) extended(head webpChunk, end int64) error {
	if head.length != 10 {
		return invalid("its VP8X has a length of %d", head.length)
	}
	vp8x, err := p.at(head.payload(), 10)
	if err != nil {
		return err
	}
	p.flags = vp8x[0]
	p.canvas = [2]int64{1 + uint24(vp8x[4:]), 1 + uint24(vp8x[7:])}
	p.source.Alpha = p.flags&webpAlpha != 0
	if err := p.setSize(p.canvas[0], p.canvas[1]); err != nil {
		return err
	}
	for off := head.end(); off < end; {
		c, err := p.chunk(off, end)
		if err != nil {
			return err
		}
		if err := p.visit(c); err != nil {
			return err
		}
		off = c.end()
	}
	return p.finish(head)
}

// visit decides about one chunk after VP8X. EXIF, XMP and unknown chunks are dropped.
func (p *webpWalker) visit(c webpChunk) error {
	switch c.name {
	case "ANMF":
		return p.frame(c)
	case "VP8 ", "VP8L":
		return p.still(c)
	case "EXIF":
		return p.orient(c)
	case "ALPH":
		p.source.Alpha = true
	case "ANIM":
		p.anim = true
	case "ICCP":
	default:
		return nil
	}
	p.body.keep(c.off, c.end()-c.off)
	return nil
}

// still checks the picture of a file without animation, whose size must be the canvas's.
func (p *webpWalker) still(c webpChunk) error {
	if p.images++; p.images > 1 || p.flags&webpAnimated != 0 {
		return invalid("it has a picture too many")
	}
	if err := p.expectSize(c, p.canvas[0], p.canvas[1]); err != nil {
		return err
	}
	p.body.keep(c.off, c.end()-c.off)
	return nil
}

// expectSize checks the frame header in an image chunk against the size that the container gives.
func (p *webpWalker) expectSize(c webpChunk, width, height int64) error {
	w, h, err := p.bitstream(c)
	if err != nil {
		return err
	}
	if w != width || h != height {
		return invalid("its container says %d×%d px and its frame %d×%d", width, height, w, h)
	}
	return nil
}

// frame checks one frame of an animation, and keeps of it only what belongs there.
func (p *webpWalker) frame(c webpChunk) error {
	if p.flags&webpAnimated == 0 || !p.anim || c.length < 16 {
		return invalid("a frame of an animation is misplaced or malformed")
	}
	p.frames++
	if err := checkFrames(p.frames, p.canvas[0]*p.canvas[1]); err != nil {
		return err
	}
	head, err := p.at(c.payload(), 16)
	if err != nil {
		return err
	}
	x, y, width, height := 2*uint24(head), 2*uint24(head[3:]), 1+uint24(head[6:]), 1+uint24(head[9:])
	if x+width > p.canvas[0] || y+height > p.canvas[1] {
		return invalid("a frame reaches beyond the canvas")
	}
	var kept edits
	kept.keep(c.payload(), 16)
	if err := p.frameChunks(c, width, height, &kept); err != nil {
		return err
	}
	if kept.size == c.end()-c.payload() {
		p.body.keep(c.off, 8)
	} else {
		p.body.insert(webpChunkHead("ANMF", kept.size))
	}
	p.body.append(&kept)
	return nil
}

// frameChunks walks the chunks in a frame.
func (p *webpWalker) frameChunks(frame webpChunk, width, height int64, kept *edits) error {
	images := 0
	end := frame.payload() + frame.length
	for off := frame.payload() + 16; off < end; {
		c, err := p.chunk(off, end)
		if err != nil {
			return err
		}
		off = c.end()
		switch c.name {
		case "ALPH":
			p.source.Alpha = true
		case "VP8 ", "VP8L":
			images++
			if err := p.expectSize(c, width, height); err != nil {
				return err
			}
		default:
			continue
		}
		kept.keep(c.off, c.end()-c.off)
	}
	if images != 1 {
		return invalid("a frame has %d pictures", images)
	}
	return nil
}

// bitstream reads the size from the frame header in a VP8 or VP8L chunk.
func (p *webpWalker) bitstream(c webpChunk) (width, height int64, err error) {
	head, err := p.at(c.payload(), int(min(c.length, 10)))
	if err != nil {
		return 0, 0, err
	}
	if c.name == "VP8L" {
		return p.lossless(head)
	}
	return lossy(head, c.length)
}

// lossy reads a VP8 frame header, RFC 6386 section 9.1. Only a key frame with its first partition whole is a picture.
func lossy(head []byte, length int64) (width, height int64, err error) {
	if len(head) < 10 || head[0]&1 != 0 || !bytes.Equal(head[3:6], []byte("\x9D\x01\x2A")) {
		return 0, 0, invalid("its VP8 data does not begin with a key frame")
	}
	if partition := uint24(head) >> 5; partition > length-10 {
		return 0, 0, invalid("its VP8 data is cut short")
	}
	const size = 1<<14 - 1 // the two bits above ask for scaling, which decoders ignore
	return int64(binary.LittleEndian.Uint16(head[6:]) & size), int64(binary.LittleEndian.Uint16(head[8:]) & size), nil
}

// lossless reads a VP8L header: a signature, then 14 bits of width, 14 of height, one for alpha, three of version.
func (p *webpWalker) lossless(head []byte) (width, height int64, err error) {
	if len(head) < 6 || head[0] != 0x2F || head[4]>>5 != 0 {
		return 0, 0, invalid("its VP8L data does not begin with a header")
	}
	bits := binary.LittleEndian.Uint32(head[1:])
	p.source.Alpha = p.source.Alpha || bits>>28&1 != 0
	return 1 + int64(bits&0x3FFF), 1 + int64(bits>>14&0x3FFF), nil
}

// orient reads the orientation of an EXIF chunk that VP8X announces, others are not there for decoders, and puts one
// that says only this in its place.
func (p *webpWalker) orient(c webpChunk) error {
	if p.exif || p.flags&webpExif == 0 {
		return nil
	}
	p.exif = true
	chunk, err := p.at(c.off, int(min(c.end()-c.off, maxExifBytes)))
	if err != nil {
		return err
	}
	tiff := bytes.TrimPrefix(chunk[8:min(len(chunk), 8+int(c.length))], []byte(exifPrefix))
	if o := orientationOf(tiff); o != 1 {
		p.source.Orientation = o
		minimal := minimalTIFF(o)
		p.body.replace(c.off, chunk, append(webpChunkHead("EXIF", int64(len(minimal))), minimal...))
	}
	return nil
}

// finish checks that there is a picture, and makes a VP8X that tells what is left.
func (p *webpWalker) finish(head webpChunk) error {
	if p.images+p.frames == 0 {
		return invalid("it has no picture")
	}
	if p.frames > 0 {
		p.source.Frames = p.frames
	}
	old, err := p.at(head.off, 18)
	if err != nil {
		return err
	}
	vp8x := append([]byte(nil), old...)
	vp8x[8] &= webpProfile | webpAlpha | webpAnimated
	if p.source.Orientation != 1 {
		vp8x[8] |= webpExif
	}
	clear(vp8x[9:12]) // reserved
	var e edits
	e.replace(head.off, old, vp8x)
	p.assemble(e)
	return nil
}

// assemble puts the RIFF header, VP8X and the rest together.
func (p *webpWalker) assemble(vp8x edits) {
	size := 4 + vp8x.size + p.body.size
	if size == p.riff {
		p.clean.keep(0, 12)
	} else {
		p.clean.insert(append(webpChunkHead("RIFF", size), "WEBP"...))
	}
	p.clean.append(&vp8x)
	p.clean.append(&p.body)
}

func webpChunkHead(name string, length int64) []byte {
	return binary.LittleEndian.AppendUint32([]byte(name), uint32(length))
}

// uint24 reads three bytes, little-endian.
func uint24(b []byte) int64 { return int64(b[0]) | int64(b[1])<<8 | int64(b[2])<<16 }
