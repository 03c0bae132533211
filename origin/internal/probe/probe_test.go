package probe_test

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"image"
	"image/gif"
	_ "image/jpeg"
	_ "image/png"
	"io"
	"reflect"
	"strings"
	"testing"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/probe"
	"github.com/pictor/pictor/shared/wire"
)

// testdata holds small pictures of our own, made with cwebp, avifenc, heif-enc and ImageMagick. Those named after their
// metadata got it from exiftool, with texts that begin with «Secret».
//
//go:embed testdata
var testdata embed.FS

func file(name string) []byte {
	data, err := testdata.ReadFile("testdata/" + name)
	if err != nil {
		panic(err)
	}
	return data
}

func probeBytes(data []byte) (wire.Source, error) {
	return probe.Prober{}.Probe(bytes.NewReader(data), int64(len(data)))
}

// clean gives the clean picture.
func clean(t testing.TB, data []byte, source wire.Source) []byte {
	t.Helper()
	c := wire.NewCleaner(bytes.NewReader(data), source.Clean)
	cleaned, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
	if err != nil {
		t.Fatalf("read clean picture: %v", err)
	}
	return cleaned
}

// facts writes down what a Source says about the picture, leaving out what is usual.
func facts(s wire.Source) string {
	text := fmt.Sprintf("%s %d×%d", s.Format, s.Width, s.Height)
	if s.Orientation != 1 {
		text += fmt.Sprintf(" orientation %d", s.Orientation)
	}
	if s.Frames != 1 {
		text += fmt.Sprintf(" frames %d", s.Frames)
	}
	if s.Alpha {
		text += " alpha"
	}
	return text
}

type sample struct {
	name     string
	data     []byte
	want     string   // see facts
	secrets  []string // in the data, not in the clean picture
	keeps    []string // in both
	trailing int      // bytes at the end that may be cut off
	pieces   int      // when it matters
}

