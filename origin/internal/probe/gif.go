package probe

import (
	"bytes"
	"encoding/binary"
)

// GIF block introducers and extension labels.
const (
	gifExtension = 0x21
	gifImage     = 0x2C
	gifTrailer   = 0x3B

	gifControl     = 0xF9
	gifApplication = 0xFF
)

// gifKept are the application extensions that belong to the picture: the loop count under its two names, and the colour
// profile. Comments, XMP and all other extensions are dropped.
var gifKept = map[string]bool{"NETSCAPE2.0": true, "ANIMEXTS1.0": true, "ICCRGBG1012": true}

func isGIF(head []byte) bool {
	return bytes.HasPrefix(head, []byte("GIF87a")) || bytes.HasPrefix(head, []byte("GIF89a"))
}

type gifWalker struct {
	*walker
	screen [2]int64 // as the header has it
	canvas [2]int64 // as libvips will have it
	frames int
}

// walkGIF goes from block to block until the trailer.
func walkGIF(w *walker) error {
	g := &gifWalker{walker: w}
	off, err := g.header()
	for err == nil {
		g.part = "blocks"
		var block []byte
		if block, err = g.at(off, 1); err != nil {
			return err
		}
		switch block[0] {
		case gifTrailer:
			return g.finish(off)
		case gifExtension:
			off, err = g.extension(off)
		case gifImage:
			off, err = g.image(off)
		case 0:
			off++ // a terminator too many, which some encoders write: dropped
		default:
			return invalid("something that is no block stands at byte %d", off)
		}
	}
	return err
}

// header reads the screen descriptor and the global colour table, and gives where they end.
func (g *gifWalker) header() (int64, error) {
	head, err := g.at(0, 13)
	if err != nil {
		return 0, err
	}
	g.screen = [2]int64{int64(binary.LittleEndian.Uint16(head[6:])), int64(binary.LittleEndian.Uint16(head[8:]))}
	g.canvas = trustedScreen(g.screen)
	end := 13 + colourTableBytes(head[10])
	if end > g.size {
		return 0, errShort
	}
	g.clean.keep(0, end)
	return end, nil
}

// trustedScreen is the canvas that the frames are drawn on, before the first of them enlarges it. libnsgif (in libvips)
// takes sizes that old tools wrote whatever the picture was, and odd ones, for unknown, and lets the first frame decide.
func trustedScreen(screen [2]int64) [2]int64 {
	switch screen {
	case [2]int64{640, 480}, [2]int64{640, 512}, [2]int64{800, 600}, [2]int64{1024, 768}, [2]int64{1280, 1024},
		[2]int64{1600, 1200}:
		return [2]int64{}
	}
	if screen[0] == 0 || screen[1] == 0 || screen[0] > 2048 || screen[1] > 2048 {
		return [2]int64{}
	}
	return screen
}

func colourTableBytes(flags byte) int64 {
	if flags&0x80 == 0 {
		return 0
	}
	return 3 << (1 + flags&7)
}

// image checks one frame and gives where it ends.
func (g *gifWalker) image(off int64) (int64, error) {
	g.part = "frames"
	head, err := g.at(off, 10)
	if err != nil {
		return 0, err
	}
	if err := g.addFrame(head); err != nil {
		return 0, err
	}
	data := off + 10 + colourTableBytes(head[9])
	codeSize, err := g.at(data, 1)
	if err != nil {
		return 0, err
	}
	if codeSize[0] < 1 || codeSize[0] > 8 {
		return 0, invalid("a frame has a code size of %d", codeSize[0])
	}
	end, err := g.subBlocks(data + 1)
	if err != nil {
		return 0, err
	}
	if end == data+2 {
		return 0, invalid("a frame has no data")
	}
	g.clean.keep(off, end-off)
	return end, nil
}

// addFrame counts the frame. The first one may reach beyond the canvas and enlarges it, later ones are clipped:
// libnsgif and browsers agree. The limits count the larger of canvas and screen, because some decoders paint the latter.
func (g *gifWalker) addFrame(descriptor []byte) error {
	g.frames++
	if g.frames == 1 {
		for i := range g.canvas {
			start, length := binary.LittleEndian.Uint16(descriptor[1+2*i:]), binary.LittleEndian.Uint16(descriptor[5+2*i:])
			g.canvas[i] = max(g.canvas[i], int64(start)+int64(length))
		}
		if err := checkSize(max(g.screen[0], g.canvas[0]), max(g.screen[1], g.canvas[1])); err != nil {
			return err
		}
	}
	width, height := binary.LittleEndian.Uint16(descriptor[5:]), binary.LittleEndian.Uint16(descriptor[7:])
	pixels := max(g.screen[0]*g.screen[1], g.canvas[0]*g.canvas[1], int64(width)*int64(height))
	return checkFrames(g.frames, pixels)
}

// extension keeps or drops the extension at off and gives where it ends.
func (g *gifWalker) extension(off int64) (int64, error) {
	g.part = "extensions"
	head, err := g.at(off, 3)
	if err != nil {
		return 0, err
	}
	label, length := head[1], int(head[2])
	first, err := g.at(off+3, length)
	if err != nil {
		return 0, err
	}
	kept := label == gifApplication && gifKept[string(first)]
	if label == gifControl {
		if length != 4 {
			return 0, invalid("a frame's control block is malformed")
		}
		kept = true
		// A frame that leaves part of the canvas bare counts for nothing: libvips fills that with opaque black.
		g.source.Alpha = g.source.Alpha || first[0]&1 != 0
	}
	end, err := g.subBlocks(off + 2)
	if err != nil {
		return 0, err
	}
	if kept {
		g.clean.keep(off, end-off)
	}
	return end, nil
}

// subBlocks passes over a chain of sub-blocks, and gives where it ends.
func (g *gifWalker) subBlocks(off int64) (int64, error) {
	for {
		data, err := g.ahead(off, 1)
		if err != nil {
			return 0, err
		}
		i := 0
		for i < len(data) {
			n := int(data[i])
			i += 1 + n
			if n == 0 {
				return off + int64(i), nil
			}
		}
		off += int64(i)
	}
}

func (g *gifWalker) finish(trailer int64) error {
	if g.frames == 0 {
		return invalid("it has no frames")
	}
	g.source.Frames = g.frames
	g.clean.keep(trailer, 1)
	return g.setSize(g.canvas[0], g.canvas[1])
}
