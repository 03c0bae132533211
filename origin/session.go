package origin

import "time"

// Session is a browser's proof. The token lives in the cookie only; the store knows its SHA-256.
type Session struct {
	Hash      string // hex SHA-256 of the token
	Account   string
	CreatedAt time.Time
	ExpiresAt time.Time
	Address   string
	Agent     string
}

// APIKey is a service's proof, sent as «ApiKey <ID>:<secret>».
type APIKey struct {
	ID         string // ck_…
	Account    string
	Name       string
	SecretHash []byte // SHA-256
	CreatedAt  time.Time
	RevokedAt  time.Time // zero while valid
	LastUsedAt time.Time // to within a minute; zero when never
}
