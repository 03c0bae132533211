package edge

import (
	"crypto/sha256"
	"encoding/hex"
)

// etagBytes is how much of the body's SHA-256 an ETag shows: enough that two bodies never share one.
const etagBytes = 16

// NewObject makes an Object of the body, which it keeps: the caller must not change it any more.
func NewObject(mediaType string, body []byte) *Object {
	sum := sha256.Sum256(body)
	return &Object{MediaType: mediaType, ETag: ETag(hex.EncodeToString(sum[:])), Body: body}
}

// ETag is the strong entity tag of a body with this SHA-256, given in hex.
func ETag(digest string) string { return `"` + digest[:2*etagBytes] + `"` }
