package limits

import (
	"cmp"
	"hash/maphash"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/limit"
)

// day is how long a picture's variants count, from the first of them on: neither a popular picture nor one that
// somebody has it in for is without new sizes for ever.
const day = 24 * time.Hour

// variants remembers which results were made of each picture. The owner of a picture makes them all, so it counts them
// all; what a stand-in makes while the owner is away counts there.
type variants struct {
	most     int // of one picture, where the job does not say; 0 is no limit
	remember int // of all pictures together
	now      func() time.Time
	seed     maphash.Seed

	mu    sync.Mutex
	sets  *simplelru.LRU[string, *made] // by digest
	known int                           // sum of the sets' sizes
}

// made are the results of one picture, by hash.
type made struct {
	since time.Time
	keys  map[uint64]struct{}
}

func newVariants(most, remember int, now func() time.Time) *variants {
	v := &variants{most: most, remember: remember, now: now, seed: maphash.MakeSeed()}
	var err error
	v.sets, err = simplelru.NewLRU(remember, func(_ string, m *made) { v.known -= len(m.keys) })
	if err != nil {
		panic(err) // only for sizes that are not positive
	}
	return v
}

// add counts a result that is about to be made, unless that is one too many. What was made before may be made again.
func (v *variants) add(job edge.Job) error {
	most := cmp.Or(job.Variants, v.most)
	if most == 0 {
		return nil
	}
	now, key := v.now(), maphash.String(v.seed, string(job.Key()))
	v.mu.Lock()
	defer v.mu.Unlock()
	m := v.setLocked(job.Source.Digest, now)
	if _, again := m.keys[key]; again {
		return nil
	}
	if len(m.keys) >= most {
		end := m.since.Add(day)
		return edge.LimitError(edge.LimitVariants, "too many different variants of this image were made", limit.Pace{
			Rate: limit.Rate{Count: most, Per: day}, Reset: end, Wait: max(end.Sub(now), time.Second)})
	}
	m.keys[key] = struct{}{}
	v.known++
	for v.known > v.remember {
		v.sets.RemoveOldest()
	}
	return nil
}

// setLocked gives the picture's set, a new one when there is none or its day is over.
func (v *variants) setLocked(digest string, now time.Time) *made {
	if m, ok := v.sets.Get(digest); ok {
		if now.Sub(m.since) < day {
			return m
		}
		v.sets.Remove(digest)
	}
	m := &made{since: now, keys: map[uint64]struct{}{}}
	v.sets.Add(digest, m)
	return m
}
