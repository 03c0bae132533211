package sqlstore

import "github.com/pictor/pictor/origin"

const keyColumns = `id, account, name, secret_hash, created_at, revoked_at, last_used_at`

func scanKey(row scanner) (k origin.APIKey, err error) {
	err = row.Scan(&k.ID, &k.Account, &k.Name, &k.SecretHash, moment{&k.CreatedAt}, moment{&k.RevokedAt},
		moment{&k.LastUsedAt})
	return k, err
}

func (t *readTx) APIKey(id string) (origin.APIKey, error) {
	return one(t, "API key", scanKey, `SELECT `+keyColumns+` FROM api_keys WHERE id = ?`, id)
}

func (t *readTx) APIKeys(account string) ([]origin.APIKey, error) {
	return list(t, "API keys", scanKey, `SELECT `+keyColumns+` FROM api_keys WHERE account = ?
		ORDER BY created_at DESC, id DESC`, account)
}

func (t *writeTx) CreateAPIKey(k origin.APIKey) error {
	return t.execAny(`INSERT INTO api_keys (`+keyColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?)`, k.ID, k.Account, k.Name,
		k.SecretHash, nanos(k.CreatedAt), nanos(k.RevokedAt), nanos(k.LastUsedAt))
}

func (t *writeTx) UpdateAPIKey(k origin.APIKey) error {
	return t.execOne("API key", `UPDATE api_keys SET name = ?, revoked_at = ?, last_used_at = ? WHERE id = ?`, k.Name,
		nanos(k.RevokedAt), nanos(k.LastUsedAt), k.ID)
}
