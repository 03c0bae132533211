package sqlstore

import (
	"time"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/shared/wire"
)

// rememberBatches is how long the ids of usage batches are known, and so how long an edge may take to send one again.
const rememberBatches = 7 * 24 * time.Hour

func scanUsage(row scanner) (u origin.UsageSummary, err error) {
	err = row.Scan(&u.Assets, &u.StorageBytes, &u.Requests, &u.BandwidthBytes)
	return u, err
}

func (t *readTx) Usage(account string, from time.Time) (origin.UsageSummary, error) {
	day := from.UTC().Format(time.DateOnly)
	const columns = `SELECT s.assets, s.bytes, d.requests, d.bytes FROM
		(SELECT count(*) AS assets, coalesce(sum(b.bytes), 0) AS bytes
			FROM assets a JOIN blobs b ON b.digest = a.digest `
	const days = `) s, (SELECT coalesce(sum(requests), 0) AS requests, coalesce(sum(bytes), 0) AS bytes
			FROM usage_days WHERE day >= ? `
	if account == "" {
		return one(t, "usage", scanUsage, columns+days+`) d`, day)
	}
	return one(t, "usage", scanUsage, columns+`WHERE a.account = ?`+days+`AND account = ?) d`, account, day, account)
}

func (t *writeTx) AddUsage(batch wire.UsageBatch) (bool, error) {
	now := t.now()
	if err := t.execAny(`DELETE FROM usage_batches WHERE seen_at < ?`, nanos(now.Add(-rememberBatches))); err != nil {
		return false, err
	}
	added, err := t.exec(`INSERT INTO usage_batches (id, seen_at) VALUES (?, ?) ON CONFLICT DO NOTHING`, batch.ID,
		nanos(now))
	if err != nil || added == 0 {
		return false, err
	}
	for _, e := range batch.Entries {
		err := t.execAny(`INSERT INTO usage_days (account, day, requests, bytes) VALUES (?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, bytes = bytes + excluded.bytes`,
			e.Account, e.Day, e.Requests, e.Bytes)
		if err != nil {
			return false, err
		}
	}
	return true, nil
}
