package sqlstore

import (
	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/shared/wire"
)

func scanChange(row scanner) (c origin.NumberedChange, err error) {
	err = row.Scan(&c.Seq, &c.Name.Namespace, &c.Name.Name)
	return c, err
}

func (t *readTx) Changes(after uint64, limit int) ([]origin.NumberedChange, error) {
	// SQLite numbers end at 2^63-1; a larger number has nothing after it.
	return list(t, "changes", scanChange, `SELECT seq, namespace, name FROM changes WHERE seq > ? ORDER BY seq LIMIT ?`,
		int64(min(after, 1<<63-1)), limit)
}

func (t *readTx) LastChange() (epoch string, seq uint64, err error) {
	seq, err = one(t, "last change", value[uint64], `SELECT coalesce(max(seq), 0) FROM changes`)
	return t.epoch, seq, err
}

// Change keeps the newest row of a name only, so that the log is no longer than the list of names.
func (t *writeTx) Change(name wire.Name) (uint64, error) {
	err := t.execAny(`DELETE FROM changes WHERE namespace = ? AND name = ?`, name.Namespace, name.Name)
	if err != nil {
		return 0, err
	}
	if err := t.execAny(`INSERT INTO changes (namespace, name) VALUES (?, ?)`, name.Namespace, name.Name); err != nil {
		return 0, err
	}
	t.changed = true
	_, seq, err := t.LastChange()
	return seq, err
}
