package peerhttp

import (
	"sync"
	"time"
)

// strikes is how many requests in a row a slow peer may leave unanswered before it gets a rest. One is bad luck, and
// turning away from an owner has a price: its work is done twice.
const strikes = 3

// breaker leaves peers alone for a while that have failed, so that one that is gone costs the time to find out once.
type breaker struct {
	rest time.Duration
	now  func() time.Time

	mu    sync.Mutex
	peers map[string]*health // by address; only those that failed last
}

type health struct {
	failures int
	until    time.Time // no requests before this
}

// allow reports whether the peer may be asked. After the rest one request goes ahead and the others wait for its
// outcome, for another rest at most.
func (b *breaker) allow(address string) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.peers[address]
	if h == nil || h.failures < strikes {
		return true
	}
	now := b.now()
	if now.Before(h.until) {
		return false
	}
	h.until = now.Add(b.rest)
	return true
}

func (b *breaker) good(address string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.peers, address)
}

// bad counts a failure; a dead peer needs only one.
func (b *breaker) bad(address string, dead bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	h := b.peers[address]
	if h == nil {
		h = &health{}
		if b.peers == nil {
			b.peers = make(map[string]*health)
		}
		b.peers[address] = h
	}
	h.failures++
	if dead {
		h.failures = max(h.failures, strikes)
	}
	if h.failures >= strikes {
		h.until = b.now().Add(b.rest)
	}
}
