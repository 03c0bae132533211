// Package origin is the control plane's domain: accounts, keys, sessions, uploads, assets, signing, usage. It knows no
// HTTP, no SQL and no files; what it needs of them is declared in ports.go.
package origin

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what went wrong, never with which status: each dialect has one table for that.
type Kind uint8

const (
	Internal        Kind = iota // our fault
	Invalid                     // malformed request, invalid transform, invalid public id
	Unauthenticated             // missing or invalid credentials
	Forbidden                   // known, but not allowed
	NotFound                    //
	Duplicate                   // the name is taken
	TooLarge                    // bytes, pixels or frames beyond the limits
	Unsupported                 // not a picture that Pictor takes
	RateLimited                 // see Error.RetryAfter
	Unavailable                 // a part of the system cannot be reached or is full
)

// Error is an error that a client may read: Message names no secret and no internals.
type Error struct {
	Kind       Kind
	Message    string
	RetryAfter time.Duration // for RateLimited and Unavailable
	Err        error         // the cause, for logs
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", e.Message, e.Err)
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// Errorf makes an *Error of the kind.
func Errorf(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// KindOf gives the Kind of an error, Internal for foreign ones.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}
