package origin_test

import (
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/shared/wire"
)

// sign gives a URL of the administrator's picture x and the id of the key that signed it.
func (b *bench) sign() (url, key string) {
	b.Helper()
	url, _, err := b.SignURL(b.Context(), b.admin, origin.SignRequest{PublicID: "x", TTL: 7 * 24 * time.Hour})
	if err != nil {
		b.Fatal(err)
	}
	_, sig, _ := strings.Cut(url, "sig=")
	key, _, _ = strings.Cut(sig, ".")
	return url, key
}

func (b *bench) rotate(grace time.Duration) []origin.SigningKey {
	b.Helper()
	keys, err := b.RotateSigningKey(b.Context(), b.admin, grace)
	if err != nil {
		b.Fatal(err)
	}
	return keys
}

func (b *bench) verifies(url string, want bool) {
	b.Helper()
	if _, ok := b.parse(url); ok != want {
		b.Errorf("%s verifies: %v, want %v", url, ok, want)
	}
}

// A new key verifies before it signs, and the old one for the grace after that.
func TestRotateSigningKey(t *testing.T) {
	b := newBench(t)
	b.asset(b.admin, "img:x", origin.AssetFields{PublicID: "x"})
	old, oldKey := b.sign()
	_, seq := b.changesAfter(0)
	keys := b.rotate(time.Hour)
	if len(keys) != 2 || keys[0].Signs || !keys[1].Signs || keys[1].ID != oldKey {
		t.Fatalf("keys %+v", keys)
	}
	if _, rows, _, err := b.Changes(t.Context(), seq, 0); err != nil || rows != seq+1 {
		t.Errorf("the log is at %d after %d, %v", rows, seq, err)
	}
	if _, key := b.sign(); key != oldKey {
		t.Errorf("signed with %s before edges can know it", key)
	}
	if ring, err := b.Keyring(t.Context()); err != nil || len(ring.Keys) != 2 || ring.Keys[0].ID != oldKey {
		t.Errorf("edges are told of %d keys, %v; the first must be the one that signs", len(ring.Keys), err)
	}
	b.clock.pass(2 * time.Second)
	b.restart()
	fresh, key := b.sign()
	if key != keys[0].ID {
		t.Errorf("signed with %s, want %s", key, keys[0].ID)
	}
	b.clock.pass(time.Hour - time.Nanosecond)
	b.verifies(old, true)
	b.verifies(fresh, true)
	b.clock.pass(time.Nanosecond)
	b.verifies(old, false)
	b.verifies(fresh, true)
}

// What the ring forgets by itself, edges hear of, once.
func TestEndSigningKeys(t *testing.T) {
	b := newBench(t)
	b.rotate(time.Hour)
	_, seq := b.changesAfter(0)
	end := func() (rows []origin.NumberedChange) {
		t.Helper()
		if err := b.EndSigningKeys(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, last, rows, err := b.Changes(t.Context(), seq, 0)
		if err != nil {
			t.Fatal(err)
		}
		seq = last
		return rows
	}
	if rows := end(); len(rows) != 0 {
		t.Errorf("within the grace: %v", rows)
	}
	b.clock.pass(2 * time.Hour)
	if rows := end(); len(rows) != 1 || rows[0].Name != wire.KeyringName {
		t.Errorf("at its time: %v", rows)
	}
	if rows := end(); len(rows) != 0 {
		t.Errorf("again: %v", rows)
	}
}

// Without grace nothing that was signed before is good any more.
func TestLeakedSigningKey(t *testing.T) {
	b := newBench(t)
	b.asset(b.admin, "img:x", origin.AssetFields{PublicID: "x"})
	b.rotate(time.Hour)
	old, _ := b.sign()
	keys := b.rotate(0)
	b.verifies(old, false)
	if url, key := b.sign(); len(keys) != 1 || key != keys[0].ID || !keys[0].Signs {
		t.Errorf("keys %+v, signed with %s", keys, key)
	} else {
		b.verifies(url, true)
	}
}

func TestRetireSigningKey(t *testing.T) {
	b := newBench(t)
	b.asset(b.admin, "img:x", origin.AssetFields{PublicID: "x"})
	old, oldKey := b.sign()
	keys := b.rotate(time.Hour)
	wantKind(t, b.RetireSigningKey(t.Context(), b.admin, keys[0].ID), origin.Invalid)
	wantKind(t, b.RetireSigningKey(t.Context(), b.admin, "nothing"), origin.NotFound)
	if err := b.RetireSigningKey(t.Context(), b.admin, oldKey); err != nil {
		t.Fatal(err)
	}
	b.verifies(old, false)
	wantKind(t, b.RetireSigningKey(t.Context(), b.admin, oldKey), origin.NotFound)
}

func TestSigningKeysRefuse(t *testing.T) {
	b := newBench(t)
	ann := b.user("ann")
	for _, grace := range []time.Duration{-1, origin.MaxKeyGrace + 1} {
		_, err := b.RotateSigningKey(t.Context(), b.admin, grace)
		wantKind(t, err, origin.Invalid)
	}
	_, err := b.RotateSigningKey(t.Context(), ann, time.Hour)
	wantKind(t, err, origin.Forbidden)
	_, err = b.ListSigningKeys(t.Context(), ann)
	wantKind(t, err, origin.Forbidden)
	wantKind(t, b.RetireSigningKey(t.Context(), ann, "x"), origin.Forbidden)
	for range 15 {
		b.rotate(time.Hour)
	}
	_, err = b.RotateSigningKey(t.Context(), b.admin, time.Hour)
	wantKind(t, err, origin.Invalid)
	if keys := b.rotate(0); len(keys) != 1 {
		t.Errorf("%d keys", len(keys))
	}
}

// Rings of before keys had times are read as they are.
func TestKeyringOfBefore(t *testing.T) {
	b := newBench(t)
	err := b.cfg.Store.Update(t.Context(), func(tx origin.Tx) error {
		return tx.PutSetting("keyring", []byte(`{"keys":[{"id":"0a1b2c3d","secret":"`+strings.Repeat("AAAA", 11)+`"}]}`))
	})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := b.ListSigningKeys(t.Context(), b.admin)
	if err != nil || len(keys) != 1 || keys[0] != (origin.SigningKey{ID: "0a1b2c3d", Signs: true}) {
		t.Fatalf("%+v, %v", keys, err)
	}
	if keys = b.rotate(time.Hour); len(keys) != 2 || keys[1].ID != "0a1b2c3d" || keys[1].RetiresAt.IsZero() {
		t.Errorf("%+v", keys)
	}
}
