// Package signing makes and checks the signatures of delivery URLs: HMAC-SHA256 under keys that rotate by id.
package signing

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"hash"
	"strconv"
	"strings"
	"sync"

	"github.com/pictor/pictor/shared/wire"
)

// MinSecretBytes is the least length of a signing secret.
const MinSecretBytes = 32

// version is the first signed field; another layout of the fields would get another number.
const version = "1"

// AnyTransform is the scope that allows every transform of a name.
const AnyTransform = "*"

// Fields is what a signature vouches for.
type Fields struct {
	Expires int64  // Unix seconds
	Dialect string // which URL shape
	Name    string // the public name, as it stands in the URL
	Scope   string // the transform text as it stands in the URL and the other query parameters, or AnyTransform
}

// Keyring holds the signing keys. It is immutable and safe for concurrent use.
type Keyring struct {
	keys []key // the first one signs
}

type key struct {
	id   string
	macs *sync.Pool // of *mac
}

// mac is a keyed hash with room for its input and output: keying costs two of the four compressions, and signatures
// are checked on the hot path.
type mac struct {
	hash.Hash
	text   []byte
	sum    []byte
	digits [2 * sha256.Size]byte
}

func newMAC(secret []byte) *mac { return &mac{Hash: hmac.New(sha256.New, secret)} }

// New makes a Keyring of at least one key. Ids are 1 to 16 of [a-z0-9], all different; secrets have at least
// MinSecretBytes.
func New(keys []wire.Key) (*Keyring, error) {
	if len(keys) == 0 {
		return nil, fmt.Errorf("signing key ring is empty")
	}
	ring := &Keyring{}
	for _, k := range keys {
		if !validID(k.ID) {
			return nil, fmt.Errorf("signing key id %q: must be 1 to 16 of a–z, 0–9", k.ID)
		}
		if ring.find(k.ID) != nil {
			return nil, fmt.Errorf("signing key id %q is there twice", k.ID)
		}
		if len(k.Secret) < MinSecretBytes {
			return nil, fmt.Errorf("signing key %q: secret must be at least %d bytes, got %d", k.ID, MinSecretBytes,
				len(k.Secret))
		}
		secret := append([]byte(nil), k.Secret...) // the caller may wipe its copy
		ring.keys = append(ring.keys, key{k.ID, &sync.Pool{New: func() any { return newMAC(secret) }}})
	}
	return ring, nil
}

func validID(id string) bool {
	return id != "" && len(id) <= 16 && strings.Trim(id, "abcdefghijklmnopqrstuvwxyz0123456789") == ""
}

func (r *Keyring) find(id string) *key {
	for i := range r.keys {
		if r.keys[i].id == id {
			return &r.keys[i]
		}
	}
	return nil
}

// Sign gives «<key id>.<64 lower-case hex digits>».
func (r *Keyring) Sign(f Fields) string {
	k := &r.keys[0]
	m := k.macs.Get().(*mac)
	defer k.macs.Put(m)
	return k.id + "." + string(m.sign(k.id, f))
}

// Verify reports whether sig is the one spelling of the signature of f under a key of the ring. It does not look at
// the clock. The comparison is of texts, in constant time.
func (r *Keyring) Verify(f Fields, sig string) bool {
	id, got, ok := strings.Cut(sig, ".")
	if !ok || len(got) != 2*sha256.Size {
		return false
	}
	k := r.find(id)
	if k == nil {
		return false
	}
	m := k.macs.Get().(*mac)
	defer k.macs.Put(m)
	return subtle.ConstantTimeCompare(m.sign(k.id, f), []byte(got)) == 1
}

// sign gives the MAC in hex over the newline-joined fields; the result is valid until the next call. No field holds a
// newline: names and scopes come from request targets, which cannot.
func (m *mac) sign(keyID string, f Fields) []byte {
	text := append(m.text[:0], version...)
	text = append(append(text, '\n'), keyID...)
	text = strconv.AppendInt(append(text, '\n'), f.Expires, 10)
	text = append(append(text, '\n'), f.Dialect...)
	text = append(append(text, '\n'), f.Name...)
	m.text = append(append(text, '\n'), f.Scope...)
	m.Reset()
	m.Write(m.text)
	m.sum = m.Sum(m.sum[:0])
	hex.Encode(m.digits[:], m.sum)
	return m.digits[:]
}
