package probe_test

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/probe"
)

type hostileFile struct {
	name string
	data []byte
	kind origin.Kind
	says string
}

func hostile() []hostileFile {
	plainJPEG, plainPNG := encodeJPEG(noise(21, 13)), encodePNG(noise(21, 13))
	frames := func(n, width, height int) []byte {
		return cat(gifHeader(width, height), bytes.Repeat(gifFrame(0, 0, width, height), n), ";")
	}
	return []hostileFile{
		// not a picture
		{"empty", nil, origin.Invalid, "empty"},
		{"one byte", []byte{0xFF}, origin.Unsupported, "not a picture"},
		{"svg", []byte(`<svg xmlns="http://www.w3.org/2000/svg"/>`), origin.Unsupported, "not a picture"},
		{"html", []byte("<!DOCTYPE html><html></html>"), origin.Unsupported, "not a picture"},
		{"pdf", []byte("%PDF-1.7\n%\xE2\xE3\xCF\xD3"), origin.Unsupported, "not a picture"},
		{"tiff without entries", []byte("II*\x00\x08\x00\x00\x00\x00\x00\x00\x00"), origin.Invalid, "no picture"},
		{"tiff without a directory", []byte("MM\x00*\xFF\xFF\xFF\xF0"), origin.Invalid, "directory"},
		{"bigtiff", []byte("II+\x00\x08\x00\x00\x00\x00\x00\x00\x00"), origin.Unsupported, "not a picture"},
		{"tiff bomb", tiffFile(ifd{tiffTag(256, 60000), tiffTag(257, 60000)}), origin.TooLarge, "megapixels"},
		{"tiff jpeg", tiffFile(grayTIFF(5, 6).with(259, 7)), origin.Unsupported, "compression"},
		{"tiff cmyk", tiffFile(grayTIFF(5, 6).with(262, 5)), origin.Unsupported, "colours"},
		{"tiff float", tiffFile(grayTIFF(5, 6).with(339, 3)), origin.Unsupported, "whole numbers"},
		{"tiff 12 bits", tiffFile(grayTIFF(5, 6).with(258, 12)), origin.Unsupported, "bits"},
		{"tiff strips elsewhere", tiffFile(grayTIFF(5, 6).with(273, 1<<30)), origin.Invalid, "pixels"},
		{"tiff too few strips", tiffFile(grayTIFF(5, 6).with(278, 1)), origin.Invalid, "1 of 6"},
		{"tiff tiles of nothing", tiffFile(append(grayTIFF(5, 6), tiffTag(322, 0), tiffTag(323, 0))), origin.Invalid, "no size"},
		{"tiff out of order", tiffFile(ifd{tiffTag(257, 5), tiffTag(256, 5)}), origin.Invalid, "order"},
		{"bmp cut short", []byte("BM\x36\x00\x00\x00\x00\x00\x00\x00\x36\x00\x00\x00"), origin.Invalid, "header"},
		{"bmp bomb", bmpFile(40, 65000, 65000, 24, 0, ""), origin.TooLarge, "megapixels"},
		{"bmp without rows", bmpFile(40, 500, 500, 24, 0, "too few"), origin.Invalid, "rows"},
		{"bmp upside down bomb", bmpFile(40, 65000, -65000, 24, 0, ""), origin.TooLarge, "megapixels"},
		{"bmp least height", bmpFile(40, 5, -1<<31, 24, 0, ""), origin.TooLarge, "a side"},
		{"bmp run lengths", bmpFile(40, 5, 6, 8, 1, ""), origin.Unsupported, "compressed"},
		{"bmp 16 bits", bmpFile(40, 5, 6, 16, 0, ""), origin.Unsupported, "16 bits"},
		{"bmp os2", bmpFile(12, 5, 6, 24, 0, ""), origin.Unsupported, "header of 12"},
		{"heic cut short", isoBox("ftyp", "heic", zeros4, "mif1heic"), origin.Invalid, "boxes"},
		{"mif1 without a picture", isoBox("ftyp", "mif1", zeros4, "mif1heic"), origin.Invalid, "boxes"},
		{"mif1 of another kind", isoBox("ftyp", "mif1", zeros4, "mif1jpeg"), origin.Unsupported, "HEIF"},
		{"heic sequence", isoBox("ftyp", "hevc", zeros4, "hevcheic"), origin.Unsupported, "HEIF"},
		{"heic bomb", hugeHEVC(), origin.TooLarge, "a side"},
		{"avif sequence", file("sequence.avif"), origin.Unsupported, "HEIF"},
		{"wave", cat("RIFF", le32(100), "WAVEfmt "), origin.Unsupported, "not a picture"},
		// too large
		{"jpeg 65500×65500", headerJPEG(65500, 65500), origin.TooLarge, "100 megapixels"},
		{"jpeg too many scans", cat(plainJPEG[:len(plainJPEG)-2],
			bytes.Repeat(cat(segment(0xDA, []byte("\x01\x01\x00\x00\x3F\x00")), "x"), 500), "\xFF\xD9"),
			origin.TooLarge, "500 scans"},
		{"png 50000×50000", headerPNG(ihdr(50000, 50000, 1, 0)), origin.TooLarge, "100 megapixels"},
		{"png wide", headerPNG(ihdr(65536, 1, 1, 0)), origin.TooLarge, "65535 px a side"},
		{"png huge", headerPNG(ihdr(math.MaxInt32, math.MaxInt32, 1, 0)), origin.TooLarge, "a side"},
		{"gif 10000 frames of 16 megapixels", frames(10_000, 4000, 4000), origin.TooLarge, "400 megapixels"},
		{"gif one huge frame", cat(gifHeader(10, 10), gifFrame(0, 0, 60000, 60000), ";"), origin.TooLarge, "megapixels"},
		{"gif huge later frames", cat(gifHeader(10, 10), gifFrame(0, 0, 10, 10),
			bytes.Repeat(gifFrame(0, 0, 60000, 60000), 9), ";"), origin.TooLarge, "megapixels"},
		{"gif wide first frame", cat(gifHeader(10, 10), gifFrame(65535, 0, 1, 1), ";"), origin.TooLarge, "a side"},
		{"gif huge screen", cat(gifHeader(65535, 65535), gifFrame(0, 0, 1, 1), ";"), origin.TooLarge, "megapixels"},
		{"gif too many frames", frames(10_001, 1, 1), origin.TooLarge, "10000 frames"},
		{"webp canvas", riff(vp8x(0, 1<<24, 1<<24), vp8(21, 13)), origin.TooLarge, "a side"},
		{"webp too many frames", riff(vp8x(2, 10, 10), riffChunk("ANIM", make([]byte, 6)),
			bytes.Repeat(anmf(0, 0, 10, 10, vp8(10, 10)), 10_001)), origin.TooLarge, "10000 frames"},
		{"webp too many pixels", riff(vp8x(2, 10_000, 10_000), riffChunk("ANIM", make([]byte, 6)),
			bytes.Repeat(anmf(0, 0, 10, 10, vp8(10, 10)), 5)), origin.TooLarge, "400 megapixels"},
		{"avif", plainAVIF(20_000, 20_000), origin.TooLarge, "megapixels"},
		{"avif understated",
			avifFile([]avifItem{{kind: "av01", data: av1(65_536, 65_536), props: [][]byte{ispe(10, 10)}}}),
			origin.TooLarge, "a side"},
		{"avif of one tile many times", bombGrid(), origin.TooLarge, "400 megapixels"},
		{"avif with huge alpha", hugeAlpha(), origin.TooLarge, "a side"},
		// JPEG
		{"jpeg without height", headerJPEG(10, 0), origin.Invalid, "no picture"},
		{"jpeg with DNL", cat(headerJPEG(10, 20)[:len(headerJPEG(10, 20))-2], segment(0xDC, be16(30)), "\xFF\xD9"),
			origin.Invalid, "two heights"},
		{"jpeg without frame", []byte("\xFF\xD8\xFF\xD9"), origin.Invalid, "frame header"},
		{"jpeg without scan", cat("\xFF\xD8", segment(0xC0, []byte("\x08\x00\x09\x00\x09\x01\x01\x11\x00")),
			"\xFF\xD9"), origin.Invalid, "all of its colours"},
		{"jpeg cut in its scan", plainJPEG[:len(plainJPEG)-2], origin.Invalid, "ends inside its scan data"},
		{"jpeg without scan data", cat(headerJPEG(9, 9)[:len(headerJPEG(9, 9))-11], "\xFF\xD9"), origin.Invalid,
			"no data"},
		{"jpeg in jpeg", withSegments(plainJPEG, plainJPEG), origin.Invalid, "second picture begins"},
		{"jpeg two frames", withSegments(headerJPEG(9, 9),
			segment(0xC0, []byte("\x08\x00\x09\x00\x09\x01\x01\x11\x00"))), origin.Invalid, "two frame headers"},
		{"jpeg segment of no length", cat("\xFF\xD8\xFF\xE0\x00\x01"), origin.Invalid, "length of 1"},
		{"jpeg arithmetic", withSegments(plainJPEG, segment(0xCC, []byte("\x00\x00"))), origin.Unsupported,
			"arithmetic"},
		{"jpeg lossless", withSegments(plainJPEG, segment(0xC3, []byte("x"))), origin.Unsupported, "coding process"},
		{"jpeg hierarchical", withSegments(plainJPEG, segment(0xDE, []byte("x"))), origin.Unsupported, "hierarchical"},
		{"jpeg 12 bits", cat("\xFF\xD8", segment(0xC1, []byte("\x0C\x00\x09\x00\x09\x01\x01\x11\x00"))),
			origin.Unsupported, "12 bits"},
		{"jpeg two colours", cat("\xFF\xD8",
			segment(0xC1, []byte("\x08\x00\x09\x00\x09\x02\x01\x11\x00\x02\x11\x00"))), origin.Unsupported, "2 colour"},
		{"jpeg same colours", cat("\xFF\xD8",
			segment(0xC1, []byte("\x08\x00\x09\x00\x09\x03\x01\x11\x00\x02\x11\x00\x02\x11\x00"))), origin.Invalid,
			"one name"},
		{"jpeg sampling", cat("\xFF\xD8", segment(0xC1, []byte("\x08\x00\x09\x00\x09\x01\x01\x51\x00"))),
			origin.Invalid, "component is malformed"},
		{"jpeg frame length", cat("\xFF\xD8", segment(0xC1, []byte("\x08\x00\x09\x00\x09\x03\x01\x11\x00"))),
			origin.Invalid, "frame header is malformed"},
		{"jpeg huffman", withSegments(plainJPEG, segment(0xC4, cat(0, bytes.Repeat([]byte{255}, 16)))), origin.Invalid,
			"Huffman"},
		{"jpeg quantization", withSegments(plainJPEG, segment(0xDB, []byte("\x00short"))), origin.Invalid,
			"quantization"},
		{"jpeg restart interval", withSegments(plainJPEG, segment(0xDD, []byte("\x00"))), origin.Invalid, "restart"},
		{"jpeg scan of nothing", withSegments(plainJPEG, segment(0xDA, []byte("\x01\x01\x00\x00\x3F\x00"))),
			origin.Invalid, "before the frame"},
		{"jpeg scattered metadata", withSegments(plainJPEG,
			bytes.Repeat(cat(segment(0xFE, nil), segment(0xDD, be16(0))), 5000)), origin.Invalid, "4096 places"},
		// PNG
		{"png cut in IDAT", plainPNG[:len(plainPNG)-20], origin.Invalid, "ends inside its IDAT chunk"},
		{"png without header", cat(pngStart, chunk("IDAT", "x")), origin.Invalid, "header"},
		{"png of no size", headerPNG(ihdr(0, 9, 8, 2)), origin.Invalid, "no picture"},
		{"png without pixels", cat(pngStart, ihdr(9, 9, 8, 2), chunk("IEND", "")), origin.Invalid, "no pixels"},
		{"png without palette", headerPNG(ihdr(9, 9, 8, 3)), origin.Invalid, "no palette"},
		{"png with half a palette", headerPNG(ihdr(9, 9, 8, 3), chunk("PLTE", "1234")), origin.Invalid, "palette"},
		{"png without end", cat(pngStart, ihdr(9, 9, 8, 2), chunk("IDAT", "x")), origin.Invalid, "ends inside"},
		{"png depth", headerPNG(ihdr(9, 9, 4, 2)), origin.Invalid, "does not exist"},
		{"png colour", headerPNG(ihdr(9, 9, 8, 5)), origin.Invalid, "does not exist"},
		{"png checksum", flip(plainPNG, 31), origin.Invalid, "checksum of its IHDR"},
		{"png data checksum", flip(plainPNG, 60), origin.Invalid, "checksum of its IDAT"},
		{"png split pixels", headerPNG(ihdr(9, 9, 8, 2), chunk("IDAT", "x"), chunk("gAMA", "1234")), origin.Invalid,
			"one run"},
		{"png critical", headerPNG(ihdr(9, 9, 8, 2), chunk("ABCD", "x")), origin.Invalid, "unknown critical chunk ABCD"},
		{"png two headers", headerPNG(ihdr(9, 9, 8, 2), ihdr(8, 8, 8, 2)), origin.Invalid, "second header"},
		{"png long chunk", cat(pngStart, ihdr(9, 9, 8, 2), "\xFF\xFF\xFF\xFFIDAT"), origin.Invalid,
			"ends inside its IDAT chunk"},
		{"png rubbish chunk", cat(pngStart, ihdr(9, 9, 8, 2), zeros4, "\x00\x01\x02\x03"), origin.Invalid, "no chunk"},
		{"png scattered metadata", headerPNG(ihdr(9, 9, 8, 2),
			bytes.Repeat(cat(chunk("tEXt", "x"), chunk("gAMA", "1234")), 5000)), origin.Invalid, "4096 places"},
		// GIF
		{"gif without frames", cat(gifHeader(9, 9), ";"), origin.Invalid, "no frames"},
		{"gif without trailer", cat(gifHeader(9, 9), gifFrame(0, 0, 9, 9)), origin.Invalid, "ends inside its blocks"},
		{"gif frame of no data", cat(gifHeader(9, 9), gifFrame(0, 0, 9, 9)[:11], "\x00;"), origin.Invalid, "no data"},
		{"gif of no size", cat(gifHeader(0, 0), gifFrame(0, 0, 0, 0), ";"), origin.Invalid, "no picture"},
		{"gif code size", cat(gifHeader(9, 9), gifFrame(0, 0, 9, 9)[:10], "\x09\x01x\x00;"), origin.Invalid,
			"code size of 9"},
		{"gif rubbish block", cat(gifHeader(9, 9), gifFrame(0, 0, 9, 9), "x;"), origin.Invalid, "no block"},
		{"gif control", cat(gifHeader(9, 9), "\x21\xF9\x03xxx\x00", gifFrame(0, 0, 9, 9), ";"), origin.Invalid,
			"control block"},
		{"gif scattered metadata", cat(gifHeader(9, 9), bytes.Repeat(cat(gifFrame(0, 0, 9, 9), "\x21\xFE\x00"), 5000),
			";"), origin.Invalid, "4096 places"},
		// WebP
		{"webp cut short", riff(vp8(9, 9))[:30], origin.Invalid, "ends inside"},
		{"webp of nothing", riff(), origin.Invalid, "ends inside"},
		{"webp unknown", riff(riffChunk("ABCD", nil)), origin.Invalid, "unknown chunk"},
		{"webp without picture", riff(vp8x(0, 9, 9)), origin.Invalid, "no picture"},
		{"webp animation without frames", riff(vp8x(2, 9, 9), riffChunk("ANIM", make([]byte, 6))), origin.Invalid,
			"no picture"},
		{"webp other size", riff(vp8x(0, 9, 9), vp8(9, 8)), origin.Invalid, "says 9×9 px and its frame 9×8"},
		{"webp two pictures", riff(vp8x(0, 9, 9), vp8(9, 9), vp8(9, 9)), origin.Invalid, "too many"},
		{"webp still in animation", riff(vp8x(2, 9, 9), vp8(9, 9)), origin.Invalid, "too many"},
		{"webp frame in still", riff(vp8x(0, 9, 9), anmf(0, 0, 9, 9, vp8(9, 9))), origin.Invalid, "misplaced"},
		{"webp frame beyond", riff(vp8x(2, 9, 9), riffChunk("ANIM", make([]byte, 6)), anmf(2, 0, 9, 9, vp8(9, 9))),
			origin.Invalid, "beyond the canvas"},
		{"webp frame without picture", riff(vp8x(2, 9, 9), riffChunk("ANIM", make([]byte, 6)), anmf(0, 0, 9, 9)),
			origin.Invalid, "0 pictures"},
		{"webp chunk beyond", riff(vp8x(0, 9, 9), cat("VP8 ", le32(math.MaxUint32))), origin.Invalid,
			"beyond what it lies in"},
		{"webp partition", riff(riffChunk("VP8 ", cat(le24(900<<5|1<<4), "\x9D\x01\x2A", le16(9), le16(9)))),
			origin.Invalid, "cut short"},
		{"webp of no width", riff(vp8(0, 9)), origin.Invalid, "no picture"},
		{"webp no key frame", riff(riffChunk("VP8 ", []byte("\x01 no key frame at all"))), origin.Invalid, "key frame"},
		{"webp lossless", riff(riffChunk("VP8L", []byte("\x2E12345"))), origin.Invalid, "VP8L"},
		{"webp header length", riff(riffChunk("VP8X", make([]byte, 12))), origin.Invalid, "length of 12"},
		// AVIF
		{"avif without meta", isoBox("ftyp", "avif", zeros4, "avif"), origin.Invalid, "ends inside its boxes"},
		{"avif two metas", cat(plainAVIF(9, 9), plainAVIF(9, 9)[28:]), origin.Invalid, "two meta boxes"},
		{"avif with movie", cat(plainAVIF(9, 9), isoBox("moov")), origin.Unsupported, "sequences"},
		{"avif long meta", cat(isoBox("ftyp", "avif", zeros4, "avif"), isoBox("meta", make([]byte, 3<<20))),
			origin.Invalid, "2 MiB"},
		{"avif box of no length", cat(isoBox("ftyp", "avif", zeros4, "avif"), be32(7), "meta"), origin.Invalid,
			"ends inside"},
		{"avif box of endless length", cat(isoBox("ftyp", "avif", zeros4, "avif"), be32(1), "meta",
			bytes.Repeat([]byte{255}, 8)), origin.Invalid, "ends inside"},
		{"avif box in box too long", avifWithMeta(be32(900), "iloc"), origin.Invalid, "longer than the one it lies in"},
		{"avif box of huge length inside", avifWithMeta(be32(1), "iloc", bytes.Repeat([]byte{255}, 8)), origin.Invalid,
			"longer than the one it lies in"},
		{"avif two locations", avifWithMeta(isoBox("pitm", zeros4, "\x00\x01"), isoBox("pitm", zeros4, "\x00\x01")),
			origin.Invalid, "two of"},
		{"avif no primary", avifWithMeta(isoBox("pitm", zeros4, "\x00\x09")), origin.Invalid, "primary item"},
		{"avif endless extents",
			avifWithMeta(isoBox("iloc", "\x01\x00\x00\x00", be16(0), be16(2),
				bytes.Repeat(cat(be16(1), be16(0), be16(0), be16(65535)), 2))), origin.Invalid, "16384 runs"},
		{"avif extents of no length",
			avifWithMeta(isoBox("iloc", "\x01\x00\x00\x00", be16(0), be16(1), be16(1), be16(0), be16(0), be16(5))),
			origin.Invalid, "impossible location"},
		{"avif extent overflow",
			avifWithMeta(isoBox("iloc", "\x01\x00\x00\x00", be16(0x8800), be16(1), be16(1), be16(0), be16(0), be16(1),
				bytes.Repeat([]byte{255}, 16))), origin.Invalid, "impossible location"},
		{"avif odd fields", avifWithMeta(isoBox("iloc", "\x01\x00\x00\x00", be16(0x3300), be16(0))), origin.Invalid,
			"malformed"},
		{"avif millions of items",
			avifWithMeta(isoBox("iloc", "\x02\x00\x00\x00", be16(0x4400), be32(math.MaxUint32))), origin.Invalid,
			"more than 8192"},
		{"avif many items", avifWithMeta(isoBox("iinf", "\x01\x00\x00\x00", be32(9000), manyItems(9000))),
			origin.Invalid, "more than 8192 items"},
		{"avif twice the same item",
			avifWithMeta(isoBox("iinf", zeros4, be16(2),
				bytes.Repeat(isoBox("infe", "\x02\x00\x00\x00\x00\x01\x00\x00av01\x00"), 2))), origin.Invalid,
			"two items 1"},
		{"avif miscounted items", avifWithMeta(isoBox("iinf", zeros4, be16(9), manyItems(2))), origin.Invalid,
			"as long as it says"},
		{"avif many properties", avifWithMeta(isoBox("iprp", isoBox("ipco", bytes.Repeat(isoBox("free"), 9000)))),
			origin.Invalid, "8192 properties"},
		{"avif many uses", avifWithMeta(isoBox("iprp", isoBox("ipma", zeros4, be32(math.MaxUint32)))), origin.Invalid,
			"8192 items"},
		{"avif item beyond", shiftData(plainAVIF(9, 9)), origin.Invalid, "outside of the file's data"},
		{"avif without size", avifFile([]avifItem{{kind: "av01", data: av1(9, 9)}}), origin.Invalid, "no size"},
		{"avif without av1",
			avifFile([]avifItem{{kind: "av01", data: []byte("nonsense"), props: [][]byte{ispe(9, 9)}}}),
			origin.Invalid, "sequence header"},
		{"avif hevc", avifFile([]avifItem{{kind: "hvc1", data: []byte("nonsense"), props: [][]byte{ispe(9, 9)}}}),
			origin.Unsupported, "hvc1"},
		{"avif grid of one tile", gridAVIF(9, 9, 2, 9), origin.Invalid, "1 tiles of 2"},
		{"avif grid of itself", gridAVIF(9, 9, 1, 2), origin.Invalid, "tile of its grid is missing"},
		{"avif clean aperture", plainAVIF(9, 9,
			isoBox("clap", be32(10), be32(1), be32(9), be32(1), be32(0), be32(1), be32(0), be32(1))), origin.Invalid,
			"clean aperture"},
		{"avif clean aperture of none", plainAVIF(9, 9,
			isoBox("clap", be32(9), be32(0), be32(9), be32(1), be32(0), be32(1), be32(0), be32(1))), origin.Invalid,
			"clean aperture"},
		{"avif clean aperture off", plainAVIF(9, 9,
			isoBox("clap", be32(5), be32(1), be32(9), be32(1), be32(-3), be32(1), be32(0), be32(1))), origin.Invalid,
			"clean aperture"},
		{"avif with much to blank", avifFile([]avifItem{
			{kind: "av01", data: av1(9, 9), props: [][]byte{ispe(9, 9)}},
			{kind: "mime", data: bytes.Repeat([]byte("SECRET"), 200_000)},
		}), origin.Invalid, "1024 KiB of metadata"},
		{"avif scattered metadata", avifFile([]avifItem{{kind: "av01", data: av1(9, 9), props: [][]byte{ispe(9, 9)}}},
			bytes.Repeat(isoBox("uuid", "SECRET"), 5000)), origin.Invalid, "4096 places"},
	}
}

