package origin

import (
	"context"
	"time"

	"github.com/pictor/pictor/shared/delivery"
	"github.com/pictor/pictor/shared/transform"
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
	keys, err := c.signer(ctx)
	if err != nil {
		return "", time.Time{}, err
	}
	expires = c.cfg.Now().Add(ask.TTL).Truncate(time.Second)
	return c.cfg.DeliveryURL + delivery.SignCloud(keys, ask.PublicID, ask.Transform, expires), expires, nil
}
