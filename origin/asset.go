package origin

import (
	"time"

	"github.com/pictor/pictor/shared/wire"
)

// Asset is one uploaded thing under a public name.
type Asset struct {
	ID         string
	Account    string
	Name       wire.Name
	Folder     string
	Tags       []string
	Visibility string // wire.Public or wire.Private
	Version    int64  // 1, and one more with every overwrite
	Digest     string
	CreatedAt  time.Time
	UpdatedAt  time.Time

	// Source describes the blob; a Store keeps it with the blob, and fills it in on reading.
	Source wire.Source
}

// Blob is the record of stored bytes.
type Blob struct {
	Digest    string
	Source    wire.Source
	CreatedAt time.Time
}

// AssetQuery selects assets. Zero fields select all.
type AssetQuery struct {
	Namespace string
	Account   string
	Folder    string // exactly this folder
	Tag       string
	Text      string // part of the public id, folder or a tag, any case
	Limit     int    // at least 1
	After     Cursor // zero for the first page
}

// Cursor is a position in the list of assets, newest first: after the asset with this creation time and id.
type Cursor struct {
	CreatedAt time.Time
	ID        string
}

// UsageSummary is what an account, or everybody, stores and has had delivered.
type UsageSummary struct {
	Assets         int64
	StorageBytes   int64 // of the originals, each asset counted in full
	Requests       int64
	BandwidthBytes int64
}
