package sqlstore

import (
	"time"

	"github.com/pictor/pictor/origin"
)

func scanBlob(row scanner) (b origin.Blob, err error) {
	err = row.Scan(&b.Digest, column{&b.Source}, moment{&b.CreatedAt}, moment{&b.ReleasedAt})
	return b, err
}

func (t *readTx) Blob(digest string) (origin.Blob, error) {
	return one(t, "blob", scanBlob, `SELECT digest, source, created_at, released_at FROM blobs WHERE digest = ?`, digest)
}

func (t *readTx) BlobInUse(digest string) (bool, error) {
	return one(t, "use of blob", value[bool], `SELECT EXISTS (SELECT 1 FROM assets WHERE digest = ?)`, digest)
}

func (t *writeTx) PutBlob(b origin.Blob) error {
	return t.execAny(`INSERT INTO blobs (digest, bytes, source, created_at, released_at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (digest) DO NOTHING`, b.Digest, b.Source.Bytes, column{b.Source}, nanos(b.CreatedAt), nanos(b.ReleasedAt))
}

func (t *writeTx) ReleaseBlob(digest string, at time.Time) error {
	return t.execAny(`UPDATE blobs SET released_at = ? WHERE digest = ?`, nanos(at), digest)
}

func (t *writeTx) DeleteBlob(digest string) (bool, error) {
	used, err := t.BlobInUse(digest)
	if err != nil || used {
		return false, err
	}
	return true, t.execAny(`DELETE FROM blobs WHERE digest = ?`, digest)
}
