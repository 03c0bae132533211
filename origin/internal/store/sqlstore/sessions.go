package sqlstore

import (
	"time"

	"github.com/pictor/pictor/origin"
)

func scanSession(row scanner) (s origin.Session, err error) {
	err = row.Scan(&s.Hash, &s.Account, moment{&s.CreatedAt}, moment{&s.ExpiresAt}, &s.Address, &s.Agent)
	return s, err
}

func (t *readTx) Session(hash string) (origin.Session, error) {
	return one(t, "session", scanSession,
		`SELECT hash, account, created_at, expires_at, address, agent FROM sessions WHERE hash = ?`, hash)
}

func (t *writeTx) CreateSession(s origin.Session) error {
	return t.execAny(`INSERT INTO sessions (hash, account, created_at, expires_at, address, agent)
		VALUES (?, ?, ?, ?, ?, ?)`, s.Hash, s.Account, nanos(s.CreatedAt), nanos(s.ExpiresAt), s.Address, s.Agent)
}

func (t *writeTx) DeleteSession(hash string) error {
	return t.execAny(`DELETE FROM sessions WHERE hash = ?`, hash)
}

func (t *writeTx) DeleteSessions(account, except string) error {
	return t.execAny(`DELETE FROM sessions WHERE account = ? AND hash <> ?`, account, except)
}

func (t *writeTx) ExpireSessions(before time.Time) error {
	return t.execAny(`DELETE FROM sessions WHERE expires_at < ?`, nanos(before))
}