// avifWithMeta is a file whose meta box has other contents.
func avifWithMeta(parts ...any) []byte {
	return cat(isoBox("ftyp", "avif", zeros4, "avif"), isoBox("meta", zeros4, cat(parts...)), isoBox("mdat", "data"))
}

func manyItems(n int) []byte {
	var b []byte
	for i := range n {
		b = cat(b, isoBox("infe", "\x03\x00\x00\x00", be32(i), "\x00\x00av01\x00"))
	}
	return b
}

// bombGrid is a grid of 16×16 tiles that are all the same one of 64 megapixels.
func bombGrid() []byte {
	tiles := make([]int, 256)
	for i := range tiles {
		tiles[i] = 2
	}
	return avifFile([]avifItem{
		{kind: "grid", data: cat(0, 0, 15, 15, be16(100), be16(100)), props: [][]byte{ispe(100, 100)},
			refs: [][]byte{itemRef("dimg", 1, tiles...)}},
		{kind: "av01", data: av1(8000, 8000), props: [][]byte{ispe(7, 7)}},
	})
}

func hugeAlpha() []byte {
	alpha := isoBox("auxC", zeros4, "urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\x00")
	return avifFile([]avifItem{
		{kind: "av01", data: av1(9, 9), props: [][]byte{ispe(9, 9)}},
		{kind: "av01", data: av1(65536, 9), props: [][]byte{ispe(9, 9), alpha}, refs: [][]byte{itemRef("auxl", 2, 1)}},
	})
}

