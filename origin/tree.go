package origin

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/pictor/pictor/shared/delivery"
	"github.com/pictor/pictor/shared/wire"
)

// A tree holds the pictures that an account keeps by path: each once, known by its content, under one or more paths. The
// paths are the public names; the id means something to the account alone.

// treeSpace is the namespace of the ids in an account's tree. No delivery URL points into it.
func treeSpace(account string) string { return "tree/" + account }

// treeIDChars is how much of the SHA-256 an id shows.
const treeIDChars = 16

func treeName(account, digest string) wire.Name {
	return wire.Name{Namespace: treeSpace(account), Name: digest[:treeIDChars]}
}

// names lists all that edges may know the asset by. A path changes its stem, and the stem that it is itself to paths
// with one more extension.
func (a Asset) names() []wire.Name {
	if len(a.Paths) == 0 {
		return []wire.Name{a.Name}
	}
	var names []wire.Name
	for _, p := range a.Paths {
		username := strings.TrimPrefix(p.Namespace, wire.PathSpace(""))
		stem, _ := delivery.SplitPath(p.Name)
		names = append(names, p, wire.Name{Namespace: wire.StemSpace(username), Name: stem},
			wire.Name{Namespace: wire.StemSpace(username), Name: p.Name})
	}
	return names
}

// announce tells the edges that an asset changed, or came or went.
func announce(tx Tx, assets ...Asset) error {
	for _, a := range assets {
		for _, name := range a.names() {
			if _, err := tx.Change(name); err != nil {
				return err
			}
		}
	}
	return nil
}

// byName finds what a public name means: an asset, the picture at a path, or the oldest one under a stem.
func byName(tx ReadTx, name wire.Name) (Asset, error) {
	if paths, ok := name.Stem(); ok {
		asset, err := tx.AssetByStem(paths, name.Name)
		if KindOf(err) == NotFound { // a path with one more extension: photo.png.webp, where photo.jpg has the stem
			return tx.AssetByPath(wire.Name{Namespace: paths, Name: name.Name})
		}
		return asset, err
	}
	asset, err := tx.AssetByPath(name)
	if KindOf(err) == NotFound && name.Namespace == wire.NamespaceCloud {
		return tx.AssetByName(name)
	}
	return asset, err
}

// TreeFields is what a client may say about an upload into its tree.
type TreeFields struct {
	Path       string // a folder, or with a picture's extension the whole path; "" is the root
	Visibility string // wire.Public when empty and the picture is new, else as it was
}

// CreateInTree puts the upload into one's own tree: durable when it returns. The same bytes are one picture, which gets
// one more path; uploading again what is there changes nothing, and created is false. A path that has another picture
// is a Duplicate.
func (c *Core) CreateInTree(ctx context.Context, who Principal, r *Received, fields TreeFields) (asset Asset, created bool,
	err error) {
	if fields.Visibility != "" {
		if err := checkVisibility(fields.Visibility); err != nil {
			return Asset{}, false, err
		}
	}
	place, err := treePath(fields.Path, r)
	if err != nil {
		return Asset{}, false, err
	}
	err = c.keep(ctx, who, r, func(tx Tx) error {
		at := wire.Name{Namespace: wire.PathSpace(who.Account.Username), Name: place}
		asset, created, err = c.plant(tx, who, r, at, fields.Visibility)
		return err
	})
	return asset, created, err
}

// plant makes the picture or finds it, and gives it the path and the visibility.
func (c *Core) plant(tx Tx, who Principal, r *Received, at wire.Name, visibility string) (asset Asset, created bool,
	err error) {
	asset, err = treeAsset(tx, who, r)
	if created = KindOf(err) == NotFound; created {
		asset, err = c.newAsset(who, r, treeName(who.Account.ID, r.Source.Digest), visibility), nil
	}
	if err != nil {
		return Asset{}, false, err
	}
	if err := mustBeFreePath(tx, at, asset); err != nil {
		return Asset{}, false, err
	}
	shown, has := asset.Visibility, slices.Contains(asset.Paths, at)
	set(&asset.Visibility, orNil(visibility))
	if asset.Visibility != shown || created {
		if err := who.Account.Plan.mayShow(asset.Visibility); err != nil {
			return Asset{}, false, err
		}
	} else if has {
		return asset, false, nil // a replay
	}
	if !has {
		asset.Paths = append(asset.Paths, at)
	}
	asset.UpdatedAt = c.cfg.Now()
	write := tx.UpdateAsset
	if created {
		write = tx.CreateAsset
	}
	if err := write(asset); err != nil {
		return Asset{}, false, err
	}
	return asset, created, announce(tx, asset)
}

