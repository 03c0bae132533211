package edge

import (
	"context"
	"sync"
)

// flights lets many callers that want one key wait for one piece of work. Unlike x/sync/singleflight, the work has a
// context of its own that ends when the last waiter has left.
type flights struct {
	mu    sync.Mutex // never held while working
	byKey map[Key]*flight
}

type flight struct {
	done    chan struct{}
	waiters int // guarded by flights.mu
	cancel  context.CancelFunc
	found
	err error
}

// found is an object and where it came from.
type found struct {
	obj  *Object
	tier Tier
	from Tier // the tier where a peer had it, if it comes from one; else the same
}

// do gives the result of the flight for key, starting it with work when there is none.
func (g *flights) do(ctx context.Context, key Key, work func(context.Context) (found, error)) (found, error) {
	f := g.join(ctx, key, work)
	select {
	case <-f.done:
		return f.found, f.err
	case <-ctx.Done():
		g.leave(key, f)
		return found{}, &Error{Kind: Timeout, Message: "the picture was not ready in time", Err: ctx.Err()}
	}
}

func (g *flights) join(ctx context.Context, key Key, work func(context.Context) (found, error)) *flight {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f := g.byKey[key]; f != nil {
		f.waiters++
		return f
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &flight{done: make(chan struct{}), waiters: 1, cancel: cancel}
	if g.byKey == nil {
		g.byKey = make(map[Key]*flight)
	}
	g.byKey[key] = f
	go g.run(own, key, f, work)
	return f
}

// run works and publishes. work itself stores the result, so the flight is findable until that is done.
func (g *flights) run(ctx context.Context, key Key, f *flight, work func(context.Context) (found, error)) {
	defer f.cancel()
	f.found, f.err = work(ctx)
	g.forget(key, f)
	close(f.done)
}

func (g *flights) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.byKey)
}

// leave ends the work when nobody waits for it any more; a later caller starts anew.
func (g *flights) leave(key Key, f *flight) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f.waiters--
	if f.waiters > 0 {
		return
	}
	f.cancel()
	if g.byKey[key] == f {
		delete(g.byKey, key)
	}
}

func (g *flights) forget(key Key, f *flight) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.byKey[key] == f {
		delete(g.byKey, key)
	}
}
