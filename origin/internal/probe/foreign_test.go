package probe_test

import (
	"bytes"
	"encoding/binary"
	"strings"
	"testing"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/shared/wire"
)

// entry is one line of a TIFF's directory, with one value.
type entry struct{ tag, kind, value uint32 }

func tiffTag(tag, value uint32) entry { return entry{tag, 4, value} }

// ifd is a directory.
type ifd []entry

// with gives the directory with another value.
func (d ifd) with(tag, value uint32) ifd {
	changed := ifd{}
	done := false
	for _, e := range d {
		if e.tag >= tag && !done {
			changed = append(changed, tiffTag(tag, value))
			done = true
		}
		if e.tag != tag {
			changed = append(changed, e)
		}
	}
	if !done {
		changed = append(changed, tiffTag(tag, value))
	}
	return changed
}

// grayTIFF is the directory of a grey picture whose pixels follow the head of the file.
func grayTIFF(width, height uint32) ifd {
	return ifd{tiffTag(256, width), tiffTag(257, height), tiffTag(258, 8), tiffTag(259, 1), tiffTag(262, 1),
		tiffTag(273, 8), tiffTag(277, 1), tiffTag(278, height), tiffTag(279, 30)}
}

// tiffFile is 30 bytes of pixels and the directory.
func tiffFile(d ifd) []byte {
	le := binary.LittleEndian
	file := append([]byte("II*\x00"), 38, 0, 0, 0)
	file = append(file, bytes.Repeat([]byte{77}, 30)...)
	file = le.AppendUint16(file, uint16(len(d)))
	for _, e := range d {
		file = le.AppendUint16(file, uint16(e.tag))
		file = le.AppendUint16(file, uint16(e.kind))
		file = le.AppendUint32(file, 1)
		file = le.AppendUint32(file, e.value)
	}
	return append(file, 0, 0, 0, 0)
}

// bmpFile has a header of so many bytes, and what follows it.
func bmpFile(long, width, height, bits, compression int, rest string) []byte {
	le := binary.LittleEndian
	info := make([]byte, max(long, 40))
	le.PutUint32(info, uint32(long))
	le.PutUint32(info[4:], uint32(width))
	le.PutUint32(info[8:], uint32(height))
	le.PutUint16(info[12:], 1)
	le.PutUint16(info[14:], uint16(bits))
	le.PutUint32(info[16:], uint32(compression))
	if bits <= 8 {
		le.PutUint32(info[32:], 2) // colours
	}
	if len(info) == 124 {
		copy(info[56:], "KNIL") // the profile is in a file
		le.PutUint32(info[112:], 200)
		le.PutUint32(info[116:], 9)
	}
	head := append([]byte("BM"), 9, 9, 9, 9, 's', 'e', 'c', 'r')
	pixels := 14 + len(info)
	if bits <= 8 {
		pixels += 8
	}
	head = le.AppendUint32(head, uint32(pixels))
	return append(append(head, info...), rest...)
}

// hugeHEVC is a HEIC whose HEVC parameters say more than its container: 131,071 pixels across.
func hugeHEVC() []byte {
	data := bytes.Clone(file("exif.heic"))
	unit := bytes.Index(data, []byte{0x42, 0x01}) // the sequence parameters
	parameters := append([]byte{0x42, 0x01, 0x01}, bytes.Repeat([]byte{0x55}, 12)...)
	// In bits: 1, 010, then 16 zeros before the 17 ones of the width, 6 before the 97 of the height.
	copy(data[unit:], append(parameters, 0xA0, 0x00, 0x0F, 0xFF, 0xF8, 0x18, 0x40))
	return data
}

func foreign() map[string][]byte {
	deep := ifd{tiffTag(256, 5), tiffTag(257, 1), tiffTag(258, 16), tiffTag(262, 1), tiffTag(273, 8), tiffTag(274, 6),
		tiffTag(279, 10)}
	return map[string][]byte{
		"tiff 5×6":                       tiffFile(grayTIFF(5, 6)),
		"tiff 5×1 orientation 6":         tiffFile(deep),
		"bmp 5×6":                        bmpFile(40, 5, 6, 24, 0, strings.Repeat("p", 96)+"SECRET"),
		"bmp 7×-6 alpha":                 bmpFile(124, 7, -6, 32, 0, strings.Repeat("p", 168)+"SECRET.icc"),
		"bmp 9×2":                        bmpFile(40, 9, 2, 1, 0, "BGR.BGR."+strings.Repeat("p", 8)),
		"heic 200×130":                   file("exif.heic"),
		"heic 200×130 of the brand mif1": bytes.Replace(file("exif.heic"), []byte("ftypheic"), []byte("ftypmif1"), 1),
	}
}

func TestProbeForeign(t *testing.T) {
	for name, data := range foreign() {
		source, err := probeBytes(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want := strings.Replace(name, "×-", "×", 1)
		if got := facts(source); !strings.HasPrefix(want, got) {
			t.Errorf("%s: got %s", name, got)
		}
		checkForeignClean(t, name, data, source)
		for n := range len(data) {
			if n > 400 && n < len(data)-100 {
				continue
			}
			if _, err := probeBytes(data[:n]); err != nil && origin.KindOf(err) == origin.Internal {
				t.Fatalf("%s, cut to %d bytes: %v", name, n, err)
			}
		}
	}
}

// checkForeignClean: a BMP keeps its pixels and no more; of the others nothing is delivered as it is.
func checkForeignClean(t *testing.T, name string, data []byte, source wire.Source) {
	t.Helper()
	if source.Format != "bmp" {
		if len(source.Clean) > 0 || source.CleanBytes != 0 {
			t.Errorf("%s: has a clean picture", name)
		}
		return
	}
	cleaned := clean(t, data, source)
	if bytes.Contains(cleaned, []byte("SECRET")) || bytes.Contains(cleaned, []byte("secr")) ||
		bytes.Contains(cleaned, []byte("KNIL")) || bytes.Count(cleaned, []byte("p")) != bytes.Count(data, []byte("p")) {
		t.Errorf("%s: the clean picture is %q", name, cleaned)
	}
	if size := binary.LittleEndian.Uint32(cleaned[2:]); int(size) != len(cleaned) {
		t.Errorf("%s: the clean picture says it has %d bytes of %d", name, size, len(cleaned))
	}
	again, err := probeBytes(cleaned)
	if err != nil || len(again.Clean) != 1 {
		t.Errorf("%s: cleaned once more it has %d pieces (%v)", name, len(again.Clean), err)
	}
}