// shiftData leaves one byte less of the data than the file says.
func shiftData(avif []byte) []byte {
	i := bytes.LastIndex(avif, []byte("mdat"))
	short := avif[i+4 : len(avif)-1]
	return cat(avif[:i-4], isoBox("mdat", short), isoBox("free", "x"))
}

func flip(data []byte, at int) []byte {
	data = bytes.Clone(data)
	data[at] ^= 1
	return data
}

// countingReader counts what is read.
type countingReader struct {
	*bytes.Reader
	n int64
}

func (r *countingReader) ReadAt(p []byte, off int64) (int, error) {
	n, err := r.Reader.ReadAt(p, off)
	r.n += int64(n)
	return n, err
}

func TestProbeRefusesHostileFiles(t *testing.T) {
	for _, h := range hostile() {
		t.Run(h.name, func(t *testing.T) {
			r := &countingReader{Reader: bytes.NewReader(h.data)}
			start := time.Now()
			_, err := probe.Prober{}.Probe(r, int64(len(h.data)))
			took := time.Since(start)
			if err == nil || origin.KindOf(err) != h.kind || !strings.Contains(err.Error(), h.says) {
				t.Errorf("got %v (kind %d), want kind %d saying %q", err, origin.KindOf(err), h.kind, h.says)
			}
			// Work is bounded by the bytes: nothing is read over and over.
			if most := 2*int64(len(h.data)) + 1<<20; r.n > most {
				t.Errorf("read %d bytes of %d", r.n, len(h.data))
			}
			if took > 10*time.Second { // generous: a few ms without the race detector
				t.Errorf("took %v", took)
			}
		})
	}
}

