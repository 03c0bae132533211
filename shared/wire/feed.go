package wire

// Change is one line of the change feed (newline-delimited JSON). A line with a Seq and a Name says that the name's
// Manifest changed or went away. A line without a Name is a heartbeat: Seq is the newest number of the log.
// A new Epoch (the database was restored) voids everything an edge remembers.
type Change struct {
	Epoch string `json:"epoch"`
	Seq   uint64 `json:"seq"`
	Name  *Name  `json:"name,omitempty"`
	Keys  bool   `json:"keys,omitempty"` // the signing key ring changed: fetch it again; Name is KeyringName
	Now   int64  `json:"now"`            // origin's clock, Unix milliseconds
}

// KeyringName stands in the log for the key ring. Nothing is found under it.
var KeyringName = Name{Namespace: "keys"}

// NamespaceBlob holds the digests of blobs. One stands in the log when the last asset has let go of the blob: an edge
// drops what it keeps of it. Nothing is found under it.
const NamespaceBlob = "blob"

// BlobName is what stands in the log for a blob.
func BlobName(digest string) Name { return Name{Namespace: NamespaceBlob, Name: digest} }

// Keyring is the set of keys that sign URLs. Sign with the first, verify with any.
type Keyring struct {
	Keys []Key `json:"keys"`
}

// Key is one signing secret of at least 32 bytes under a short id of [a-z0-9].
type Key struct {
	ID     string `json:"id"`
	Secret []byte `json:"secret"`
}

// UsageBatch reports what an edge served. Its ID makes it idempotent: a batch sent twice counts once.
type UsageBatch struct {
	ID      string      `json:"id"`
	Edge    string      `json:"edge"`
	Entries []Usage     `json:"entries"`
	Colours []Colour    `json:"colours,omitempty"` // of Manifests with Inspect
	Presets []PresetUse `json:"presets,omitempty"`
}

// PresetUse is how often an account's preset was used.
type PresetUse struct {
	Account string `json:"account"`
	Name    string `json:"name"`
	Uses    int64  `json:"uses"`
}

// Colour is the dominant colour of an asset, as long as it has these bytes.
type Colour struct {
	Asset  string `json:"asset"`
	Digest string `json:"digest"`
	Colour string `json:"colour"` // #rrggbb
}

// Usage is what one account's assets cost on one day.
type Usage struct {
	Account  string `json:"account"`
	Day      string `json:"day"` // UTC, YYYY-MM-DD
	Requests int64  `json:"requests"`
	Bytes    int64  `json:"bytes"`             // body bytes sent
	Renders  int64  `json:"renders,omitempty"` // answers that had to be rendered
}

// NotFound is the body of a 404 to a manifest look-up: Seq is the change-log number it was read at.
type NotFound struct {
	Seq uint64 `json:"seq"`
}
