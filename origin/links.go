package origin

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"github.com/pictor/pictor/shared/delivery"
	"github.com/pictor/pictor/shared/signing"
	"github.com/pictor/pictor/shared/transform"
	"github.com/pictor/pictor/shared/wire"
)

// URL is where edges deliver the asset as it was uploaded.
func (c *Core) URL(a Asset) string { return c.cfg.DeliveryURL + delivery.CloudURL(a.Name.Name, "") }

// SignRequest asks for a URL that delivers an asset, private or not, for a time.
type SignRequest struct {
	PublicID  string
	Transform string        // empty: as uploaded
	TTL       time.Duration // 1 s to 7 days; 0 is an hour
}

const (
	defaultTTL = time.Hour
	maxTTL     = 7 * 24 * time.Hour
)

// SignURL signs a URL of one's own asset, or of any for administrators.
func (c *Core) SignURL(ctx context.Context, who Principal, ask SignRequest) (url string, expires time.Time, err error) {
	if ask.TTL == 0 {
		ask.TTL = defaultTTL
	}
	if ask.TTL < time.Second || ask.TTL > maxTTL {
		return "", time.Time{}, Errorf(Invalid, "ttl must be from 1 second to %d seconds", int(maxTTL.Seconds()))
	}
	if ask.Transform != "" {
		if _, err := transform.Parse(ask.Transform); err != nil {
			return "", time.Time{}, &Error{Kind: Invalid, Message: err.Error()}
		}
	}
	if _, err := c.FindAsset(ctx, who, ask.PublicID); err != nil {
		return "", time.Time{}, err
	}
	expires = c.cfg.Now().Add(ask.TTL).Truncate(time.Second)
	return c.cfg.DeliveryURL + delivery.SignCloud(c.signer, ask.PublicID, ask.Transform, expires), expires, nil
}

// settingKeyring is where the store keeps the signing keys, as the JSON of wire.Keyring.
const settingKeyring = "keyring"

// Keyring gives the keys that sign URLs, for edges to verify them.
func (c *Core) Keyring(context.Context) (wire.Keyring, error) { return c.keyring, nil }

// loadKeyring reads the key ring, or makes one at the first start.
func (c *Core) loadKeyring(ctx context.Context) (ring wire.Keyring, err error) {
	err = c.cfg.Store.Update(ctx, func(tx Tx) error {
		text, err := tx.Setting(settingKeyring)
		if KindOf(err) == NotFound {
			ring.Keys = []wire.Key{{ID: hex.EncodeToString(c.random(4)), Secret: c.random(signing.MinSecretBytes)}}
			if text, err = json.Marshal(ring); err != nil {
				return err
			}
			return tx.PutSetting(settingKeyring, text)
		}
		if err != nil {
			return err
		}
		return json.Unmarshal(text, &ring)
	})
	if err != nil {
		return wire.Keyring{}, fmt.Errorf("load the signing keys: %w", err)
	}
	return ring, nil
}
