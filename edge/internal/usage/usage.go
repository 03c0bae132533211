// Package usage counts what an edge served and reports it to the origin, each count exactly once as long as the edge
// lives.
package usage

import (
	"context"
	"crypto/rand"
	"log/slog"
	"sync"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/wire"
)

// Sender delivers a batch; sending it again must be harmless.
type Sender interface {
	SendUsage(ctx context.Context, batch wire.UsageBatch) error
}

// maxPending bounds the batches that wait for an origin that is away: at one a second, some hours. Beyond it counts
// pile up in the counters instead.
const maxPending = 10_000

// maxColours bounds the colours of a batch, maxPresets its presets, but for those of one account more.
const (
	maxColours = 1000
	maxPresets = 5000
)

// Meter counts by account. Its counters are handed out once and then counted on without it.
type Meter struct {
	edge   string
	sender Sender
	log    *slog.Logger
	now    func() time.Time

	mu       sync.Mutex // never held across I/O
	accounts map[string]*edge.Counter
	colours  map[wire.Colour]bool
	pending  []wire.UsageBatch // oldest first
}

// New makes a Meter for the named edge.
func New(name string, sender Sender, log *slog.Logger, now func() time.Time) *Meter {
	return &Meter{edge: name, sender: sender, log: log, now: now, accounts: make(map[string]*edge.Counter),
		colours: make(map[wire.Colour]bool)}
}

// Counter gives the account's counter, the same each time.
func (m *Meter) Counter(account string) *edge.Counter {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := m.accounts[account]
	if c == nil {
		c = new(edge.Counter)
		m.accounts[account] = c
	}
	return c
}

// Colour reports the dominant colour of a picture. What is too much is dropped: it can be found out again.
func (m *Meter) Colour(colour wire.Colour) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.colours) < maxColours {
		m.colours[colour] = true
	}
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

// seal turns the current counts into a batch with an id of its own. They count for the day (UTC) on which they are
// sealed: with reports each second, what a midnight gets wrong is a second.
func (m *Meter) seal() {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.pending) >= maxPending {
		return
	}
	batch := wire.UsageBatch{ID: m.edge + "-" + rand.Text(), Edge: m.edge}
	day := m.now().UTC().Format(time.DateOnly)
	for account, counter := range m.accounts {
		if len(batch.Presets) < maxPresets { // the rest comes with the next batch
			counter.TakePresets(func(name string, uses int64) {
				batch.Presets = append(batch.Presets, wire.PresetUse{Account: account, Name: name, Uses: uses})
			})
		}
		if requests, bytes, renders := counter.Take(); requests > 0 || renders > 0 {
			batch.Entries = append(batch.Entries, wire.Usage{Account: account, Day: day, Requests: requests, Bytes: bytes,
				Renders: renders})
		}
	}
	for colour := range m.colours {
		batch.Colours = append(batch.Colours, colour)
	}
	clear(m.colours)
	if len(batch.Entries) > 0 || len(batch.Colours) > 0 || len(batch.Presets) > 0 {
		m.pending = append(m.pending, batch)
	}
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
