package origin

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/pictor/pictor/shared/delivery"
	"github.com/pictor/pictor/shared/wire"
)

// AllowUpload counts an upload against the limit by address.
func (c *Core) AllowUpload(from Client) error {
	return c.limits.take(claim{LimitUploadIP, from.limitKey()})
}

// Received is an upload that was taken in and found good, but is not an asset yet.
type Received struct {
	Source   wire.Source
	Filename string // as the client called it

	staging Staging
}

// Discard lets go of an upload. After CreateAsset it does nothing. What it cannot remove is swept up later.
func (r *Received) Discard() { _ = r.staging.Discard() }

// Receive streams the body into the blob store's antechamber while hashing and counting it, then works out what it is.
// The caller must Discard what it gives, at the latest when done with it. Errors are Invalid, TooLarge, Unsupported, or
// Unavailable when there is no room.
func (c *Core) Receive(ctx context.Context, who Principal, filename string, body io.Reader) (_ *Received, err error) {
	if who.Account.ID == "" {
		return nil, Errorf(Unauthenticated, "uploads need an account")
	}
	if err := who.mustWrite(); err != nil {
		return nil, err
	}
	staging, err := c.cfg.Blobs.Stage(ctx)
	if err != nil {
		return nil, fmt.Errorf("stage an upload: %w", err)
	}
	defer func() {
		if err != nil {
			_ = staging.Discard() // what it cannot remove is swept up later
		}
	}()
	sum, err := c.fill(ctx, staging, body)
	if err != nil {
		return nil, err
	}
	src, err := c.cfg.Probe.Probe(staging, sum.bytes)
	if err != nil {
		return nil, err
	}
	src.Bytes, src.Digest, src.Chunks = sum.bytes, sum.digest(), sum.chunkHashes()
	if src.CleanDigest, err = cleanDigest(staging, src); err != nil {
		return nil, err
	}
	return &Received{Source: src, Filename: filename, staging: staging}, nil
}

// ReceiveURL is Receive for what is behind a URL that a client names.
func (c *Core) ReceiveURL(ctx context.Context, who Principal, url string) (*Received, error) {
	if err := who.mustWrite(); err != nil {
		return nil, err
	}
	if c.cfg.Fetch == nil {
		return nil, Errorf(Invalid, "importing from URLs is switched off")
	}
	body, filename, err := c.cfg.Fetch.Fetch(ctx, url)
	if err != nil {
		return nil, err
	}
	defer body.Close()
	return c.Receive(ctx, who, filename, body)
}

// fill copies the body into the staging.
func (c *Core) fill(ctx context.Context, staging Staging, body io.Reader) (*checksum, error) {
	in := &uploadReader{ctx: ctx, body: body}
	sum := newChecksum()
	n, err := io.Copy(io.MultiWriter(staging, sum), io.LimitReader(in, c.cfg.MaxUploadBytes+1))
	switch {
	case in.err != nil:
		return nil, in.err
	case err != nil:
		return nil, fmt.Errorf("write an upload: %w", err)
	case n > c.cfg.MaxUploadBytes:
		return nil, Errorf(TooLarge, "upload exceeds the cap of %d bytes", c.cfg.MaxUploadBytes)
	case n == 0:
		return nil, Errorf(Invalid, "upload is empty")
	}
	return sum, nil
}

// uploadReader tells a client that broke off from a disk that failed.
type uploadReader struct {
	ctx  context.Context
	body io.Reader
	err  error
}

func (r *uploadReader) Read(p []byte) (int, error) {
	if r.err = r.ctx.Err(); r.err != nil {
		return 0, r.err
	}
	n, err := r.body.Read(p)
	if err != nil && err != io.EOF {
		r.err = &Error{Kind: Invalid, Message: "upload broke off", Err: err}
		if KindOf(err) != Internal {
			r.err = err // the dialect knows better what is wrong with its body
		}
	}
	return n, err
}

// checksum hashes all that is written to it, as a whole and by the chunk.
type checksum struct {
	whole, chunk hash.Hash
	bytes        int64
	chunks       [][]byte // of the full ones
}

