package limits

import (
	"hash/maphash"
	"net/netip"
	"sync"
	"time"

	"github.com/pictor/pictor/shared/limit"
)

// Dimensions of a table: 64 k clients in 1 MiB.
const (
	buckets = 1 << 13
	ways    = 8
	stripes = 1 << 6
)

// table remembers the marks of clients in a fixed number of places. A bucket that is full gives up the client that is
// nearest to having none, so floods from many addresses push out each other's marks, and the clients whom that favours
// are those who did the least.
type table struct {
	seed  maphash.Seed // nobody can choose an address that falls on another one
	locks [stripes]paddedMutex
	cells [buckets][ways]cell // bucket i is guarded by locks[i%stripes]
}

// cell is a client by hash. Two that share all 64 bits share a limit.
type cell struct {
	client uint64
	mark   limit.Mark
}

// paddedMutex has a cache line to itself.
type paddedMutex struct {
	sync.Mutex
	_ [56]byte
}

// newTable is nil where there is nothing to limit.
func newTable(rate limit.Rate) *table {
	if rate.Off() {
		return nil
	}
	return &table{seed: maphash.MakeSeed()}
}

func (t *table) take(client netip.Addr, rate limit.Rate, now time.Time) (pace limit.Pace) {
	hash := maphash.Comparable(t.seed, client)
	lock := &t.locks[hash%stripes]
	lock.Lock()
	defer lock.Unlock()
	cell := t.place(hash)
	cell.mark, pace = rate.Take(cell.mark, now)
	return pace
}

func (t *table) give(client netip.Addr, rate limit.Rate) {
	hash := maphash.Comparable(t.seed, client)
	lock := &t.locks[hash%stripes]
	lock.Lock()
	defer lock.Unlock()
	for i := range t.cells[hash%buckets] {
		if cell := &t.cells[hash%buckets][i]; cell.client == hash {
			cell.mark = rate.Give(cell.mark)
		}
	}
}

// place is the client's cell, or the one that it takes over.
func (t *table) place(hash uint64) *cell {
	bucket := &t.cells[hash%buckets]
	least := &bucket[0]
	for i := range bucket {
		if bucket[i].client == hash {
			return &bucket[i]
		}
		if bucket[i].mark < least.mark {
			least = &bucket[i]
		}
	}
	*least = cell{client: hash}
	return least
}
