package storetest

import (
	"testing"
	"time"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/shared/limit"
)

func testAccounts(t *testing.T, s origin.Store) {
	want := account(1)
	create(t, s, want, account(2))
	read := func(tx origin.ReadTx) (origin.Account, error) { return tx.Account(want.ID) }
	wantEqual(t, get(t, s, read), want)

	want.Email, want.Username, want.Role, want.Disabled = "new@example.org", "new", origin.RoleAdmin, true
	want.PasswordHash, want.UpdatedAt = []byte("other"), day.Add(time.Hour)
	bound := 0
	want.Limits = origin.AccountLimits{Requests: &limit.Rate{}, Misses: &limit.Rate{Count: 5, Per: 15 * time.Minute},
		Variants: &bound, NewVariants: "signed"}
	update(t, s, func(tx origin.Tx) error { return tx.UpdateAccount(want) })
	wantEqual(t, get(t, s, read), want)
	byEmail := func(tx origin.ReadTx) (origin.Account, error) { return tx.AccountByEmail("new@example.org") }
	wantEqual(t, get(t, s, byEmail), want)
	byUsername := func(tx origin.ReadTx) (origin.Account, error) { return tx.AccountByUsername("new") }
	wantEqual(t, get(t, s, byUsername), want)
	wantKind(t, s.View(t.Context(), func(tx origin.ReadTx) error {
		_, err := tx.AccountByEmail("user1@example.org")
		return err
	}), origin.NotFound)
	wantEqual(t, get(t, s, func(tx origin.ReadTx) (origin.Account, error) { return tx.Account(account(2).ID) }), account(2))
}

func testAccountsUnique(t *testing.T, s origin.Store) {
	create(t, s, account(1), account(2))
	for name, change := range map[string]func(*origin.Account){
		"id":       func(a *origin.Account) { a.ID = account(1).ID },
		"email":    func(a *origin.Account) { a.Email = account(1).Email },
		"username": func(a *origin.Account) { a.Username = account(1).Username },
	} {
		t.Run(name, func(t *testing.T) {
			a := account(3)
			change(&a)
			wantKind(t, s.Update(t.Context(), func(tx origin.Tx) error { return tx.CreateAccount(a) }), origin.Duplicate)
			if name == "id" {
				return
			}
			a = account(2)
			change(&a)
			wantKind(t, s.Update(t.Context(), func(tx origin.Tx) error { return tx.UpdateAccount(a) }), origin.Duplicate)
		})
	}
	wantEqual(t, count(t, s, ""), 2)
}

func count(t *testing.T, s origin.Store, role origin.Role) int {
	t.Helper()
	return get(t, s, func(tx origin.ReadTx) (int, error) { return tx.CountAccounts(role) })
}

func testAccountPages(t *testing.T, s origin.Store) {
	admin, disabled := account(6), account(7)
	admin.Role, disabled.Role, disabled.Disabled = origin.RoleAdmin, origin.RoleAdmin, true
	create(t, s, account(3), account(1), account(5), account(4), account(2), admin, disabled)
	wantEqual(t, count(t, s, origin.RoleAdmin), 1)
	wantEqual(t, count(t, s, origin.RoleUser), 5)
	wantEqual(t, count(t, s, ""), 7)

	page := func(after string) (ids []string) {
		for _, a := range get(t, s, func(tx origin.ReadTx) ([]origin.Account, error) {
			return tx.Accounts(origin.Page{After: after, Limit: 3})
		}) {
			ids = append(ids, a.ID)
		}
		return ids
	}
	wantEqual(t, page(""), []string{account(1).ID, account(2).ID, account(3).ID})
	update(t, s, func(tx origin.Tx) error { return tx.DeleteAccount(account(3).ID) })
	wantEqual(t, page(account(3).ID), []string{account(4).ID, account(5).ID, account(6).ID})
	wantEqual(t, page(account(6).ID), []string{account(7).ID})
	wantEqual(t, page(account(7).ID), []string(nil))
}

func session(owner origin.Account, hash string, expires time.Time) origin.Session {
	return origin.Session{Hash: hash, Account: owner.ID, CreatedAt: day, ExpiresAt: expires, Address: "2001:db8::1",
		Agent: "Mozilla/5.0"}
}

