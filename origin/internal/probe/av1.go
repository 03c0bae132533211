package probe

// maxSequenceHeaderBytes are enough for the longest AV1 sequence header with what may stand before it.
const maxSequenceHeaderBytes = 512

// OBU types of AV1.
const (
	obuSequenceHeader    = 1
	obuTemporalDelimiter = 2
	obuPadding           = 15
)

// av1FrameSize reads the largest frame size from the sequence header at the start of AV1 data (AV1 specification,
// sections 5.3 and 5.5).
func av1FrameSize(data []byte) (width, height int64, err error) {
	for {
		kind, payload, rest, ok := nextOBU(data)
		switch {
		case !ok:
			return 0, 0, invalid("its AV1 data has no sequence header")
		case kind == obuSequenceHeader:
			return sequenceFrameSize(payload)
		case kind != obuTemporalDelimiter && kind != obuPadding:
			return 0, 0, invalid("its AV1 data does not begin with a sequence header")
		}
		data = rest
	}
}

// nextOBU splits the first open bitstream unit off. A payload that goes on behind data is given as far as it is there.
func nextOBU(data []byte) (kind byte, payload, rest []byte, ok bool) {
	if len(data) < 2 || data[0]&0x80 != 0 {
		return 0, nil, nil, false
	}
	head := data[0]
	kind = head >> 3 & 15
	data = data[1:]
	if head&4 != 0 { // one more byte of header
		data = data[1:]
	}
	if head&2 == 0 { // no size: goes on to the end
		return kind, data, nil, true
	}
	size := uint64(0)
	for i := 0; ; i++ {
		if i == 8 || i == len(data) {
			return 0, nil, nil, false
		}
		size |= uint64(data[i]&0x7F) << (7 * i)
		if data[i]&0x80 == 0 {
			data = data[i+1:]
			break
		}
	}
	size = min(size, uint64(len(data)))
	return kind, data[:size], data[size:], true
}

func sequenceFrameSize(payload []byte) (width, height int64, err error) {
	b := &bits{data: payload}
	b.skip(3 + 1) // profile, still picture
	if reduced := b.flag(); reduced {
		b.skip(5) // level
	} else {
		skipOperatingPoints(b)
	}
	widthBits, heightBits := 1+int(b.read(4)), 1+int(b.read(4))
	width, height = 1+int64(b.read(widthBits)), 1+int64(b.read(heightBits))
	if b.short {
		return 0, 0, invalid("its AV1 sequence header is cut short")
	}
	return width, height, nil
}

// skipOperatingPoints passes over the timing and the operating points of a sequence header.
func skipOperatingPoints(b *bits) {
	modelled, delayBits := false, 0
	if timed := b.flag(); timed {
		b.skip(32 + 32)
		if equal := b.flag(); equal {
			b.skipUvlc()
		}
		if modelled = b.flag(); modelled {
			delayBits = 1 + int(b.read(5))
			b.skip(32 + 5 + 5)
		}
	}
	delayed := b.flag()
	for n := 1 + b.read(5); n > 0; n-- {
		b.skip(12)
		if level := b.read(5); level > 7 {
			b.skip(1)
		}
		if modelled && b.flag() {
			b.skip(2*delayBits + 1)
		}
		if delayed && b.flag() {
			b.skip(4)
		}
	}
}

// bits reads numbers of single bits, most significant first. Past the end it reads zeros and sets short.
type bits struct {
	data  []byte
	pos   int // in bits
	short bool
}

// read reads a number of n bits, at most 32.
func (b *bits) read(n int) uint32 {
	v := uint32(0)
	for range n {
		v <<= 1
		if b.pos>>3 >= len(b.data) {
			b.short = true
			continue
		}
		v |= uint32(b.data[b.pos>>3]>>(7-b.pos&7)) & 1
		b.pos++
	}
	return v
}

func (b *bits) flag() bool { return b.read(1) == 1 }

// skipUvlc passes over a number that begins with as many zeros as it has bits after its first one.
func (b *bits) skipUvlc() {
	zeros := 0
	for !b.short && !b.flag() {
		zeros++
	}
	b.skip(zeros)
}

func (b *bits) skip(n int) {
	b.pos += n
	if b.pos > 8*len(b.data) {
		b.pos, b.short = 8*len(b.data), true
	}
}
