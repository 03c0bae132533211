package edge

import (
	"errors"
	"fmt"
	"time"
)

// Kind says what went wrong, in the edge's own words; respond.go turns it into a status.
type Kind uint8

const (
	Internal    Kind = iota // our fault
	Invalid                 // the request makes no sense, or asks for what the limits forbid
	Forbidden               // signature wrong, expired or missing
	NotFound                // no such asset
	Damaged                 // the uploaded picture cannot be decoded
	Overloaded              // too much to do right now
	Unavailable             // a part of the system that is needed cannot be reached
	Timeout                 // the work took longer than its deadline
	Limited                 // the client, the account or the picture has had what it may have for now
	Canceled                // the client has closed the connection
)

var kindNames = [...]string{"internal", "invalid", "forbidden", "not_found", "damaged", "overloaded", "unavailable",
	"timeout", "limited", "canceled"}

func (k Kind) String() string { return kindNames[k] }

// Kinds lists all kinds, for metrics that must exist from the start.
func Kinds() []Kind {
	all := make([]Kind, len(kindNames))
	for i := range all {
		all[i] = Kind(i)
	}
	return all
}

// ParseKind is the inverse of Kind.String; unknown names are Internal.
func ParseKind(name string) Kind {
	for k, n := range kindNames {
		if n == name {
			return Kind(k)
		}
	}
	return Internal
}

// Error is an error that a client may read: Message names no secret and no internals.
type Error struct {
	Kind       Kind
	Message    string
	RetryAfter time.Duration // a hint for Overloaded, Unavailable and Limited, 0 for none
	Limit      *Exceeded     // of Limited, nil where no single limit is to blame
	Err        error         // the cause, for logs
}

func (e *Error) Error() string {
	if e.Err != nil {
		return fmt.Sprintf("%s: %v", e.Message, e.Err)
	}
	return e.Message
}

func (e *Error) Unwrap() error { return e.Err }

// KindOf gives the Kind of an error, Internal for foreign ones.
func KindOf(err error) Kind {
	if e, ok := errors.AsType[*Error](err); ok {
		return e.Kind
	}
	return Internal
}
