package origin

import (
	"context"
	"io"
	"time"

	"github.com/pictor/pictor/shared/wire"
)

// Store keeps the facts. Rules live in the core; a Store only reads and writes. All methods are safe for concurrent
// use and durable when they return. Find methods give an Error of Kind NotFound; creating or renaming onto a taken
// unique value gives Duplicate.
type Store interface {
	// Update runs fn in one serialised read-write transaction: all of it happens or none. Changes written through
	// Tx.Change are numbered in commit order.
	Update(ctx context.Context, fn func(Tx) error) error
	// View runs fn on one consistent snapshot.
	View(ctx context.Context, fn func(ReadTx) error) error
	// Changed is closed and replaced whenever a transaction that wrote changes has committed.
	Changed() <-chan struct{}
	Close() error
}

// ReadTx reads one snapshot.
type ReadTx interface {
	Account(id string) (Account, error)
	AccountByEmail(email string) (Account, error)
	AccountByUsername(username string) (Account, error)
	Accounts(page Page) ([]Account, error) // by id, which is oldest first, after page.After = account id
	CountAccounts(role Role) (int, error)  // enabled accounts of the role; "" counts all

	Session(hash string) (Session, error)

	APIKey(id string) (APIKey, error)
	APIKeyByHash(family string, secretHash []byte) (APIKey, error)
	APIKeys(account string) ([]APIKey, error) // newest first, of all families

	Preset(id string) (Preset, error)
	Presets(account string) ([]Preset, error) // by name

	Asset(id string) (Asset, error)
	AssetByName(name wire.Name) (Asset, error)
	AssetByPath(path wire.Name) (Asset, error)
	AssetByStem(namespace, stem string) (Asset, error) // of the oldest path with the stem
	Assets(query AssetQuery) ([]Asset, error)          // newest first, see AssetQuery
	CountAssets(query AssetQuery) (int, error)         // without Limit, Offset and After
	// Folders counts the assets with a path in or below each folder that is directly below the prefix: a folder with a
	// slash at its end, or "". By name.
	Folders(namespace, prefix string) ([]Folder, error)
	Blob(digest string) (Blob, error)
	BlobInUse(digest string) (bool, error) // whether an asset refers to it

	// Usage sums what account stores and what edges served of it from the day on; account "" is everybody.
	Usage(account string, from time.Time) (UsageSummary, error)

	Changes(after uint64, limit int) ([]NumberedChange, error)
	LastChange() (epoch string, seq uint64, err error)
	Setting(key string) ([]byte, error)
}

// Tx reads and writes.
type Tx interface {
	ReadTx

	CreateAccount(Account) error
	UpdateAccount(Account) error
	DeleteAccount(id string) error // its sessions and keys go with it; it must own no assets

	CreateSession(Session) error
	DeleteSession(hash string) error
	DeleteSessions(account, except string) error // all of the account's but one
	ExpireSessions(before time.Time) error

	CreateAPIKey(APIKey) error
	UpdateAPIKey(APIKey) error

	CreatePreset(Preset) error
	UpdatePreset(Preset) error
	DeletePreset(id string) error

	// PutBlob records the blob, or leaves the record that is there. Reference counts follow from assets.
	PutBlob(Blob) error
	// ReleaseBlob notes when an asset let go of the blob; a blob without a record is no error.
	ReleaseBlob(digest string, at time.Time) error
	// DeleteBlob forgets the blob, known or not; false when an asset still refers to it.
	DeleteBlob(digest string) (bool, error)
	CreateAsset(Asset) error
	UpdateAsset(Asset) error
	DeleteAsset(id string) error
	MoveAssets(fromAccount, toAccount string) error

	// Change adds a row to the change log and gives its number. Older rows of the same name may go: a reader needs to
	// know that the name changed since, not how often.
	Change(name wire.Name) (uint64, error)
	// AddUsage counts a batch once; false when its id has been seen. Colours are noted
	// of assets that have the digest and no colour yet, uses of presets of those that are still there.
	AddUsage(wire.UsageBatch) (bool, error)
	// AddActivity counts what an account did on a day, UTC.
	AddActivity(account string, day time.Time, did Activity) error
	PutSetting(key string, value []byte) error
}

// Page asks for at most Limit rows after the row with key After; empty means from the start.
type Page struct {
	After string
	Limit int
}

// NumberedChange is one row of the change log.
type NumberedChange struct {
	Seq  uint64
	Name wire.Name
}

// Blobs keeps bytes by their SHA-256 (64 lower-case hex digits). Safe for concurrent use.
type Blobs interface {
	// Stage opens a place to write a new blob to. Nothing staged is visible; what a crash leaves behind is swept up.
	Stage(ctx context.Context) (Staging, error)
	// Open gives the blob for random access, or NotFound.
	Open(ctx context.Context, digest string) (BlobReader, error)
	// Delete removes the blob; a missing one is no error.
	Delete(ctx context.Context, digest string) error
	// Sweep calls visit for every blob last written before the time, until visit fails, and removes abandoned stagings.
	Sweep(ctx context.Context, before time.Time, visit func(digest string) error) error
}

// Staging is a blob being written. Exactly one of Commit and Discard ends it; Discard after Commit does nothing.
type Staging interface {
	io.Writer
	io.ReaderAt // what was written so far
	// Commit makes the bytes durable under the digest, which the caller vouches for. Repeating a digest is allowed and
	// counts as written now. An fsync error is final: nothing is retried, the caller must report failure.
	Commit(ctx context.Context, digest string) error
	Discard() error
}

// BlobReader reads a stored blob.
type BlobReader interface {
	io.ReaderAt
	io.Closer
	Size() int64
}

// Fetcher gets what is behind a URL that a client names. It connects to public addresses only, and keeps to limits of
// size, time and redirects. Errors are of Kind Invalid (no such URL, refused, or no answer worth having) or TooLarge.
type Fetcher interface {
	// Fetch gives the body, which the caller closes, and the file name that the URL ends in.
	Fetch(ctx context.Context, url string) (body io.ReadCloser, filename string, err error)
}

// Toucher makes an edge look at a picture.
type Toucher interface {
	// Touch asks for the picture in the background. It does not block and may leave it at that: it will be called again.
	Touch(asset, url string)
}

// Probe works out what an uploaded file is by walking its container to the end, decoding no pixels. Errors are of Kind
// Unsupported (not a format we take), Invalid (cut short or malformed), TooLarge (pixels or frames beyond the limits).
// It fills in every field of the Source but Digest, Chunks and CleanDigest.
type Probe interface {
	Probe(r io.ReaderAt, size int64) (wire.Source, error)
}
