package sqlstore

func (t *readTx) Setting(key string) ([]byte, error) {
	return one(t, "setting", value[[]byte], `SELECT value FROM settings WHERE key = ?`, key)
}

func (t *writeTx) PutSetting(key string, v []byte) error {
	return t.execAny(`INSERT INTO settings (key, value) VALUES (?, ?)
		ON CONFLICT DO UPDATE SET value = excluded.value`, key, v)
}
