package edge

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/pictor/pictor/shared/transform"
	"github.com/pictor/pictor/shared/wire"
)

// The origin decodes no pixels. What it wants to know of them, edges find out after they have delivered the picture, one
// picture at a time and when nobody needs the workers. It is told of the asset, not of its bytes: an account must not see
// what only another that has the same bytes made known.

// inspections are the pictures to be looked at. What does not fit is dropped: it comes again with its next target.
type inspections struct {
	mu      sync.Mutex // never held across I/O
	busy    bool
	waiting []question
	seen    map[wire.Colour]bool // without the colour; Manifests go on asking until they are read again
}

// question is what the dominant colour of an asset is.
type question struct {
	about wire.Colour // the colour is missing
	src   *wire.Source
}

const (
	maxWaiting = 64
	maxSeen    = 4096 // then all are forgotten: to look again costs a cache hit
)

// add reports whether the caller must begin to work.
func (q *inspections) add(ask question) (begin bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.seen[ask.about] || len(q.waiting) >= maxWaiting {
		return false
	}
	if q.seen == nil || len(q.seen) >= maxSeen {
		q.seen = make(map[wire.Colour]bool)
	}
	q.seen[ask.about] = true
	q.waiting = append(q.waiting, ask)
	begin, q.busy = !q.busy, true
	return begin
}

// next is false when there is no more; then whoever worked must stop.
func (q *inspections) next() (ask question, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		q.waiting, q.busy = nil, false
		return question{}, false
	}
	ask = q.waiting[0]
	q.waiting = q.waiting[1:]
	return ask, true
}

// again lets the picture be looked at once more.
func (q *inspections) again(ask question) {
	q.mu.Lock()
	defer q.mu.Unlock()
	delete(q.seen, ask.about)
}

// inspect has the picture looked at, if the origin wants that. It does not wait.
func (e *Edge) inspect(m *wire.Manifest) {
	if !m.Inspect || e.Coloured == nil {
		return
	}
	if e.inspections.add(question{wire.Colour{Asset: m.Asset, Digest: m.Source.Digest}, &m.Source}) {
		go e.inspectAll()
	}
}

func (e *Edge) inspectAll() {
	for ask, ok := e.inspections.next(); ok; ask, ok = e.inspections.next() {
		colour, err := e.colourOf(ask.src)
		switch {
		case err == nil && colour != "":
			ask.about.Colour = colour
			e.Coloured(ask.about)
		case err != nil && !verdict(err):
			e.inspections.again(ask)
			e.Log.Debug("the picture was not looked at", "asset", ask.about.Asset, "err", err)
		}
	}
}

// colourOf is the dominant colour, #rrggbb; "" where nothing is visible. The facts that it is part of are kept like any
// other result.
func (e *Edge) colourOf(src *wire.Source) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), e.Policy.Deadline)
	defer cancel()
	spec := transform.Spec{Format: transform.JSON}.Settle(src.Picture(), transform.Accept{})
	job := Job{Source: src, Spec: spec, Making: MakeAny, Best: true}
	key := job.Key()
	if obj, ok := e.Memory.Get(key); ok {
		return dominant(obj)
	}
	got, err := e.asking.Do(ctx, job.flight(), func(ctx context.Context) (found, error) { return e.fetch(ctx, key, job) })
	if err != nil {
		return "", err
	}
	return dominant(got.obj)
}

func dominant(obj *Object) (string, error) {
	var facts struct {
		Colour string `json:"dominant_color"`
	}
	if err := json.Unmarshal(obj.Body, &facts); err != nil {
		return "", fmt.Errorf("read the facts of a picture: %w", err)
	}
	return facts.Colour, nil
}