// A bomb is refused at its first frame too many, not after the walk.
func TestProbeStopsEarly(t *testing.T) {
	f := func(name string, data []byte) {
		t.Helper()
		r := &countingReader{Reader: bytes.NewReader(data)}
		_, err := probe.Prober{}.Probe(r, int64(len(data)))
		if origin.KindOf(err) != origin.TooLarge || r.n > 1<<20 || len(data) < 2<<20 {
			t.Errorf("%s: read %d of %d bytes: %v", name, r.n, len(data), err)
		}
	}
	f("frames", cat(gifHeader(1, 1), bytes.Repeat(gifFrame(0, 0, 1, 1), 200_000), ";"))
	f("pixels", cat(gifHeader(4000, 4000), bytes.Repeat(gifFrame(0, 0, 4000, 4000), 200_000), ";"))
	f("webp", riff(vp8x(2, 4000, 4000), riffChunk("ANIM", make([]byte, 6)),
		bytes.Repeat(anmf(0, 0, 9, 9, vp8(9, 9)), 50_000)))
	f("size", cat(headerJPEG(65500, 65500), make([]byte, 4<<20)))
}

func BenchmarkProbeJPEG(b *testing.B) { benchmark(b, encodeJPEG(noise(4000, 3000))) }
func BenchmarkProbePNG(b *testing.B)  { benchmark(b, encodePNG(noise(2000, 1000))) }
func BenchmarkProbeGIF(b *testing.B)  { benchmark(b, encodeGIF(1200, 800, true)) }

// BenchmarkProbeStuffed walks the worst of scan data: every other byte might begin a marker.
func BenchmarkProbeStuffed(b *testing.B) {
	data := headerJPEG(4000, 3000)
	benchmark(b, cat(data[:len(data)-2], bytes.Repeat([]byte{0xFF, 0}, 50<<20), "\xFF\xD9"))
}

func benchmark(b *testing.B, data []byte) {
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := probeBytes(data); err != nil {
			b.Fatal(err)
		}
	}
}