func apiKey(owner origin.Account, id string, created time.Time) origin.APIKey {
	return origin.APIKey{ID: id, Account: owner.ID, Name: "build server", SecretHash: []byte{0, 9, 8}, CreatedAt: created}
}

func testDeleteAccount(t *testing.T, s origin.Store) {
	a := account(1)
	create(t, s, a, session(a, "s1", day), apiKey(a, "k1", day), asset(a, 1))
	if err := s.Update(t.Context(), func(tx origin.Tx) error { return tx.DeleteAccount(a.ID) }); err == nil {
		t.Fatal("deleted an account that owns assets")
	}
	wantEqual(t, count(t, s, ""), 1)
	update(t, s, func(tx origin.Tx) error {
		if err := tx.DeleteAsset(asset(a, 1).ID); err != nil {
			return err
		}
		return tx.DeleteAccount(a.ID)
	})
	wantKind(t, readSession(t, s, "s1"), origin.NotFound)
	wantKind(t, s.View(t.Context(), func(tx origin.ReadTx) error {
		_, err := tx.APIKey("k1")
		return err
	}), origin.NotFound)
}

func readSession(t *testing.T, s origin.Store, hash string) error {
	return s.View(t.Context(), func(tx origin.ReadTx) error {
		_, err := tx.Session(hash)
		return err
	})
}

func testSessions(t *testing.T, s origin.Store) {
	a, b := account(1), account(2)
	want := session(a, "a1", day.Add(time.Hour))
	create(t, s, a, b, want, session(a, "a2", day.Add(2*time.Hour)), session(a, "a3", day.Add(3*time.Hour)),
		session(b, "b1", day.Add(time.Minute)), session(b, "b2", day.Add(2*time.Minute)))
	wantEqual(t, get(t, s, func(tx origin.ReadTx) (origin.Session, error) { return tx.Session("a1") }), want)

	wantLeft := func(want ...string) {
		t.Helper()
		var left []string
		for _, hash := range []string{"a1", "a2", "a3", "b1", "b2"} {
			if readSession(t, s, hash) == nil {
				left = append(left, hash)
			}
		}
		wantEqual(t, left, want)
	}
	update(t, s, func(tx origin.Tx) error { return tx.DeleteSessions(a.ID, "a2") })
	wantLeft("a2", "b1", "b2")
	update(t, s, func(tx origin.Tx) error { return tx.ExpireSessions(day.Add(90 * time.Second)) })
	wantLeft("a2", "b2")
	for range 2 {
		update(t, s, func(tx origin.Tx) error { return tx.DeleteSession("a2") })
	}
	wantLeft("b2")
	update(t, s, func(tx origin.Tx) error { return tx.DeleteSessions(b.ID, "") })
	wantLeft()
	err := s.Update(t.Context(), func(tx origin.Tx) error { return tx.CreateSession(session(account(3), "c1", day)) })
	if err == nil {
		t.Error("a session of nobody")
	}
}

func testAPIKeys(t *testing.T, s origin.Store) {
	a, b := account(1), account(2)
	want := apiKey(a, "ck_1", day)
	create(t, s, a, b, want, apiKey(a, "ck_2", day.Add(time.Hour)), apiKey(b, "ck_3", day))
	wantKind(t, s.Update(t.Context(), func(tx origin.Tx) error { return tx.CreateAPIKey(apiKey(b, "ck_1", day)) }),
		origin.Duplicate)

	want.Name, want.RevokedAt, want.LastUsedAt = "renamed", day.Add(time.Minute), day.Add(time.Second)
	update(t, s, func(tx origin.Tx) error { return tx.UpdateAPIKey(want) })
	keys := get(t, s, func(tx origin.ReadTx) ([]origin.APIKey, error) { return tx.APIKeys(a.ID) })
	wantEqual(t, keys, []origin.APIKey{apiKey(a, "ck_2", day.Add(time.Hour)), want})
	wantEqual(t, get(t, s, func(tx origin.ReadTx) (origin.APIKey, error) { return tx.APIKey("ck_1") }), want)
}
