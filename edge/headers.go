package edge

import (
	"math"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/pictor/pictor/shared/delivery"
	"github.com/pictor/pictor/shared/wire"
)

// Names that fasthttp would spell otherwise, and one that is set on the hot path.
var (
	headerETag         = []byte("ETag")
	headerCacheControl = []byte("Cache-Control")
)

// common sets what every answer carries: file 003, «Security model», and what makes a picture usable from any site.
func (r *answer) common() {
	h := &r.c.Response.Header
	h.Set("Strict-Transport-Security", "max-age=31536000")
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors *; sandbox")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Access-Control-Allow-Origin", "*")
	h.Set("Cross-Origin-Resource-Policy", "cross-origin")
	h.Set("Timing-Allow-Origin", "*")
	switch {
	case !r.negotiated:
	case r.hintable():
		h.Set("Vary", varyHints)
		h.SetCanonical(headerAcceptCH, []byte(acceptCH))
	default:
		h.Set("Vary", varyAccept)
	}
}

// prepare sets the headers of a hit that do not depend on conditions and ranges: what serveHot remembers.
func (r *answer) prepare(mediaType, etag string) {
	h := &r.c.Response.Header
	r.common()
	h.SetCanonical(headerETag, []byte(etag))
	h.SetLastModified(r.modified())
	r.setCacheControl(&r.req)
	h.Set("Accept-Ranges", "bytes")
	h.Set("Age", "0")
	h.SetContentType(mediaType)
	r.tellTier(TierMemory)
}

// modified is when the last of all that had a say was changed.
func (r *answer) modified() time.Time {
	at := r.known.UpdatedAt
	for _, known := range r.from {
		at = max(at, known.UpdatedAt)
	}
	return time.Unix(at, 0)
}

// cacheStatus is what RFC 9211 has to say about a tier. The edges of a cluster are one cache to the outside.
var cacheStatus = [tiers]string{
	TierMemory: "pictor; hit; detail=memory",
	TierDisk:   "pictor; hit; detail=disk",
	TierPeer:   "pictor; fwd=miss; stored; detail=peer",
	TierSource: "pictor; fwd=miss; stored; detail=source",
	TierRender: "pictor; fwd=miss; stored; detail=render",
}

// tellTier says where the answer came from, and how long that took where it took any time. Private answers do not tell:
// whether somebody else's copy of the same picture is known here is nobody's business.
func (r *answer) tellTier(t Tier) {
	if r.known.Visibility != wire.Public {
		return
	}
	h := &r.c.Response.Header
	h.Set("Cache-Status", cacheStatus[t])
	timing := append(make([]byte, 0, 32), t.String()...)
	if t != TierMemory {
		took := r.edge.Now().Sub(r.start)
		timing = append(timing, ";dur="...)
		timing = strconv.AppendFloat(timing, float64(took.Microseconds())/1000, 'f', -1, 64)
	}
	h.SetBytesV("Server-Timing", timing)
}

// anew corrects what prepare said about a hit: this answer came from further away, or from a time when the origin was
// last heard. Without Age, caches in front would add their lifetime to the time that we have not heard.
func (r *answer) anew(t Tier) {
	if r.tier = t; t != TierMemory {
		r.tellTier(t)
	}
	if r.edge.Catalog.Fresh(r.start) {
		return
	}
	if age := r.start.Sub(later(r.edge.Catalog.Heard(), r.known.Asked)); age >= time.Second {
		r.c.Response.Header.Set("Age", strconv.FormatInt(seconds(age), 10))
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// Lifetimes of answers.
const (
	immutableAge    = 365 * 24 * time.Hour // ?v= is the current version: the URL will never mean other bytes
	otherVersionAge = time.Minute          // ?v= is some other text: the current bytes, for a short while
	notFoundAge     = 10 * time.Second
)

// staleSuffix is how long shared caches may bridge our slowness and our absence.
func staleSuffix(p *Policy) (suffix string) {
	for _, d := range []struct {
		name string
		age  time.Duration
	}{{"stale-while-revalidate", p.StaleWhileRevalidate}, {"stale-if-error", p.StaleIfError}} {
		if d.age > 0 {
			suffix += ", " + d.name + "=" + strconv.FormatInt(seconds(d.age), 10)
		}
	}
	return suffix
}

// setCacheControl says how long the answer may be kept: never longer than the signature or the asset lives.
func (r *answer) setCacheControl(req *delivery.Request) {
	m, p := &r.known.Manifest, &r.edge.Policy
	scope, public := "private", m.Visibility == wire.Public
	if public {
		scope = "public"
	}
	age, stale, suffix := p.lifetime(m), max(p.StaleWhileRevalidate, p.StaleIfError), r.edge.staleSuffix
	switch {
	case public && req.Version != "" && req.Version == strconv.FormatInt(m.Version, 10):
		age, stale, suffix = immutableAge, 0, ", immutable"
	case age == 0:
		r.c.Response.Header.SetCanonical(headerCacheControl, append([]byte(scope), ", no-cache"...))
		return
	case !public:
		stale, suffix = 0, ""
	case req.Version != "":
		age, stale, suffix = min(age, otherVersionAge), 0, ""
	}
	if r.quick {
		age, stale, suffix = min(age, quickAge), 0, ""
	}
	if left := lifeLeft(req, m, r.start); left < age+stale {
		age, suffix = min(age, left), ""
	}
	value := append(make([]byte, 0, 96), scope...)
	value = append(value, ", max-age="...)
	value = strconv.AppendInt(value, seconds(age), 10)
	value = append(value, suffix...)
	r.c.Response.Header.SetCanonical(headerCacheControl, value)
}

// lifetime is how long caches may keep what an unversioned URL gives: as the asset says, or else public pictures as the
// operator says, and private ones for as long as their signatures live. 0 is no-cache: they may keep it, and must ask
// about it each time. That leaves nothing to bridge with what is stale.
func (p *Policy) lifetime(m *wire.Manifest) time.Duration {
	switch {
	case m.CacheMaxAge != nil:
		return time.Duration(*m.CacheMaxAge) * time.Second
	case m.Visibility != wire.Public:
		return math.MaxInt64
	}
	return p.PublicAge
}

// changing reports whether the Cache-Control of an answer depends on the clock.
func changing(req *delivery.Request, m *wire.Manifest) bool {
	return req.Signature.Given || m.ExpiresAt != 0
}

// lifeLeft is how long from now on the signature and the asset are valid.
func lifeLeft(req *delivery.Request, m *wire.Manifest, now time.Time) time.Duration {
	left := time.Duration(math.MaxInt64)
	if req.Signature.Given {
		left = time.Unix(req.Signature.Fields.Expires, 0).Sub(now)
	}
	if m.ExpiresAt != 0 {
		left = min(left, time.Unix(m.ExpiresAt, 0).Sub(now))
	}
	return max(0, left)
}

func seconds(d time.Duration) int64 { return int64(d / time.Second) }

// preflight answers OPTIONS, of any target: what may be asked, and by whom, is the same everywhere.
func (r *answer) preflight() {
	r.common()
	h := &r.c.Response.Header
	h.Set("Allow", allowedMethods)
	h.Set("Access-Control-Allow-Methods", allowedMethods)
	h.Set("Access-Control-Allow-Headers", "*")
	h.Set("Access-Control-Max-Age", "86400")
	r.c.SetStatusCode(fasthttp.StatusNoContent)
}

const allowedMethods = "GET, HEAD, OPTIONS"
