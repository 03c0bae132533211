package probe

import (
	"bytes"
	"encoding/binary"
)

// JPEG markers, ITU-T T.81 table B.1.
const (
	markerTEM  = 0x01
	markerSOF0 = 0xC0 // baseline
	markerSOF1 = 0xC1 // extended sequential
	markerSOF2 = 0xC2 // progressive
	markerDHT  = 0xC4
	markerJPG  = 0xC8
	markerDAC  = 0xCC
	markerRST0 = 0xD0
	markerRST7 = 0xD7
	markerSOI  = 0xD8
	markerEOI  = 0xD9
	markerSOS  = 0xDA
	markerDQT  = 0xDB
	markerDNL  = 0xDC
	markerDRI  = 0xDD
	markerDHP  = 0xDE
	markerEXP  = 0xDF
	markerAPP0 = 0xE0
	markerAPPF = 0xEF
	markerCOM  = 0xFE
)

// maxScans bounds the passes over all pixels that a progressive file asks of its decoders. Real encoders write about
// ten, the most thorough some dozens.
const maxScans = 500

func isJPEG(head []byte) bool { return bytes.HasPrefix(head, []byte("\xFF\xD8\xFF")) }

type jpegWalker struct {
	*walker
	components []byte // their identifiers, from the frame header
	scanned    []bool // which of them a scan has covered
	scans      int
	exif       bool // the first Exif segment has been seen: later ones count for nothing, as in libvips
}

// walkJPEG goes from marker to marker until EOI. What follows it (gain maps and second pictures of the Multi-Picture
// Format among others) is not part of the picture. Bytes between segments that belong to none are skipped by libjpeg,
// and dropped here.
func walkJPEG(w *walker) error {
	j := &jpegWalker{walker: w}
	j.clean.keep(0, 2)
	off := int64(2)
	for {
		j.part = "segments"
		at, marker, err := j.nextMarker(off)
		if err != nil {
			return err
		}
		if marker == markerEOI {
			j.clean.keep(at, 2)
			return j.finish()
		}
		if off, err = j.segment(at, marker); err != nil {
			return err
		}
	}
}

// nextMarker finds the next marker at or after off, other than stuffed zeros, fill bytes and restarts: those belong to
// the scan data. It gives the place of its 0xFF.
func (j *jpegWalker) nextMarker(off int64) (int64, byte, error) {
	for {
		data, err := j.ahead(off, 2)
		if err != nil {
			return 0, 0, err
		}
		i := markerIn(data)
		off += int64(i)
		if i < len(data)-1 {
			return off, data[i+1], nil
		}
	}
}

// markerIn is the index of the first marker in data, or of the first byte that was not settled: the last one, when it
// may begin a marker, or the end. Most of a file's bytes pass through here.
func markerIn(data []byte) int {
	i, last := 0, len(data)-1
	for i < last {
		if data[i] != 0xFF {
			next := bytes.IndexByte(data[i:last], 0xFF)
			if next < 0 {
				i = last
				break
			}
			i += next
		}
		switch c := data[i+1]; {
		case c == 0xFF:
			i++
		case c == 0, c >= markerRST0 && c <= markerRST7:
			i += 2
		default:
			return i
		}
	}
	if i == last && data[i] != 0xFF {
		i++
	}
	return i
}

// segment checks the marker segment at off and keeps what belongs to the picture. It gives where the segment ends, with
// the scan data if it is a scan's.
func (j *jpegWalker) segment(off int64, marker byte) (int64, error) {
	switch {
	case marker == markerSOI:
		return 0, invalid("a second picture begins inside the first")
	case marker == markerTEM:
		return off + 2, nil // has no parameters and no meaning
	case marker < markerSOF0, marker > markerAPPF && marker != markerCOM:
		return 0, invalid("segment %X is unknown", marker)
	}
	length, err := j.at(off+2, 2)
	if err != nil {
		return 0, err
	}
	n := int64(binary.BigEndian.Uint16(length))
	if n < 2 {
		return 0, invalid("segment %X has a length of %d", marker, n)
	}
	end := off + 2 + n
	segment, err := j.at(off, int(2+n))
	if err != nil {
		return 0, err
	}
	payload := segment[4:]
	switch {
	case marker >= markerAPP0 && marker <= markerAPPF:
		j.application(off, marker, segment)
		return end, nil
	case marker > markerAPPF:
		return end, nil // a comment
	case marker == markerSOS:
		return j.scan(off, end, payload)
	}
	j.clean.keep(off, end-off)
	return end, j.table(marker, payload)
}

// application keeps the application segments that decide how the picture looks.
func (j *jpegWalker) application(off int64, marker byte, segment []byte) {
	payload := segment[4:]
	switch {
	case marker == markerAPP0 && len(payload) >= 14 && bytes.HasPrefix(payload, []byte("JFIF\x00")):
		short := append([]byte(nil), payload[:14]...)
		clear(short[12:]) // the size of a thumbnail, which follows
		j.clean.replace(off, segment, jpegSegment(marker, short))
	case marker == markerAPP0+1 && !j.exif && bytes.HasPrefix(payload, []byte(exifPrefix)):
		j.exif = true
		j.orient(off, segment, orientationOf(payload[len(exifPrefix):]))
	case marker == markerAPP0+2 && bytes.HasPrefix(payload, []byte("ICC_PROFILE\x00")):
		j.clean.keep(off, int64(len(segment)))
	case marker == markerAPP0+14 && len(payload) >= 12 && bytes.HasPrefix(payload, []byte("Adobe")):
		j.clean.replace(off, segment, jpegSegment(marker, payload[:12])) // tells which colour transform was used
	}
}

