package picture

import (
	"encoding/binary"
	"slices"

	"github.com/pictor/pictor/shared/transform"
)

// withEveryFrame gives a WebP animation back the frames that libwebp left out: it writes none that looks like the one
// before it, but lets that one last longer, and makes a still of an animation of nothing else. Each gets its own delay
// again; what was left out becomes a frame that changes nothing. The delays tell what was left out, so none may be zero;
// they are milliseconds of at most 24 bits. A body that lacks no frame, or is not what libwebp makes of these delays, is
// returned as it is; otherwise it is copied.
func withEveryFrame(body []byte, canvas transform.Size, t timing) []byte {
	chunks, ok := readWebP(body)
	if !ok {
		return body
	}
	switch countFrames(chunks) {
	case len(t.delays):
		return body
	case 0:
		chunks, ok = animate(chunks, canvas, t)
	default:
		chunks, ok = lengthen(chunks, t.delays)
	}
	if !ok {
		return body
	}
	return writeWebP(chunks)
}

// chunk is a part of a WebP file, which is in RIFF. An animation has a VP8X with flags and the canvas, an ANIM with the
// number of rounds and an ANMF a frame, that holds the chunks of the frame's picture behind a header. A still has the
// chunks of its picture in their place, and a VP8X only if need be. Numbers are little-endian; chunks start at even
// places.
type chunk struct {
	id   string // of four letters
	data []byte
}

const (
	vp8x, anim, anmf = "VP8X", "ANIM", "ANMF"
	alph, vp8, vp8l  = "ALPH", "VP8 ", "VP8L" // transparency of the picture that follows, a lossy one, a lossless one

	vp8xLength   = 10   // flags, three bytes of nothing, width-1 and height-1
	isAnimation  = 0x02 // flags of a VP8X
	isSeeThrough = 0x10

	anmfHeader   = 16   // x/2, y/2, width-1, height-1 and duration of three bytes each, flags
	anmfDuration = 12   // its place
	anmfFlags    = 15   // their place
	disposes     = 0x01 // its rectangle is cleared before the next frame
	replaces     = 0x02 // it is not blended with what is there

	vp8lSide = 1 << 14 // the most pixels a side
)

// readWebP gives the chunks of a file, whose bytes they share.
func readWebP(b []byte) (chunks []chunk, ok bool) {
	const riff, header = 12, 8
	if len(b) < riff || string(b[:4]) != "RIFF" || string(b[8:riff]) != "WEBP" ||
		uint64(binary.LittleEndian.Uint32(b[4:])) != uint64(len(b)-header) {
		return nil, false
	}
	for b = b[riff:]; len(b) > 0; {
		if len(b) < header {
			return nil, false
		}
		length := uint64(binary.LittleEndian.Uint32(b[4:]))
		end := header + length + length%2
		if end > uint64(len(b)) {
			return nil, false
		}
		chunks = append(chunks, chunk{string(b[:4]), b[header : header+length : header+length]})
		b = b[end:]
	}
	return chunks, true
}

func writeWebP(chunks []chunk) []byte {
	b := []byte("RIFF\x00\x00\x00\x00WEBP")
	for _, c := range chunks {
		b = c.append(b)
	}
	binary.LittleEndian.PutUint32(b[4:], uint32(len(b)-8))
	return b
}

func (c chunk) append(b []byte) []byte {
	b = append(b, c.id...)
	b = binary.LittleEndian.AppendUint32(b, uint32(len(c.data)))
	b = append(b, c.data...)
	return append(b, make([]byte, len(c.data)%2)...)
}

func countFrames(chunks []chunk) (n int) {
	for _, c := range chunks {
		if c.id == anmf {
			n++
		}
	}
	return n
}

