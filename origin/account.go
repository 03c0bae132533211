package origin

import (
	"bytes"
	"context"
	"net/mail"
	"strings"
	"time"

	"github.com/pictor/pictor/shared/wire"
)

// Role is what an account may do beyond its own assets.
type Role string

const (
	RoleAdmin Role = "admin"
	RoleUser  Role = "user"
)

// Account is who owns things.
type Account struct {
	ID           string // grows with the time of creation
	Email        string // lower case, unique
	Username     string // unique, [a-z0-9-], never a reserved word
	Role         Role
	Plan         Plan
	Disabled     bool // can neither sign in nor use keys; assets stay
	Settings     Settings
	Limits       AccountLimits
	PasswordHash []byte
	CreatedAt    time.Time
	UpdatedAt    time.Time
}

// Plan is what an account may use. It decides which limits count, and whether pictures may be private.
type Plan string

const (
	PlanFree Plan = "free"
	PlanPro  Plan = "pro" // the default: who hosts Pictor has paid for it
)

func (p Plan) check() error {
	if p != PlanFree && p != PlanPro {
		return Errorf(Invalid, "plan must be free or pro")
	}
	return nil
}

// mayShow refuses visibilities that the plan does not have.
func (p Plan) mayShow(visibility string) error {
	if p == PlanFree && visibility == wire.Private {
		return Errorf(Forbidden, "private pictures are not part of the plan %s", p)
	}
	return nil
}

// activeAdmin reports whether the account is an administrator who can act.
func (a Account) activeAdmin() bool { return a.Role == RoleAdmin && !a.Disabled }

// NewAccount is what an account is made of. Without a Username one is derived from the e-mail; without a Role it is
// RoleUser.
type NewAccount struct {
	Email    string
	Username string
	Password string
	Role     Role
	Plan     Plan // the configured one when empty
}

// AccountPatch changes the fields that are not nil.
type AccountPatch struct {
	Email    *string
	Username *string
	Password *string
	Role     *Role
	Plan     *Plan
	Disabled *bool
	Limits   *AccountLimits // all of them
}

// Bootstrap makes the first administrator when no account exists. Without a password it makes one up and returns it.
func (c *Core) Bootstrap(ctx context.Context, email, password string) (created bool, generated string, err error) {
	count := 0
	err = c.cfg.Store.View(ctx, func(tx ReadTx) (err error) {
		count, err = tx.CountAccounts("")
		return err
	})
	if err != nil || count > 0 {
		return false, "", err
	}
	if password == "" {
		generated = c.randomText(20)
		password = generated
	}
	acc, err := c.newAccount(ctx, NewAccount{Email: email, Password: password, Role: RoleAdmin})
	if err != nil {
		return false, "", err
	}
	err = c.cfg.Store.Update(ctx, func(tx Tx) error {
		if count, err = tx.CountAccounts(""); err != nil || count > 0 {
			return err
		}
		return c.insertAccount(tx, &acc)
	})
	if err != nil || count > 0 {
		return false, "", err
	}
	return true, generated, nil
}

// ListAccounts gives a page of all accounts, oldest first, and where the next page starts; "" after the last. Only for
// administrators.
func (c *Core) ListAccounts(ctx context.Context, who Principal, page Page) (list []Account, next string, err error) {
	if err := who.mustBeAdmin(); err != nil {
		return nil, "", err
	}
	limit, err := pageLimit(page.Limit)
	if err != nil {
		return nil, "", err
	}
	err = c.cfg.Store.View(ctx, func(tx ReadTx) (err error) {
		list, err = tx.Accounts(Page{After: page.After, Limit: limit + 1})
		return err
	})
	if err != nil {
		return nil, "", err
	}
	if len(list) > limit {
		list = list[:limit]
		next = list[limit-1].ID
	}
	return list, next, nil
}

// pageLimit is the number of rows of a page: 50 unless 1 to 100 are asked for.
func pageLimit(asked int) (int, error) {
	if asked == 0 {
		return 50, nil
	}
	if asked < 1 || asked > 100 {
		return 0, Errorf(Invalid, "limit must be from 1 to 100")
	}
	return asked, nil
}

