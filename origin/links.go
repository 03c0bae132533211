package origin

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/pictor/pictor/shared/delivery"
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
	keys, err := c.signer(ctx)
	if err != nil {
		return "", time.Time{}, err
	}
	expires = c.cfg.Now().Add(ask.TTL).Truncate(time.Second)
	return c.cfg.DeliveryURL + delivery.SignCloud(keys, ask.PublicID, ask.Transform, expires), expires, nil
}

// PathURL is where edges deliver a picture by one of its paths, as it was uploaded.
func (c *Core) PathURL(path wire.Name) string { return c.cfg.DeliveryURL + pathTarget(path, path.Name) }

func pathTarget(at wire.Name, name string) string {
	return delivery.SrcURL(strings.TrimPrefix(at.Namespace, wire.PathSpace("")), name)
}

// FormatURLs gives the URLs of a picture in the formats with these extensions: under its stem where that is its own, else
// under its whole path.
func (c *Core) FormatURLs(ctx context.Context, asset Asset, extensions ...string) (urls []string, err error) {
	err = c.cfg.Store.View(ctx, func(tx ReadTx) error {
		base, err := stemOf(tx, asset)
		for _, ext := range extensions {
			urls = append(urls, c.cfg.DeliveryURL+pathTarget(asset.Paths[0], base+"."+ext))
		}
		return err
	})
	return urls, err
}

// stemOf is what stands in front of a format's extension to mean this asset.
func stemOf(tx ReadTx, asset Asset) (string, error) {
	first := asset.Paths[0]
	stem, _ := delivery.SplitPath(first.Name)
	holder, err := tx.AssetByStem(first.Namespace, stem)
	if err != nil || holder.ID == asset.ID {
		return stem, err
	}
	return first.Name, nil
}

// SignPath signs a URL that delivers a picture of one's own tree, private or not, for a time. The query is added as it
// is, and may be changed by whoever has the URL: the signature is for the picture. With an extension it is the URL of
// that format.
func (c *Core) SignPath(ctx context.Context, who Principal, id, extension, query string, ttl time.Duration) (url string,
	expires time.Time, err error) {
	if err := who.mustRead(); err != nil {
		return "", time.Time{}, err
	}
	if ttl < time.Second || ttl > maxTTL {
		return "", time.Time{}, Errorf(Invalid, "the life of a signed URL must be from 1 second to %d seconds",
			int(maxTTL.Seconds()))
	}
	var at wire.Name
	err = c.cfg.Store.View(ctx, func(tx ReadTx) error {
		asset, err := inTree(tx, who, id)
		if err != nil {
			return err
		}
		at = asset.Paths[0]
		if extension == "" {
			return nil
		}
		stem, err := stemOf(tx, asset)
		at.Name = stem + "." + extension
		return err
	})
	if err != nil {
		return "", time.Time{}, err
	}
	keys, err := c.signer(ctx)
	if err != nil {
		return "", time.Time{}, err
	}
	expires = c.cfg.Now().Add(ttl).Truncate(time.Second)
	target := delivery.SignSrc(keys, strings.TrimPrefix(at.Namespace, wire.PathSpace("")), at.Name, query, expires)
	if _, err := delivery.Parse(target); err != nil {
		if bad, ok := errors.AsType[*delivery.Error](err); ok {
			return "", time.Time{}, Errorf(Invalid, "%s", bad.Message)
		}
		return "", time.Time{}, err
	}
	return c.cfg.DeliveryURL + target, expires, nil
}
