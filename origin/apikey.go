package origin

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"slices"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// APIKey is a service's proof. The keys of a family are one text that begins with the family's name; the secret is
// that text. Keys without a family are a pair, sent as «ApiKey <ID>:<secret>».
type APIKey struct {
	ID         string // of pairs: ck_…
	Account    string
	Family     string
	Name       string
	Hint       string // what of a key of a family may be shown to tell it from others
	SecretHash []byte // SHA-256
	Scopes     Scopes
	CreatedAt  time.Time
	ExpiresAt  time.Time // zero when it does not
	RevokedAt  time.Time // zero while valid
	LastUsedAt time.Time // to within a minute; zero when never
	Requests   int64     // made with the key, to within a minute
}

// Scopes are what a key is for.
type Scopes uint8

// The scopes there are.
const (
	ScopeRead  Scopes = 1 << iota // look at things
	ScopeWrite                    // make, change and delete things

	AllScopes = ScopeRead | ScopeWrite
)

var scopeNames = [...]struct {
	scope Scopes
	name  string
}{{ScopeRead, "read"}, {ScopeWrite, "write"}}

// Names lists the scopes.
func (s Scopes) Names() []string {
	names := []string{}
	for _, known := range scopeNames {
		if s&known.scope != 0 {
			names = append(names, known.name)
		}
	}
	return names
}

func (s Scopes) String() string { return strings.Join(s.Names(), ", ") }

// ParseScopes reads names of scopes; at least one must be given.
func ParseScopes(names []string) (scopes Scopes, err error) {
	for _, name := range names {
		i := slices.IndexFunc(scopeNames[:], func(known struct {
			scope Scopes
			name  string
		}) bool {
			return known.name == name
		})
		if i < 0 {
			return 0, Errorf(Invalid, "scopes: must be some of %s", AllScopes)
		}
		scopes |= scopeNames[i].scope
	}
	if scopes == 0 {
		return 0, Errorf(Invalid, "scopes: must be some of %s", AllScopes)
	}
	return scopes, nil
}

const (
	keyIDPrefix     = "ck_"
	keySecretPrefix = "cs_"
	keyIDChars      = 24
	keySecretChars  = 43 // 256 bits
	maxKeyNameChars = 100
	maxKeyLife      = 365 * 24 * time.Hour
	hintChars       = 7 // that are shown of a key of a family, after the family's name
)

var errKey = Errorf(Unauthenticated, "invalid API key")

// ByAPIKey gives who holds the pair, or an Unauthenticated error. A revoked key ends at once.
func (c *Core) ByAPIKey(ctx context.Context, id, secret string) (Principal, error) {
	sum := sha256.Sum256([]byte(secret))
	return c.byKey(ctx, func(tx ReadTx) (APIKey, error) {
		key, err := tx.APIKey(id)
		if err == nil && (key.Family != "" || subtle.ConstantTimeCompare(sum[:], key.SecretHash) != 1) {
			err = errKey
		}
		return key, err
	})
}

// ByFamilyKey gives who holds the key of a family, or an Unauthenticated error. It is found by its hash alone, so that
// its length means nothing.
func (c *Core) ByFamilyKey(ctx context.Context, family, text string) (Principal, error) {
	if !strings.HasPrefix(text, family) {
		return Principal{}, errKey
	}
	sum := sha256.Sum256([]byte(text))
	return c.byKey(ctx, func(tx ReadTx) (APIKey, error) { return tx.APIKeyByHash(family, sum[:]) })
}

func (c *Core) byKey(ctx context.Context, find func(ReadTx) (APIKey, error)) (Principal, error) {
	var key APIKey
	var acc Account
	err := c.cfg.Store.View(ctx, func(tx ReadTx) (err error) {
		if key, err = find(tx); err != nil {
			return err
		}
		acc, err = tx.Account(key.Account)
		return err
	})
	if KindOf(err) == NotFound || err == nil && (!key.valid(c.cfg.Now()) || acc.Disabled) {
		err = errKey
	}
	if err != nil {
		return Principal{}, err
	}
	c.noteUse(ctx, key)
	return Principal{Account: acc, KeyID: key.ID, denied: AllScopes &^ key.Scopes, expiresAt: key.ExpiresAt}, nil
}

func (k APIKey) valid(now time.Time) bool {
	return k.RevokedAt.IsZero() && (k.ExpiresAt.IsZero() || now.Before(k.ExpiresAt))
}

// ListAPIKeys gives one's own pairs, newest first, revoked ones among them.
func (c *Core) ListAPIKeys(ctx context.Context, who Principal) (keys []APIKey, err error) {
	if err := who.mustHaveSession(); err != nil {
		return nil, err
	}
	return c.listKeys(ctx, who, func(k APIKey) bool { return k.Family == "" })
}

