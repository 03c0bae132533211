package origin

import "time"

// Role is what an account may do beyond its own assets.
type Role string

const (
	RoleAdmin Role = "admin"
	RoleUser  Role = "user"
)

// Account is who owns things.
type Account struct {
	ID           string
	Email        string // lower case, unique
	Username     string // unique, [a-z0-9-], never a reserved word
	Role         Role
	Disabled     bool // can neither sign in nor use keys; assets stay
	PasswordHash []byte
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// Principal is who is asking: an account, and how it proved itself.
type Principal struct {
	Account   Account
	SessionID string // hash of the session token when a browser session asks
	KeyID     string // public id of the API key when a service asks
}

// Admin reports whether the principal may act on everybody's things.
func (p Principal) Admin() bool { return p.Account.Role == RoleAdmin }
