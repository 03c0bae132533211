package origin

import "time"

// Principal is who is asking: an account, and how it proved itself.
type Principal struct {
	Account   Account
	SessionID string // hash of the session token when a browser session asks
	KeyID     string // public id of the API key when a service asks

	denied    Scopes    // what the key is not for
	expiresAt time.Time // of the key; zero when it does not expire
}

// mustRead refuses keys that are not for looking.
func (p Principal) mustRead() error { return p.mustHave(ScopeRead) }

// mustWrite refuses keys that are only for looking.
func (p Principal) mustWrite() error { return p.mustHave(ScopeWrite) }

func (p Principal) mustHave(needed Scopes) error {
	if p.denied&needed != 0 {
		return Errorf(Forbidden, "the API key does not have the scope %s", needed)
	}
	return nil
}

// Admin reports whether the principal may act on everybody's things.
func (p Principal) Admin() bool { return p.Account.Role == RoleAdmin }

func (p Principal) mustBeAdmin() error {
	if !p.Admin() {
		return Errorf(Forbidden, "only administrators may do this")
	}
	return nil
}

// mustStillBeAdmin asks the store: of two administrators who delete each other at the same time, one comes too late.
func (p Principal) mustStillBeAdmin(tx ReadTx) error {
	acc, err := tx.Account(p.Account.ID)
	if KindOf(err) == NotFound || err == nil && !acc.activeAdmin() {
		return Errorf(Forbidden, "only administrators may do this")
	}
	return err
}

// mustHaveSession refuses services what only a person may do.
func (p Principal) mustHaveSession() error {
	if p.SessionID == "" {
		return Errorf(Forbidden, "this needs a signed-in session, an API key does not do")
	}
	return nil
}