// orient notes the orientation, and puts a segment that says only this in the place of the Exif.
func (j *jpegWalker) orient(off int64, segment []byte, orientation int) {
	j.source.Orientation = orientation
	if orientation != 1 {
		exif := append([]byte(exifPrefix), minimalTIFF(orientation)...)
		j.clean.replace(off, segment, jpegSegment(markerAPP0+1, exif))
	}
}

func jpegSegment(marker byte, payload []byte) []byte {
	segment := binary.BigEndian.AppendUint16([]byte{0xFF, marker}, uint16(2+len(payload)))
	return append(segment, payload...)
}

// table checks a segment that decoding depends on.
func (j *jpegWalker) table(marker byte, payload []byte) error {
	switch marker {
	case markerSOF0, markerSOF1, markerSOF2:
		return j.frame(payload)
	case markerDHT:
		return checkHuffman(payload)
	case markerDQT:
		return checkQuantization(payload)
	case markerDNL:
		return j.lines(payload)
	case markerDRI:
		if len(payload) != 2 {
			return invalid("its restart interval is malformed")
		}
		return nil
	case markerDHP, markerEXP:
		return unsupported("hierarchical coding is not taken")
	case markerJPG, markerDAC:
		return unsupported("arithmetic coding is not taken")
	}
	return unsupported("coding process %X is not taken: only baseline, extended and progressive", marker&^markerSOF0)
}

// frame reads the frame header.
func (j *jpegWalker) frame(p []byte) error {
	if j.components != nil {
		return invalid("it has two frame headers")
	}
	if len(p) < 6 || len(p) != 6+3*int(p[5]) {
		return invalid("its frame header is malformed")
	}
	if p[0] != 8 {
		return unsupported("%d bits a sample are not taken, only 8", p[0])
	}
	if n := p[5]; n != 1 && n != 3 && n != 4 {
		return unsupported("%d colour components are not taken, only 1, 3 and 4", n)
	}
	for c := p[6:]; len(c) > 0; c = c[3:] {
		if err := j.component(c[0], c[1]>>4, c[1]&15, c[2]); err != nil {
			return err
		}
	}
	j.scanned = make([]bool, len(j.components))
	height, width := binary.BigEndian.Uint16(p[1:]), binary.BigEndian.Uint16(p[3:])
	return j.setSize(int64(width), int64(height)) // a height of 0, to be told by DNL later, libjpeg refuses too
}

func (j *jpegWalker) component(id, horizontal, vertical, table byte) error {
	if bytes.IndexByte(j.components, id) >= 0 {
		return invalid("two colour components have one name")
	}
	if horizontal < 1 || horizontal > 4 || vertical < 1 || vertical > 4 || table > 3 {
		return invalid("a colour component is malformed")
	}
	j.components = append(j.components, id)
	return nil
}

// lines checks a DNL segment. It may repeat the height, which decoders that skip it have already used.
func (j *jpegWalker) lines(p []byte) error {
	if len(p) != 2 || int(binary.BigEndian.Uint16(p)) != j.source.Height {
		return invalid("it gives two heights")
	}
	return nil
}

// scan checks a scan header and finds the end of the data that follows.
func (j *jpegWalker) scan(off, data int64, header []byte) (int64, error) {
	if err := j.scanHeader(header); err != nil {
		return 0, err
	}
	j.part = "scan data"
	end, _, err := j.nextMarker(data)
	if err != nil {
		return 0, err
	}
	if end == data {
		return 0, invalid("a scan has no data")
	}
	j.clean.keep(off, end-off)
	return end, nil
}

func (j *jpegWalker) scanHeader(p []byte) error {
	if j.components == nil {
		return invalid("a scan comes before the frame header")
	}
	if j.scans++; j.scans > maxScans {
		return tooLarge("more than %d scans", maxScans)
	}
	if len(p) < 1 || p[0] < 1 || p[0] > 4 || len(p) != 4+2*int(p[0]) {
		return invalid("a scan header is malformed")
	}
	for c := p[1 : len(p)-3]; len(c) > 0; c = c[2:] {
		i := bytes.IndexByte(j.components, c[0])
		if i < 0 || c[1]>>4 > 3 || c[1]&15 > 3 {
			return invalid("a scan header names what is not there")
		}
		j.scanned[i] = true
	}
	return nil
}

// finish checks at EOI that nothing is missing.
func (j *jpegWalker) finish() error {
	if j.components == nil {
		return invalid("it ends before its frame header")
	}
	for _, done := range j.scanned {
		if !done {
			return invalid("it ends before all of its colours have had a scan")
		}
	}
	return nil
}

// checkHuffman checks that the tables fill their segment.
func checkHuffman(p []byte) error {
	for len(p) > 0 {
		if len(p) < 17 || p[0]>>4 > 1 || p[0]&15 > 3 {
			return invalid("a Huffman table is malformed")
		}
		symbols := 0
		for _, n := range p[1:17] {
			symbols += int(n)
		}
		if symbols > 256 || len(p) < 17+symbols {
			return invalid("a Huffman table is longer than its segment")
		}
		p = p[17+symbols:]
	}
	return nil
}

// checkQuantization checks that the tables fill their segment.
func checkQuantization(p []byte) error {
	for len(p) > 0 {
		n := 1 + 64*(1+int(p[0]>>4))
		if p[0]>>4 > 1 || p[0]&15 > 3 || len(p) < n {
			return invalid("a quantization table is malformed")
		}
		p = p[n:]
	}
	return nil
}