func newChecksum() *checksum { return &checksum{whole: sha256.New(), chunk: sha256.New()} }

func (s *checksum) Write(p []byte) (int, error) {
	s.whole.Write(p)
	n := len(p)
	for len(p) > 0 {
		part := p[:min(int64(len(p)), wire.ChunkBytes-s.bytes%wire.ChunkBytes)]
		s.chunk.Write(part)
		s.bytes += int64(len(part))
		if s.bytes%wire.ChunkBytes == 0 {
			s.chunks = append(s.chunks, s.chunk.Sum(nil))
			s.chunk.Reset()
		}
		p = p[len(part):]
	}
	return n, nil
}

func (s *checksum) digest() string { return hex.EncodeToString(s.whole.Sum(nil)) }

func (s *checksum) chunkHashes() [][]byte {
	if s.bytes%wire.ChunkBytes == 0 {
		return s.chunks
	}
	return append(s.chunks, s.chunk.Sum(nil))
}

// cleanDigest hashes what the pieces of the clean picture add up to.
func cleanDigest(blob io.ReaderAt, src wire.Source) (string, error) {
	sum := sha256.New()
	var size int64
	for _, p := range src.Clean {
		var piece io.Reader = io.NewSectionReader(blob, p.Offset, p.Length)
		if p.Insert != nil {
			piece = strings.NewReader(string(p.Insert))
		}
		n, err := io.Copy(sum, piece)
		if err == nil && n != p.Size() {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return "", fmt.Errorf("hash the clean picture: %w", err)
		}
		size += n
	}
	if size != src.CleanBytes {
		return "", fmt.Errorf("hash the clean picture: pieces add up to %d bytes, not %d", size, src.CleanBytes)
	}
	return hex.EncodeToString(sum.Sum(nil)), nil
}

// AssetFields is what a client may say about an upload.
type AssetFields struct {
	PublicID   string // generated from the file name when empty
	Folder     string
	Tags       []string
	Visibility string // wire.Public when empty
	CacheAge   CacheAge
	Overwrite  bool // replace the asset that has the public id; its fields that are empty here stay as they are
}

// CreateAsset makes the upload an asset: durable when it returns. created is false when it replaced an existing one. A
// taken public id is a Duplicate without Overwrite, and Forbidden with it when the asset is somebody else's.
func (c *Core) CreateAsset(ctx context.Context, who Principal, r *Received, fields AssetFields) (asset Asset,
	created bool, err error) {
	if err := fields.parse(); err != nil {
		return Asset{}, false, err
	}
	err = c.keep(ctx, who, r, func(tx Tx) error {
		if asset, created, err = c.place(tx, who, r, fields); err != nil {
			return err
		}
		return announce(tx, asset)
	})
	if err != nil {
		return Asset{}, false, err
	}
	return asset, created, nil
}

// keep makes the upload's bytes durable, then runs the transaction that refers to them.
func (c *Core) keep(ctx context.Context, who Principal, r *Received, refer func(Tx) error) error {
	if err := who.mustWrite(); err != nil {
		return err
	}
	digest := r.Source.Digest
	c.digests.of(digest).RLock()
	defer c.digests.of(digest).RUnlock()
	if err := r.staging.Commit(ctx, digest); err != nil {
		return fmt.Errorf("keep an upload: %w", err)
	}
	return c.cfg.Store.Update(ctx, func(tx Tx) error {
		now := c.cfg.Now()
		if err := tx.PutBlob(Blob{Digest: digest, Source: r.Source, CreatedAt: now}); err != nil {
			return err
		}
		if err := refer(tx); err != nil {
			return err
		}
		return tx.AddActivity(who.Account.ID, now, Activity{Uploads: 1})
	})
}

func (f *AssetFields) parse() (err error) {
	if f.PublicID != "" {
		if err := delivery.CheckID(f.PublicID); err != nil {
			return Errorf(Invalid, "invalid public_id: %v", err)
		}
	}
	if err := checkFolder(f.Folder); err != nil {
		return err
	}
	if err := f.CacheAge.check(); err != nil {
		return err
	}
	if f.Visibility != "" {
		if err := checkVisibility(f.Visibility); err != nil {
			return err
		}
	}
	f.Tags, err = parseTags(f.Tags)
	return err
}

