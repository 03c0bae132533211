package origin_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/origin"
)

func TestSession(t *testing.T) {
	b := newBench(t)
	acc, token, expires, err := b.SignIn(t.Context(), " ROOT@example.org ", password, client("10.0.0.1"))
	if err != nil || acc.ID != b.admin.Account.ID {
		t.Fatalf("sign in: %+v, %v", acc, err)
	}
	if len(token) < 43 {
		t.Errorf("a token of %d characters", len(token))
	}
	wantEqual(t, expires.Equal(b.clock.Now().Add(7*24*time.Hour)), true)
	who := b.must(b.BySession(t.Context(), token))
	if who.SessionID == token || who.SessionID == "" || who.KeyID != "" {
		t.Errorf("principal: %+v", who)
	}

	b.clock.pass(7*24*time.Hour - time.Second)
	b.must(b.BySession(t.Context(), token))
	b.clock.pass(time.Second)
	_, err = b.BySession(t.Context(), token)
	wantKind(t, err, origin.Unauthenticated)
}

func TestSignOut(t *testing.T) {
	b := newBench(t)
	first, second := b.token(adminEmail, password), b.token(adminEmail, password)
	for range 2 {
		if err := b.SignOut(t.Context(), first); err != nil {
			t.Fatal(err)
		}
	}
	_, err := b.BySession(t.Context(), first)
	wantKind(t, err, origin.Unauthenticated)
	b.must(b.BySession(t.Context(), second))
	for _, token := range []string{"", "x", second + "x", b.admin.SessionID} {
		_, err := b.BySession(t.Context(), token)
		wantKind(t, err, origin.Unauthenticated)
	}
}

func TestSignInFails(t *testing.T) {
	b := newBench(t)
	b.user("ann")
	long := strings.Repeat("p", 72)
	account := origin.NewAccount{Email: "long@example.org", Password: long}
	if _, err := b.CreateAccount(t.Context(), b.admin, account); err != nil {
		t.Fatal(err)
	}
	b.token("long@example.org", long)
	messages := map[string]bool{}
	for i, c := range [][2]string{{"ann@example.org", "wrong"}, {"nobody@example.org", password}, {"", ""},
		{"long@example.org", long + "x"}, {strings.Repeat("a", 1<<20), password}, {"' OR 1=1 --", password}} {
		_, token, _, err := b.SignIn(t.Context(), c[0], c[1], client(fmt.Sprintf("10.0.0.%d", i)))
		wantKind(t, err, origin.Unauthenticated)
		if token != "" {
			t.Error("gave a token")
		}
		messages[err.Error()] = true
	}
	if len(messages) != 1 {
		t.Errorf("the errors tell cases apart: %v", messages)
	}
}

// wantWait checks for RateLimited and gives how long to wait.
func wantWait(t *testing.T, err error) time.Duration {
	t.Helper()
	wantKind(t, err, origin.RateLimited)
	e, _ := errors.AsType[*origin.Error](err)
	if e == nil || e.RetryAfter <= 0 {
		t.Fatalf("no wait in %v", err)
	}
	return e.RetryAfter
}

func TestLoginLimitByEmail(t *testing.T) {
	b := newBench(t)
	b.user("ann")
	from := 0
	try := func(email, pass string) error { // each time from another address
		from++
		_, _, _, err := b.SignIn(t.Context(), email, pass, client(fmt.Sprintf("10.1.0.%d", from)))
		return err
	}
	for range 5 {
		wantKind(t, try("ann@example.org", "wrong"), origin.Unauthenticated)
	}
	wantWait(t, try("ann@example.org", "wrong"))
	wait := wantWait(t, try(" ANN@example.org", password)) // the right password does not help, nor another spelling
	wantEqual(t, wait, 3*time.Minute)
	if err := try(adminEmail, password); err != nil {
		t.Errorf("another e-mail: %v", err)
	}
	b.clock.pass(wait - 1)
	wantEqual(t, wantWait(t, try("ann@example.org", password)), time.Duration(1))
	b.clock.pass(1)
	if err := try("ann@example.org", password); err != nil {
		t.Errorf("after the wait: %v", err)
	}
	// Being turned away by e-mail does not use up the address.
	for range 30 {
		_, _, _, err := b.SignIn(t.Context(), "full@example.org", "wrong", client("192.0.2.9"))
		if origin.KindOf(err) != origin.Unauthenticated {
			wantWait(t, err)
		}
	}
	if _, _, _, err := b.SignIn(t.Context(), adminEmail, password, client("192.0.2.9")); err != nil {
		t.Errorf("another e-mail from the same address: %v", err)
	}
	// An e-mail that nobody has is limited alike, or the limit would tell.
	for range 5 {
		wantKind(t, try("nobody@example.org", "wrong"), origin.Unauthenticated)
	}
	wantWait(t, try("nobody@example.org", "wrong"))
}

