package delivery

import (
	"github.com/pictor/pictor/shared/signing"
	"github.com/pictor/pictor/shared/transform"
	"github.com/pictor/pictor/shared/wire"
)

// Request is what a delivery URL asks for. Its strings are parts of the raw target: copy what outlives the request.
type Request struct {
	Name       wire.Name
	Stem       wire.Name // what to look for when Name means nothing; zero for dialects without stems
	Version    string    // the value of v=, empty when absent
	Signature  Signature
	Negotiable bool // the answer may depend on the Accept header
	CountView  bool // the dialect limits how many pictures one client may look at

	wish wish
}

// Signature is the proof in a URL.
type Signature struct {
	Given  bool
	Fields signing.Fields
	Text   string // sig=
}

// wish is what a dialect's URL says about the picture, as far as it can be read without the picture.
type wish interface {
	needsProfile() bool
	chosen() bool
	settle(stem bool, profile *wire.Profile, src transform.Source, accept transform.Accept) (transform.Spec, error)
}

// NeedsProfile reports whether the account's profile has a say in what the URL means.
func (r *Request) NeedsProfile() bool { return r.wish.needsProfile() }

// Settle turns the wish into the settled Spec for a picture, within the limits; the zero Spec is «as uploaded». stem says
// that the picture was found by r.Stem. The profile may be nil where NeedsProfile is false. Errors are *Error or
// *transform.Error.
func (r *Request) Settle(stem bool, profile *wire.Profile, src transform.Source, accept transform.Accept) (transform.Spec,
	error) {
	return r.wish.settle(stem, profile, src, accept)
}

// Chosen reports whether URLs like this can ask for nothing but what the account chose: the picture as uploaded, or by its
// presets and defaults. They are few.
func (r *Request) Chosen() bool { return r.wish.chosen() }

// Preset is the name of the preset that the URL uses, "" for none.
func (r *Request) Preset() string {
	switch w := r.wish.(type) {
	case named:
		return w.preset
	case srcWish:
		return w.preset
	}
	return ""
}

// Plain reports whether the URL asks for the picture as it was uploaded, whatever picture and profile that is.
func (r *Request) Plain() bool { return r.wish == plain{} }

// plain is the wish for the picture as it was uploaded.
type plain struct{}

func (plain) needsProfile() bool { return false }

func (plain) chosen() bool { return true }

func (plain) settle(bool, *wire.Profile, transform.Source, transform.Accept) (transform.Spec, error) {
	return transform.Spec{}, nil
}

// Error says that a target is no delivery URL that Pictor takes. Message is for the client.
type Error struct {
	Message string
	Route   bool // the path belongs to no dialect at all
}

func (e *Error) Error() string { return e.Message }

func invalid(message string) *Error { return &Error{Message: message} }
