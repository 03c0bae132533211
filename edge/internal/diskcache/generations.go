package diskcache

import (
	"encoding/binary"
	"errors"
)

// perBudget is how many generations fill the budget.
const perBudget = 8

// promoteAge: a hit in a generation that is this much older than the newest is written again, as it is in the half of
// the cache that goes next. Younger entries are left alone, or a popular one would be written with every generation.
const promoteAge = perBudget / 2

// generations lists what is on disk, oldest first, never empty. All writes go to the last one.
type generations []generation

type generation struct {
	id    uint64 // grows; part of the stored keys
	bytes int64  // keys and values written, overwritten ones included
}

func (g generations) newest() *generation { return &g[len(g)-1] }

func (g generations) bytes() (sum int64) {
	for _, one := range g {
		sum += one.bytes
	}
	return sum
}

// ids lists the generations, newest first, as they are searched.
func (g generations) ids() []uint64 {
	ids := make([]uint64, len(g))
	for i, one := range g {
		ids[len(g)-1-i] = one.id
	}
	return ids
}

// full reports whether writing must go on in a new generation.
func (g generations) full(budget int64) bool { return g.newest().bytes >= budget/perBudget }

// encode writes the list as uvarints: id and bytes of each.
func (g generations) encode() []byte {
	var text []byte
	for _, one := range g {
		text = binary.AppendUvarint(text, one.id)
		text = binary.AppendUvarint(text, uint64(one.bytes))
	}
	return text
}

var errBadGenerations = errors.New("list of generations is damaged")

func decodeGenerations(text []byte) (generations, error) {
	var g generations
	for len(text) > 0 {
		id, n := binary.Uvarint(text)
		if n <= 0 {
			return nil, errBadGenerations
		}
		bytes, m := binary.Uvarint(text[n:])
		if m <= 0 || bytes > 1<<62 || len(g) > 0 && id <= g.newest().id {
			return nil, errBadGenerations
		}
		g, text = append(g, generation{id, int64(bytes)}), text[n+m:]
	}
	if len(g) == 0 {
		return nil, errBadGenerations
	}
	return g, nil
}