func samples() []sample {
	return []sample{
		// JPEG
		{name: "jpeg plain", want: "jpg 21×13", data: encodeJPEG(noise(21, 13)), pieces: 1},
		{name: "jpeg everything", want: "jpg 21×13 orientation 6", data: everythingJPEG(),
			secrets:  []string{"SECRET", "GPS", "MPF", "Photoshop", "ns.adobe.com", "http", "rubbish"},
			keeps:    []string{"KEEP 1", "KEEP 2", "ICC_PROFILE", "Adobe", "JFIF", exifOnly(6)},
			trailing: len(trailingJPEG)},
		{name: "jpeg little-endian", want: "jpg 21×13 orientation 8",
			data:    withSegments(encodeJPEG(noise(21, 13)), segment(0xE1, cat("Exif\x00\x00", tiff(8, true)))),
			secrets: []string{"SECRET"}, keeps: []string{exifOnly(8)}},
		{name: "jpeg upright", want: "jpg 21×13",
			data:    withSegments(encodeJPEG(noise(21, 13)), segment(0xE1, cat("Exif\x00\x00", tiff(1, false)))),
			secrets: []string{"SECRET", "Exif"}},
		{name: "jpeg minimal exif", want: "jpg 21×13 orientation 5",
			data: withSegments(encodeJPEG(noise(21, 13)), []byte(exifOnly(5))), keeps: []string{exifOnly(5)},
			pieces: 1},
		{name: "jpeg two exifs", want: "jpg 21×13 orientation 5",
			data:    withSegments(encodeJPEG(noise(21, 13)), []byte(exifOnly(5)), []byte(exifOnly(7))),
			secrets: []string{exifOnly(7)}},
		{name: "jpeg exiftool", want: "jpg 32×24 orientation 6", data: file("exif.jpg"),
			secrets: []string{"Secret Artist", "Secret Creator", "Secret Keyword", "Secret Comment", "Photoshop", "xmpmeta"}},
		{name: "jpeg progressive", want: "jpg 32×24", data: file("progressive.jpg"), pieces: 1},
		// PNG
		{name: "png plain", want: "png 21×13", data: encodePNG(noise(21, 13)), pieces: 1},
		{name: "png everything", want: "png 21×13 orientation 3", data: everythingPNG(),
			secrets: []string{"SECRET", "tEXt", "zTXt", "iTXt", "tIME", "prVt", "rubbish", "GPS"},
			keeps:   []string{"KEEP", "gAMA", "pHYs", "eXIf"}, trailing: len("rubbish")},
		{name: "png exiftool", want: "png 32×24 orientation 6", data: file("exif.png"),
			secrets: []string{"Secret Artist", "Secret Creator", "Secret Comment", "xmpmeta"}},
		{name: "png exif too late", want: "png 21×13", data: pngLateExif(), secrets: []string{"eXIf", "SECRET"}},
		{name: "png transparent colour", want: "png 5×6 alpha",
			data: headerPNG(ihdr(5, 6, 8, 2), chunk("tRNS", "\x00\x01\x00\x02\x00\x03")), pieces: 1},
		{name: "png with alpha", want: "png 5×6 alpha", data: headerPNG(ihdr(5, 6, 16, 6)), pieces: 1},
		{name: "png palette", want: "png 5×6", data: headerPNG(ihdr(5, 6, 2, 3), chunk("PLTE", "KEEP12")), pieces: 1},
		{name: "png odd lengths", want: "png 5×6",
			data:    headerPNG(ihdr(5, 6, 8, 2), chunk("pHYs", "SECRET in a chunk that is too long")),
			secrets: []string{"SECRET"}},
		{name: "apng", want: "png 5×6",
			data: headerPNG(ihdr(5, 6, 8, 2), chunk("acTL", "\x00\x00\x00\x02\x00\x00\x00\x00"),
				chunk("fcTL", strings.Repeat("f", 26))),
			keeps: []string{"acTL", "fcTL"}, pieces: 1},
		// GIF
		{name: "gif plain", want: "gif 21×13 frames 2", data: encodeGIF(21, 13, false), pieces: 1},
		{name: "gif transparent", want: "gif 21×13 frames 2 alpha", data: encodeGIF(21, 13, true), pieces: 1},
		{name: "gif everything", want: "gif 21×13 frames 2", data: everythingGIF(),
			secrets: []string{"SECRET", "XMP", "rubbish"}, keeps: []string{"NETSCAPE2.0", "ICCRGBG1012"},
			trailing: len("rubbish")},
		{name: "gif exiftool", want: "gif 16×16 frames 2", data: file("comment.gif"),
			secrets: []string{"Secret Comment", "Secret Creator"}, keeps: []string{"NETSCAPE2.0"}},
		{name: "gif first frame too large", want: "gif 25×32",
			data: cat(gifHeader(10, 10), gifFrame(5, 2, 20, 30), ";")},
		{name: "gif second frame too large", want: "gif 10×10 frames 2",
			data: cat(gifHeader(10, 10), gifFrame(0, 0, 10, 10), gifFrame(5, 2, 20, 30), ";")},
		{name: "gif screen of the tool", want: "gif 10×20",
			data: cat(gifHeader(640, 480), gifFrame(0, 0, 10, 20), ";")},
		{name: "gif without screen", want: "gif 10×20", data: cat(gifHeader(0, 0), gifFrame(0, 0, 10, 20), ";")},
		{name: "gif padded", want: "gif 10×10", data: cat(gifHeader(10, 10), gifFrame(0, 0, 10, 10), 0, ";")},
		// WebP
		{name: "webp lossy", want: "webp 21×13", data: riff(vp8(21, 13)), pieces: 1},
		{name: "webp lossless", want: "webp 21×13", data: riff(vp8l(21, 13, 0)), pieces: 1},
		{name: "webp lossless alpha", want: "webp 32×24 alpha", data: file("lossless.webp"), pieces: 1},
		{name: "webp lossy alpha", want: "webp 32×24 alpha", data: file("alpha.webp"), pieces: 1},
		{name: "webp everything", want: "webp 21×13 orientation 7", data: everythingWebP(),
			secrets: []string{"SECRET", "XMP ", "rubbish", "PRIV", "GPS"}, keeps: []string{"KEEP", "ICCP"},
			trailing: len("rubbish")},
		{name: "webp silent exif", want: "webp 21×13",
			data:    riff(vp8x(0, 21, 13), vp8(21, 13), riffChunk("EXIF", tiff(7, true))),
			secrets: []string{"SECRET", "EXIF"}},
		{name: "webp simple with more", want: "webp 21×13", data: riff(vp8(21, 13), riffChunk("EXIF", tiff(7, true))),
			secrets: []string{"SECRET", "EXIF"}},
		{name: "webp exiftool", want: "webp 32×24 orientation 6", data: file("exif.webp"),
			secrets: []string{"Secret Artist", "Secret Creator", "xmpmeta"}},
		{name: "webp animated", want: "webp 16×16 frames 2", data: file("animated.webp"),
			secrets: []string{"Secret Artist", "Secret Creator", "xmpmeta"}, keeps: []string{"ANMF", "ANIM"}},
		{name: "webp unknown in frames", want: "webp 40×30 frames 2 alpha", data: animatedWebP(),
			secrets: []string{"SECRET", "PRIV"}, keeps: []string{"ALPH"}},
		// AVIF
		{name: "avif plain", want: "avif 21×13", data: plainAVIF(21, 13), pieces: 1},
		{name: "avif full sequence header", want: "avif 21×13",
			data:   avifFile([]avifItem{{kind: "av01", data: fullAV1(21, 13), props: [][]byte{ispe(21, 13)}}}),
			pieces: 1},
		{name: "avif in wide fields", want: "avif 21×13", data: wideAVIF(21, 13), pieces: 1},
		{name: "avif rotated", want: "avif 13×21", data: plainAVIF(21, 13, isoBox("irot", 1))},
		{name: "avif upside down", want: "avif 21×13", data: plainAVIF(21, 13, isoBox("irot", 2))},
		{name: "avif mirrored", want: "avif 21×13", data: plainAVIF(21, 13, isoBox("imir", 1))},
		{name: "avif cropped and rotated", want: "avif 16×20", data: file("turned.avif"), pieces: 1},
		{name: "avif alpha", want: "avif 32×24 alpha", data: file("alpha.avif"), pieces: 1},
		{name: "avif grid", want: "avif 128×64", data: file("grid.avif"), pieces: 1},
		{name: "avif made-up grid", want: "avif 128×64", data: gridAVIF(64, 64, 2, 3), pieces: 1},
		{name: "avif exiftool", want: "avif 32×24", data: file("exif.avif"),
			secrets: []string{"Secret Artist", "Secret Creator", "xmpmeta", "Exif", "rdf"}},
		{name: "avif thumbnail", want: "avif 32×24", data: file("thumbnail.avif")},
		{name: "avif everything", want: "avif 21×13 alpha", data: everythingAVIF(),
			secrets: []string{"SECRET", "Exif", "mime", "udes", "uuid", "rubbish", "jpeg"},
			keeps:   []string{"KEEP", "nonsense"}, trailing: len(trailingAVIF)},
	}
}

