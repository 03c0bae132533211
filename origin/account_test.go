package origin_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/pictor/pictor/origin"
)

func TestBootstrapOnce(t *testing.T) {
	b := newBench(t)
	if b.admin.Account.Role != origin.RoleAdmin || b.admin.Account.Email != adminEmail {
		t.Errorf("first account: %+v", b.admin.Account)
	}
	b.user("ann")
	// Even when nobody could sign in any more, a restart makes no second administrator.
	created, generated, err := b.Bootstrap(t.Context(), "other@example.org", "")
	if created || generated != "" || err != nil {
		t.Fatalf("bootstrap again: %v, %q, %v", created, generated, err)
	}
}

func TestBootstrapMakesUpPassword(t *testing.T) {
	b := newBench(t)
	empty := newEmptyCore(t, b.cfg)
	created, generated, err := empty.Bootstrap(t.Context(), "Admin@Localhost", "")
	if !created || err != nil || len(generated) < 20 {
		t.Fatalf("bootstrap: %v, %q, %v", created, generated, err)
	}
	acc, _, _, err := empty.SignIn(t.Context(), "admin@localhost", generated, client("10.0.0.1"))
	if err != nil || acc.Username == "admin" {
		t.Fatalf("sign in: %+v, %v", acc, err)
	}
}

func TestBootstrapRaces(t *testing.T) {
	b := newBench(t)
	empty := newEmptyCore(t, b.cfg)
	var all sync.WaitGroup
	var wins [8]bool
	for i := range wins {
		all.Go(func() {
			created, _, err := empty.Bootstrap(t.Context(), fmt.Sprintf("admin%d@example.org", i), password)
			if err != nil {
				t.Error(err)
			}
			wins[i] = created
		})
	}
	all.Wait()
	if n := strings.Count(fmt.Sprint(wins), "true"); n != 1 {
		t.Errorf("%d first administrators", n)
	}
}

func TestBootstrapRefuses(t *testing.T) {
	empty := newEmptyCore(t, newBench(t).cfg)
	for email, pass := range map[string]string{"no e-mail": password, "a@example.org": "short"} {
		created, _, err := empty.Bootstrap(t.Context(), email, pass)
		wantKind(t, err, origin.Invalid)
		if created {
			t.Error("created")
		}
	}
}

func TestCreateAccount(t *testing.T) {
	b := newBench(t)
	create := func(from origin.NewAccount) (origin.Account, error) {
		if from.Password == "" {
			from.Password = password
		}
		return b.CreateAccount(t.Context(), b.admin, from)
	}
	for _, c := range []struct{ email, username, wantEmail, wantUsername string }{
		{" Ann.Smith@Example.ORG ", "", "ann.smith@example.org", "ann-smith"},
		{"ann+smith@example.org", "", "ann+smith@example.org", "ann-smith-2"},
		{"api@example.org", "", "api@example.org", "api-2"},
		{"ünïcode@example.org", "", "ünïcode@example.org", "n-code"},
		{"___@example.org", "", "___@example.org", "user-2"},
		{strings.Repeat("x", 60) + "@example.org", "", strings.Repeat("x", 60) + "@example.org", strings.Repeat("x", 24)},
		{"bob@example.org", "the-bob-9", "bob@example.org", "the-bob-9"},
	} {
		acc, err := create(origin.NewAccount{Email: c.email, Username: c.username})
		if err != nil {
			t.Fatalf("%s: %v", c.email, err)
		}
		wantEqual(t, []string{acc.Email, acc.Username, string(acc.Role)}, []string{c.wantEmail, c.wantUsername, "user"})
		if strings.Contains(string(acc.PasswordHash), password) {
			t.Error("the password is stored")
		}
		b.signIn(c.wantEmail)
	}
	for _, bad := range []origin.NewAccount{
		{}, {Email: "x"}, {Email: "a@b@c"}, {Email: "Ann <ann@x.org>"}, {Email: "a@x.org\nBcc: b@x.org"},
		{Email: strings.Repeat("a", 250) + "@x.org"},
		{Email: "c@x.org", Role: "owner"},
		{Email: "c@x.org", Username: "admin"}, {Email: "c@x.org", Username: "v1"}, {Email: "c@x.org", Username: "Bob"},
		{Email: "c@x.org", Username: "-c"}, {Email: "c@x.org", Username: "c--d"}, {Email: "c@x.org", Username: "c/d"},
		{Email: "c@x.org", Username: strings.Repeat("c", 33)},
		{Email: "c@x.org", Password: "seven 7"}, {Email: "c@x.org", Password: strings.Repeat("p", 73)},
	} {
		_, err := create(bad)
		wantKind(t, err, origin.Invalid)
	}
	for _, taken := range []origin.NewAccount{
		{Email: "BOB@example.org"}, {Email: "c@x.org", Username: "the-bob-9"},
	} {
		_, err := create(taken)
		wantKind(t, err, origin.Duplicate)
	}
}

