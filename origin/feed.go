package origin

import (
	"context"

	"github.com/pictor/pictor/shared/wire"
)

// Manifest gives what edges must know of the name, a picture's or that of an account's profile, and the number of the
// change log that it was read at. The number is valid with a NotFound error too.
func (c *Core) Manifest(ctx context.Context, name wire.Name) (m wire.Manifest, seq uint64, err error) {
	err = c.cfg.Store.View(ctx, func(tx ReadTx) error {
		if _, seq, err = tx.LastChange(); err != nil {
			return err
		}
		if name.Namespace == wire.NamespaceProfile {
			acc, err := tx.Account(name.Name)
			if err != nil {
				return err
			}
			m = wire.Manifest{Name: name, Seq: seq, Account: acc.ID, Visibility: wire.Public, Limits: c.limitsOf(acc)}
			m.Profile, m.UpdatedAt, err = profile(tx, acc)
			return err
		}
		asset, err := byName(tx, name)
		if err != nil {
			return err
		}
		acc, err := tx.Account(asset.Account)
		if err != nil {
			return err
		}
		m = wire.Manifest{Name: name, Seq: seq, Asset: asset.ID, Account: asset.Account, Version: asset.Version,
			Visibility: asset.Visibility, UpdatedAt: asset.UpdatedAt.Unix(), CacheMaxAge: asset.CacheAge.Seconds(),
			Source: asset.Source, Limits: c.limitsOf(acc), Inspect: asset.Colour == ""}
		return nil
	})
	return m, seq, err
}

const maxChanges = 1000

// Changes gives at most limit rows of the change log after a number, together with the log's epoch and newest number.
// A limit outside 1 to 1000 is 1000.
func (c *Core) Changes(ctx context.Context, after uint64, limit int) (epoch string, last uint64, rows []NumberedChange,
	err error) {
	if limit < 1 || limit > maxChanges {
		limit = maxChanges
	}
	err = c.cfg.Store.View(ctx, func(tx ReadTx) error {
		if epoch, last, err = tx.LastChange(); err != nil {
			return err
		}
		rows, err = tx.Changes(after, limit)
		return err
	})
	return epoch, last, rows, err
}

// Changed is closed when there are new changes; ask for it before reading Changes.
func (c *Core) Changed() <-chan struct{} { return c.cfg.Store.Changed() }

// OpenBlob opens the bytes of a digest for random access.
func (c *Core) OpenBlob(ctx context.Context, digest string) (BlobReader, error) {
	return c.cfg.Blobs.Open(ctx, digest)
}
