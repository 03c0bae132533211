package origin_test

import (
	"slices"
	"testing"
	"time"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/shared/limit"
	"github.com/pictor/pictor/shared/wire"
)

func perMinute(n int) limit.Rate { return limit.Rate{Count: n, Per: time.Minute} }

// told is what edges hear of an account's limits with its pictures and with its profile.
func (b *bench) told(name wire.Name, account string) *wire.AccountLimits {
	b.Helper()
	var both [2]*wire.AccountLimits
	for i, name := range []wire.Name{name, wire.ProfileName(account)} {
		m, _, err := b.Manifest(b.Context(), name)
		if err != nil {
			b.Fatal(err)
		}
		both[i] = m.Limits
	}
	wantEqual(b, both[0], both[1])
	return both[0]
}

func TestAccountLimits(t *testing.T) {
	b := newBench(t, func(c *origin.Config) { c.AccountRates.Misses = perMinute(9) })
	ann := b.user("ann")
	asset := b.asset(ann, "img:x", origin.AssetFields{PublicID: "x"})
	wantEqual(t, b.told(asset.Name, ann.Account.ID), &wire.AccountLimits{Misses: perMinute(9)})
	limits := func(l origin.AccountLimits) {
		t.Helper()
		_, seq := b.changesAfter(0)
		acc, err := b.UpdateAccount(t.Context(), b.admin, ann.Account.ID, origin.AccountPatch{Limits: &l})
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, acc.Limits, l)
		names, _ := b.changesAfter(seq)
		wantEqual(t, names, []string{ann.Account.ID})
	}
	limits(origin.AccountLimits{Requests: ptr(perMinute(5)), Variants: ptr(3), NewVariants: wire.NewVariantsSigned})
	wantEqual(t, b.told(asset.Name, ann.Account.ID), &wire.AccountLimits{Requests: perMinute(5), Misses: perMinute(9),
		Variants: ptr(3), NewVariants: wire.NewVariantsSigned})
	limits(origin.AccountLimits{Misses: ptr(limit.Rate{})}) // off, whatever the default
	if l := b.told(asset.Name, ann.Account.ID); l != nil {
		t.Errorf("told %+v", l)
	}
	limits(origin.AccountLimits{Variants: ptr(0)}) // no bound is something to tell
	wantEqual(t, b.told(asset.Name, ann.Account.ID), &wire.AccountLimits{Misses: perMinute(9), Variants: ptr(0)})
	limits(origin.AccountLimits{})
	wantEqual(t, b.told(asset.Name, ann.Account.ID), &wire.AccountLimits{Misses: perMinute(9)})
}

// Other changes leave limits alone, and edges in peace.
func TestAccountLimitsStay(t *testing.T) {
	b := newBench(t)
	ann := b.user("ann")
	want := origin.AccountLimits{Misses: ptr(perMinute(5))}
	if _, err := b.UpdateAccount(t.Context(), b.admin, ann.Account.ID, origin.AccountPatch{Limits: &want}); err != nil {
		t.Fatal(err)
	}
	_, seq := b.changesAfter(0)
	_, err := b.UpdateAccount(t.Context(), b.admin, ann.Account.ID, origin.AccountPatch{Role: ptr(origin.RoleAdmin)})
	if err != nil {
		t.Fatal(err)
	}
	acc, err := b.FindAccount(t.Context(), b.admin, ann.Account.ID)
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, acc.Limits, want)
	if names, _ := b.changesAfter(seq); len(names) != 0 {
		t.Errorf("edges hear of %v", names)
	}
}

func TestAccountLimitsRefuse(t *testing.T) {
	b := newBench(t)
	ann := b.user("ann")
	for _, l := range []origin.AccountLimits{{Variants: ptr(-1)}, {Variants: ptr(wire.MaxVariants + 1)}, {NewVariants: "all"}} {
		_, err := b.UpdateAccount(t.Context(), b.admin, ann.Account.ID, origin.AccountPatch{Limits: &l})
		wantKind(t, err, origin.Invalid)
	}
	_, err := b.UpdateAccount(t.Context(), ann, ann.Account.ID, origin.AccountPatch{Limits: &origin.AccountLimits{}})
	wantKind(t, err, origin.Forbidden)
	_, err = b.FindAccount(t.Context(), ann, ann.Account.ID)
	wantKind(t, err, origin.Forbidden)
}

// A restart with other defaults lets edges read the limits of all accounts again; one with the same does not.
func TestDefaultsOfAccountLimits(t *testing.T) {
	b := newBench(t)
	want := []string{b.admin.Account.ID, b.user("ann").Account.ID, b.user("bob").Account.ID}
	_, seq := b.changesAfter(0)
	restart := func(rates origin.AccountRates) []string {
		t.Helper()
		b.cfg.AccountRates = rates
		b.restart()
		names, last := b.changesAfter(seq)
		seq = last
		slices.Sort(names)
		return names
	}
	slices.Sort(want)
	wantEqual(t, restart(origin.AccountRates{}), []string(nil))
	wantEqual(t, restart(origin.AccountRates{Requests: perMinute(7)}), want)
	wantEqual(t, restart(origin.AccountRates{Requests: perMinute(7)}), []string(nil))
	wantEqual(t, restart(origin.AccountRates{}), want)
}
