// Package wire holds the messages between an origin and its edges, and between edges. They travel as JSON. Fields are
// added, never given a new meaning: new programs talk to old ones.
package wire

import (
	"github.com/pictor/pictor/shared/limit"
	"github.com/pictor/pictor/shared/transform"
)

// ChunkBytes is the size of the pieces of a blob that have a hash of their own; the last one may be shorter.
const ChunkBytes = 1 << 20

// Name is a public name: what a delivery URL points at. Namespaces keep dialects and users apart; img-cloud's public
// ids live in NamespaceCloud.
type Name struct {
	Namespace string `json:"ns"`
	Name      string `json:"name"`
}

// NamespaceCloud holds the public ids of the img-cloud dialect (file 003), shared by all its users.
const NamespaceCloud = "cloud"

// Visibilities of an asset.
const (
	Public  = "public"
	Private = "private"
)

// Manifest is what an edge must know to deliver an asset under one name.
type Manifest struct {
	Name
	Seq        uint64 `json:"seq"`     // change-log number this was read at; an older Manifest never replaces a newer one
	Asset      string `json:"asset"`   // opaque id
	Account    string `json:"account"` // whose bandwidth it is
	Version    int64  `json:"version"` // grows with every overwrite
	Visibility string `json:"visibility"`
	UpdatedAt  int64  `json:"updated_at"`           // Unix seconds, for Last-Modified
	ExpiresAt  int64  `json:"expires_at,omitempty"` // Unix seconds; 0 never
	// CacheMaxAge is how many seconds caches may keep an unversioned answer: 0 is not without asking, nil what the edge is
	// set to.
	CacheMaxAge *int64 `json:"cache_max_age,omitempty"`
	Source      Source `json:"source"`
	// Limits of the account, in every Manifest of it, that of its Profile too. An edge keeps to those with the highest
	// Seq, whichever name they came with, and reads them again when the name of the Profile changes.
	Limits *AccountLimits `json:"limits,omitempty"`
	// Profile is there in NamespaceProfile only, and then nothing else but Account and Limits is.
	Profile *Profile `json:"profile,omitempty"`
	// Inspect asks for the asset's dominant colour, in a UsageBatch: the origin does not know it yet.
	Inspect bool `json:"inspect,omitempty"`
}

// AccountLimits are kept by each edge by itself, over all names of an account. Rates that are left out are no limits;
// what else is left out is as the edge is set.
type AccountLimits struct {
	Requests    limit.Rate `json:"requests,omitzero"`      // answers of any kind
	Misses      limit.Rate `json:"misses,omitzero"`        // renders and look-ups that its pictures cause
	Variants    *int       `json:"variants,omitempty"`     // different results made of a picture in a day; 0 is no bound
	NewVariants string     `json:"new_variants,omitempty"` // who may have results made that do not exist yet
}

// Who may have results made that do not exist yet.
const (
	NewVariantsAny    = "any"
	NewVariantsSigned = "signed" // URLs that are signed, and what the account chose: presets, pictures as uploaded
)

// MaxVariants bounds AccountLimits.Variants: it is what an edge has room for of one picture.
const MaxVariants = 100_000

// Source describes an uploaded blob: all that is needed to fetch, check, clean and render it, and nothing about who
// owns it.
type Source struct {
	Digest      string   `json:"digest"` // SHA-256 of the blob, 64 lower-case hex digits
	Bytes       int64    `json:"bytes"`
	Format      string   `json:"format"` // transform.Format's name: jpg, png, webp, avif, gif, bmp, tiff, heic
	Width       int      `json:"width"`  // as stored, see transform.Source
	Height      int      `json:"height"`
	Orientation int      `json:"orientation,omitempty"`
	Frames      int      `json:"frames"`
	Alpha       bool     `json:"alpha,omitempty"`
	Chunks      [][]byte `json:"chunks"`       // SHA-256 of each ChunkBytes of the blob, in order
	Clean       []Piece  `json:"clean"`        // the picture without private metadata, as pieces in order; see Cleanable
	CleanDigest string   `json:"clean_digest"` // SHA-256 of what Clean adds up to
	CleanBytes  int64    `json:"clean_bytes"`
}

// Piece is a run of bytes of the clean picture: either Insert, or Length bytes of the blob from Offset on.
type Piece struct {
	Offset int64  `json:"o,omitempty"`
	Length int64  `json:"n,omitempty"`
	Insert []byte `json:"i,omitempty"`
}

// Size is the number of bytes the piece adds.
func (p Piece) Size() int64 {
	if p.Insert != nil {
		return int64(len(p.Insert))
	}
	return p.Length
}

// Cleanable reports whether the picture can be delivered as it was uploaded. TIFF and HEIC cannot: their metadata is not
// taken out by an edit list, and hardly a browser shows them.
func (s *Source) Cleanable() bool { return len(s.Clean) > 0 }

// Picture is the part of the Source that sizes follow from.
func (s *Source) Picture() transform.Source {
	f, _ := transform.ParseSourceFormat(s.Format)
	return transform.Source{Format: f, Width: s.Width, Height: s.Height, Orientation: s.Orientation, Frames: s.Frames,
		Alpha: s.Alpha}
}
