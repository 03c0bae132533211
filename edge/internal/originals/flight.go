package originals

import (
	"context"
	"sync"

	"github.com/pictor/pictor/edge"
)

// flights lets callers that want the same thing wait for one piece of work. The work has a context of its own, which
// ends when the last caller has gone: one that leaves takes nothing from the others.
type flights[K comparable, V any] struct {
	mu    sync.Mutex // never held while working
	byKey map[K]*flight[V]
}

type flight[V any] struct {
	done    chan struct{}
	cancel  context.CancelFunc
	waiters int // guarded by flights.mu
	value   V
	err     error
}

func (g *flights[K, V]) do(ctx context.Context, key K, work func(context.Context) (V, error)) (V, error) {
	f := g.join(ctx, key, work)
	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		g.leave(key, f)
		var none V
		return none, &edge.Error{Kind: edge.Timeout, Message: "the original was not there in time", Err: ctx.Err()}
	}
}

func (g *flights[K, V]) join(ctx context.Context, key K, work func(context.Context) (V, error)) *flight[V] {
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
	go func() {
		defer cancel()
		f.value, f.err = work(own)
		g.forget(key, f)
		close(f.done)
	}()
	return f
}

func (g *flights[K, V]) leave(key K, f *flight[V]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if f.waiters--; f.waiters > 0 {
		return
	}
	f.cancel()
	g.forgetLocked(key, f)
}

func (g *flights[K, V]) forget(key K, f *flight[V]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.forgetLocked(key, f)
}

// forgetLocked leaves a newer flight of the same key alone.
func (g *flights[K, V]) forgetLocked(key K, f *flight[V]) {
	if g.byKey[key] == f {
		delete(g.byKey, key)
	}
}
