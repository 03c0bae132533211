package origin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// APIKey is a service's proof, sent as «ApiKey <ID>:<secret>».
type APIKey struct {
	ID         string // ck_…
	Account    string
	Name       string
	SecretHash []byte // SHA-256
	CreatedAt  time.Time
	RevokedAt  time.Time // zero while valid
	LastUsedAt time.Time // to within a minute; zero when never
}

const (
	keyIDPrefix     = "ck_"
	keySecretPrefix = "cs_"
	keyIDChars      = 24
	keySecretChars  = 43 // 256 bits
	maxKeyNameChars = 100

	// usedEvery is how exact LastUsedAt is: a write for every request would cost more than the request.
	usedEvery = time.Minute
)

// ByAPIKey gives who holds the key, or an Unauthenticated error. A revoked key ends at once.
func (c *Core) ByAPIKey(ctx context.Context, id, secret string) (Principal, error) {
	var key APIKey
	var acc Account
	err := c.cfg.Store.View(ctx, func(tx ReadTx) (err error) {
		if key, err = tx.APIKey(id); err != nil {
			return err
		}
		acc, err = tx.Account(key.Account)
		return err
	})
	if err != nil && KindOf(err) != NotFound {
		return Principal{}, err
	}
	sum := sha256.Sum256([]byte(secret))
	same := subtle.ConstantTimeCompare(sum[:], key.SecretHash) == 1 // no hash, no key: never the same
	if !same || err != nil || !key.RevokedAt.IsZero() || acc.Disabled {
		return Principal{}, Errorf(Unauthenticated, "invalid API key")
	}
	c.noteUse(ctx, key)
	return Principal{Account: acc, KeyID: key.ID}, nil
}

// noteUse keeps LastUsedAt within usedEvery. That it fails is no reason to turn a valid key away.
func (c *Core) noteUse(ctx context.Context, key APIKey) {
	now := c.cfg.Now()
	if now.Sub(key.LastUsedAt) < usedEvery {
		return
	}
	err := c.cfg.Store.Update(ctx, func(tx Tx) error {
		current, err := tx.APIKey(key.ID) // again: it may have been revoked, or noted, since it was read
		if err != nil || now.Sub(current.LastUsedAt) < usedEvery {
			return err
		}
		current.LastUsedAt = now
		return tx.UpdateAPIKey(current)
	})
	if err != nil {
		c.cfg.Log.Warn("cannot note the use of an API key", "key", key.ID, "err", err)
	}
}

// ListAPIKeys gives one's own keys, newest first, revoked ones among them.
func (c *Core) ListAPIKeys(ctx context.Context, who Principal) (keys []APIKey, err error) {
	if err := who.mustHaveSession(); err != nil {
		return nil, err
	}
	err = c.cfg.Store.View(ctx, func(tx ReadTx) (err error) {
		keys, err = tx.APIKeys(who.Account.ID)
		return err
	})
	return keys, err
}

// MintAPIKey makes a key. Its secret is given here and never again.
func (c *Core) MintAPIKey(ctx context.Context, who Principal, name string) (key APIKey, secret string, err error) {
	if err := who.mustHaveSession(); err != nil {
		return APIKey{}, "", err
	}
	name = strings.TrimSpace(name)
	if !plainText(name, maxKeyNameChars) {
		return APIKey{}, "", Errorf(Invalid, "name must have at most %d characters, none of them a control character",
			maxKeyNameChars)
	}
	secret = keySecretPrefix + c.randomText(keySecretChars)
	sum := sha256.Sum256([]byte(secret))
	key = APIKey{ID: keyIDPrefix + c.randomText(keyIDChars), Account: who.Account.ID, Name: name, SecretHash: sum[:],
		CreatedAt: c.cfg.Now()}
	err = c.cfg.Store.Update(ctx, func(tx Tx) error { return tx.CreateAPIKey(key) })
	if err != nil {
		return APIKey{}, "", err
	}
	return key, secret, nil
}

// RevokeAPIKey ends a key for good; doing so again changes nothing. Other people's keys are NotFound, except to
// administrators.
func (c *Core) RevokeAPIKey(ctx context.Context, who Principal, id string) (key APIKey, err error) {
	if err := who.mustHaveSession(); err != nil {
		return APIKey{}, err
	}
	err = c.cfg.Store.Update(ctx, func(tx Tx) (err error) {
		if key, err = tx.APIKey(id); err != nil {
			return err
		}
		if key.Account != who.Account.ID && !who.Admin() {
			return Errorf(NotFound, "API key not found")
		}
		if !key.RevokedAt.IsZero() {
			return nil
		}
		key.RevokedAt = c.cfg.Now()
		return tx.UpdateAPIKey(key)
	})
	if err != nil {
		return APIKey{}, err
	}
	return key, nil
}

// plainText reports whether the text is UTF-8 of at most limit characters without control characters.
func plainText(text string, limit int) bool {
	return utf8.ValidString(text) && utf8.RuneCountInString(text) <= limit && !strings.ContainsFunc(text, unicode.IsControl)
}