func exifOnly(orientation int) string {
	return "\xFF\xE1\x00\x22Exif\x00\x00MM\x00*\x00\x00\x00\x08\x00\x01\x01\x12\x00\x03\x00\x00\x00\x01\x00" +
		string(rune(orientation)) + "\x00\x00\x00\x00\x00\x00"
}

const trailingJPEG = "\xFF\xD8\xFF\xE1 SECRET gain map \xFF\xD9 rubbish"

func everythingJPEG() []byte {
	return cat(withSegments(encodeJPEG(noise(21, 13)),
		segment(0xE0, cat("JFIF\x00\x01\x02\x01\x00\x48\x00\x48", 1, 2, "SECRET")), // a thumbnail of 1×2
		segment(0xE0, []byte("JFXX\x00\x10SECRET thumbnail")),
		segment(0xE1, cat("Exif\x00\x00", tiff(6, false))),
		segment(0xE1, []byte("http://ns.adobe.com/xap/1.0/\x00<x:xmpmeta>SECRET</x:xmpmeta>")),
		segment(0xE1, []byte("http://ns.adobe.com/xmp/extension/\x00SECRET")),
		segment(0xE2, []byte("ICC_PROFILE\x00\x01\x02KEEP 1")),
		segment(0xE2, []byte("MPF\x00SECRET")),
		segment(0xE2, []byte("ICC_PROFILE\x00\x02\x02KEEP 2")),
		[]byte("rubbish\x00\xFF\x00\xFF\xFF"),
		segment(0xED, []byte("Photoshop 3.0\x008BIM SECRET")),
		segment(0xEE, []byte("Adobe\x00\x64\x00\x00\x00\x00\x01SECRET")),
		segment(0xEB, []byte("SECRET content credentials")),
		segment(0xFE, []byte("SECRET comment")),
	), trailingJPEG)
}

