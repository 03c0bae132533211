// Package mutate damages picture files for tests, in seeded ways: a mutant that fails once is found again by its number.
package mutate

import (
	"bytes"
	"encoding/binary"
	"math/rand/v2"
)

// Way is one way to damage a file of at least eight bytes; it gives a copy. Equal files and sources give equal mutants.
type Way func(rnd *rand.Rand, file []byte) []byte

// Any damages the file in one of the ways. What is to happen more often is named more than once.
func Any(rnd *rand.Rand, file []byte, ways ...Way) []byte {
	return ways[rnd.IntN(len(ways))](rnd, file)
}

// Bits flips up to twenty bits. It does the least harm, and is the most likely to get past whoever looks at heads.
func Bits(rnd *rand.Rand, file []byte) []byte {
	out := bytes.Clone(file)
	for range 1 + rnd.IntN(20) {
		out[rnd.IntN(len(out))] ^= 1 << rnd.IntN(8)
	}
	return out
}

// Cut loses the end.
func Cut(rnd *rand.Rand, file []byte) []byte { return bytes.Clone(file[:1+rnd.IntN(len(file))]) }

// Splice writes one part over another.
func Splice(rnd *rand.Rand, file []byte) []byte {
	out := bytes.Clone(file)
	from, to, n := rnd.IntN(len(out)), rnd.IntN(len(out)), rnd.IntN(len(out)/4)
	copy(out[to:], file[from:min(len(file), from+n)])
	return out
}

// Number writes an extreme number near the beginning, where formats have their lengths and sizes.
func Number(rnd *rand.Rand, file []byte) []byte {
	out := bytes.Clone(file)
	at := rnd.IntN(min(len(out)-4, 600))
	binary.BigEndian.PutUint32(out[at:], []uint32{0, 1, 0x7fffffff, 0xffffffff, rnd.Uint32()}[rnd.IntN(5)])
	return out
}
