package edge

import "sync"

// forgetter has what is kept of sources that are gone removed. One goroutine works on it while there are any: a disk that
// hangs holds up nothing else.
type forgetter struct {
	mu      sync.Mutex // never held while working
	waiting []string
	running bool
}

// maxForgotten bounds the sources that wait. Those beyond it stay until they give way to others: a disk that is so slow
// has other worries.
const maxForgotten = 1 << 16

// Forget drops what is kept of a source that no asset refers to any more: its original, reduced copies, and improvements
// that were planned. Objects made from it stay until they give way to others: no name leads to them. It does not wait.
func (e *Edge) Forget(digest string) {
	e.refiner.forget(digest)
	if e.Drop == nil {
		return
	}
	f := &e.forgetter
	f.mu.Lock()
	defer f.mu.Unlock()
	if len(f.waiting) >= maxForgotten {
		return
	}
	f.waiting = append(f.waiting, digest)
	if !f.running {
		f.running = true
		go f.run(e.Drop)
	}
}

// Forgetting reports whether something is still to be removed.
func (e *Edge) Forgetting() bool {
	e.forgetter.mu.Lock()
	defer e.forgetter.mu.Unlock()
	return e.forgetter.running
}

func (f *forgetter) run(drop func(string)) {
	for {
		batch := f.take()
		if batch == nil {
			return
		}
		for _, digest := range batch {
			drop(digest)
		}
	}
}

// take gives what waits; without anything, the goroutine has ended when the lock is free.
func (f *forgetter) take() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	batch := f.waiting
	f.waiting, f.running = nil, batch != nil
	return batch
}