// treeAsset finds the picture with these bytes in one's own tree.
func treeAsset(tx ReadTx, who Principal, r *Received) (Asset, error) {
	asset, err := tx.AssetByName(treeName(who.Account.ID, r.Source.Digest))
	if err == nil && asset.Digest != r.Source.Digest {
		return Asset{}, Errorf(Duplicate, "another picture has the id %s", asset.Name.Name)
	}
	return asset, err
}

// mustBeFreePath: nothing, or this very asset, is at the path.
func mustBeFreePath(tx ReadTx, at wire.Name, asset Asset) error {
	holder, err := tx.AssetByPath(at)
	if KindOf(err) == NotFound {
		return nil
	}
	if err == nil && holder.ID != asset.ID {
		return Errorf(Duplicate, "another picture has the path %s", at.Name)
	}
	return err
}

func orNil(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// ListTree asks for a page of one's own tree, newest first.
type ListTree struct {
	Folder string // this one and those below it; "" is all
	Text   string // part of a path, a file name or the id, any case
	Limit  int    // 1 to 100; 0 is 50
	Offset int
}

// TreePage is a page of a tree.
type TreePage struct {
	Assets  []Asset
	Folders []Folder // directly in the asked folder
	Total   int      // of assets
	Limit   int      // that was kept to
}

// Folder is a part of a tree.
type Folder struct {
	Name  string // one segment
	Count int    // of assets in it and below
}

// ListTree gives a page of one's own tree.
func (c *Core) ListTree(ctx context.Context, who Principal, ask ListTree) (page TreePage, err error) {
	if err := who.mustRead(); err != nil {
		return TreePage{}, err
	}
	if page.Limit, err = pageLimit(ask.Limit); err != nil {
		return TreePage{}, err
	}
	if ask.Offset < 0 {
		return TreePage{}, Errorf(Invalid, "offset must not be negative")
	}
	segments, err := cleanSegments(ask.Folder)
	if err != nil {
		return TreePage{}, err
	}
	prefix := ""
	if len(segments) > 0 {
		prefix = strings.Join(segments, "/") + "/"
	}
	query := AssetQuery{Namespace: treeSpace(who.Account.ID), Below: prefix, Text: ask.Text, Limit: page.Limit,
		Offset: ask.Offset}
	err = c.cfg.Store.View(ctx, func(tx ReadTx) (err error) {
		if page.Assets, err = tx.Assets(query); err != nil {
			return err
		}
		if page.Total, err = tx.CountAssets(query); err != nil {
			return err
		}
		page.Folders, err = tx.Folders(wire.PathSpace(who.Account.Username), prefix)
		return err
	})
	return page, err
}

// FindInTree gives a picture of one's own tree. Those of other accounts are not found: else an id would tell that
// somebody has these bytes. If its colour is not known yet, it may be the next time.
func (c *Core) FindInTree(ctx context.Context, who Principal, id string) (asset Asset, err error) {
	if err := who.mustRead(); err != nil {
		return Asset{}, err
	}
	err = c.cfg.Store.View(ctx, func(tx ReadTx) (err error) {
		asset, err = inTree(tx, who, id)
		return err
	})
	if err == nil && asset.Colour == "" && c.cfg.Touch != nil {
		c.touch(ctx, asset)
	}
	return asset, err
}

// touch has an edge look at a picture of a tree. That it cannot is no reason not to show what is known.
func (c *Core) touch(ctx context.Context, asset Asset) {
	url, err := c.lookURL(ctx, asset)
	if err != nil {
		c.cfg.Log.Warn("cannot have a picture looked at", "asset", asset.ID, "err", err)
		return
	}
	c.cfg.Touch.Touch(asset.ID, url)
}

// lookURL is where the origin itself asks for a picture of a tree.
func (c *Core) lookURL(ctx context.Context, asset Asset) (string, error) {
	at := asset.Paths[0]
	if asset.Visibility == wire.Public {
		return c.PathURL(at), nil
	}
	keys, err := c.signer(ctx)
	if err != nil {
		return "", err
	}
	username := strings.TrimPrefix(at.Namespace, wire.PathSpace(""))
	return c.cfg.DeliveryURL + delivery.SignSrc(keys, username, at.Name, "", c.cfg.Now().Add(lookTTL)), nil
}

// lookTTL is time enough to ask.
const lookTTL = time.Minute

func inTree(tx ReadTx, who Principal, id string) (Asset, error) {
	return tx.AssetByName(wire.Name{Namespace: treeSpace(who.Account.ID), Name: id})
}

// ShowInTree makes a picture of one's own tree public or private, under all its paths.
func (c *Core) ShowInTree(ctx context.Context, who Principal, id, visibility string) (asset Asset, err error) {
	if err := who.mustWrite(); err != nil {
		return Asset{}, err
	}
	if err := checkVisibility(visibility); err != nil {
		return Asset{}, err
	}
	err = c.cfg.Store.Update(ctx, func(tx Tx) (err error) {
		if asset, err = inTree(tx, who, id); err != nil || asset.Visibility == visibility {
			return err
		}
		if err := who.Account.Plan.mayShow(visibility); err != nil {
			return err
		}
		asset.Visibility, asset.UpdatedAt = visibility, c.cfg.Now()
		if err := tx.UpdateAsset(asset); err != nil {
			return err
		}
		return announce(tx, asset)
	})
	return asset, err
}

// DeleteFromTree removes a picture with all its paths, and gives it as it was.
func (c *Core) DeleteFromTree(ctx context.Context, who Principal, id string) (asset Asset, err error) {
	if err := who.mustWrite(); err != nil {
		return Asset{}, err
	}
	err = c.cfg.Store.Update(ctx, func(tx Tx) (err error) {
		if asset, err = inTree(tx, who, id); err != nil {
			return err
		}
		return c.uproot(tx, asset)
	})
	return asset, err
}

// DeletePath removes a path from the tree of a username, and with its last path the picture. The asset is given as it is
// then. Other usernames than one's own are Forbidden, whether they exist or not.
func (c *Core) DeletePath(ctx context.Context, who Principal, username, path string) (asset Asset, err error) {
	if err := who.mustWrite(); err != nil {
		return Asset{}, err
	}
	if username != who.Account.Username {
		return Asset{}, Errorf(Forbidden, "this path belongs to another account")
	}
	at := wire.Name{Namespace: wire.PathSpace(username), Name: path}
	err = c.cfg.Store.Update(ctx, func(tx Tx) (err error) {
		if asset, err = tx.AssetByPath(at); err != nil {
			return err
		}
		if len(asset.Paths) == 1 {
			err = c.uproot(tx, asset)
			asset.Paths = nil
			return err
		}
		if err := announce(tx, asset); err != nil { // while it has the path
			return err
		}
		asset.Paths = slices.DeleteFunc(asset.Paths, func(p wire.Name) bool { return p == at })
		asset.UpdatedAt = c.cfg.Now()
		return tx.UpdateAsset(asset)
	})
	return asset, err
}

func (c *Core) uproot(tx Tx, asset Asset) error {
	if err := announce(tx, asset); err != nil {
		return err
	}
	if err := tx.DeleteAsset(asset.ID); err != nil {
		return err
	}
	return c.letGo(tx, asset.Digest)
}

// deleteTree removes all of an account's tree.
func (c *Core) deleteTree(tx Tx, account string) error {
	for {
		assets, err := tx.Assets(AssetQuery{Namespace: treeSpace(account), Limit: 500})
		if err != nil || len(assets) == 0 {
			return err
		}
		for _, asset := range assets {
			if err := c.uproot(tx, asset); err != nil {
				return err
			}
		}
	}
}

// mustHaveEmptyTree is asked before a username changes: it stands in the URLs of all pictures of the tree.
func mustHaveEmptyTree(tx ReadTx, acc Account) error {
	count, err := tx.CountAssets(AssetQuery{Namespace: treeSpace(acc.ID)})
	if err == nil && count > 0 {
		return Errorf(Invalid, "the username stands in the URLs of %d pictures and cannot change while they exist", count)
	}
	return err
}
