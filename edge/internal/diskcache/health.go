package diskcache

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"sync"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"golang.org/x/time/rate"
)

// health is how an open store says that it is not fit for use any more. It is also pebble's Logger.
//
// Pebble calls Fatalf where it does not know how to go on, mostly when its manifest cannot be written. The default ends
// the process. Ending the goroutine instead (runtime.Goexit, panic) would leave its locks and job counts behind, and
// Close would wait for ever. At every place that can be reached, the code after Fatalf returns the error or goes on
// with what it has; so Fatalf returns, and the store is taken out of use at once. What such a store has written since
// is not trusted: entries have checksums, and a damaged manifest is found when it is opened again.
type health struct {
	log      *slog.Logger
	sparsely rate.Sometimes // logs what comes with every read of a bad block
	counters *counters
	broken   chan struct{} // closed by the first trip
	once     sync.Once
	err      error // why; read after broken is closed
}

func newHealth(log *slog.Logger, c *counters) *health {
	return &health{log: log, sparsely: rate.Sometimes{Interval: time.Second}, counters: c, broken: make(chan struct{})}
}

// trip takes the store out of use. Pebble calls it under its own locks: it does not touch the store.
func (h *health) trip(err error) {
	h.once.Do(func() {
		h.err = err
		close(h.broken)
	})
}

func (h *health) tripped() bool {
	select {
	case <-h.broken:
		return true
	default:
		return false
	}
}

// guard turns a panic of pebble into a trip.
func (h *health) guard() {
	if r := recover(); r != nil {
		h.trip(fmt.Errorf("%w: %v", errPanic, r))
	}
}

// Infof is pebble's call.
func (h *health) Infof(format string, args ...any) {
	h.log.Debug("pebble", "text", fmt.Sprintf(format, args...))
}

// Errorf is pebble's call.
func (h *health) Errorf(format string, args ...any) {
	h.log.Warn("pebble", "text", fmt.Sprintf(format, args...))
}

// Fatalf is pebble's call; it returns.
func (h *health) Fatalf(format string, args ...any) {
	err := errors.New("pebble gave up: " + fmt.Sprintf(format, args...))
	for _, arg := range args {
		if cause, ok := arg.(error); ok {
			err = fmt.Errorf("pebble gave up: %w", cause)
		}
	}
	h.trip(err)
}

// errPanic is also how pebble 2.1.7 answers a read from a file of values that is missing or cut short.
var errPanic = errors.New("panic in pebble")

// isDamage tells what a store does not get over from what its surroundings did to it.
func isDamage(err error) bool {
	return pebble.IsCorruptionError(err) || errors.Is(err, errBadGenerations) || errors.Is(err, fs.ErrNotExist) ||
		errors.Is(err, errPanic)
}

func (h *health) listener() *pebble.EventListener {
	return &pebble.EventListener{
		// A flush that fails is repeated at once and for ever, a compaction soon.
		BackgroundError: func(err error) { h.trip(fmt.Errorf("in the background: %w", err)) },
		// One bad block costs the entries in it, not the store, as long as only reads meet it.
		DataCorruption: func(info pebble.DataCorruptionInfo) {
			h.sparsely.Do(func() {
				h.log.Warn("disk cache holds damaged data", "file", info.Path, "err", info.Details)
			})
		},
		DiskSlow: func(info pebble.DiskSlowInfo) {
			h.counters.slow.Add(1)
			h.log.Warn("disk cache is slow", "file", info.Path, "op", info.OpType.String(), "took", info.Duration)
		},
		WriteStallBegin: func(info pebble.WriteStallBeginInfo) {
			h.log.Warn("disk cache cannot take writes as fast as they come", "reason", info.Reason)
		},
	}
}
