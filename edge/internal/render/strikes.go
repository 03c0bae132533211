package render

import (
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/pictor/pictor/edge"
)

const (
	quarantine = time.Hour // for this engine version: a new program begins with a clean record
	maxSuspect = 4096      // sources with a record; those that gave trouble longest ago are forgotten
)

// strikes is the record of sources that ended workers. The first crash may be the fault of an earlier picture that left
// the process torn, so it only makes the source suspect: from then on it gets fresh workers, and a crash there is its
// own. Two of those, and the source is not tried again for a while.
type strikes struct {
	now func() time.Time

	mu      sync.Mutex
	records *simplelru.LRU[string, record]
}

type record struct {
	strikes int
	until   time.Time // when the record ends
}

const mostStrikes = 2

func newStrikes(now func() time.Time) *strikes {
	records, err := simplelru.NewLRU[string, record](maxSuspect, nil)
	if err != nil {
		panic(err) // the size is a positive constant
	}
	return &strikes{now: now, records: records}
}

// check gives an error for a source in quarantine, and whether one needs a fresh worker.
func (s *strikes) check(digest string) (suspect bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, ok := s.recordLocked(digest)
	if ok && r.strikes >= mostStrikes {
		return true, &edge.Error{Kind: edge.Damaged, Message: "the picture has broken the renderer and is not tried again for now"}
	}
	return ok, nil
}

func (s *strikes) recordLocked(digest string) (record, bool) {
	r, ok := s.records.Get(digest)
	if ok && s.now().After(r.until) {
		s.records.Remove(digest)
		return record{}, false
	}
	return r, ok
}

// crashed notes that the source has ended a worker by itself.
func (s *strikes) crashed(digest string, fresh bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r, _ := s.recordLocked(digest)
	if fresh {
		r.strikes++
	}
	r.until = s.now().Add(quarantine)
	s.records.Add(digest, r)
}

// passed notes that a fresh worker has survived a suspect source.
func (s *strikes) passed(digest string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.records.Remove(digest)
}

// quarantined counts the sources that are not tried.
func (s *strikes) quarantined() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.records.Values() {
		if r.strikes >= mostStrikes && s.now().Before(r.until) {
			n++
		}
	}
	return n
}
