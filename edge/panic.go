package edge

import (
	"fmt"
	"runtime/debug"
)

// A panic in the work for a request is that request's trouble. If it ended the process, one URL that finds a fault in
// here would end one edge after the other; so it is answered as any error of ours, and the log has the stack.

// survive is deferred by who answers a request.
func (r *answer) survive() {
	if p := recover(); p != nil {
		r.c.Response.Reset()
		r.fail(panicked(p))
	}
}

// attempt gives a panic of work as an error of Kind Internal.
func attempt[V any](work func() (V, error)) (value V, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = panicked(p)
		}
	}()
	return work()
}

// panicked is called while the stack is still that of the panic.
func panicked(p any) error {
	return &Error{Kind: Internal, Message: "internal error", Err: fmt.Errorf("panic: %v\n%s", p, debug.Stack())}
}
