package edge

import (
	"strings"
	"time"

	"github.com/pictor/pictor/shared/delivery"
	"github.com/pictor/pictor/shared/signing"
	"github.com/pictor/pictor/shared/wire"
)

// overlaid looks the job's overlay up and puts it into the job: its source, and its digest in place of its name, so
// that the key names content. It gives nil when there is none. The overlay is a name of the same namespace.
func overlaid(req *delivery.Request, base *Known, job *Job, now time.Time,
	find finder) (*Known, error) {
	if job.Spec.Overlay == "" {
		return nil, nil
	}
	name := wire.Name{Namespace: req.Name.Namespace, Name: strings.ReplaceAll(job.Spec.Overlay, ":", "/")}
	over, err := find(name)
	if err != nil {
		return nil, missingOverlay(err)
	}
	if err := allowOverlay(&over.Manifest, base, req.Signature, now); err != nil {
		return nil, err
	}
	job.Overlay, job.Spec.Overlay = &over.Source, over.Source.Digest
	return over, nil
}

func missingOverlay(err error) error {
	if KindOf(err) == NotFound {
		return errNoOverlay
	}
	return err
}

var errNoOverlay = &Error{Kind: NotFound, Message: "no such overlay image"}

// allowOverlay decides whether the overlay may be shown. A private one may be where its owner signed for exactly this:
// whoever signs the URL of a picture owns it, so the overlay must be of the same account, and the signature must cover
// the transform that names it.
func allowOverlay(over *wire.Manifest, base *Known, s delivery.Signature, now time.Time) error {
	if over.ExpiresAt != 0 && now.Unix() >= over.ExpiresAt {
		return errNoOverlay
	}
	if over.Visibility == wire.Public {
		return nil
	}
	if !s.Given || s.Fields.Scope == signing.AnyTransform || over.Account != base.Account {
		return &Error{Kind: Forbidden, Message: "the overlay image is private: " +
			"a URL is needed that is signed with this transform, by the owner of both images"}
	}
	return nil
}

// addOverlay looks the job's overlay up, if it has one, and has the answer follow from both pictures.
func (r *answer) addOverlay(job *Job, find finder) error {
	over, err := overlaid(&r.req, r.known, job, r.start, find)
	if over == nil || err != nil {
		return err
	}
	r.from = append(r.from, over)
	r.known = together(r.known, over, &r.edge.Policy)
	r.req.Version = "" // that of one picture says nothing about the other
	return nil
}

// together is what an answer of two pictures must be treated as: as private as the more private one, as short-lived as
// the one that expires first or is to be asked about first, and changed when the last one changed.
func together(base, over *Known, p *Policy) *Known {
	both := &Known{Manifest: base.Manifest, Meter: base.Meter, Asked: base.Asked}
	if over.Asked.Before(base.Asked) {
		both.Asked = over.Asked
	}
	if over.Visibility != wire.Public {
		both.Visibility = over.Visibility
	}
	both.UpdatedAt = max(base.UpdatedAt, over.UpdatedAt)
	if over.ExpiresAt != 0 && (base.ExpiresAt == 0 || over.ExpiresAt < base.ExpiresAt) {
		both.ExpiresAt = over.ExpiresAt
	}
	if base.CacheMaxAge != nil || over.CacheMaxAge != nil {
		both.CacheMaxAge = new(seconds(min(p.lifetime(&base.Manifest), p.lifetime(&over.Manifest))))
	}
	return both
}
