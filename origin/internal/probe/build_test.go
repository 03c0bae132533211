package probe_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color"
	"image/color/palette"
	"image/gif"
	"image/jpeg"
	"image/png"
	"math/rand/v2"
	"strings"
)

// cat joins strings, byte slices and single bytes.
func cat(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch p := p.(type) {
		case string:
			b = append(b, p...)
		case []byte:
			b = append(b, p...)
		case int:
			b = append(b, byte(p))
		default:
			panic("cat takes text, bytes and single bytes")
		}
	}
	return b
}

func be16(v int) []byte { return binary.BigEndian.AppendUint16(nil, uint16(v)) }
func be32(v int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(v)) }
func le16(v int) []byte { return binary.LittleEndian.AppendUint16(nil, uint16(v)) }
func le24(v int) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(v))[:3] }
func le32(v int) []byte { return binary.LittleEndian.AppendUint32(nil, uint32(v)) }

// noise is a picture that compresses badly, the same each time.
func noise(width, height int) *image.RGBA {
	random := rand.New(rand.NewPCG(1, 2))
	img := image.NewRGBA(image.Rect(0, 0, width, height))
	for i := range img.Pix {
		img.Pix[i] = byte(random.Uint32()) | byte(i%4/3*0xFF)
	}
	return img
}

// tiff is an Exif structure with an orientation, a place where it was taken and a thumbnail.
func tiff(orientation int, little bool) []byte {
	var order binary.AppendByteOrder = binary.BigEndian
	b := []byte("MM\x00*")
	if little {
		order, b = binary.LittleEndian, []byte("II*\x00")
	}
	entry := func(tag, kind, count, value int) {
		b = order.AppendUint16(b, uint16(tag))
		b = order.AppendUint16(b, uint16(kind))
		b = order.AppendUint32(b, uint32(count))
		if kind == 3 {
			b = order.AppendUint16(order.AppendUint16(b, uint16(value)), 0)
		} else {
			b = order.AppendUint32(b, uint32(value))
		}
	}
	b = order.AppendUint32(b, 8)
	b = order.AppendUint16(b, 2)
	entry(0x0112, 3, 1, orientation)
	entry(0x8825, 4, 1, 80)
	b = order.AppendUint32(b, 38)
	b = order.AppendUint16(b, 2) // the second directory: a thumbnail, upside down
	entry(0x0112, 3, 1, 3)
	entry(0x0201, 4, 1, 80)
	b = order.AppendUint32(b, 0)
	return append(b, "SECRET GPS 51.477928 N, SECRET thumbnail"...)
}

// JPEG

