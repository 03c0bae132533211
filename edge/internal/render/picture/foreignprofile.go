package picture

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"hash/crc32"
)

// maxProfile bounds a colour profile. Those of displays have half a KiB, those of printers up to two MiB.
const maxProfile = 4 << 20

// headerPNG is the length of a PNG up to the end of its IHDR chunk.
const headerPNG = 8 + 12 + 13

// withProfile puts a profile into a PNG.
func withProfile(body, profile []byte) ([]byte, error) {
	if len(profile) == 0 || len(profile) > maxProfile {
		return body, nil
	}
	chunk := bytes.NewBufferString("iCCPsource\x00\x00")
	z := zlib.NewWriter(chunk)
	if _, err := z.Write(profile); err != nil {
		return nil, fmt.Errorf("hand over profile: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("hand over profile: %w", err)
	}
	out := make([]byte, 0, len(body)+chunk.Len()+8)
	out = append(out, body[:headerPNG]...)
	out = binary.BigEndian.AppendUint32(out, uint32(chunk.Len()-4))
	out = append(out, chunk.Bytes()...)
	out = binary.BigEndian.AppendUint32(out, crc32.ChecksumIEEE(chunk.Bytes()))
	return append(out, body[headerPNG:]...), nil
}

// tiffProfile finds the profile in the first directory of a TIFF, nil when there is none.
func tiffProfile(buf []byte) []byte {
	const entryBytes, tagProfile = 12, 34675
	var order binary.ByteOrder = binary.LittleEndian
	if len(buf) < 8 {
		return nil
	}
	if buf[0] == 'M' {
		order = binary.BigEndian
	}
	directory := part(buf, uint64(order.Uint32(buf[4:])), uint64(len(buf)))
	if len(directory) < 2 {
		return nil
	}
	entries := directory[2:]
	for range order.Uint16(directory) {
		if len(entries) < entryBytes {
			return nil
		}
		if order.Uint16(entries) == tagProfile {
			return part(buf, uint64(order.Uint32(entries[8:])), uint64(order.Uint32(entries[4:])))
		}
		entries = entries[entryBytes:]
	}
	return nil
}

// heicProfile finds the first profile among the properties of a HEIC: meta, iprp, ipco, colr.
func heicProfile(buf []byte) []byte {
	meta := child(buf, "meta")
	if len(meta) < 4 {
		return nil
	}
	properties := child(child(meta[4:], "iprp"), "ipco")
	for len(properties) > 0 {
		kind, body, rest := nextBox(properties)
		if kind == "colr" && (bytes.HasPrefix(body, []byte("prof")) || bytes.HasPrefix(body, []byte("rICC"))) {
			return body[4:]
		}
		properties = rest
	}
	return nil
}

// child gives the body of the first box of the kind among boxes.
func child(boxes []byte, kind string) []byte {
	for len(boxes) > 0 {
		found, body, rest := nextBox(boxes)
		if found == kind {
			return body
		}
		boxes = rest
	}
	return nil
}

// nextBox parts a box of the ISO base media file format from what follows; a broken one is the last.
func nextBox(boxes []byte) (kind string, body, rest []byte) {
	if len(boxes) < 16 {
		return "", nil, nil
	}
	length, head := uint64(binary.BigEndian.Uint32(boxes)), uint64(8)
	switch length {
	case 0:
		length = uint64(len(boxes))
	case 1:
		length, head = binary.BigEndian.Uint64(boxes[8:]), 16
	}
	if length < head || length > uint64(len(boxes)) {
		return "", nil, nil
	}
	return string(boxes[4:8]), boxes[head:length], boxes[length:]
}

// part gives length bytes from off on, or as many as there are.
func part(buf []byte, off, length uint64) []byte {
	if off >= uint64(len(buf)) {
		return nil
	}
	return buf[off:min(uint64(len(buf)), off+length)]
}
