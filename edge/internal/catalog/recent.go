package catalog

import "github.com/pictor/pictor/shared/wire"

// recentNames is how many changed names one generation of recent holds.
const recentNames = 1 << 16

// recent remembers which names changed last, in bounded memory: two generations of maps, and a floor below which
// nothing is known any more.
type recent struct {
	newer, older map[wire.Name]uint64
	newest       uint64 // the highest number in newer
	oldest       uint64 // the highest number in older
	floor        uint64 // the highest number ever dropped
}

func (r *recent) add(name wire.Name, seq uint64) {
	if len(r.newer) >= recentNames {
		r.floor, r.oldest = r.oldest, r.newest
		r.older, r.newer = r.newer, nil
	}
	if r.newer == nil {
		r.newer = make(map[wire.Name]uint64)
	}
	r.newer[name], r.newest = seq, seq
}

// after is the least number at which the name may have been read to be current.
func (r *recent) after(name wire.Name) uint64 {
	if seq, ok := r.newer[name]; ok {
		return seq
	}
	if seq, ok := r.older[name]; ok {
		return seq
	}
	return r.floor
}