func everythingPNG() []byte {
	return cat(withChunks(encodePNG(noise(21, 13)),
		chunk("gAMA", "KEEP"),
		chunk("eXIf", string(tiff(3, true))),
		chunk("eXIf", string(tiff(6, true))),
		chunk("tEXt", "Comment\x00SECRET"),
		chunk("zTXt", "Comment\x00\x00SECRET"),
		chunk("iTXt", "XML:com.adobe.xmp\x00\x00\x00\x00\x00SECRET"),
		chunk("tIME", "SECRET "),
		chunk("prVt", "SECRET"),
		chunk("pHYs", "KEEP 9 ok"),
	), "rubbish")
}

func pngLateExif() []byte {
	data := encodePNG(noise(21, 13))
	iend := len(data) - 12
	return cat(data[:iend], chunk("eXIf", string(tiff(6, true))), data[iend:])
}

func everythingGIF() []byte {
	return cat(afterPalette(encodeGIF(21, 13, false),
		cat("\x21\xFE\x06SECRET\x00"),
		gifXMP(),
		gifApplication("SECRET 1234", "SECRET"),
		gifApplication("ICCRGBG1012", "KEEP"),
		cat("\x21\x01\x0C", strings.Repeat("t", 12), "\x06SECRET\x00"), // plain text
	), "rubbish")
}

func everythingWebP() []byte {
	return cat(riff(vp8x(0x20|0x08|0x04, 21, 13),
		riffChunk("ICCP", []byte("KEEP profile of odd length")),
		riffChunk("PRIV", []byte("SECRET")),
		vp8(21, 13),
		riffChunk("EXIF", cat("Exif\x00\x00", tiff(7, true))),
		riffChunk("EXIF", tiff(2, true)),
		riffChunk("XMP ", []byte("<x:xmpmeta>SECRET</x:xmpmeta>")),
	), "rubbish")
}

func animatedWebP() []byte {
	return riff(vp8x(0x02, 40, 30), riffChunk("ANIM", cat(zeros4, "\x00\x00")),
		anmf(0, 0, 40, 30, vp8(40, 30)),
		anmf(10, 4, 30, 26, riffChunk("ALPH", []byte("alpha")), vp8(30, 26), riffChunk("PRIV", []byte("SECRET"))))
}

var trailingAVIF = cat(isoBox("uuid", "SECRET box at the end"), "rubbish")

func everythingAVIF() []byte {
	alpha := isoBox("auxC", zeros4, "urn:mpeg:hevc:2015:auxid:1\x00")
	size := ispe(21, 13)
	return cat(avifFile([]avifItem{
		{kind: "av01", data: av1(21, 13), props: [][]byte{size, isoBox("colr", "profKEEP"), isoBox("udes", "SECRET")}},
		{kind: "Exif", data: cat(zeros4, tiff(6, false)), refs: [][]byte{itemRef("cdsc", 2, 1)}},
		{kind: "mime", name: "SECRET\x00application/rdf+xml", data: []byte("SECRET XMP"),
			refs: [][]byte{itemRef("cdsc", 3, 1)}},
		{kind: "av01", data: av1(21, 13), props: [][]byte{size, alpha}, refs: [][]byte{itemRef("auxl", 4, 1)}},
		{kind: "av01", data: cat(av1(7, 5), "SECRET"), props: [][]byte{ispe(7, 5)},
			refs: [][]byte{itemRef("thmb", 5, 1)}},
		{kind: "av01", data: cat(av1(7, 5), "SECRET"), props: [][]byte{ispe(7, 5), alpha},
			refs: [][]byte{itemRef("auxl", 6, 5)}},
		{kind: "jpeg", data: []byte("SECRET thumbnail in idat"), idat: true},
	}, isoBox("uuid", "SECRET box in meta"), isoBox("free", "SECRET")), trailingAVIF)
}

