package diskcache

import (
	"encoding/binary"
	"sync/atomic"
)

// places remembers in which generation entries are, so that the newer ones need not be searched: each costs more than
// a microsecond. Entries that share a slot take turns. Every write moves its entry, so what is remembered is never
// older than what is stored; that the entry is there still, the search finds out.
type places [1 << 15]atomic.Uint64 // the generation, above 32 bits of the entry's hash

// place is the slot of one entry.
type place struct {
	slot *atomic.Uint64
	seen uint64
	tag  uint64
}

func (p *places) of(stored []byte) place {
	hash := stored[generationBytes:]
	slot := &p[int(binary.LittleEndian.Uint32(hash[4:]))%len(p)]
	return place{slot: slot, seen: slot.Load(), tag: uint64(binary.LittleEndian.Uint32(hash))}
}

// generation is where the entry was last, 0 when that is not known. Generations are numbered from 1.
func (p place) generation() uint64 {
	if p.seen&(1<<32-1) != p.tag {
		return 0
	}
	return p.seen >> 32
}

// found remembers where a read found the entry, unless a write has moved something meanwhile.
func (p place) found(generation uint64) { p.slot.CompareAndSwap(p.seen, generation<<32|p.tag) }

// moved remembers where a write has put the entry.
func (p place) moved(generation uint64) { p.slot.Store(generation<<32 | p.tag) }
