package sqlstore

import "github.com/pictor/pictor/origin"

const keyColumns = `id, account, family, name, hint, secret_hash, scopes, created_at, expires_at, revoked_at, last_used_at,
	requests`

func scanKey(row scanner) (k origin.APIKey, err error) {
	err = row.Scan(&k.ID, &k.Account, &k.Family, &k.Name, &k.Hint, &k.SecretHash, &k.Scopes, moment{&k.CreatedAt},
		moment{&k.ExpiresAt}, moment{&k.RevokedAt}, moment{&k.LastUsedAt}, &k.Requests)
	return k, err
}

func (t *readTx) APIKey(id string) (origin.APIKey, error) {
	return one(t, "API key", scanKey, `SELECT `+keyColumns+` FROM api_keys WHERE id = ?`, id)
}

func (t *readTx) APIKeyByHash(family string, secretHash []byte) (origin.APIKey, error) {
	return one(t, "API key", scanKey, `SELECT `+keyColumns+` FROM api_keys WHERE secret_hash = ? AND family = ?`,
		secretHash, family)
}

func (t *readTx) APIKeys(account string) ([]origin.APIKey, error) {
	return list(t, "API keys", scanKey, `SELECT `+keyColumns+` FROM api_keys WHERE account = ?
		ORDER BY created_at DESC, id DESC`, account)
}

func (t *writeTx) CreateAPIKey(k origin.APIKey) error {
	return t.execAny(`INSERT INTO api_keys (`+keyColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`, k.ID, k.Account,
		k.Family, k.Name, k.Hint, k.SecretHash, k.Scopes, nanos(k.CreatedAt), nanos(k.ExpiresAt), nanos(k.RevokedAt),
		nanos(k.LastUsedAt), k.Requests)
}

func (t *writeTx) UpdateAPIKey(k origin.APIKey) error {
	return t.execOne("API key", `UPDATE api_keys SET name = ?, revoked_at = ?, last_used_at = ?, requests = ? WHERE id = ?`,
		k.Name, nanos(k.RevokedAt), nanos(k.LastUsedAt), k.Requests, k.ID)
}
