package origin

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/pictor/pictor/shared/signing"
	"github.com/pictor/pictor/shared/wire"
)

// SigningKey is a key of the ring that signs and verifies delivery URLs. Its secret is told to edges only.
type SigningKey struct {
	ID        string
	Signs     bool      // new URLs are signed with it; one of the ring
	CreatedAt time.Time // zero for a key of before this was noted
	RetiresAt time.Time // what it has signed is refused from then on; zero while it has no successor
}

const (
	// keyLead is how long a new key only verifies: edges hear of it within a second, and must have done so before
	// anything is signed with it.
	keyLead = 2 * time.Second
	// MaxKeyGrace bounds how long a key may verify after it has a successor.
	MaxKeyGrace = 365 * 24 * time.Hour
	// DefaultKeyGrace is the longest life of a signed URL: no URL ends before its time.
	DefaultKeyGrace = maxTTL
	// maxSigningKeys bounds the ring; edges look a key up by going through it.
	maxSigningKeys = 16
)

// settingKeyring is where the store keeps the key ring, as JSON.
const settingKeyring = "keyring"

// keyring is the signing keys as they are stored, the newest first.
type keyring struct{ Keys []storedKey }

type storedKey struct {
	wire.Key
	CreatedAt, RetiresAt time.Time
}

func (k storedKey) retired(now time.Time) bool {
	return !k.RetiresAt.IsZero() && !now.Before(k.RetiresAt)
}

// signer is the key that signs: the newest one that edges have had the time to hear of. Where they had it for none, it is
// the oldest.
func (r keyring) signer(now time.Time) storedKey {
	keys := r.withoutRetired(now).Keys
	for _, k := range keys {
		if !now.Before(k.CreatedAt.Add(keyLead)) {
			return k
		}
	}
	return keys[len(keys)-1]
}

// withoutRetired leaves at least the newest key, which has no successor and never retires.
func (r keyring) withoutRetired(now time.Time) keyring {
	return keyring{slices.DeleteFunc(slices.Clone(r.Keys), func(k storedKey) bool { return k.retired(now) })}
}

func (r keyring) index(id string) int {
	return slices.IndexFunc(r.Keys, func(k storedKey) bool { return k.ID == id })
}

// public tells of the keys without their secrets.
func (r keyring) public(now time.Time) []SigningKey {
	signer := r.signer(now).ID
	var list []SigningKey
	for _, k := range r.withoutRetired(now).Keys {
		list = append(list, SigningKey{k.ID, k.ID == signer, k.CreatedAt, k.RetiresAt})
	}
	return list
}

func readKeyring(tx ReadTx) (ring keyring, err error) {
	text, err := tx.Setting(settingKeyring)
	if err != nil {
		return keyring{}, err
	}
	if err := json.Unmarshal(text, &ring); err != nil {
		return keyring{}, fmt.Errorf("decode: %w", err)
	}
	if len(ring.Keys) == 0 {
		return keyring{}, errors.New("there are none")
	}
	return ring, nil
}

func (r keyring) put(tx Tx) error {
	text, err := json.Marshal(r)
	if err != nil {
		return err
	}
	return tx.PutSetting(settingKeyring, text)
}

// announce stores the ring and lets edges fetch it.
func (r keyring) announce(tx Tx) error {
	if err := r.put(tx); err != nil {
		return err
	}
	_, err := tx.Change(wire.KeyringName)
	return err
}

// addKey puts a new key in front, under an id that no other has.
func (c *Core) addKey(ring keyring) keyring {
	id := hex.EncodeToString(c.random(4))
	for ring.index(id) >= 0 {
		id = hex.EncodeToString(c.random(4))
	}
	key := storedKey{Key: wire.Key{ID: id, Secret: c.random(signing.MinSecretBytes)}, CreatedAt: c.cfg.Now()}
	return keyring{slices.Insert(ring.Keys, 0, key)}
}

// makeFirstKey makes a key ring where there is none. There is no edge that knows another.
func (c *Core) makeFirstKey(ctx context.Context) error {
	err := c.cfg.Store.Update(ctx, func(tx Tx) error {
		_, err := readKeyring(tx)
		if KindOf(err) != NotFound {
			return err
		}
		return c.addKey(keyring{}).put(tx)
	})
	if err != nil {
		return fmt.Errorf("load the signing keys: %w", err)
	}
	return nil
}

// viewKeyring gives the ring of this moment.
func (c *Core) viewKeyring(ctx context.Context) (ring keyring, err error) {
	err = c.cfg.Store.View(ctx, func(tx ReadTx) error {
		ring, err = readKeyring(tx)
		return err
	})
	if err != nil {
		return keyring{}, fmt.Errorf("read the signing keys: %w", err)
	}
	return ring, nil
}