// place finds the asset's name, and creates the asset or replaces the one that has it.
func (c *Core) place(tx Tx, who Principal, r *Received, fields AssetFields) (asset Asset, created bool, err error) {
	if fields.PublicID == "" {
		if fields.PublicID, err = c.generateID(tx, r.Filename); err != nil {
			return Asset{}, false, err
		}
	}
	before, err := tx.AssetByName(cloudName(fields.PublicID))
	switch {
	case KindOf(err) == NotFound:
		asset := c.newAsset(who, r, cloudName(fields.PublicID), fields.Visibility)
		asset.Folder, asset.Tags, asset.CacheAge = fields.Folder, fields.Tags, fields.CacheAge
		if err := who.Account.Plan.mayShow(asset.Visibility); err != nil {
			return Asset{}, false, err
		}
		return asset, true, tx.CreateAsset(asset)
	case err != nil:
		return Asset{}, false, err
	case !fields.Overwrite:
		return Asset{}, false, Errorf(Duplicate, "public_id %q already exists (use overwrite=true)", fields.PublicID)
	}
	if err := who.mustOwn(before); err != nil {
		return Asset{}, false, err
	}
	if fields.Visibility != "" && fields.Visibility != before.Visibility {
		if err := who.Account.Plan.mayShow(fields.Visibility); err != nil {
			return Asset{}, false, err
		}
	}
	asset, err = c.replace(tx, before, r, fields)
	return asset, false, err
}

// newAsset is the asset of an upload; it is public unless it is said to be private.
func (c *Core) newAsset(who Principal, r *Received, name wire.Name, visibility string) Asset {
	now := c.cfg.Now()
	asset := Asset{ID: c.newID(), Account: who.Account.ID, Name: name, Filename: clipText(r.Filename, maxFilenameChars),
		Visibility: visibility, Version: 1, Digest: r.Source.Digest, CreatedAt: now, UpdatedAt: now, Source: r.Source}
	if asset.Visibility == "" {
		asset.Visibility = wire.Public
	}
	return asset
}

// maxFilenameChars of what a client calls a file are kept.
const maxFilenameChars = 255

// clipText makes plain text of at most limit characters of whatever was sent.
func clipText(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == utf8.RuneError {
			return -1
		}
		return r
	}, text)
	runes := []rune(text)
	return string(runes[:min(len(runes), limit)])
}

// replace puts new bytes under the name of an asset. An empty visibility stays what it was: a private asset must not
// become public because a field was left out.
func (c *Core) replace(tx Tx, asset Asset, r *Received, fields AssetFields) (Asset, error) {
	if fields.Folder != "" {
		asset.Folder = fields.Folder
	}
	if len(fields.Tags) > 0 {
		asset.Tags = fields.Tags
	}
	if fields.Visibility != "" {
		asset.Visibility = fields.Visibility
	}
	if fields.CacheAge.Given {
		asset.CacheAge = fields.CacheAge
	}
	before := asset.Digest
	asset.Version++
	asset.Digest, asset.Source, asset.UpdatedAt = r.Source.Digest, r.Source, c.cfg.Now()
	if err := tx.UpdateAsset(asset); err != nil || asset.Digest == before {
		return asset, err
	}
	return asset, c.letGo(tx, before)
}

const (
	maxSlugChars = 40
	suffixBytes  = 6
)

// generateID makes a public id like photo-3a7f9c81b2e4 that nobody has.
func (c *Core) generateID(tx ReadTx, filename string) (string, error) {
	base := path.Base(strings.ReplaceAll(filename, `\`, "/"))
	stem := slug(strings.TrimSuffix(base, path.Ext(base)), maxSlugChars)
	if stem == "" {
		stem = "image"
	}
	for {
		id := stem + "-" + hex.EncodeToString(c.random(suffixBytes))
		_, err := tx.AssetByName(cloudName(id))
		if KindOf(err) == NotFound {
			return id, nil
		}
		if err != nil {
			return "", err
		}
	}
}
