package origin

import (
	"context"
	"encoding/base64"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/pictor/pictor/shared/delivery"
	"github.com/pictor/pictor/shared/wire"
)

// Asset is one uploaded thing under a public name.
type Asset struct {
	ID         string
	Account    string
	Name       wire.Name   // unique; delivery URLs name it, or else Paths
	Paths      []wire.Name // in its owner's tree, oldest first; see tree.go
	Filename   string      // as the client called it; "" when unknown
	Folder     string
	Tags       []string
	Visibility string // wire.Public or wire.Private
	CacheAge   CacheAge
	Version    int64 // 1, and one more with every overwrite
	Digest     string
	CreatedAt  time.Time
	UpdatedAt  time.Time

	// Source describes the blob; a Store keeps it with the blob, and fills it in on reading.
	Source wire.Source
	// Colour is the dominant one, #rrggbb; "" until an edge has looked at the pixels. A Store fills it in on reading, see
	// Tx.AddUsage, and forgets it with the Digest.
	Colour string
}

func (a Asset) cursor() Cursor { return Cursor{CreatedAt: a.CreatedAt, ID: a.ID} }

// CacheAge is how long caches may keep what an asset's unversioned URLs give. The zero value leaves it to the edges.
type CacheAge struct {
	Given bool
	Age   time.Duration // whole seconds up to maxCacheAge; 0: caches must ask each time
}

// maxCacheAge is what versioned URLs have: longer means nothing to caches.
const maxCacheAge = 365 * 24 * time.Hour

// Seconds is the age, nil where it is left to the edges.
func (a CacheAge) Seconds() *int64 {
	if !a.Given {
		return nil
	}
	return new(int64(a.Age / time.Second))
}

func (a CacheAge) check() error {
	if a.Age < 0 || a.Age > maxCacheAge || a.Age%time.Second != 0 || !a.Given && a.Age != 0 {
		return Errorf(Invalid, "the lifetime in caches must be from 0 to %d seconds", int64(maxCacheAge/time.Second))
	}
	return nil
}

// Blob is the record of stored bytes.
type Blob struct {
	Digest     string
	Source     wire.Source
	CreatedAt  time.Time
	ReleasedAt time.Time // when an asset last let go of it; zero when none has
}

// AssetQuery selects assets. Zero fields select all.
type AssetQuery struct {
	Namespace string
	Account   string
	Folder    string // exactly this folder
	Tag       string
	Below     string // a path begins with this
	Text      string // part of the public id, a path, the file name, folder or a tag, any case
	Limit     int    // at least 1
	Offset    int
	After     Cursor // zero for the first page
}

// Cursor is a position in the list of assets, newest first: after the asset with this creation time and id.
type Cursor struct {
	CreatedAt time.Time
	ID        string
}

// String is the opaque form that clients send back.
func (c Cursor) String() string {
	return base64.RawURLEncoding.EncodeToString([]byte(strconv.FormatInt(c.CreatedAt.UnixNano(), 10) + "." + c.ID))
}

// parseCursor reads what String gave; empty text is the first page.
func parseCursor(text string) (Cursor, error) {
	if text == "" {
		return Cursor{}, nil
	}
	plain, err := base64.RawURLEncoding.Strict().DecodeString(text)
	nanos, id, ok := strings.Cut(string(plain), ".")
	n, nerr := strconv.ParseInt(nanos, 10, 64)
	if err != nil || nerr != nil || !ok || id == "" {
		return Cursor{}, Errorf(Invalid, "invalid cursor")
	}
	return Cursor{CreatedAt: time.Unix(0, n).UTC(), ID: id}, nil
}

// ListAssets asks for a page of assets, newest first. Zero fields select all of one's own.
type ListAssets struct {
	Folder string // exactly this folder
	Tag    string
	Text   string // part of the public id, folder or a tag, any case
	Limit  int    // 1 to 100; 0 is 50
	Cursor string // from the page before
	All    bool   // everybody's; only for administrators
}

// AssetPatch changes the fields that are not nil.
type AssetPatch struct {
	Folder     *string
	Tags       *[]string
	Visibility *string
	CacheAge   *CacheAge
}