// ListFamilyKeys gives one's own keys of a family, newest first, expired ones among them.
func (c *Core) ListFamilyKeys(ctx context.Context, who Principal, family string) (keys []APIKey, err error) {
	if err := who.mustRead(); err != nil {
		return nil, err
	}
	return c.listKeys(ctx, who, func(k APIKey) bool { return k.Family == family && k.RevokedAt.IsZero() })
}

func (c *Core) listKeys(ctx context.Context, who Principal, wanted func(APIKey) bool) (keys []APIKey, err error) {
	if err := c.FlushUses(ctx); err != nil {
		return nil, err
	}
	err = c.cfg.Store.View(ctx, func(tx ReadTx) (err error) {
		keys, err = tx.APIKeys(who.Account.ID)
		return err
	})
	return slices.DeleteFunc(keys, func(k APIKey) bool { return !wanted(k) }), err
}

// MintAPIKey makes a pair. Its secret is given here and never again.
func (c *Core) MintAPIKey(ctx context.Context, who Principal, name string) (key APIKey, secret string, err error) {
	if err := who.mustHaveSession(); err != nil {
		return APIKey{}, "", err
	}
	secret = keySecretPrefix + c.randomText(keySecretChars)
	key = APIKey{ID: keyIDPrefix + c.randomText(keyIDChars), Name: name, Scopes: AllScopes}
	key, err = c.mint(ctx, who, key, secret)
	return key, secret, err
}

// FamilyKey says what key of a family is wanted.
type FamilyKey struct {
	Family string // what its text begins with
	Chars  int    // of its text in all
	Name   string
	Scopes Scopes
	Life   time.Duration // 0 for ever; at most 365 days
}

// MintFamilyKey makes a key of a family, whose text is given here and never again. A key may mint others, which cannot do
// more nor live longer than itself.
func (c *Core) MintFamilyKey(ctx context.Context, who Principal, wanted FamilyKey) (key APIKey, text string, err error) {
	if err := who.mustWrite(); err != nil {
		return APIKey{}, "", err
	}
	if err := who.mustHave(wanted.Scopes); err != nil {
		return APIKey{}, "", err
	}
	if wanted.Life < 0 || wanted.Life > maxKeyLife {
		return APIKey{}, "", Errorf(Invalid, "a key can live from 1 to %d days", maxKeyLife/(24*time.Hour))
	}
	if wanted.Name = strings.TrimSpace(wanted.Name); wanted.Name == "" {
		return APIKey{}, "", Errorf(Invalid, "name: is missing")
	}
	text = wanted.Family + c.randomText(wanted.Chars-len(wanted.Family))
	key = APIKey{ID: c.newID(), Family: wanted.Family, Name: wanted.Name, Scopes: wanted.Scopes,
		Hint: text[:len(wanted.Family)+hintChars], ExpiresAt: who.expiresAt}
	if end := c.cfg.Now().Add(wanted.Life); wanted.Life > 0 && (key.ExpiresAt.IsZero() || end.Before(key.ExpiresAt)) {
		key.ExpiresAt = end
	}
	key, err = c.mint(ctx, who, key, text)
	return key, text, err
}

func (c *Core) mint(ctx context.Context, who Principal, key APIKey, secret string) (APIKey, error) {
	key.Name = strings.TrimSpace(key.Name)
	if !plainText(key.Name, maxKeyNameChars) {
		return APIKey{}, Errorf(Invalid, "name must have at most %d characters, none of them a control character",
			maxKeyNameChars)
	}
	sum := sha256.Sum256([]byte(secret))
	key.Account, key.SecretHash, key.CreatedAt = who.Account.ID, sum[:], c.cfg.Now()
	if err := c.cfg.Store.Update(ctx, func(tx Tx) error { return tx.CreateAPIKey(key) }); err != nil {
		return APIKey{}, err
	}
	return key, nil
}

// RevokeAPIKey ends a pair for good; doing so again changes nothing. Other people's keys are NotFound, except to
// administrators.
func (c *Core) RevokeAPIKey(ctx context.Context, who Principal, id string) (key APIKey, err error) {
	if err := who.mustHaveSession(); err != nil {
		return APIKey{}, err
	}
	return c.revoke(ctx, id, func(k APIKey) bool { return k.Family == "" && (k.Account == who.Account.ID || who.Admin()) })
}

// RevokeFamilyKey ends one's own key of a family for good. It is NotFound from then on.
func (c *Core) RevokeFamilyKey(ctx context.Context, who Principal, family, id string) error {
	if err := who.mustWrite(); err != nil {
		return err
	}
	_, err := c.revoke(ctx, id, func(k APIKey) bool {
		return k.Family == family && k.Account == who.Account.ID && k.RevokedAt.IsZero()
	})
	return err
}

func (c *Core) revoke(ctx context.Context, id string, may func(APIKey) bool) (key APIKey, err error) {
	err = c.cfg.Store.Update(ctx, func(tx Tx) (err error) {
		if key, err = tx.APIKey(id); err != nil {
			return err
		}
		if !may(key) {
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
