package probe

import (
	"bytes"
	"encoding/binary"
)

// exifPrefix stands before the TIFF structure in JPEG, and wrongly in some WebP files.
const exifPrefix = "Exif\x00\x00"

const tagOrientation = 0x0112

// orientationOf reads the orientation, 1–8, from Exif's TIFF structure; 1 when there is none or it makes no sense.
// Only the first directory counts, as in libexif; a thumbnail's own orientation lies in the second.
func orientationOf(tiff []byte) int {
	order := byteOrder(tiff)
	if order == nil {
		return 1
	}
	directory := int64(order.Uint32(tiff[4:]))
	if directory+2 > int64(len(tiff)) {
		return 1
	}
	entries := tiff[directory+2:]
	for range order.Uint16(tiff[directory:]) {
		if len(entries) < 12 {
			return 1
		}
		if order.Uint16(entries) == tagOrientation {
			return orientationIn(order, entries)
		}
		entries = entries[12:]
	}
	return 1
}

func byteOrder(tiff []byte) binary.ByteOrder {
	switch {
	case len(tiff) < 8:
		return nil
	case bytes.HasPrefix(tiff, []byte("II*\x00")):
		return binary.LittleEndian
	case bytes.HasPrefix(tiff, []byte("MM\x00*")):
		return binary.BigEndian
	}
	return nil
}

// orientationIn reads a directory entry's number: a short by the standard, a long by some writers and to libvips.
func orientationIn(order binary.ByteOrder, entry []byte) int {
	var v uint32
	switch kind := order.Uint16(entry[2:]); kind {
	case 3, 8: // short, signed short
		v = uint32(order.Uint16(entry[8:]))
	case 4, 9: // long, signed long
		v = order.Uint32(entry[8:])
	}
	if v < 1 || v > 8 {
		return 1
	}
	return int(v)
}

// minimalTIFF is the smallest Exif structure that says how to turn the picture, and nothing else: 26 bytes.
func minimalTIFF(orientation int) []byte {
	return []byte{
		'M', 'M', 0, '*', 0, 0, 0, 8, // big-endian, the directory follows
		0, 1, // one entry
		tagOrientation >> 8, tagOrientation & 0xFF, 0, 3, 0, 0, 0, 1, 0, byte(orientation), 0, 0, // one short
		0, 0, 0, 0, // no second directory
	}
}