// CreateAccount makes an account. Only for administrators.
func (c *Core) CreateAccount(ctx context.Context, who Principal, from NewAccount) (Account, error) {
	if err := who.mustBeAdmin(); err != nil {
		return Account{}, err
	}
	acc, err := c.newAccount(ctx, from)
	if err != nil {
		return Account{}, err
	}
	err = c.cfg.Store.Update(ctx, func(tx Tx) error {
		if err := who.mustStillBeAdmin(tx); err != nil {
			return err
		}
		return c.insertAccount(tx, &acc)
	})
	if err != nil {
		return Account{}, err
	}
	return acc, nil
}

// newAccount checks the fields and hashes the password, which takes too long for a transaction.
func (c *Core) newAccount(ctx context.Context, from NewAccount) (Account, error) {
	email, err := parseEmail(from.Email)
	if err != nil {
		return Account{}, err
	}
	if from.Username != "" {
		if err := checkUsername(from.Username); err != nil {
			return Account{}, err
		}
	}
	if from.Role == "" {
		from.Role = RoleUser
	}
	if err := from.Role.check(); err != nil {
		return Account{}, err
	}
	if from.Plan == "" {
		from.Plan = c.cfg.Plan
	}
	if err := from.Plan.check(); err != nil {
		return Account{}, err
	}
	hash, err := c.passwords.hash(ctx, from.Password)
	if err != nil {
		return Account{}, err
	}
	now := c.cfg.Now()
	return Account{ID: c.newID(), Email: email, Username: from.Username, Role: from.Role, Plan: from.Plan,
		PasswordHash: hash, CreatedAt: now, UpdatedAt: now}, nil
}

// insertAccount creates the account, under a username of its own if it brings none.
func (c *Core) insertAccount(tx Tx, acc *Account) (err error) {
	if acc.Username == "" {
		if acc.Username, err = freeUsername(tx, acc.Email); err != nil {
			return err
		}
	}
	if err := checkUnique(tx, *acc); err != nil {
		return err
	}
	return tx.CreateAccount(*acc)
}

// FindAccount gives any account. Only for administrators.
func (c *Core) FindAccount(ctx context.Context, who Principal, id string) (acc Account, err error) {
	if err := who.mustBeAdmin(); err != nil {
		return Account{}, err
	}
	err = c.cfg.Store.View(ctx, func(tx ReadTx) (err error) {
		acc, err = tx.Account(id)
		return err
	})
	return acc, err
}

// UpdateAccount changes an account. A new password or disabling ends its sessions; edges keep to new limits within a
// second. Only for administrators, of whom one that can act always remains.
func (c *Core) UpdateAccount(ctx context.Context, who Principal, id string, patch AccountPatch) (acc Account, err error) {
	if err := who.mustBeAdmin(); err != nil {
		return Account{}, err
	}
	if err := patch.parse(); err != nil {
		return Account{}, err
	}
	var hash []byte
	if patch.Password != nil {
		if hash, err = c.passwords.hash(ctx, *patch.Password); err != nil {
			return Account{}, err
		}
	}
	err = c.cfg.Store.Update(ctx, func(tx Tx) error {
		if err := who.mustStillBeAdmin(tx); err != nil {
			return err
		}
		before, err := tx.Account(id)
		if err != nil {
			return err
		}
		acc = patch.apply(before, hash)
		acc.UpdatedAt = c.cfg.Now()
		if err := c.replaceAccount(tx, who, before, acc); err != nil || patch.Limits == nil {
			return err
		}
		_, err = tx.Change(wire.ProfileName(id)) // which brings the limits
		return err
	})
	if err != nil {
		return Account{}, err
	}
	return acc, nil
}

func (c *Core) replaceAccount(tx Tx, who Principal, before, after Account) error {
	if before.activeAdmin() && !after.activeAdmin() {
		if err := mustNotBeLastAdmin(tx); err != nil {
			return err
		}
	}
	if err := checkUnique(tx, after); err != nil {
		return err
	}
	if after.Username != before.Username {
		if err := mustHaveEmptyTree(tx, before); err != nil {
			return err
		}
	}
	if err := tx.UpdateAccount(after); err != nil {
		return err
	}
	if bytes.Equal(before.PasswordHash, after.PasswordHash) && !after.Disabled {
		return nil
	}
	return tx.DeleteSessions(after.ID, who.SessionID)
}

