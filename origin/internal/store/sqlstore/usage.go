package sqlstore

import (
	"time"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/shared/wire"
)

// rememberBatches is how long the ids of usage batches are known, and so how long an edge may take to send one again.
const rememberBatches = 7 * 24 * time.Hour

func scanUsage(row scanner) (u origin.UsageSummary, err error) {
	err = row.Scan(&u.Assets, &u.StorageBytes, &u.Requests, &u.BandwidthBytes, &u.Renders, &u.Uploads, &u.Calls)
	return u, err
}

func (t *readTx) Usage(account string, from time.Time) (origin.UsageSummary, error) {
	day := from.UTC().Format(time.DateOnly)
	const columns = `SELECT s.assets, s.bytes, d.requests, d.bytes, d.renders, d.uploads, d.calls FROM
		(SELECT count(*) AS assets, coalesce(sum(b.bytes), 0) AS bytes
			FROM assets a JOIN blobs b ON b.digest = a.digest `
	const days = `) s, (SELECT coalesce(sum(requests), 0) AS requests, coalesce(sum(bytes), 0) AS bytes,
			coalesce(sum(renders), 0) AS renders, coalesce(sum(uploads), 0) AS uploads, coalesce(sum(calls), 0) AS calls
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
		err := t.execAny(`INSERT INTO usage_days (account, day, requests, bytes, renders) VALUES (?, ?, ?, ?, ?)
			ON CONFLICT DO UPDATE SET requests = requests + excluded.requests, bytes = bytes + excluded.bytes,
			renders = renders + excluded.renders`, e.Account, e.Day, e.Requests, e.Bytes, e.Renders)
		if err != nil {
			return false, err
		}
	}
	for _, p := range batch.Presets {
		if err := t.execAny(`UPDATE presets SET uses = uses + ? WHERE account = ? AND name = ?`, p.Uses, p.Account, p.Name); err != nil {
			return false, err
		}
	}
	for _, c := range batch.Colours {
		err := t.execAny(`UPDATE assets SET colour = ? WHERE id = ? AND digest = ? AND colour = ''`, c.Colour,
			c.Asset, c.Digest)
		if err != nil {
			return false, err
		}
	}
	return true, nil
}

func (t *writeTx) AddActivity(account string, day time.Time, did origin.Activity) error {
	return t.execAny(`INSERT INTO usage_days (account, day, requests, bytes, uploads, calls) VALUES (?, ?, 0, 0, ?, ?)
		ON CONFLICT DO UPDATE SET uploads = uploads + excluded.uploads, calls = calls + excluded.calls`,
		account, day.UTC().Format(time.DateOnly), did.Uploads, did.Calls)
}
