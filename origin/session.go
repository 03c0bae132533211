package origin

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"net/netip"
	"time"
)

// Session is a browser's proof. The token lives in the cookie only; the store knows its SHA-256.
type Session struct {
	Hash      string // hex SHA-256 of the token
	Account   string
	CreatedAt time.Time
	ExpiresAt time.Time
	Address   string
	Agent     string
}

// Client is where a request comes from.
type Client struct {
	Address netip.Addr
	Agent   string // User-Agent
}

const (
	tokenBytes    = 32
	maxAgentBytes = 200
)

func hashToken(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// SignIn checks e-mail and password and opens a session, whose token it gives. Every attempt counts against the limits
// by address and by e-mail before it costs anything; successful ones are given back.
func (c *Core) SignIn(ctx context.Context, email, password string, from Client) (acc Account, token string,
	expires time.Time, err error) {
	email = foldEmail(email)
	claims := []claim{{LimitLoginIP, from.limitKey()}, {LimitLoginEmail, email}}
	if err := c.limits.take(claims...); err != nil {
		return Account{}, "", time.Time{}, err
	}
	acc, err = c.checkPassword(ctx, email, password)
	if err != nil {
		return Account{}, "", time.Time{}, err
	}
	token = base64.RawURLEncoding.EncodeToString(c.random(tokenBytes))
	expires, err = c.openSession(ctx, acc, token, from)
	if err != nil {
		return Account{}, "", time.Time{}, err
	}
	c.limits.giveBack(claims...)
	return acc, token, expires, nil
}

// errLogin does not tell whether the e-mail, the password or the account is no good.
var errLogin = Errorf(Unauthenticated, "invalid e-mail or password")

// checkPassword finds the account, in the same time whatever is wrong.
func (c *Core) checkPassword(ctx context.Context, email, password string) (acc Account, err error) {
	err = c.cfg.Store.View(ctx, func(tx ReadTx) error {
		acc, err = tx.AccountByEmail(email)
		return err
	})
	if err != nil && KindOf(err) != NotFound {
		return Account{}, err
	}
	ok, err := c.passwords.match(ctx, acc.PasswordHash, password)
	if err != nil {
		return Account{}, err
	}
	if !ok || acc.Disabled {
		return Account{}, errLogin
	}
	return acc, nil
}

func (c *Core) openSession(ctx context.Context, acc Account, token string, from Client) (expires time.Time, err error) {
	now := c.cfg.Now()
	s := Session{Hash: hashToken(token), Account: acc.ID, CreatedAt: now, ExpiresAt: now.Add(c.cfg.SessionLife),
		Address: from.Address.String(), Agent: from.Agent[:min(len(from.Agent), maxAgentBytes)]}
	err = c.cfg.Store.Update(ctx, func(tx Tx) error {
		current, err := tx.Account(acc.ID)
		if err != nil && KindOf(err) != NotFound {
			return err
		}
		if err != nil || current.Disabled || !bytes.Equal(current.PasswordHash, acc.PasswordHash) {
			return errLogin // deleted, disabled or given another password while bcrypt was at work
		}
		if err := tx.ExpireSessions(now); err != nil {
			return err
		}
		return tx.CreateSession(s)
	})
	return s.ExpiresAt, err
}

// SignOut ends the session of the token, if there is one.
func (c *Core) SignOut(ctx context.Context, token string) error {
	return c.cfg.Store.Update(ctx, func(tx Tx) error { return tx.DeleteSession(hashToken(token)) })
}

// BySession gives who holds the token, or an Unauthenticated error.
func (c *Core) BySession(ctx context.Context, token string) (Principal, error) {
	var who Principal
	err := c.cfg.Store.View(ctx, func(tx ReadTx) error {
		session, err := tx.Session(hashToken(token))
		if err != nil {
			return err
		}
		if !session.ExpiresAt.After(c.cfg.Now()) {
			return Errorf(NotFound, "session has expired")
		}
		who.SessionID = session.Hash
		who.Account, err = tx.Account(session.Account)
		return err
	})
	if KindOf(err) == NotFound || err == nil && who.Account.Disabled {
		return Principal{}, Errorf(Unauthenticated, "not signed in, or the session has expired")
	}
	if err != nil {
		return Principal{}, err
	}
	return who, nil
}

// ChangePassword sets one's own password and ends all of one's other sessions. Wrong attempts are limited like sign-ins.
func (c *Core) ChangePassword(ctx context.Context, who Principal, current, next string) error {
	if err := who.mustHaveSession(); err != nil {
		return err
	}
	attempt := claim{LimitLoginEmail, who.Account.Email}
	if err := c.limits.take(attempt); err != nil {
		return err
	}
	ok, err := c.passwords.match(ctx, who.Account.PasswordHash, current)
	if err != nil {
		return err
	}
	if !ok {
		return Errorf(Unauthenticated, "current password is wrong")
	}
	c.limits.giveBack(attempt)
	hash, err := c.passwords.hash(ctx, next)
	if err != nil {
		return err
	}
	return c.cfg.Store.Update(ctx, func(tx Tx) error {
		acc, err := tx.Account(who.Account.ID)
		if err != nil {
			return err
		}
		if !bytes.Equal(acc.PasswordHash, who.Account.PasswordHash) {
			return Errorf(Unauthenticated, "current password is wrong") // no longer the current one
		}
		acc.PasswordHash, acc.UpdatedAt = hash, c.cfg.Now()
		if err := tx.UpdateAccount(acc); err != nil {
			return err
		}
		return tx.DeleteSessions(acc.ID, who.SessionID)
	})
}
