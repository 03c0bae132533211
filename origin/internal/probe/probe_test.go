package probe_test

import (
	"bytes"
	"embed"
	"errors"
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

// facts are what a Source says about the picture, without its bytes.
func facts(s wire.Source) wire.Source {
	return wire.Source{Format: s.Format, Width: s.Width, Height: s.Height, Orientation: s.Orientation, Frames: s.Frames,
		Alpha: s.Alpha}
}

type sample struct {
	name     string
	data     []byte
	want     wire.Source
	secrets  []string // in the data, not in the clean picture
	keeps    []string // in both
	trailing int      // bytes at the end that may be cut off
	pieces   int      // when it matters
}

func samples() []sample {
	return []sample{
		// JPEG
		{name: "jpeg plain", data: encodeJPEG(noise(21, 13)), want: wire.Source{Format: "jpg", Width: 21, Height: 13}, pieces: 1},
		{name: "jpeg everything", data: everythingJPEG(), want: wire.Source{Format: "jpg", Width: 21, Height: 13, Orientation: 6},
			secrets:  []string{"SECRET", "GPS", "MPF", "Photoshop", "ns.adobe.com", "http", "rubbish"},
			keeps:    []string{"KEEP 1", "KEEP 2", "ICC_PROFILE", "Adobe", "JFIF", exifOnly(6)},
			trailing: len(trailingJPEG)},
		{name: "jpeg little-endian", data: withSegments(encodeJPEG(noise(21, 13)), segment(0xE1, cat("Exif\x00\x00", tiff(8, true)))),
			want: wire.Source{Format: "jpg", Width: 21, Height: 13, Orientation: 8}, secrets: []string{"SECRET"}, keeps: []string{exifOnly(8)}},
		{name: "jpeg upright", data: withSegments(encodeJPEG(noise(21, 13)), segment(0xE1, cat("Exif\x00\x00", tiff(1, false)))),
			want: wire.Source{Format: "jpg", Width: 21, Height: 13}, secrets: []string{"SECRET", "Exif"}},
		{name: "jpeg minimal exif", data: withSegments(encodeJPEG(noise(21, 13)), []byte(exifOnly(5))),
			want: wire.Source{Format: "jpg", Width: 21, Height: 13, Orientation: 5}, keeps: []string{exifOnly(5)}, pieces: 1},
		{name: "jpeg two exifs", data: withSegments(encodeJPEG(noise(21, 13)), []byte(exifOnly(5)), []byte(exifOnly(7))),
			want: wire.Source{Format: "jpg", Width: 21, Height: 13, Orientation: 5}, secrets: []string{exifOnly(7)}},
		{name: "jpeg exiftool", data: file("exif.jpg"), want: wire.Source{Format: "jpg", Width: 32, Height: 24, Orientation: 6},
			secrets: []string{"Secret Artist", "Secret Creator", "Secret Keyword", "Secret Comment", "Photoshop", "xmpmeta"}},
		{name: "jpeg progressive", data: file("progressive.jpg"), want: wire.Source{Format: "jpg", Width: 32, Height: 24}, pieces: 1},
		// PNG
		{name: "png plain", data: encodePNG(noise(21, 13)), want: wire.Source{Format: "png", Width: 21, Height: 13}, pieces: 1},
		{name: "png everything", data: everythingPNG(), want: wire.Source{Format: "png", Width: 21, Height: 13, Orientation: 3},
			secrets: []string{"SECRET", "tEXt", "zTXt", "iTXt", "tIME", "prVt", "rubbish", "GPS"},
			keeps:   []string{"KEEP", "gAMA", "pHYs", "eXIf"}, trailing: len("rubbish")},
		{name: "png exiftool", data: file("exif.png"), want: wire.Source{Format: "png", Width: 32, Height: 24, Orientation: 6},
			secrets: []string{"Secret Artist", "Secret Creator", "Secret Comment", "xmpmeta"}},
		{name: "png exif too late", data: pngLateExif(), want: wire.Source{Format: "png", Width: 21, Height: 13},
			secrets: []string{"eXIf", "SECRET"}},
		{name: "png transparent colour", data: headerPNG(ihdr(5, 6, 8, 2), chunk("tRNS", "\x00\x01\x00\x02\x00\x03")),
			want: wire.Source{Format: "png", Width: 5, Height: 6, Alpha: true}, pieces: 1},
		{name: "png with alpha", data: headerPNG(ihdr(5, 6, 16, 6)), want: wire.Source{Format: "png", Width: 5, Height: 6, Alpha: true}, pieces: 1},
		{name: "png palette", data: headerPNG(ihdr(5, 6, 2, 3), chunk("PLTE", "KEEP12")),
			want: wire.Source{Format: "png", Width: 5, Height: 6}, pieces: 1},
		{name: "png odd lengths", data: headerPNG(ihdr(5, 6, 8, 2), chunk("pHYs", "SECRET in a chunk that is too long")),
			want: wire.Source{Format: "png", Width: 5, Height: 6}, secrets: []string{"SECRET"}},
		{name: "apng", data: headerPNG(ihdr(5, 6, 8, 2), chunk("acTL", "\x00\x00\x00\x02\x00\x00\x00\x00"), chunk("fcTL", strings.Repeat("f", 26))),
			want: wire.Source{Format: "png", Width: 5, Height: 6}, keeps: []string{"acTL", "fcTL"}, pieces: 1},
		// GIF
		{name: "gif plain", data: encodeGIF(21, 13, false), want: wire.Source{Format: "gif", Width: 21, Height: 13, Frames: 2}, pieces: 1},
		{name: "gif transparent", data: encodeGIF(21, 13, true), want: wire.Source{Format: "gif", Width: 21, Height: 13, Frames: 2, Alpha: true}, pieces: 1},
		{name: "gif everything", data: everythingGIF(), want: wire.Source{Format: "gif", Width: 21, Height: 13, Frames: 2},
			secrets: []string{"SECRET", "XMP", "rubbish"}, keeps: []string{"NETSCAPE2.0", "ICCRGBG1012"}, trailing: len("rubbish")},
		{name: "gif exiftool", data: file("comment.gif"), want: wire.Source{Format: "gif", Width: 16, Height: 16, Frames: 2},
			secrets: []string{"Secret Comment", "Secret Creator"}, keeps: []string{"NETSCAPE2.0"}},
		{name: "gif first frame too large", data: cat(gifHeader(10, 10), gifFrame(5, 2, 20, 30), ";"),
			want: wire.Source{Format: "gif", Width: 25, Height: 32}},
		{name: "gif second frame too large", data: cat(gifHeader(10, 10), gifFrame(0, 0, 10, 10), gifFrame(5, 2, 20, 30), ";"),
			want: wire.Source{Format: "gif", Width: 10, Height: 10, Frames: 2}},
		{name: "gif screen of the tool", data: cat(gifHeader(640, 480), gifFrame(0, 0, 10, 20), ";"),
			want: wire.Source{Format: "gif", Width: 10, Height: 20}},
		{name: "gif without screen", data: cat(gifHeader(0, 0), gifFrame(0, 0, 10, 20), ";"),
			want: wire.Source{Format: "gif", Width: 10, Height: 20}},
		{name: "gif padded", data: cat(gifHeader(10, 10), gifFrame(0, 0, 10, 10), 0, ";"), want: wire.Source{Format: "gif", Width: 10, Height: 10}},
		// WebP
		{name: "webp lossy", data: riff(vp8(21, 13)), want: wire.Source{Format: "webp", Width: 21, Height: 13}, pieces: 1},
		{name: "webp lossless", data: riff(vp8l(21, 13, 0)), want: wire.Source{Format: "webp", Width: 21, Height: 13}, pieces: 1},
		{name: "webp lossless alpha", data: file("lossless.webp"), want: wire.Source{Format: "webp", Width: 32, Height: 24, Alpha: true}, pieces: 1},
		{name: "webp lossy alpha", data: file("alpha.webp"), want: wire.Source{Format: "webp", Width: 32, Height: 24, Alpha: true}, pieces: 1},
		{name: "webp everything", data: everythingWebP(), want: wire.Source{Format: "webp", Width: 21, Height: 13, Orientation: 7},
			secrets: []string{"SECRET", "XMP ", "rubbish", "PRIV", "GPS"}, keeps: []string{"KEEP", "ICCP"}, trailing: len("rubbish")},
		{name: "webp silent exif", data: riff(vp8x(0, 21, 13), vp8(21, 13), riffChunk("EXIF", tiff(7, true))),
			want: wire.Source{Format: "webp", Width: 21, Height: 13}, secrets: []string{"SECRET", "EXIF"}},
		{name: "webp simple with more", data: riff(vp8(21, 13), riffChunk("EXIF", tiff(7, true))),
			want: wire.Source{Format: "webp", Width: 21, Height: 13}, secrets: []string{"SECRET", "EXIF"}},
		{name: "webp exiftool", data: file("exif.webp"), want: wire.Source{Format: "webp", Width: 32, Height: 24, Orientation: 6},
			secrets: []string{"Secret Artist", "Secret Creator", "xmpmeta"}},
		{name: "webp animated", data: file("animated.webp"), want: wire.Source{Format: "webp", Width: 16, Height: 16, Frames: 2},
			secrets: []string{"Secret Artist", "Secret Creator", "xmpmeta"}, keeps: []string{"ANMF", "ANIM"}},
		{name: "webp unknown in frames", data: animatedWebP(), want: wire.Source{Format: "webp", Width: 40, Height: 30, Frames: 2, Alpha: true},
			secrets: []string{"SECRET", "PRIV"}, keeps: []string{"ALPH"}},
		// AVIF
		{name: "avif plain", data: plainAVIF(21, 13), want: wire.Source{Format: "avif", Width: 21, Height: 13}, pieces: 1},
		{name: "avif full sequence header", data: avifFile([]avifItem{{kind: "av01", data: fullAV1(21, 13), props: [][]byte{ispe(21, 13)}}}),
			want: wire.Source{Format: "avif", Width: 21, Height: 13}, pieces: 1},
		{name: "avif rotated", data: plainAVIF(21, 13, isoBox("irot", 1)), want: wire.Source{Format: "avif", Width: 13, Height: 21}},
		{name: "avif upside down", data: plainAVIF(21, 13, isoBox("irot", 2)), want: wire.Source{Format: "avif", Width: 21, Height: 13}},
		{name: "avif mirrored", data: plainAVIF(21, 13, isoBox("imir", 1)), want: wire.Source{Format: "avif", Width: 21, Height: 13}},
		{name: "avif cropped and rotated", data: file("turned.avif"), want: wire.Source{Format: "avif", Width: 16, Height: 20}, pieces: 1},
		{name: "avif alpha", data: file("alpha.avif"), want: wire.Source{Format: "avif", Width: 32, Height: 24, Alpha: true}, pieces: 1},
		{name: "avif grid", data: file("grid.avif"), want: wire.Source{Format: "avif", Width: 128, Height: 64}, pieces: 1},
		{name: "avif made-up grid", data: gridAVIF(64, 64, 2, 3), want: wire.Source{Format: "avif", Width: 128, Height: 64}, pieces: 1},
		{name: "avif exiftool", data: file("exif.avif"), want: wire.Source{Format: "avif", Width: 32, Height: 24},
			secrets: []string{"Secret Artist", "Secret Creator", "xmpmeta", "Exif", "rdf"}},
		{name: "avif thumbnail", data: file("thumbnail.avif"), want: wire.Source{Format: "avif", Width: 32, Height: 24}},
		{name: "avif everything", data: everythingAVIF(), want: wire.Source{Format: "avif", Width: 21, Height: 13, Alpha: true},
			secrets:  []string{"SECRET", "Exif", "mime", "udes", "uuid", "rubbish", "jpeg"},
			keeps:    []string{"KEEP", "nonsense"},
			trailing: len(trailingAVIF)},
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
	alpha := isoBox("auxC", zeros4, "urn:mpeg:mpegB:cicp:systems:auxiliary:alpha\x00")
	size := ispe(21, 13)
	return cat(avifFile([]avifItem{
		{kind: "av01", data: av1(21, 13), props: [][]byte{size, isoBox("colr", "profKEEP"), isoBox("udes", "SECRET")}},
		{kind: "Exif", data: cat(zeros4, tiff(6, false)), refs: [][]byte{itemRef("cdsc", 2, 1)}},
		{kind: "mime", name: "SECRET\x00application/rdf+xml", data: []byte("SECRET XMP"), refs: [][]byte{itemRef("cdsc", 3, 1)}},
		{kind: "av01", data: av1(21, 13), props: [][]byte{size, alpha}, refs: [][]byte{itemRef("auxl", 4, 1)}},
		{kind: "av01", data: cat(av1(7, 5), "SECRET"), props: [][]byte{ispe(7, 5)}, refs: [][]byte{itemRef("thmb", 5, 1)}},
		{kind: "av01", data: cat(av1(7, 5), "SECRET"), props: [][]byte{ispe(7, 5), alpha}, refs: [][]byte{itemRef("auxl", 6, 5)}},
		{kind: "jpeg", data: []byte("SECRET thumbnail in idat"), idat: true},
	}, isoBox("uuid", "SECRET box in meta"), isoBox("free", "SECRET")), trailingAVIF)
}

func TestProbe(t *testing.T) {
	for _, s := range samples() {
		t.Run(s.name, func(t *testing.T) {
			s.want.Orientation, s.want.Frames = max(1, s.want.Orientation), max(1, s.want.Frames)
			got, err := probeBytes(s.data)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(facts(got), s.want) {
				t.Errorf("got  %+v\nwant %+v", facts(got), s.want)
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
	if !reflect.DeepEqual(facts(again), facts(source)) {
		t.Errorf("the clean picture is %+v, was %+v", facts(again), facts(source))
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
		cleaned := clean(t, data, source)
		if int64(len(cleaned)) != source.CleanBytes {
			t.Fatalf("CleanBytes = %d, they are %d", source.CleanBytes, len(cleaned))
		}
		again, err := probeBytes(cleaned)
		if err != nil {
			t.Fatalf("probe the clean picture: %v", err)
		}
		if !reflect.DeepEqual(facts(again), facts(source)) {
			t.Fatalf("the clean picture is %+v, was %+v", facts(again), facts(source))
		}
		if !bytes.Equal(clean(t, cleaned, again), cleaned) {
			t.Fatal("the clean picture can be cleaned")
		}
	})
}