// parse brings the given fields into their stored form, or says what is wrong with them.
func (p *AccountPatch) parse() error {
	if p.Email != nil {
		email, err := parseEmail(*p.Email)
		if err != nil {
			return err
		}
		p.Email = &email
	}
	if p.Username != nil {
		if err := checkUsername(*p.Username); err != nil {
			return err
		}
	}
	if p.Role != nil {
		if err := p.Role.check(); err != nil {
			return err
		}
	}
	if p.Plan != nil {
		if err := p.Plan.check(); err != nil {
			return err
		}
	}
	if p.Limits != nil {
		return p.Limits.check()
	}
	return nil
}

func (p AccountPatch) apply(acc Account, hash []byte) Account {
	if p.Email != nil {
		acc.Email = *p.Email
	}
	if p.Username != nil {
		acc.Username = *p.Username
	}
	if hash != nil {
		acc.PasswordHash = hash
	}
	if p.Role != nil {
		acc.Role = *p.Role
	}
	if p.Plan != nil {
		acc.Plan = *p.Plan
	}
	if p.Disabled != nil {
		acc.Disabled = *p.Disabled
	}
	if p.Limits != nil {
		acc.Limits = *p.Limits
	}
	return acc
}

// DeleteAccount removes an account. Its assets become those of who, but for its tree, which goes: the username may come to
// belong to somebody else. Only for administrators, who cannot delete themselves.
func (c *Core) DeleteAccount(ctx context.Context, who Principal, id string) error {
	if err := who.mustBeAdmin(); err != nil {
		return err
	}
	if id == who.Account.ID {
		return Errorf(Invalid, "you cannot delete your own account")
	}
	return c.cfg.Store.Update(ctx, func(tx Tx) error {
		if err := who.mustStillBeAdmin(tx); err != nil {
			return err
		}
		acc, err := tx.Account(id)
		if err != nil {
			return err
		}
		if acc.activeAdmin() {
			if err := mustNotBeLastAdmin(tx); err != nil {
				return err
			}
		}
		if err := c.deleteTree(tx, id); err != nil {
			return err
		}
		if err := handOver(tx, id, who.Account.ID); err != nil {
			return err
		}
		if _, err := tx.Change(wire.ProfileName(id)); err != nil {
			return err
		}
		return tx.DeleteAccount(id)
	})
}

// handOver moves all assets. Edges must hear of it, for they count bandwidth by account.
func handOver(tx Tx, from, to string) error {
	query := AssetQuery{Account: from, Limit: 500}
	for {
		assets, err := tx.Assets(query)
		if err != nil {
			return err
		}
		for _, a := range assets {
			if err := announce(tx, a); err != nil {
				return err
			}
		}
		if len(assets) < query.Limit {
			return tx.MoveAssets(from, to)
		}
		query.After = assets[len(assets)-1].cursor()
	}
}

// mustNotBeLastAdmin is asked before an administrator goes.
func mustNotBeLastAdmin(tx ReadTx) error {
	count, err := tx.CountAccounts(RoleAdmin)
	if err != nil {
		return err
	}
	if count < 2 {
		return Errorf(Invalid, "the last administrator must stay one")
	}
	return nil
}

func (r Role) check() error {
	if r != RoleAdmin && r != RoleUser {
		return Errorf(Invalid, "role must be admin or user")
	}
	return nil
}

// checkUnique says which value is taken; the store alone would only say that one is.
func checkUnique(tx ReadTx, acc Account) error {
	other, err := tx.AccountByEmail(acc.Email)
	if err == nil && other.ID != acc.ID {
		return Errorf(Duplicate, "e-mail is taken")
	}
	if err != nil && KindOf(err) != NotFound {
		return err
	}
	other, err = tx.AccountByUsername(acc.Username)
	if err == nil && other.ID != acc.ID {
		return Errorf(Duplicate, "username is taken")
	}
	if err != nil && KindOf(err) != NotFound {
		return err
	}
	return nil
}

const maxEmailBytes = 254 // RFC 5321, by way of its limit on paths

// parseEmail takes a bare address and gives it in lower case.
func parseEmail(text string) (string, error) {
	text = foldEmail(text)
	address, err := mail.ParseAddress(text)
	if err != nil || address.Address != text || len(text) > maxEmailBytes {
		return "", Errorf(Invalid, "invalid e-mail")
	}
	return text, nil
}

func foldEmail(text string) string { return strings.ToLower(strings.TrimSpace(text)) }