// animate makes a still, which shows the whole canvas, an animation that shows it for each delay.
func animate(still []chunk, canvas transform.Size, t timing) (movie []chunk, ok bool) {
	if len(still) > 0 && still[0].id == vp8x {
		still = still[1:] // written anew
	}
	if !isPicture(still) {
		return nil, false
	}
	frame := appendUint24(make([]byte, 6, anmfHeader), canvas.Width-1, canvas.Height-1, 0)
	frame = append(frame, replaces)
	for _, c := range still {
		frame = c.append(frame)
	}
	looks := appendUint24([]byte{isAnimation | isSeeThrough, 0, 0, 0}, canvas.Width-1, canvas.Height-1)
	white := []byte{255, 255, 255, 255} // libwebp's background, which nobody shows
	movie = []chunk{{vp8x, looks}, {anim, binary.LittleEndian.AppendUint16(white, uint16(t.loop))}}
	return append(movie, held(frame, t.delays)...), true
}

func isPicture(chunks []chunk) bool {
	switch len(chunks) {
	case 1:
		return chunks[0].id == vp8 || chunks[0].id == vp8l
	case 2:
		return chunks[0].id == alph && chunks[1].id == vp8
	}
	return false
}

// lengthen finds the frames that last for several delays, and gives each of these a frame.
func lengthen(chunks []chunk, delays []int) (movie []chunk, ok bool) {
	first := chunks[0]
	if first.id != vp8x || len(first.data) != vp8xLength {
		return nil, false
	}
	looks := slices.Clone(first.data)
	looks[0] |= isSeeThrough
	movie = append(movie, chunk{vp8x, looks})
	for _, c := range chunks[1:] {
		if c.id != anmf {
			movie = append(movie, c)
			continue
		}
		n := lasts(c.data, delays)
		if n == 0 {
			return nil, false
		}
		movie = append(movie, held(c.data, delays[:n])...)
		delays = delays[n:]
	}
	return movie, len(delays) == 0
}

// lasts tells for how many of the delays the frame is shown, 0 when that cannot be.
func lasts(frame []byte, delays []int) int {
	if len(frame) < anmfHeader || uint24(frame[6:]) >= vp8lSide || uint24(frame[9:]) >= vp8lSide {
		return 0
	}
	left := uint24(frame[anmfDuration:])
	for i, delay := range delays {
		if left -= delay; left == 0 {
			return i + 1
		}
	}
	return 0
}

// held is the frame for the first delay and a frame that changes nothing for each other one. Where the frame disposes of
// its rectangle, that is left to the last of them, which must have the same one.
func held(frame []byte, delays []int) []chunk {
	shown := slices.Clone(frame)
	putUint24(shown[anmfDuration:], delays[0])
	frames := []chunk{{anmf, shown}}
	for _, delay := range delays[1:] {
		frames = append(frames, nothing(make([]byte, anmfDuration), delay))
	}
	if disposal, last := frame[anmfFlags]&disposes, len(delays)-1; disposal != 0 && last > 0 {
		shown[anmfFlags] &^= disposes
		frames[last] = nothing(frame[:anmfDuration], delays[last])
		frames[last].data[anmfFlags] |= disposal
	}
	return frames
}

// nothing is a transparent frame, blended with what is there; the rectangle is as in the header of a frame, and one of
// zeros is the pixel at the top left.
func nothing(rectangle []byte, delay int) chunk {
	width, height := uint24(rectangle[6:]), uint24(rectangle[9:]) // both less one
	frame := append(slices.Clone(rectangle), 0, 0, 0, 0)
	putUint24(frame[anmfDuration:], delay)
	// A lossless picture that uses transparency, has no transform and no cache, and five codes of one symbol, 0, each:
	// the pixels of such codes take no bits, so pictures of all sizes end here.
	size := uint32(width | height<<14 | 1<<28)
	picture := append(binary.LittleEndian.AppendUint32([]byte{0x2f}, size), 0x88, 0x88, 0x08)
	return chunk{anmf, chunk{vp8l, picture}.append(frame)}
}

func uint24(b []byte) int { return int(b[0]) | int(b[1])<<8 | int(b[2])<<16 }

func putUint24(b []byte, n int) { b[0], b[1], b[2] = byte(n), byte(n>>8), byte(n>>16) }

func appendUint24(b []byte, numbers ...int) []byte {
	for _, n := range numbers {
		b = append(b, byte(n), byte(n>>8), byte(n>>16))
	}
	return b
}