func encodeJPEG(img image.Image) []byte {
	var b bytes.Buffer
	if err := jpeg.Encode(&b, img, &jpeg.Options{Quality: 90}); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func segment(marker int, payload []byte) []byte {
	return cat(0xFF, marker, be16(2+len(payload)), payload)
}

// withSegments puts segments right behind SOI.
func withSegments(jpeg []byte, segments ...[]byte) []byte {
	return cat(jpeg[:2], bytes.Join(segments, nil), jpeg[2:])
}

// headerJPEG is a whole little JPEG of any size, whose scan is nonsense.
func headerJPEG(width, height int) []byte {
	return cat("\xFF\xD8", segment(0xC0, cat(8, be16(height), be16(width), "\x01\x01\x11\x00")),
		segment(0xDA, []byte("\x01\x01\x00\x00\x3F\x00")), "scan data", "\xFF\xD9")
}

// PNG

const pngStart = "\x89PNG\r\n\x1a\n"

func encodePNG(img image.Image) []byte {
	var b bytes.Buffer
	if err := png.Encode(&b, img); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func chunk(name, data string) []byte {
	body := name + data
	return cat(be32(len(data)), body, be32(int(crc32.ChecksumIEEE([]byte(body)))))
}

func ihdr(width, height, depth, colour int) []byte {
	return chunk("IHDR", string(cat(be32(width), be32(height), depth, colour, "\x00\x00\x00")))
}

// withChunks puts chunks right behind IHDR.
func withChunks(png []byte, chunks ...[]byte) []byte {
	return cat(png[:33], bytes.Join(chunks, nil), png[33:])
}

// headerPNG is a whole PNG of any size, whose pixels are nonsense.
func headerPNG(ihdr []byte, chunks ...[]byte) []byte {
	return cat(pngStart, ihdr, bytes.Join(chunks, nil), chunk("IDAT", "nonsense"), chunk("IEND", ""))
}

// GIF

// encodeGIF makes an animation of noise, the second frame smaller and with a transparent colour if asked for.
func encodeGIF(width, height int, transparent bool) []byte {
	colours := append(color.Palette{color.RGBA{}}, palette.WebSafe...)
	if !transparent {
		colours = palette.WebSafe
	}
	random := rand.New(rand.NewPCG(3, 4))
	anim := &gif.GIF{LoopCount: 3}
	for _, r := range []image.Rectangle{image.Rect(0, 0, width, height), image.Rect(1, 2, width-1, height)} {
		frame := image.NewPaletted(r, colours)
		for i := range frame.Pix {
			frame.Pix[i] = byte(random.IntN(len(colours)))
		}
		anim.Image = append(anim.Image, frame)
		anim.Delay = append(anim.Delay, 10)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, anim); err != nil {
		panic(err)
	}
	return b.Bytes()
}

func gifHeader(width, height int) []byte {
	return cat("GIF89a", le16(width), le16(height), "\x80\x00\x00", "\x00\x00\x00\xFF\xFF\xFF")
}

func gifFrame(x, y, width, height int) []byte {
	return cat(0x2C, le16(x), le16(y), le16(width), le16(height), 0, "\x02\x02\x44\x01\x00")
}

func gifApplication(name, data string) []byte {
	return cat("\x21\xFF\x0B", name, len(data), data, 0)
}

// gifXMP is how XMP lies in a GIF: not in sub-blocks, but so that a decoder that takes it for some ends up behind it.
func gifXMP() []byte {
	b := cat("\x21\xFF\x0BXMP DataXMP", "<x:xmpmeta>SECRET</x:xmpmeta>", 1)
	for i := 255; i >= 0; i-- {
		b = append(b, byte(i))
	}
	return append(b, 0)
}

// afterPalette puts blocks behind the global colour table.
func afterPalette(gif []byte, blocks ...[]byte) []byte {
	n := 13
	if flags := gif[10]; flags&0x80 != 0 {
		n += 3 << (1 + flags&7)
	}
	return cat(gif[:n], bytes.Join(blocks, nil), gif[n:])
}

// WebP

func riff(chunks ...[]byte) []byte {
	body := cat("WEBP", bytes.Join(chunks, nil))
	return cat("RIFF", le32(len(body)), body)
}

func riffChunk(name string, data []byte) []byte {
	return cat(name, le32(len(data)), data, strings.Repeat("\x00", len(data)&1))
}

func vp8x(flags, width, height int) []byte {
	return riffChunk("VP8X", cat(flags, 0, 0, 0, le24(width-1), le24(height-1)))
}

// vp8 is a frame header with nonsense behind it.
func vp8(width, height int) []byte {
	return riffChunk("VP8 ", cat(le24(4<<5|1<<4), "\x9D\x01\x2A", le16(width), le16(height), "nonsense"))
}

func vp8l(width, height, alpha int) []byte {
	return riffChunk("VP8L", cat(0x2F, le32(width-1|(height-1)<<14|alpha<<28), "nonsense"))
}

func anmf(x, y, width, height int, chunks ...[]byte) []byte {
	return riffChunk("ANMF", cat(le24(x/2), le24(y/2), le24(width-1), le24(height-1), le24(100), 0,
		bytes.Join(chunks, nil)))
}

// AVIF

func isoBox(kind string, parts ...any) []byte {
	body := cat(parts...)
	return cat(be32(8+len(body)), kind, body)
}

// avifItem is one item of a made-up file.
type avifItem struct {
	kind  string
	name  string // what follows the kind in its infe box
	data  []byte
	props [][]byte
	refs  [][]byte // iref boxes
	idat  bool
}

const zeros4 = "\x00\x00\x00\x00"

func ispe(width, height int) []byte { return isoBox("ispe", zeros4, be32(width), be32(height)) }

func itemRef(kind string, from int, to ...int) []byte {
	b := cat(be16(from), be16(len(to)))
	for _, id := range to {
		b = cat(b, be16(id))
	}
	return isoBox(kind, b)
}

// av1 is a sequence header with nonsense behind it.
func av1(width, height int) []byte {
	var b bitWriter
	b.put(0, 3) // profile
	b.put(1, 1) // still
	b.put(1, 1) // reduced header
	b.put(0, 5) // level
	b.put(15, 4)
	b.put(15, 4)
	b.put(width-1, 16)
	b.put(height-1, 16)
	b.put(0, 16)
	return cat("\x12\x00", 1<<3|2, len(b.data), b.data, "\x32\x08nonsense")
}

// fullAV1 is a sequence header with all that can stand before the frame size.
func fullAV1(width, height int) []byte {
	var b bitWriter
	b.put(0, 3)
	b.put(0, 2)
	b.put(1, 1) // timing
	b.put(1, 32)
	b.put(1, 32)
	b.put(1, 1) // equal intervals
	b.put(2, 3) // uvlc of 1: 010
	b.put(1, 1) // decoder model
	b.put(9, 5) // ten bits of delay
	b.put(1, 32)
	b.put(0, 10)
	b.put(1, 1) // initial display delay
	b.put(1, 5) // two operating points
	for _, level := range []int{5, 9} {
		b.put(0, 12)
		b.put(level, 5)
		if level > 7 {
			b.put(1, 1)
		}
		b.put(1, 1)
		b.put(0, 21)
		b.put(1, 1)
		b.put(3, 4)
	}
	b.put(15, 4)
	b.put(15, 4)
	b.put(width-1, 16)
	b.put(height-1, 16)
	return cat(1<<3|4|2, 0, 0x80|len(b.data), 0, b.data)
}

type bitWriter struct {
	data []byte
	n    int
}

func (w *bitWriter) put(v, bits int) {
	for i := bits - 1; i >= 0; i-- {
		if w.n%8 == 0 {
			w.data = append(w.data, 0)
		}
		w.data[w.n/8] |= byte(v>>i&1) << (7 - w.n%8)
		w.n++
	}
}

// avifFile assembles a file of the items, numbered from 1, the first of them primary. Extra boxes go into meta.
func avifFile(items []avifItem, extra ...[]byte) []byte {
	ftyp := isoBox("ftyp", "avif", zeros4, "avifmif1miaf")
	media := 0 // where mdat's data begins: not known before the length of meta is
	for {
		meta, mdat := avifMeta(items, media, extra)
		if at := len(ftyp) + len(meta) + 8; at != media {
			media = at
			continue
		}
		return cat(ftyp, meta, isoBox("mdat", mdat))
	}
}

func avifMeta(items []avifItem, media int, extra [][]byte) (meta, mdat []byte) {
	var infe, iloc, ipco, ipma, iref, idat []byte
	property := 0
	for i, item := range items {
		id := be16(i + 1)
		infe = cat(infe, isoBox("infe", "\x02\x00\x00\x00", id, "\x00\x00", item.kind, item.name, 0))
		method, at := 0, media+len(mdat)
		if item.idat {
			method, at = 1, len(idat)
			idat = cat(idat, item.data)
		} else {
			mdat = cat(mdat, item.data)
		}
		iloc = cat(iloc, id, be16(method), "\x00\x00", be16(1), be32(at), be32(len(item.data)))
		ipma = cat(ipma, id, len(item.props))
		for _, p := range item.props {
			property++
			ipco, ipma = cat(ipco, p), cat(ipma, property)
		}
		iref = cat(iref, bytes.Join(item.refs, nil))
	}
	return isoBox("meta", zeros4,
		isoBox("hdlr", zeros4, zeros4, "pict", zeros4, zeros4, zeros4, 0),
		isoBox("pitm", zeros4, be16(1)),
		isoBox("iloc", "\x01\x00\x00\x00", be16(0x4400), be16(len(items)), iloc),
		isoBox("iinf", zeros4, be16(len(items)), infe),
		isoBox("iref", zeros4, iref),
		isoBox("iprp", isoBox("ipco", ipco), isoBox("ipma", zeros4, be32(len(items)), ipma)),
		isoBox("idat", idat),
		bytes.Join(extra, nil),
	), mdat
}

// plainAVIF is a still of one item with the properties.
func plainAVIF(width, height int, props ...[]byte) []byte {
	return avifFile([]avifItem{{kind: "av01", data: av1(width, height),
		props: append([][]byte{ispe(width, height)}, props...)}})
}

// gridAVIF is a grid of two tiles side by side.
func gridAVIF(width, height int, tiles ...int) []byte {
	return avifFile([]avifItem{
		{kind: "grid", data: cat(0, 0, 0, len(tiles)-1, be16(2*width), be16(height)),
			props: [][]byte{ispe(2*width, height)},
			refs:  [][]byte{itemRef("dimg", 1, tiles...)}, idat: true},
		{kind: "av01", data: av1(width, height), props: [][]byte{ispe(width, height)}},
		{kind: "av01", data: av1(width, height), props: [][]byte{ispe(width, height)}},
	})
}

// wideAVIF says the same as plainAVIF in the widest of all spellings: 64-bit lengths, 32-bit ids, 16-bit indexes, the
// data before its description and in two runs.
func wideAVIF(width, height int) []byte {
	ftyp := isoBox("ftyp", "mif1", zeros4, "mif1avif")
	data := av1(width, height)
	mdat := cat(be32(1), "mdat", be32(0), be32(16+len(data)), data)
	at := len(ftyp) + 16
	iloc := cat("\x02\x00\x00\x00", be16(0x8884), be32(1), be32(70_000), be16(0), be16(0), be64(at), be16(2),
		be32(1), be64(0), be64(5), be32(2), be64(5), be64(len(data)-5))
	return cat(ftyp, mdat, isoBox("meta", zeros4,
		isoBox("iprp",
			isoBox("ipco", ispe(width, height)),
			isoBox("ipma", "\x01\x00\x00\x01", be32(1), be32(70_000), 1, be16(0x8001))),
		isoBox("iloc", iloc),
		isoBox("iinf", "\x01\x00\x00\x00", be32(1), isoBox("infe", "\x03\x00\x00\x00", be32(70_000),
			"\x00\x00av01\x00")),
		isoBox("pitm", "\x01\x00\x00\x00", be32(70_000)),
	))
}

func be64(v int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(v)) }
