package origin

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/pictor/pictor/shared/limit"
	"github.com/pictor/pictor/shared/wire"
)

// AccountLimits bound what an account's pictures may cost each edge. What is nil or empty is the default: for the rates
// Config.AccountRates, for the rest what each edge is set to.
type AccountLimits struct {
	Requests    *limit.Rate // answers of any kind
	Misses      *limit.Rate // renders and look-ups
	Variants    *int        // different results made of a picture in a day; 0 is no bound
	NewVariants string      // who may have results made that do not exist: wire.NewVariantsAny or -Signed
}

func (l AccountLimits) check() error {
	if l.Variants != nil && (*l.Variants < 0 || *l.Variants > wire.MaxVariants) {
		return Errorf(Invalid, "limits: variants must be from 0, which is no bound, to %d", wire.MaxVariants)
	}
	switch l.NewVariants {
	case "", wire.NewVariantsAny, wire.NewVariantsSigned:
		return nil
	}
	return Errorf(Invalid, "limits: new_variants must be any or signed")
}

// AccountRates hold for accounts that have none of their own. The zero value limits nothing.
type AccountRates struct{ Requests, Misses limit.Rate }

// limitsOf is what edges are told of an account's limits, nil when that is nothing.
func (c *Core) limitsOf(acc Account) *wire.AccountLimits {
	told := wire.AccountLimits{Requests: c.cfg.AccountRates.Requests, Misses: c.cfg.AccountRates.Misses,
		Variants: acc.Limits.Variants, NewVariants: acc.Limits.NewVariants}
	set(&told.Requests, acc.Limits.Requests)
	set(&told.Misses, acc.Limits.Misses)
	if told == (wire.AccountLimits{}) {
		return nil
	}
	return &told
}

// settingAccountRates is where the store keeps the defaults that edges were told of.
const settingAccountRates = "account_rates"

// announceAccountRates lets edges read all limits again when the defaults are not those that they know.
func (c *Core) announceAccountRates(ctx context.Context) error {
	err := c.cfg.Store.Update(ctx, func(tx Tx) error {
		told, err := toldAccountRates(tx)
		if err != nil || told == c.cfg.AccountRates {
			return err
		}
		text, err := json.Marshal(c.cfg.AccountRates)
		if err != nil {
			return err
		}
		if err := tx.PutSetting(settingAccountRates, text); err != nil {
			return err
		}
		return changeProfiles(tx)
	})
	if err != nil {
		return fmt.Errorf("announce the limits of accounts: %w", err)
	}
	return nil
}

// toldAccountRates are zero before any were told: no edge keeps to limits then.
func toldAccountRates(tx ReadTx) (told AccountRates, err error) {
	text, err := tx.Setting(settingAccountRates)
	if KindOf(err) == NotFound {
		return AccountRates{}, nil
	}
	if err != nil {
		return AccountRates{}, err
	}
	return told, json.Unmarshal(text, &told)
}

// changeProfiles announces the profiles of all accounts.
func changeProfiles(tx Tx) error {
	page := Page{Limit: 500}
	for {
		accounts, err := tx.Accounts(page)
		if err != nil {
			return err
		}
		for _, acc := range accounts {
			if _, err := tx.Change(wire.ProfileName(acc.ID)); err != nil {
				return err
			}
		}
		if len(accounts) < page.Limit {
			return nil
		}
		page.After = accounts[len(accounts)-1].ID
	}
}
