package edgeapi

import (
	"bufio"
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/shared/wire"
)

// batchLimit bounds what one read of the change log holds in memory.
const batchLimit = 100

// changes streams the log from a number on: first what the edge has missed, then what happens. A heartbeat follows
// every catching up and each second, and its number is reached only when every change up to it has been sent on this
// stream. An edge that claims to have seen more than there is hears the epoch and the newest number, and must know by
// them that its memory is void.
func (a *API) changes(w http.ResponseWriter, r *http.Request) error {
	after, err := strconv.ParseUint(r.URL.Query().Get("after"), 10, 64)
	if err != nil {
		return origin.Errorf(origin.Invalid, "after: must be a change number")
	}
	after = min(after, math.MaxInt64) // an edge that wants no history asks for what comes after the last number there is
	s := stream{api: a, after: after, conn: http.NewResponseController(w), out: bufio.NewWriterSize(w, 16<<10)}
	s.lines = json.NewEncoder(s.out)
	w.Header().Set("Content-Type", "application/x-ndjson")
	if err := s.run(r); err != nil && r.Context().Err() == nil {
		a.log.Warn("change stream ended", "edge", r.RemoteAddr, "error", err)
	}
	return nil
}

// stream is one edge's view of the log.
type stream struct {
	api   *API
	after uint64 // the newest change that was sent
	conn  *http.ResponseController
	out   *bufio.Writer
	lines *json.Encoder
}

// run streams until the edge goes, is stuck, or the origin ends.
func (s *stream) run(r *http.Request) error {
	tick := time.NewTicker(heartbeat)
	defer tick.Stop()
	for {
		changed := s.api.core.Changed() // before reading, or a commit in between would wait for the next one
		if err := s.catchUp(r); err != nil {
			return err
		}
		select {
		case <-changed:
		case <-tick.C:
		case <-s.api.ending:
			return nil
		case <-r.Context().Done():
			return nil
		}
	}
}

// catchUp sends every change that is not sent yet, and a heartbeat.
func (s *stream) catchUp(r *http.Request) error {
	for {
		epoch, last, batch, err := s.api.core.Changes(r.Context(), s.after, batchLimit)
		if err != nil {
			return err
		}
		for i := range batch {
			s.after = batch[i].Seq
			name := &batch[i].Name
			if err := s.line(wire.Change{Epoch: epoch, Seq: s.after, Name: name, Keys: *name == wire.KeyringName}); err != nil {
				return err
			}
		}
		if len(batch) == batchLimit {
			if err := s.flush(); err != nil {
				return err
			}
			continue
		}
		s.after = last
		if err := s.line(wire.Change{Epoch: epoch, Seq: last}); err != nil {
			return err
		}
		return s.flush()
	}
}

// line may write through a full buffer, so it has a deadline of its own: a stuck edge is dropped, not waited for.
func (s *stream) line(change wire.Change) error {
	now := s.api.now()
	change.Now = now.UnixMilli()
	if err := s.conn.SetWriteDeadline(now.Add(answerTime)); err != nil {
		return err
	}
	return s.lines.Encode(change)
}

func (s *stream) flush() error {
	if err := s.out.Flush(); err != nil {
		return err
	}
	return s.conn.Flush()
}
