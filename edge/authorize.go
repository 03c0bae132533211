package edge

import (
	"errors"
	"time"

	"github.com/pictor/pictor/shared/delivery"
	"github.com/pictor/pictor/shared/transform"
	"github.com/pictor/pictor/shared/wire"
)

// errSignature is one answer for every signature that does not hold, so that it tells nothing about the asset.
var errSignature = &Error{Kind: Forbidden, Message: "the signature is invalid or has expired"}

// prove checks a signature, if one is there. It looks at the URL and the clock only.
func (e *Edge) prove(s delivery.Signature, now time.Time) error {
	if !s.Given {
		return nil
	}
	keys := e.Keys()
	if keys == nil {
		return errNoKeys
	}
	if !keys.Verify(s.Fields, s.Text) || now.Unix() >= s.Fields.Expires {
		return errSignature
	}
	return nil
}

// errNoKeys says nothing of the signature: an edge that has just started knows no keys until the origin told them.
var errNoKeys = &Error{Kind: Unavailable, Message: "the signing keys are not known yet", RetryAfter: time.Second}

// allow decides whether the asset may be shown: after prove, before any cache.
func allow(m *wire.Manifest, s delivery.Signature, now time.Time) error {
	if m.ExpiresAt != 0 && now.Unix() >= m.ExpiresAt {
		return errNotFound
	}
	if m.Visibility != wire.Public && !s.Given {
		return &Error{Kind: Forbidden, Message: "this image is private: a signed URL is needed"}
	}
	return nil
}

var errNotFound = &Error{Kind: NotFound, Message: "no such image"}

// asError puts the errors of the shared packages into the edge's words; nil stays nil.
func asError(err error) error {
	if errors.Is(err, error(delivery.ErrSignature)) {
		return errSignature
	}
	if bad, ok := errors.AsType[*delivery.Error](err); ok {
		if bad.Route {
			return &Error{Kind: NotFound, Message: bad.Message}
		}
		return &Error{Kind: Invalid, Message: bad.Message}
	}
	if bad, ok := errors.AsType[*transform.Error](err); ok {
		return &Error{Kind: Invalid, Message: bad.Error()}
	}
	return err
}