// Keyring gives the keys that verify URLs, for edges; the first is the one that signs.
func (c *Core) Keyring(ctx context.Context) (wire.Keyring, error) {
	ring, err := c.viewKeyring(ctx)
	if err != nil {
		return wire.Keyring{}, err
	}
	now := c.cfg.Now()
	keys := []wire.Key{ring.signer(now).Key}
	for _, k := range ring.withoutRetired(now).Keys {
		if k.ID != keys[0].ID {
			keys = append(keys, k.Key)
		}
	}
	return wire.Keyring{Keys: keys}, nil
}

// signer signs with the key whose turn it is.
func (c *Core) signer(ctx context.Context) (*signing.Keyring, error) {
	ring, err := c.viewKeyring(ctx)
	if err != nil {
		return nil, err
	}
	return signing.New([]wire.Key{ring.signer(c.cfg.Now()).Key})
}

// ListSigningKeys gives the keys that verify, newest first. Only for administrators.
func (c *Core) ListSigningKeys(ctx context.Context, who Principal) ([]SigningKey, error) {
	if err := who.mustBeAdmin(); err != nil {
		return nil, err
	}
	ring, err := c.viewKeyring(ctx)
	if err != nil {
		return nil, err
	}
	return ring.public(c.cfg.Now()), nil
}

// RotateSigningKey makes a key, which signs as soon as all edges that hear the origin know it. What others have signed is
// good for the grace from then on. Without grace the others end now, and the new one signs at once: that is for secrets
// that have leaked. It gives the whole ring, newest first. Only for administrators.
func (c *Core) RotateSigningKey(ctx context.Context, who Principal, grace time.Duration) ([]SigningKey, error) {
	if grace < 0 || grace > MaxKeyGrace {
		return nil, Errorf(Invalid, "the grace of signing keys must be from 0 to %d seconds", int(MaxKeyGrace.Seconds()))
	}
	return c.changeKeyring(ctx, who, func(ring keyring, now time.Time) (keyring, error) {
		if grace == 0 {
			ring.Keys = nil
		}
		if len(ring.Keys) >= maxSigningKeys {
			return keyring{}, Errorf(Invalid, "there are %d signing keys already: retire one first", maxSigningKeys)
		}
		end := now.Add(keyLead + grace)
		for i := range ring.Keys {
			if k := &ring.Keys[i]; k.RetiresAt.IsZero() || end.Before(k.RetiresAt) {
				k.RetiresAt = end
			}
		}
		return c.addKey(ring), nil
	})
}

// RetireSigningKey ends a key now: edges refuse what it has signed within a second. The newest one stays; another must be
// made first. Only for administrators.
func (c *Core) RetireSigningKey(ctx context.Context, who Principal, id string) error {
	_, err := c.changeKeyring(ctx, who, func(ring keyring, _ time.Time) (keyring, error) {
		switch i := ring.index(id); {
		case i < 0:
			return keyring{}, Errorf(NotFound, "signing key not found")
		case i == 0:
			return keyring{}, Errorf(Invalid, "the newest signing key cannot end: make another one first")
		default:
			return keyring{slices.Delete(ring.Keys, i, i+1)}, nil
		}
	})
	return err
}

// changeKeyring changes the ring of keys that are not retired, which has an entry of the log for edges.
func (c *Core) changeKeyring(ctx context.Context, who Principal,
	change func(ring keyring, now time.Time) (keyring, error)) ([]SigningKey, error) {
	if err := who.mustBeAdmin(); err != nil {
		return nil, err
	}
	now := c.cfg.Now()
	var ring keyring
	err := c.cfg.Store.Update(ctx, func(tx Tx) error {
		if err := who.mustStillBeAdmin(tx); err != nil {
			return err
		}
		before, err := readKeyring(tx)
		if err != nil {
			return err
		}
		if ring, err = change(before.withoutRetired(now), now); err != nil {
			return err
		}
		return ring.announce(tx)
	})
	if err != nil {
		return nil, err
	}
	c.cfg.Log.Info("signing keys changed", "by", who.Account.ID, "newest", ring.Keys[0].ID, "keys", len(ring.Keys))
	return ring.public(now), nil
}

// EndSigningKeys takes keys whose time has come out of the ring, so that edges hear of it. Call it every second or so.
func (c *Core) EndSigningKeys(ctx context.Context) error {
	ring, err := c.viewKeyring(ctx)
	if err != nil {
		return err
	}
	now := c.cfg.Now()
	if len(ring.withoutRetired(now).Keys) == len(ring.Keys) {
		return nil
	}
	err = c.cfg.Store.Update(ctx, func(tx Tx) error {
		if ring, err = readKeyring(tx); err != nil { // again: it may have changed since
			return err
		}
		ring = ring.withoutRetired(now)
		return ring.announce(tx)
	})
	if err != nil {
		return fmt.Errorf("end signing keys: %w", err)
	}
	c.cfg.Log.Info("signing keys ended by their time", "keys", len(ring.Keys))
	return nil
}