// ListAssets gives a page of assets and the cursor of the next one, "" after the last. What is uploaded meanwhile moves
// no asset to another page.
func (c *Core) ListAssets(ctx context.Context, who Principal, ask ListAssets) (list []Asset, next string, err error) {
	if err := who.mustRead(); err != nil {
		return nil, "", err
	}
	if ask.All {
		if err := who.mustBeAdmin(); err != nil {
			return nil, "", err
		}
	}
	limit, err := pageLimit(ask.Limit)
	if err != nil {
		return nil, "", err
	}
	after, err := parseCursor(ask.Cursor)
	if err != nil {
		return nil, "", err
	}
	query := AssetQuery{Namespace: wire.NamespaceCloud, Account: who.Account.ID, Folder: ask.Folder, Tag: ask.Tag,
		Text: ask.Text, Limit: limit + 1, After: after}
	if ask.All {
		query.Account = ""
	}
	err = c.cfg.Store.View(ctx, func(tx ReadTx) (err error) {
		list, err = tx.Assets(query)
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if len(list) > limit {
		list = list[:limit]
		next = list[limit-1].cursor().String()
	}
	return list, next, nil
}

// FindAsset gives an asset of one's own, or any to administrators.
func (c *Core) FindAsset(ctx context.Context, who Principal, publicID string) (asset Asset, err error) {
	if err := who.mustRead(); err != nil {
		return Asset{}, err
	}
	err = c.cfg.Store.View(ctx, func(tx ReadTx) (err error) {
		asset, err = findOwn(tx, who, publicID)
		return err
	})
	if err != nil {
		return Asset{}, err
	}
	return asset, nil
}

// findOwn is the one rule of who may see and change what.
func findOwn(tx ReadTx, who Principal, publicID string) (Asset, error) {
	asset, err := tx.AssetByName(cloudName(publicID))
	if err != nil {
		return Asset{}, err
	}
	return asset, who.mustOwn(asset)
}

func (p Principal) mustOwn(a Asset) error {
	if a.Account != p.Account.ID && !p.Admin() {
		return Errorf(Forbidden, "this asset belongs to another account")
	}
	return nil
}

func cloudName(publicID string) wire.Name {
	return wire.Name{Namespace: wire.NamespaceCloud, Name: publicID}
}

// UpdateAsset changes folder, tags, visibility or the lifetime in caches.
func (c *Core) UpdateAsset(ctx context.Context, who Principal, publicID string, patch AssetPatch) (asset Asset,
	err error) {
	if err := who.mustWrite(); err != nil {
		return Asset{}, err
	}
	if err := patch.parse(); err != nil {
		return Asset{}, err
	}
	err = c.cfg.Store.Update(ctx, func(tx Tx) error {
		before, err := findOwn(tx, who, publicID)
		if err != nil {
			return err
		}
		asset = patch.apply(before)
		asset.UpdatedAt = c.cfg.Now()
		if asset.Visibility != before.Visibility {
			if err := who.Account.Plan.mayShow(asset.Visibility); err != nil {
				return err
			}
		}
		if err := tx.UpdateAsset(asset); err != nil {
			return err
		}
		if asset.Visibility == before.Visibility && asset.CacheAge == before.CacheAge {
			return nil // folder and tags mean nothing to edges
		}
		return announce(tx, asset)
	})
	if err != nil {
		return Asset{}, err
	}
	return asset, nil
}

func (p *AssetPatch) parse() error {
	if p.Folder != nil {
		if err := checkFolder(*p.Folder); err != nil {
			return err
		}
	}
	if p.Tags != nil {
		tags, err := parseTags(*p.Tags)
		if err != nil {
			return err
		}
		p.Tags = &tags
	}
	if p.CacheAge != nil {
		if err := p.CacheAge.check(); err != nil {
			return err
		}
	}
	if p.Visibility != nil {
		return checkVisibility(*p.Visibility)
	}
	return nil
}

func (p AssetPatch) apply(a Asset) Asset {
	if p.Folder != nil {
		a.Folder = *p.Folder
	}
	if p.Tags != nil {
		a.Tags = *p.Tags
	}
	if p.Visibility != nil {
		a.Visibility = *p.Visibility
	}
	if p.CacheAge != nil {
		a.CacheAge = *p.CacheAge
	}
	return a
}

// DeleteAsset removes an asset. Its bytes go with the garbage when nothing else refers to them.
func (c *Core) DeleteAsset(ctx context.Context, who Principal, publicID string) error {
	if err := who.mustWrite(); err != nil {
		return err
	}
	return c.cfg.Store.Update(ctx, func(tx Tx) error {
		asset, err := findOwn(tx, who, publicID)
		if err != nil {
			return err
		}
		return c.uproot(tx, asset)
	})
}

// checkFolder takes what a public id could be, and nothing at all.
func checkFolder(folder string) error {
	if folder == "" {
		return nil
	}
	if err := delivery.CheckID(folder); err != nil {
		return Errorf(Invalid, "invalid folder: %v", err)
	}
	return nil
}

const (
	maxTags     = 50
	maxTagChars = 100
)

// parseTags drops spaces around tags, and repeated tags, keeping the order.
func parseTags(given []string) ([]string, error) {
	tags := make([]string, 0, min(len(given), maxTags))
	for _, tag := range given {
		tag = strings.TrimSpace(tag)
		if tag == "" || !plainText(tag, maxTagChars) {
			return nil, Errorf(Invalid, "a tag must have 1 to %d characters, none of them a control character", maxTagChars)
		}
		if slices.Contains(tags, tag) {
			continue
		}
		if len(tags) == maxTags {
			return nil, Errorf(Invalid, "an asset can have at most %d tags", maxTags)
		}
		tags = append(tags, tag)
	}
	return tags, nil
}

func checkVisibility(v string) error {
	if v != wire.Public && v != wire.Private {
		return Errorf(Invalid, "visibility must be public or private")
	}
	return nil
}
