package diskcache

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"hash/crc32"

	"github.com/pictor/pictor/edge"
)

// A stored value is one version byte, four bytes of CRC-32C over the rest, and four byte strings, each behind its
// length as a uvarint: key, media type, ETag, body.
const (
	entryVersion = 1
	quickVersion = 2 // the same, of an Object that is Quick
	entryHeader  = 1 + 4
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

var errBadEntry = errors.New("entry is damaged")

// entryBytes is the length of the value for an Object.
func entryBytes(key edge.Key, obj *edge.Object) int {
	n := entryHeader
	for _, l := range []int{len(key), len(obj.MediaType), len(obj.ETag), len(obj.Body)} {
		n += uvarintBytes(l) + l
	}
	return n
}

func uvarintBytes(n int) int {
	var buf [binary.MaxVarintLen64]byte
	return binary.PutUvarint(buf[:], uint64(n))
}

// encodeEntry fills dst, which is as long as entryBytes says.
func encodeEntry(dst []byte, key edge.Key, obj *edge.Object) {
	rest := dst[entryHeader:entryHeader]
	rest = appendString(rest, string(key))
	rest = appendString(rest, obj.MediaType)
	rest = appendString(rest, obj.ETag)
	rest = binary.AppendUvarint(rest, uint64(len(obj.Body)))
	rest = append(rest, obj.Body...)
	dst[0] = entryVersion
	if obj.Quick {
		dst[0] = quickVersion
	}
	binary.BigEndian.PutUint32(dst[1:], crc32.Checksum(rest, castagnoli))
}

func appendString(dst []byte, s string) []byte {
	return append(binary.AppendUvarint(dst, uint64(len(s))), s...)
}

// checkEntry compares a value with its checksum.
func checkEntry(value []byte) error {
	if len(value) < entryHeader || crc32.Checksum(value[entryHeader:], castagnoli) != binary.BigEndian.Uint32(value[1:]) {
		return errBadEntry
	}
	return nil
}

// decodeEntry reads the Object of a value; its Body is a part of that. A sound value of another key, as a collision of
// hashes would give, is no Object and no error. It does not look at the checksum.
func decodeEntry(value []byte, key edge.Key) (*edge.Object, error) {
	if len(value) < entryHeader || value[0] != entryVersion && value[0] != quickVersion {
		return nil, errBadEntry
	}
	rest := value[entryHeader:]
	var parts [4][]byte
	for i := range parts {
		n, width := binary.Uvarint(rest)
		if width <= 0 || n > uint64(len(rest)-width) {
			return nil, errBadEntry
		}
		parts[i], rest = rest[width:width+int(n)], rest[width+int(n):]
	}
	if len(rest) != 0 {
		return nil, errBadEntry
	}
	if string(parts[0]) != string(key) {
		return nil, nil
	}
	return &edge.Object{MediaType: string(parts[1]), ETag: string(parts[2]), Body: parts[3], Quick: value[0] == quickVersion}, nil
}

// Stored keys: 'g', eight bytes of generation, and half of the SHA-256 of the edge.Key. A generation is one range. Its
// first key, without a hash, holds the generations as they were at its last write: the list goes when its generation
// goes, and the newest one counts.
const (
	dataPrefix      = 'g'
	generationBytes = 1 + 8
	hashBytes       = 16
)

func generationStart(generation uint64) []byte {
	start := append(make([]byte, 0, generationBytes+hashBytes), dataPrefix)
	return binary.BigEndian.AppendUint64(start, generation)
}

func dataKey(generation uint64, key edge.Key) []byte {
	var text [256]byte // most keys fit: no allocation
	sum := sha256.Sum256(append(text[:0], key...))
	return append(generationStart(generation), sum[:hashBytes]...)
}

// setGeneration makes the stored key that of another generation.
func setGeneration(stored []byte, generation uint64) {
	binary.BigEndian.PutUint64(stored[1:], generation)
}

// generationOf reads a stored key.
func generationOf(stored []byte) (generation uint64, ok bool) {
	if len(stored) < generationBytes || stored[0] != dataPrefix {
		return 0, false
	}
	return binary.BigEndian.Uint64(stored[1:]), true
}
