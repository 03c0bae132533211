// Package edge is the delivery path: from a raw request target to a picture. Read handler.go from the top.
package edge

import (
	"log/slog"
	"net/netip"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/pictor/pictor/shared/signing"
	"github.com/pictor/pictor/shared/wire"
)

// Parts is what an Edge is made of; all are needed.
type Parts struct {
	Catalog   Catalog
	Keys      func() *signing.Keyring // the current one; nil while none is known: then signatures cannot be checked
	Memory    Memory
	Disk      Disk
	Originals Originals
	Ring      Ring
	Peers     Peers
	Renderer  Renderer
	Limiter   Limiter
	Client    func(*fasthttp.RequestCtx) netip.Addr // whose request it is
	Observer  Observer
	Drop      func(digest string)  // removes what is kept of a source, see forget.go; may block; nil: nothing is
	Fallback  func(jobs []Job) int // which one to do of what a client takes, the first if there is time; nil: always that
	Coloured  func(wire.Colour)    // is told what the origin wants to know, see inspect.go; nil: nobody looks
	Tracer    Tracer               // nil for none
	Log       *slog.Logger
	Now       func() time.Time
	Policy    Policy
}

// Policy is what an operator may set about answers.
type Policy struct {
	PublicAge time.Duration // how long caches may keep an unversioned public picture that does not say; 0: see lifetime
	Deadline  time.Duration // the longest a request waits for a render; default 60 s
	// How long shared caches may go on with such a picture while they ask for it, and while they cannot; 0 is not at all.
	StaleWhileRevalidate, StaleIfError time.Duration
	ClientHints                        bool // Sec-CH-DPR, Sec-CH-Width and Save-Data count, see hints.go
	// SignedOnly: what does not exist yet is made only for signed URLs, and for what the account chose itself: its
	// presets and defaults, and pictures as uploaded.
	SignedOnly bool
	Refine     bool   // encode once more, with patience, what is asked for again
	LogHits    uint32 // one hit in so many has a log line, 0 for none; everything else always has
}

// Edge answers delivery requests. Make it with New; it is safe for concurrent use.
type Edge struct {
	Parts
	hot         hotTable
	asking      Flights[Key, found] // may ask other nodes
	local       Flights[Key, found] // works here; peers join these only, so that two nodes never wait for each other
	inspections inspections

	staleSuffix string // of Cache-Control
	refiner     refiner
	forgetter   forgetter
}

// New assembles an Edge.
func New(p Parts) *Edge {
	if p.Policy.Deadline == 0 {
		p.Policy.Deadline = time.Minute
	}
	if p.Now == nil {
		p.Now = time.Now
	}
	return &Edge{Parts: p, hot: newHotTable(), staleSuffix: staleSuffix(&p.Policy)}
}

// Flights is the number of results that are being looked for or made right now.
func (e *Edge) Flights() int { return e.asking.Count() + e.local.Count() }

// Tier says where an answer came from, nearest first.
type Tier uint8

const (
	TierNone   Tier = iota // no body was looked for: errors, redirects, 304 on a known tag
	TierMemory             //
	TierDisk               //
	TierPeer               // the node that owns the source
	TierSource             // the uploaded picture, cleaned
	TierRender             //
	tiers
)

var tierNames = [tiers]string{"none", "memory", "disk", "peer", "source", "render"}

func (t Tier) String() string { return tierNames[t] }

// made reports whether the answer was not there before.
func (t Tier) made() bool { return t == TierSource || t == TierRender }

// ParseTier is the inverse of Tier.String; unknown names are TierRender, the dearest.
func ParseTier(name string) Tier {
	for _, t := range Tiers() {
		if t.String() == name {
			return t
		}
	}
	return TierRender
}

// Tiers lists all tiers, for metrics that must exist from the start.
func Tiers() []Tier {
	return []Tier{TierNone, TierMemory, TierDisk, TierPeer, TierSource, TierRender}
}

// Observer is told what happens. Its methods must be quick and must not block.
type Observer interface {
	// Served: an answer was handed to the network.
	Served(tier Tier, status int, bytes int64, took time.Duration)
	// Rendered: a render ended; err is nil when it gave a picture.
	Rendered(job Job, took time.Duration, err error)
	// Refined: a picture that is asked for often was encoded once more, and is so many bytes smaller.
	Refined(job Job, took time.Duration, saved int64, err error)
	// Refused: the named limit refused a request.
	Refused(limit string)
}
