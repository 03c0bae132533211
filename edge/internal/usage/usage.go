// Package usage counts what an edge served and reports it to the origin, each count exactly once as long as the edge
// lives.
package usage

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"github.com/pictor/pictor/shared/wire"
)

// Sender delivers a batch; sending it again must be harmless.
type Sender interface {
	SendUsage(ctx context.Context, batch wire.UsageBatch) error
}

// maxPending bounds the batches that wait for an origin that is away: at one a second, some hours. Beyond it counts
// pile up in the current batch instead.
const maxPending = 10_000

// Meter implements edge.Usage.
type Meter struct {
	edge   string
	sender Sender
	log    *slog.Logger
	now    func() time.Time

	mu      sync.Mutex // never held across I/O
	current map[slot]*wire.Usage
	pending []wire.UsageBatch // oldest first
}

type slot struct{ account, day string }

// New makes a Meter for the named edge.
func New(edge string, sender Sender, log *slog.Logger, now func() time.Time) *Meter {
	return &Meter{edge: edge, sender: sender, log: log, now: now, current: make(map[slot]*wire.Usage)}
}

// Count adds to the account's usage of today (UTC).
func (m *Meter) Count(account string, requests, bytes int64) {
	key := slot{account, m.now().UTC().Format(time.DateOnly)}
	m.mu.Lock()
	defer m.mu.Unlock()
	u := m.current[key]
	if u == nil {
		u = &wire.Usage{Account: key.account, Day: key.day}
		m.current[key] = u
	}
	u.Requests += requests
	u.Bytes += bytes
}

// Run reports every interval until ctx ends. Call Flush afterwards.
func (m *Meter) Run(ctx context.Context, every time.Duration) {
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			if err := m.Flush(ctx); err != nil && ctx.Err() == nil {
				m.log.Warn("usage report waits", "batches", m.waiting(), "err", err)
			}
		}
	}
}

// Flush sends all that was counted; what cannot be sent waits. Not for concurrent use.
func (m *Meter) Flush(ctx context.Context) error {
	m.seal()
	for {
		batch, ok := m.oldest()
		if !ok {
			return nil
		}
		if err := m.sender.SendUsage(ctx, batch); err != nil {
			return err
		}
		m.mu.Lock()
		m.pending = m.pending[1:]
		m.mu.Unlock()
	}
}

// seal turns the current counts into a batch with an id of its own.
func (m *Meter) seal() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.current) == 0 || len(m.pending) >= maxPending {
		return
	}
	batch := wire.UsageBatch{ID: m.edge + "-" + rand.Text(), Edge: m.edge}
	for _, u := range m.current {
		batch.Entries = append(batch.Entries, *u)
	}
	clear(m.current)
	m.pending = append(m.pending, batch)
}

func (m *Meter) oldest() (wire.UsageBatch, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.pending) == 0 {
		return wire.UsageBatch{}, false
	}
	return m.pending[0], true
}

func (m *Meter) waiting() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.pending)
}
