package edge

import (
	"context"
	"sync"
)

// Flights lets callers that want one thing wait for one piece of work. Unlike x/sync/singleflight, the work has a context
// of its own, which ends when the last caller has gone: one that leaves takes nothing from the others.
type Flights[K comparable, V any] struct {
	mu    sync.Mutex // never held while working
	byKey map[K]*flight[V]
}

type flight[V any] struct {
	done    chan struct{}
	cancel  context.CancelFunc
	waiters int // guarded by Flights.mu
	value   V
	err     error
}

// Do gives the result of the flight for key, starting it with work when there is none. A caller whose ctx ends first gets
// an error of Kind Timeout. work itself stores what it makes, so the flight is findable until that is done. If it panics,
// all callers get an error of Kind Internal.
func (g *Flights[K, V]) Do(ctx context.Context, key K, work func(context.Context) (V, error)) (V, error) {
	f := g.join(ctx, key, work)
	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		g.leave(key, f)
		var none V
		return none, &Error{Kind: Timeout, Message: "the picture was not ready in time", Err: ctx.Err()}
	}
}

// Count is the number of flights under way.
func (g *Flights[K, V]) Count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.byKey)
}

func (g *Flights[K, V]) join(ctx context.Context, key K, work func(context.Context) (V, error)) *flight[V] {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f := g.byKey[key]; f != nil {
		f.waiters++
		return f
	}
	own, cancel := context.WithCancel(context.WithoutCancel(ctx))
	f := &flight[V]{done: make(chan struct{}), cancel: cancel, waiters: 1}
	if g.byKey == nil {
		g.byKey = make(map[K]*flight[V])
	}
	g.byKey[key] = f
	go g.run(own, key, f, work)
	return f
}

func (g *Flights[K, V]) run(ctx context.Context, key K, f *flight[V], work func(context.Context) (V, error)) {
	defer f.cancel()
	f.value, f.err = attempt(func() (V, error) { return work(ctx) })
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forgetLocked(key, f)
	close(f.done)
}

// leave ends the work when nobody waits for it any more; a later caller starts anew.
func (g *Flights[K, V]) leave(key K, f *flight[V]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f.waiters--; f.waiters > 0 {
		return
	}
	f.cancel()
	g.forgetLocked(key, f)
}

// forgetLocked leaves a newer flight of the same key alone.
func (g *Flights[K, V]) forgetLocked(key K, f *flight[V]) {
	if g.byKey[key] == f {
		delete(g.byKey, key)
	}
}