func TestListAccounts(t *testing.T) {
	b := newBench(t)
	want := []string{adminEmail}
	for i := range 4 {
		b.clock.pass(1e6)
		want = append(want, b.user(fmt.Sprintf("u%d", i)).Account.Email)
	}
	var got []string
	for page := (origin.Page{Limit: 2}); ; {
		list, next, err := b.ListAccounts(t.Context(), b.admin, page)
		if err != nil {
			t.Fatal(err)
		}
		for _, acc := range list {
			got = append(got, acc.Email)
		}
		if page.After = next; next == "" {
			break
		}
	}
	wantEqual(t, got, want)
	_, _, err := b.ListAccounts(t.Context(), b.admin, origin.Page{Limit: 101})
	wantKind(t, err, origin.Invalid)
}

func TestAccountsAreForAdmins(t *testing.T) {
	b := newBench(t)
	ann, bob := b.user("ann"), b.user("bob")
	_, _, err := b.ListAccounts(t.Context(), ann, origin.Page{})
	wantKind(t, err, origin.Forbidden)
	_, err = b.CreateAccount(t.Context(), ann, origin.NewAccount{Email: "c@example.org", Password: password})
	wantKind(t, err, origin.Forbidden)
	_, err = b.UpdateAccount(t.Context(), ann, ann.Account.ID, origin.AccountPatch{Role: ptr(origin.RoleAdmin)})
	wantKind(t, err, origin.Forbidden)
	wantKind(t, b.DeleteAccount(t.Context(), ann, bob.Account.ID), origin.Forbidden)

	// Nor for those who were one when they signed in.
	demoted := b.admin
	carol := b.user("carol")
	promote := origin.AccountPatch{Role: ptr(origin.RoleAdmin)}
	if _, err := b.UpdateAccount(t.Context(), b.admin, carol.Account.ID, promote); err != nil {
		t.Fatal(err)
	}
	carol = b.signIn("carol@example.org")
	demote := origin.AccountPatch{Role: ptr(origin.RoleUser)}
	if _, err := b.UpdateAccount(t.Context(), carol, demoted.Account.ID, demote); err != nil {
		t.Fatal(err)
	}
	_, err = b.UpdateAccount(t.Context(), demoted, carol.Account.ID, origin.AccountPatch{Disabled: ptr(true)})
	wantKind(t, err, origin.Forbidden)
	_, err = b.CreateAccount(t.Context(), demoted, origin.NewAccount{Email: "c@example.org", Password: password})
	wantKind(t, err, origin.Forbidden)
	wantKind(t, b.DeleteAccount(t.Context(), demoted, ann.Account.ID), origin.Forbidden)
}

func TestUpdateAccount(t *testing.T) {
	b := newBench(t)
	ann, bob := b.user("ann"), b.user("bob")
	update := func(patch origin.AccountPatch) (origin.Account, error) {
		return b.UpdateAccount(t.Context(), b.admin, ann.Account.ID, patch)
	}
	acc, err := update(origin.AccountPatch{Email: ptr("Anna@Example.org"), Username: ptr("anna")})
	if err != nil || acc.Email != "anna@example.org" || acc.Username != "anna" {
		t.Fatalf("update: %+v, %v", acc, err)
	}
	b.signIn("anna@example.org")
	if _, err := update(origin.AccountPatch{Username: ptr("anna")}); err != nil {
		t.Errorf("its own name: %v", err)
	}
	for _, bad := range []origin.AccountPatch{{Email: ptr("x")}, {Username: ptr("api")}, {Password: ptr("short")},
		{Role: ptr(origin.Role("boss"))}} {
		_, err := update(bad)
		wantKind(t, err, origin.Invalid)
	}
	for _, taken := range []origin.AccountPatch{{Email: ptr("bob@example.org")}, {Username: ptr(bob.Account.Username)}} {
		_, err := update(taken)
		wantKind(t, err, origin.Duplicate)
	}
	_, err = b.UpdateAccount(t.Context(), b.admin, "nobody", origin.AccountPatch{})
	wantKind(t, err, origin.NotFound)
}

