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
	macs *sync.Pool // of hash.Hash keyed with the secret: keying costs two of the four compressions
}

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
		ring.keys = append(ring.keys, key{k.ID, &sync.Pool{New: func() any { return hmac.New(sha256.New, secret) }}})
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
	digits := k.sign(f)
	return k.id + "." + string(digits[:])
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
	want := k.sign(f)
	return subtle.ConstantTimeCompare(want[:], []byte(got)) == 1
}

// sign is the MAC in hex over the newline-joined fields. No field holds a newline: names and scopes come from request
// targets, which cannot.
func (k *key) sign(f Fields) (digits [2 * sha256.Size]byte) {
	mac := k.macs.Get().(hash.Hash)
	defer k.macs.Put(mac)
	mac.Reset()
	buf := make([]byte, 0, 256)
	for i, field := range [...]string{version, k.id, "", f.Dialect, f.Name, f.Scope} {
		if i > 0 {
			buf = append(buf, '\n')
		}
		if i == 2 {
			buf = strconv.AppendInt(buf, f.Expires, 10)
			continue
		}
		buf = append(buf, field...)
	}
	mac.Write(buf)
	var sum [sha256.Size]byte
	hex.Encode(digits[:], mac.Sum(sum[:0]))
	return digits
}