func TestProbe(t *testing.T) {
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			got, err := probeBytes(s.data)
			if err != nil {
				t.Fatal(err)
			}
			if facts(got) != s.want {
				t.Errorf("got %s, want %s", facts(got), s.want)
			}
			if got.Bytes != int64(len(s.data)) {
				t.Errorf("Bytes = %d of %d", got.Bytes, len(s.data))
			}
			if s.pieces > 0 && len(got.Clean) != s.pieces {
				t.Errorf("%d pieces, want %d: %v", len(got.Clean), s.pieces, got.Clean)
			}
			checkClean(t, s, got)
		})
	}
}

// checkClean sees that the clean picture is the picture, has lost what it should, and is clean.
func checkClean(t *testing.T, s sample, source wire.Source) {
	t.Helper()
	cleaned := clean(t, s.data, source)
	if int64(len(cleaned)) != source.CleanBytes {
		t.Errorf("CleanBytes = %d, they are %d", source.CleanBytes, len(cleaned))
	}
	for _, secret := range s.secrets {
		if !bytes.Contains(s.data, []byte(secret)) {
			t.Errorf("the sample lacks %q", secret)
		}
		if bytes.Contains(cleaned, []byte(secret)) {
			t.Errorf("the clean picture has %q", secret)
		}
	}
	for _, kept := range s.keeps {
		if !bytes.Contains(cleaned, []byte(kept)) {
			t.Errorf("the clean picture lacks %q", kept)
		}
	}
	again, err := probeBytes(cleaned)
	if err != nil {
		t.Fatalf("probe the clean picture: %v", err)
	}
	if facts(again) != facts(source) {
		t.Errorf("the clean picture is %s, was %s", facts(again), facts(source))
	}
	if len(again.Clean) != 1 || again.CleanBytes != int64(len(cleaned)) {
		t.Errorf("the clean picture can be cleaned: %v of %d", again.Clean, len(cleaned))
	}
	comparePixels(t, s.data, cleaned)
}

// comparePixels decodes both where the standard library can.
func comparePixels(t *testing.T, a, b []byte) {
	t.Helper()
	if x, err := gif.DecodeAll(bytes.NewReader(a)); err == nil {
		y, err := gif.DecodeAll(bytes.NewReader(b))
		if err != nil || !reflect.DeepEqual(x, y) {
			t.Errorf("the clean GIF decodes to something else (%v)", err)
		}
		return
	}
	if x, _, err := image.Decode(bytes.NewReader(a)); err == nil {
		y, _, err := image.Decode(bytes.NewReader(b))
		if err != nil || !reflect.DeepEqual(x, y) {
			t.Errorf("the clean picture decodes to something else (%v)", err)
		}
	}
}

func TestProbeRefusesWhatIsCutShort(t *testing.T) {
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			for n := range s.data {
				_, err := probeBytes(s.data[:n])
				if n >= len(s.data)-s.trailing {
					if err != nil {
						t.Fatalf("cut to %d bytes, behind the picture: %v", n, err)
					}
					continue
				}
				if kind := origin.KindOf(err); err == nil || kind != origin.Invalid && kind != origin.Unsupported {
					t.Fatalf("cut to %d bytes of %d: %v", n, len(s.data), err)
				}
			}
		})
	}
}

func TestProbeIgnoresWhatFollows(t *testing.T) {
	for _, s := range samples() {
		want, err := probeBytes(s.data)
		if err != nil {
			t.Fatalf("%s: %v", s.name, err)
		}
		data := cat(s.data, "<script>SECRET</script>")
		got, err := probeBytes(data)
		if err != nil {
			t.Errorf("%s: with rubbish behind it: %v", s.name, err)
			continue
		}
		if !bytes.Equal(clean(t, data, got), clean(t, s.data, want)) {
			t.Errorf("%s: the rubbish behind it changes the clean picture", s.name)
		}
	}
}