func TestNewPasswordAndDisablingEndSessions(t *testing.T) {
	b := newBench(t)
	ann := b.user("ann")
	token := b.token("ann@example.org", password)
	update := func(patch origin.AccountPatch) {
		t.Helper()
		if _, err := b.UpdateAccount(t.Context(), b.admin, ann.Account.ID, patch); err != nil {
			t.Fatal(err)
		}
	}
	update(origin.AccountPatch{Username: ptr("anna")})
	b.must(b.BySession(t.Context(), token))

	update(origin.AccountPatch{Password: ptr("another password")})
	_, err := b.BySession(t.Context(), token)
	wantKind(t, err, origin.Unauthenticated)
	_, _, _, err = b.SignIn(t.Context(), "ann@example.org", password, client("10.0.0.1"))
	wantKind(t, err, origin.Unauthenticated)

	token = b.token("ann@example.org", "another password")
	update(origin.AccountPatch{Disabled: ptr(true)})
	_, err = b.BySession(t.Context(), token)
	wantKind(t, err, origin.Unauthenticated)
	_, _, _, err = b.SignIn(t.Context(), "ann@example.org", "another password", client("10.0.0.1"))
	wantKind(t, err, origin.Unauthenticated)

	update(origin.AccountPatch{Disabled: ptr(false)})
	_, err = b.BySession(t.Context(), token)
	wantKind(t, err, origin.Unauthenticated) // enabling brings no session back
	b.token("ann@example.org", "another password")

	// Setting one's own password in the list of accounts does not sign oneself out.
	_, err = b.UpdateAccount(t.Context(), b.admin, b.admin.Account.ID, origin.AccountPatch{Password: ptr("a third password")})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := b.ListAccounts(t.Context(), b.admin, origin.Page{}); err != nil {
		t.Error(err)
	}
}

func TestLastAdminStays(t *testing.T) {
	b := newBench(t)
	self := b.admin.Account.ID
	refuse := func(patch origin.AccountPatch) {
		t.Helper()
		_, err := b.UpdateAccount(t.Context(), b.admin, self, patch)
		wantKind(t, err, origin.Invalid)
	}
	refuse(origin.AccountPatch{Role: ptr(origin.RoleUser)})
	refuse(origin.AccountPatch{Disabled: ptr(true)})
	wantKind(t, b.DeleteAccount(t.Context(), b.admin, self), origin.Invalid)

	second, err := b.CreateAccount(t.Context(), b.admin,
		origin.NewAccount{Email: "second@example.org", Password: password, Role: origin.RoleAdmin})
	if err != nil {
		t.Fatal(err)
	}
	wantKind(t, b.DeleteAccount(t.Context(), b.admin, self), origin.Invalid) // never oneself
	if _, err := b.UpdateAccount(t.Context(), b.admin, second.ID, origin.AccountPatch{Disabled: ptr(true)}); err != nil {
		t.Fatal(err)
	}
	refuse(origin.AccountPatch{Role: ptr(origin.RoleUser)}) // the other one cannot act
	if _, err := b.UpdateAccount(t.Context(), b.admin, second.ID, origin.AccountPatch{Disabled: ptr(false)}); err != nil {
		t.Fatal(err)
	}
	if _, err := b.UpdateAccount(t.Context(), b.admin, self, origin.AccountPatch{Role: ptr(origin.RoleUser)}); err != nil {
		t.Fatal(err)
	}
}

func TestAdminsDeletingEachOther(t *testing.T) {
	b := newBench(t)
	_, err := b.CreateAccount(t.Context(), b.admin,
		origin.NewAccount{Email: "second@example.org", Password: password, Role: origin.RoleAdmin})
	if err != nil {
		t.Fatal(err)
	}
	second := b.signIn("second@example.org")
	var all sync.WaitGroup
	var errs [2]error
	all.Go(func() { errs[0] = b.DeleteAccount(t.Context(), b.admin, second.Account.ID) })
	all.Go(func() { errs[1] = b.DeleteAccount(t.Context(), second, b.admin.Account.ID) })
	all.Wait()
	if (errs[0] == nil) == (errs[1] == nil) {
		t.Errorf("deletions: %v", errs)
	}
}

func TestDeleteAccountHandsOver(t *testing.T) {
	b := newBench(t)
	ann := b.user("ann")
	key, secret, err := b.MintAPIKey(t.Context(), ann, "")
	if err != nil {
		t.Fatal(err)
	}
	token := b.token("ann@example.org", password)
	for i := range 3 {
		b.asset(ann, picture(i), origin.AssetFields{PublicID: fmt.Sprintf("ann/%d", i), Tags: []string{"x"}})
	}
	_, before := b.changesAfter(0)
	if err := b.DeleteAccount(t.Context(), b.admin, ann.Account.ID); err != nil {
		t.Fatal(err)
	}
	list, _, err := b.ListAssets(t.Context(), b.admin, origin.ListAssets{Tag: "x"})
	if err != nil || len(list) != 3 {
		t.Fatalf("the administrator has %d of the assets: %v", len(list), err)
	}
	if names, _ := b.changesAfter(before); len(names) != 4 { // the assets, and the profile that goes
		t.Errorf("edges hear of %v", names)
	}
	_, err = b.ByAPIKey(t.Context(), key.ID, secret)
	wantKind(t, err, origin.Unauthenticated)
	_, err = b.BySession(t.Context(), token)
	wantKind(t, err, origin.Unauthenticated)
	wantKind(t, b.DeleteAccount(t.Context(), b.admin, ann.Account.ID), origin.NotFound)
}