func TestLoginLimitByAddress(t *testing.T) {
	b := newBench(t)
	try := func(address, email, pass string) error {
		_, _, _, err := b.SignIn(t.Context(), email, pass, client(address))
		return err
	}
	for i := range 20 {
		address := fmt.Sprintf("2001:db8:1:2::%x", i) // one /64
		wantKind(t, try(address, fmt.Sprintf("n%d@example.org", i), "wrong"), origin.Unauthenticated)
	}
	wantWait(t, try("2001:db8:1:2:ffff::1", adminEmail, password))
	if err := try("2001:db8:1:3::1", adminEmail, password); err != nil {
		t.Errorf("the next /64: %v", err)
	}
	for i := range 20 {
		wantKind(t, try("192.0.2.1", fmt.Sprintf("m%d@example.org", i), "wrong"), origin.Unauthenticated)
	}
	wantWait(t, try("::ffff:192.0.2.1", adminEmail, password)) // the same address in IPv6 clothes
	if err := try("192.0.2.2", adminEmail, password); err != nil {
		t.Errorf("the next address: %v", err)
	}
	// Being turned away by address does not use up the e-mail.
	for i := range 10 {
		wantWait(t, try("192.0.2.1", "victim@example.org", fmt.Sprint(i)))
	}
	wantKind(t, try("192.0.2.3", "victim@example.org", "wrong"), origin.Unauthenticated)
}

// What happens to the account while its password is compared is not overlooked.
func TestSignInMeetsChange(t *testing.T) {
	for name, patch := range map[string]*origin.AccountPatch{
		"disabled": {Disabled: ptr(true)}, "new password": {Password: ptr("another password")}, "deleted": nil,
	} {
		t.Run(name, func(t *testing.T) {
			hooks := &storeHooks{}
			b := newBench(t, hooks.into)
			id := b.user("ann").Account.ID
			hooks.viewed = func() {
				hooks.viewed = nil
				var err error
				if patch == nil {
					err = b.DeleteAccount(t.Context(), b.admin, id)
				} else {
					_, err = b.UpdateAccount(t.Context(), b.admin, id, *patch)
				}
				if err != nil {
					t.Error(err)
				}
			}
			_, _, _, err := b.SignIn(t.Context(), "ann@example.org", password, client("10.0.0.1"))
			wantKind(t, err, origin.Unauthenticated)
		})
	}
}

func TestSuccessGivesBack(t *testing.T) {
	b := newBench(t)
	for range 50 { // far beyond both limits
		if _, _, _, err := b.SignIn(t.Context(), adminEmail, password, client("10.0.0.1")); err != nil {
			t.Fatal(err)
		}
	}
}

func TestChangePassword(t *testing.T) {
	b := newBench(t)
	b.user("ann")
	mine, other := b.token("ann@example.org", password), b.token("ann@example.org", password)
	who := b.must(b.BySession(t.Context(), mine))
	wantKind(t, b.ChangePassword(t.Context(), who, "wrong password", "a new password"), origin.Unauthenticated)
	wantKind(t, b.ChangePassword(t.Context(), who, password, "short"), origin.Invalid)
	if err := b.ChangePassword(t.Context(), who, password, "a new password"); err != nil {
		t.Fatal(err)
	}
	b.must(b.BySession(t.Context(), mine))
	_, err := b.BySession(t.Context(), other)
	wantKind(t, err, origin.Unauthenticated)
	b.must(b.BySession(t.Context(), b.token("ann@example.org", "a new password")))
	_, _, _, err = b.SignIn(t.Context(), "ann@example.org", password, client("10.0.0.1"))
	wantKind(t, err, origin.Unauthenticated)

	key, secret, err := b.MintAPIKey(t.Context(), who, "")
	if err != nil {
		t.Fatal(err)
	}
	service := b.must(b.ByAPIKey(t.Context(), key.ID, secret))
	wantKind(t, b.ChangePassword(t.Context(), service, "a new password", password), origin.Forbidden)
}

// Two changes that start from the same session: the second must not win with a password that is no longer current.
func TestChangePasswordWithStalePrincipal(t *testing.T) {
	b := newBench(t)
	who := b.user("ann")
	if err := b.ChangePassword(t.Context(), who, password, "a new password"); err != nil {
		t.Fatal(err)
	}
	wantKind(t, b.ChangePassword(t.Context(), who, password, "an old hand's password"), origin.Unauthenticated)
	b.token("ann@example.org", "a new password")
}

func TestChangePasswordIsLimited(t *testing.T) {
	b := newBench(t)
	who := b.user("ann")
	for range 5 {
		wantKind(t, b.ChangePassword(t.Context(), who, "wrong password", "a new password"), origin.Unauthenticated)
	}
	wantWait(t, b.ChangePassword(t.Context(), who, password, "a new password"))
}

func TestLimitsCanBeOff(t *testing.T) {
	b := newBench(t, func(cfg *origin.Config) { cfg.Limits = origin.Limits{origin.LimitLoginEmail: {}} })
	for range 60 {
		_, _, _, err := b.SignIn(t.Context(), "nobody@example.org", "wrong", client("10.0.0.1"))
		wantKind(t, err, origin.Unauthenticated)
	}
}