// An mdat box without a length goes on to the end of the file, so what follows the picture lies inside it.
func TestProbeBlanksBehindThePicture(t *testing.T) {
	data := plainAVIF(21, 13)
	i := bytes.LastIndex(data, []byte("mdat"))
	data = cat(data[:i-4], zeros4, data[i:], "SECRET")
	source, err := probeBytes(data)
	if err != nil {
		t.Fatal(err)
	}
	if cleaned := clean(t, data, source); !bytes.Equal(cleaned, cat(data[:len(data)-6], make([]byte, 6))) {
		t.Errorf("the clean picture is %q", cleaned)
	}
}

func TestProbeReadsOrientation(t *testing.T) {
	f := func(want int, tiff string) {
		t.Helper()
		source, err := probeBytes(withSegments(encodeJPEG(noise(3, 2)), segment(0xE1, cat("Exif\x00\x00", tiff))))
		if err != nil || source.Orientation != want {
			t.Errorf("%q: orientation %d, want %d (%v)", tiff, source.Orientation, want, err)
		}
	}
	for o := 1; o <= 8; o++ {
		f(o, string(tiff(o, true)))
		f(o, string(tiff(o, false)))
	}
	f(1, string(tiff(0, false)))
	f(1, string(tiff(9, false)))
	f(6, "II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x04\x00\x01\x00\x00\x00\x06\x00\x00\x00") // a long
	f(1, "II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x02\x00\x01\x00\x00\x00\x06\x00\x00\x00") // a text
	f(1, "II*\x00\x08\x00\x00\x00\x01\x00\x12\x01\x03\x00\x01\x00\x00\x00\x06\x00\x00")     // cut short
	f(1, "II*\x00\xFF\xFF\xFF\xFF\x01\x00")
	f(1, "II*\x00\x08\x00\x00\x00\xFF\xFF")
	f(1, "XX*\x00\x08\x00\x00\x00\x01\x00")
	f(1, "")
}

func TestProbePassesReadErrorsOn(t *testing.T) {
	broken := errors.New("bad disk")
	for _, s := range samples() {
		for fail := range 4 {
			r := &failingReader{data: s.data, good: fail, err: broken}
			_, err := probe.Prober{}.Probe(r, int64(len(s.data)))
			if r.failed && (!errors.Is(err, broken) || origin.KindOf(err) != origin.Internal) {
				t.Errorf("%s: read %d fails: %v", s.name, fail, err)
			}
		}
	}
}

// failingReader fails after some good reads.
type failingReader struct {
	data   []byte
	good   int
	err    error
	failed bool
}

func (r *failingReader) ReadAt(p []byte, off int64) (int, error) {
	if r.good--; r.good < 0 {
		r.failed = true
		return 0, r.err
	}
	return bytes.NewReader(r.data).ReadAt(p, off)
}

// FuzzProbe checks what must hold of every file.
func FuzzProbe(f *testing.F) {
	for _, s := range samples() {
		f.Add(s.data)
	}
	for _, data := range foreign() {
		f.Add(data)
	}
	for _, h := range hostile() {
		if len(h.data) < 4096 {
			f.Add(h.data)
		}
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		source, err := probeBytes(data)
		if err != nil {
			if origin.KindOf(err) == origin.Internal {
				t.Fatalf("an internal error: %v", err)
			}
			return
		}
		for _, p := range source.Clean {
			if p.Offset < 0 || p.Size() <= 0 || p.Insert == nil && p.Offset+p.Length > int64(len(data)) {
				t.Fatalf("piece %+v of %d bytes", p, len(data))
			}
		}
		if source.Clean == nil {
			return // there is no clean picture in this format
		}
		cleaned := clean(t, data, source)
		if int64(len(cleaned)) != source.CleanBytes {
			t.Fatalf("CleanBytes = %d, they are %d", source.CleanBytes, len(cleaned))
		}
		again, err := probeBytes(cleaned)
		if err != nil {
			t.Fatalf("probe the clean picture: %v", err)
		}
		if facts(again) != facts(source) {
			t.Fatalf("the clean picture is %s, was %s", facts(again), facts(source))
		}
		if !bytes.Equal(clean(t, cleaned, again), cleaned) {
			t.Fatal("the clean picture can be cleaned")
		}
	})
}
