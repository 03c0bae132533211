package origin_test

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/origin"
)

func (b *bench) mint(who origin.Principal) (key origin.APIKey, secret string) {
	b.Helper()
	key, secret, err := b.MintAPIKey(b.Context(), who, "build server")
	if err != nil {
		b.Fatal(err)
	}
	return key, secret
}

func TestAPIKey(t *testing.T) {
	b := newBench(t)
	ann := b.user("ann")
	key, secret := b.mint(ann)
	if !regexp.MustCompile(`^ck_[0-9A-Za-z]{24}$`).MatchString(key.ID) {
		t.Errorf("id %q", key.ID)
	}
	if !regexp.MustCompile(`^cs_[0-9A-Za-z]{43}$`).MatchString(secret) {
		t.Errorf("secret of %d characters", len(secret))
	}
	if strings.Contains(string(key.SecretHash), secret) {
		t.Error("the secret is stored")
	}
	who := b.must(b.ByAPIKey(t.Context(), key.ID, secret))
	if who.Account.ID != ann.Account.ID || who.KeyID != key.ID || who.SessionID != "" {
		t.Errorf("principal: %+v", who)
	}
	other, otherSecret := b.mint(ann)
	for _, c := range [][2]string{{"", ""}, {key.ID, ""}, {key.ID, secret[1:]}, {key.ID, secret + "x"},
		{key.ID, otherSecret}, {other.ID, secret}, {"ck_nobody", secret}, {key.ID, string(key.SecretHash)}} {
		_, err := b.ByAPIKey(t.Context(), c[0], c[1])
		wantKind(t, err, origin.Unauthenticated)
	}
}

func TestRevokedKey(t *testing.T) {
	b := newBench(t)
	ann, bob := b.user("ann"), b.user("bob")
	key, secret := b.mint(ann)
	_, err := b.RevokeAPIKey(t.Context(), bob, key.ID)
	wantKind(t, err, origin.NotFound)
	b.must(b.ByAPIKey(t.Context(), key.ID, secret))

	revoked, err := b.RevokeAPIKey(t.Context(), ann, key.ID)
	if err != nil || !revoked.RevokedAt.Equal(b.clock.Now()) {
		t.Fatalf("revoke: %+v, %v", revoked, err)
	}
	_, err = b.ByAPIKey(t.Context(), key.ID, secret)
	wantKind(t, err, origin.Unauthenticated)
	b.clock.pass(time.Hour)
	again, err := b.RevokeAPIKey(t.Context(), ann, key.ID)
	if err != nil || !again.RevokedAt.Equal(revoked.RevokedAt) {
		t.Errorf("revoke again: %+v, %v", again, err)
	}

	key, secret = b.mint(bob)
	if _, err := b.RevokeAPIKey(t.Context(), b.admin, key.ID); err != nil {
		t.Fatal(err)
	}
	_, err = b.ByAPIKey(t.Context(), key.ID, secret)
	wantKind(t, err, origin.Unauthenticated)
	_, err = b.RevokeAPIKey(t.Context(), b.admin, "ck_nobody")
	wantKind(t, err, origin.NotFound)
}

func TestKeyOfDisabledAccount(t *testing.T) {
	b := newBench(t)
	ann := b.user("ann")
	key, secret := b.mint(ann)
	for _, disabled := range []bool{true, false} {
		patch := origin.AccountPatch{Disabled: &disabled}
		if _, err := b.UpdateAccount(t.Context(), b.admin, ann.Account.ID, patch); err != nil {
			t.Fatal(err)
		}
		_, err := b.ByAPIKey(t.Context(), key.ID, secret)
		if (err != nil) != disabled {
			t.Errorf("disabled %v: %v", disabled, err)
		}
	}
}

func TestKeysAreManagedInSessions(t *testing.T) {
	b := newBench(t)
	key, secret := b.mint(b.admin)
	service := b.must(b.ByAPIKey(t.Context(), key.ID, secret))
	_, err := b.ListAPIKeys(t.Context(), service)
	wantKind(t, err, origin.Forbidden)
	_, _, err = b.MintAPIKey(t.Context(), service, "another")
	wantKind(t, err, origin.Forbidden)
	_, err = b.RevokeAPIKey(t.Context(), service, key.ID)
	wantKind(t, err, origin.Forbidden)
}

func TestListAPIKeys(t *testing.T) {
	b := newBench(t)
	ann := b.user("ann")
	b.mint(b.admin)
	first, _ := b.mint(ann)
	b.clock.pass(time.Second)
	second, _ := b.mint(ann)
	keys, err := b.ListAPIKeys(t.Context(), ann)
	if err != nil || len(keys) != 2 || keys[0].ID != second.ID || keys[1].ID != first.ID {
		t.Fatalf("keys: %+v, %v", keys, err)
	}
	for _, name := range []string{strings.Repeat("n", 101), "two\nlines", "\xff"} {
		_, _, err := b.MintAPIKey(t.Context(), ann, name)
		wantKind(t, err, origin.Invalid)
	}
}

// Uses are written once a minute, and before anybody looks at them.
func TestLastUse(t *testing.T) {
	b := newBench(t)
	key, secret := b.mint(b.admin)
	uses := int64(0)
	wantUse := func() {
		t.Helper()
		b.must(b.ByAPIKey(t.Context(), key.ID, secret))
		keys, err := b.ListAPIKeys(t.Context(), b.admin)
		if err != nil || len(keys) != 1 {
			t.Fatalf("keys: %+v, %v", keys, err)
		}
		if uses++; !keys[0].LastUsedAt.Equal(b.clock.Now()) || keys[0].Requests != uses {
			t.Errorf("used %d times, last %v, want %d and %v", keys[0].Requests, keys[0].LastUsedAt, uses, b.clock.Now())
		}
	}
	wantUse()
	b.clock.pass(59 * time.Second)
	wantUse()
	b.clock.pass(time.Second)
	wantUse()
	sum, _, err := b.Usage(t.Context(), b.admin, false)
	if err != nil || sum.Calls != uses {
		t.Errorf("%d calls, %v", sum.Calls, err)
	}
}
