package delivery

import (
	"github.com/pictor/pictor/shared/signing"
	"github.com/pictor/pictor/shared/transform"
	"github.com/pictor/pictor/shared/wire"
)

// Request is what a delivery URL asks for. Its strings are parts of the raw target: copy what outlives the request.
type Request struct {
	Name        wire.Name
	Spec        transform.Spec
	Transformed bool   // a transform was given, be it one that changes nothing
	Version     string // the value of v=, empty when absent
	Signature   Signature
}

// Signature is the proof in a URL.
type Signature struct {
	Given  bool
	Fields signing.Fields
	Text   string // sig=
}

// Error says that a target is no delivery URL that Pictor takes. Message is for the client.
type Error struct {
	Message string
	Route   bool // the path belongs to no dialect at all
}

func (e *Error) Error() string { return e.Message }

func invalid(message string) *Error { return &Error{Message: message} }
