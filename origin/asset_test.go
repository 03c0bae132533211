package origin_test

import (
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/shared/wire"
)

func names(list []origin.Asset) (names []string) {
	for _, a := range list {
		names = append(names, a.Name.Name)
	}
	return names
}

func (b *bench) list(who origin.Principal, ask origin.ListAssets) (found []string, next string) {
	b.Helper()
	list, next, err := b.ListAssets(b.Context(), who, ask)
	if err != nil {
		b.Fatalf("list %+v: %v", ask, err)
	}
	return names(list), next
}

func TestListAssets(t *testing.T) {
	b := newBench(t)
	ann, bob := b.user("ann"), b.user("bob")
	for i := range 4 {
		b.clock.pass(time.Second)
		b.asset(ann, picture(i), origin.AssetFields{PublicID: fmt.Sprintf("ann-%d", i), Folder: []string{"", "f"}[i%2],
			Tags: []string{"red", "blue"}[i/2 : i/2+1]})
	}
	b.asset(bob, picture(9), origin.AssetFields{PublicID: "bob-0", Tags: []string{"red"}})
	for _, c := range []struct {
		who  origin.Principal
		ask  origin.ListAssets
		want []string
	}{
		{ann, origin.ListAssets{}, []string{"ann-3", "ann-2", "ann-1", "ann-0"}},
		{bob, origin.ListAssets{}, []string{"bob-0"}},
		{b.admin, origin.ListAssets{}, nil},
		{b.admin, origin.ListAssets{All: true, Tag: "red"}, []string{"bob-0", "ann-1", "ann-0"}},
		{ann, origin.ListAssets{Tag: "red"}, []string{"ann-1", "ann-0"}},
		{ann, origin.ListAssets{Folder: "f"}, []string{"ann-3", "ann-1"}},
		{ann, origin.ListAssets{Folder: "f", Tag: "blue", Text: "ANN"}, []string{"ann-3"}},
		{ann, origin.ListAssets{Text: "bob"}, nil},
		{ann, origin.ListAssets{Text: "%"}, nil},
	} {
		got, next := b.list(c.who, c.ask)
		if wantEqual(t, got, c.want); next != "" {
			t.Errorf("%+v: another page", c.ask)
		}
	}
	_, _, err := b.ListAssets(t.Context(), ann, origin.ListAssets{All: true})
	wantKind(t, err, origin.Forbidden)
}

func TestPagesStandStill(t *testing.T) {
	b := newBench(t)
	var want []string
	for i := range 10 {
		want = append([]string{fmt.Sprintf("p%d", i)}, want...)
		b.asset(b.admin, picture(i), origin.AssetFields{PublicID: want[0]}) // all in the same instant of the clock
		b.clock.pass(time.Duration(i%2) * time.Millisecond)
	}
	var got []string
	for ask := (origin.ListAssets{Limit: 3}); ; {
		page, next := b.list(b.admin, ask)
		got = append(got, page...)
		if ask.Cursor = next; next == "" {
			break
		}
		b.clock.pass(time.Second)
		b.asset(b.admin, picture(0), origin.AssetFields{}) // comes in front, moves nothing
		if err := b.DeleteAsset(t.Context(), b.admin, page[len(page)-1]); err != nil {
			t.Fatal(err)
		}
	}
	seen := map[string]int{}
	for _, name := range got {
		seen[name]++
	}
	for _, name := range want {
		if seen[name] != 1 {
			t.Errorf("%s came %d times", name, seen[name])
		}
	}
	wantEqual(t, len(got), len(want))
}

func TestListRefuses(t *testing.T) {
	b := newBench(t)
	raw := base64.RawURLEncoding.EncodeToString
	for _, ask := range []origin.ListAssets{{Limit: -1}, {Limit: 101}, {Cursor: "x"}, {Cursor: "!!!!"},
		{Cursor: raw([]byte("12345"))}, {Cursor: raw([]byte("12345."))}, {Cursor: raw([]byte(".id"))},
		{Cursor: raw([]byte("99999999999999999999.id"))}, {Cursor: raw([]byte("1.id")) + "="}} {
		_, _, err := b.ListAssets(t.Context(), b.admin, ask)
		wantKind(t, err, origin.Invalid)
	}
	b.list(b.admin, origin.ListAssets{Limit: 100, Cursor: raw([]byte("1.' OR 1=1"))})
}

func FuzzCursor(f *testing.F) {
	b := newBench(f)
	f.Add("MTc5NTMzMTI4MzM2MDM4MzI2Ny54")
	f.Add("MS54")
	f.Add("LTkyMjMzNzIwMzY4NTQ3NzU4MDguaWQ")
	f.Fuzz(func(t *testing.T, cursor string) {
		_, _, err := b.ListAssets(t.Context(), origin.Principal{}, origin.ListAssets{Cursor: cursor})
		if err != nil && origin.KindOf(err) != origin.Invalid {
			t.Errorf("cursor %q: %v", cursor, err)
		}
	})
}

func TestWhoMayTouchAnAsset(t *testing.T) {
	b := newBench(t)
	ann, bob := b.user("ann"), b.user("bob")
	b.asset(ann, "img:x", origin.AssetFields{PublicID: "hers"})
	key, secret := b.mint(ann)
	service := b.must(b.ByAPIKey(t.Context(), key.ID, secret))
	for _, c := range []struct {
		who  origin.Principal
		id   string
		want origin.Kind
	}{
		{ann, "hers", 0}, {service, "hers", 0}, {b.admin, "hers", 0}, {bob, "hers", origin.Forbidden},
		{origin.Principal{}, "hers", origin.Forbidden},
		{ann, "none", origin.NotFound}, {ann, "", origin.NotFound}, {ann, "hers/", origin.NotFound},
	} {
		_, find := b.FindAsset(t.Context(), c.who, c.id)
		_, change := b.UpdateAsset(t.Context(), c.who, c.id, origin.AssetPatch{Folder: ptr("f")})
		_, _, sign := b.SignURL(t.Context(), c.who, origin.SignRequest{PublicID: c.id})
		errs := []error{find, change, sign}
		if c.want != 0 {
			errs = append(errs, b.DeleteAsset(t.Context(), c.who, c.id))
		}
		for i, err := range errs {
			if c.want == 0 && err != nil || c.want != 0 && origin.KindOf(err) != c.want {
				t.Errorf("%s, %q, act %d: %v", c.who.Account.Username, c.id, i, err)
			}
		}
	}
}

func TestUpdateAsset(t *testing.T) {
	b := newBench(t)
	before := b.asset(b.admin, "img:x", origin.AssetFields{PublicID: "x", Folder: "f", Tags: []string{"a", "b"}})
	_, seq := b.changesAfter(0)
	update := func(patch origin.AssetPatch, wantChanges int) origin.Asset {
		t.Helper()
		b.clock.pass(time.Second)
		asset, err := b.UpdateAsset(t.Context(), b.admin, "x", patch)
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		if names, seq = b.changesAfter(seq); len(names) != wantChanges {
			t.Errorf("changes of %+v: %v", patch, names)
		}
		found, err := b.FindAsset(t.Context(), b.admin, "x")
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, len(found.Tags), len(asset.Tags))
		return found
	}
	want := before
	want.UpdatedAt = b.clock.Now().Add(time.Second)
	want.Tags = []string{"c", "a"}
	wantEqual(t, update(origin.AssetPatch{Tags: &[]string{"c", "a", "c"}}, 0), want)

	want.UpdatedAt, want.Folder, want.Tags = want.UpdatedAt.Add(time.Second), "", nil
	wantEqual(t, update(origin.AssetPatch{Folder: ptr(""), Tags: &[]string{}}, 0), want)

	want.UpdatedAt, want.Visibility = want.UpdatedAt.Add(time.Second), wire.Private
	wantEqual(t, update(origin.AssetPatch{Visibility: ptr(wire.Private)}, 1), want)
	want.UpdatedAt = want.UpdatedAt.Add(time.Second)
	wantEqual(t, update(origin.AssetPatch{Visibility: ptr(wire.Private)}, 0), want)

	// How long caches may keep it is the edges' business as soon as it is another time, and only then.
	for _, step := range []struct {
		age     origin.CacheAge
		changes int
		seconds *int64
	}{
		{origin.CacheAge{Given: true, Age: 365 * 24 * time.Hour}, 1, ptr[int64](31536000)},
		{origin.CacheAge{Given: true, Age: 365 * 24 * time.Hour}, 0, ptr[int64](31536000)},
		{origin.CacheAge{Given: true}, 1, ptr[int64](0)},
		{origin.CacheAge{}, 1, nil},
	} {
		want.UpdatedAt, want.CacheAge = want.UpdatedAt.Add(time.Second), step.age
		wantEqual(t, update(origin.AssetPatch{CacheAge: &step.age}, step.changes), want)
		manifest, _, err := b.Manifest(t.Context(), want.Name)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, manifest.CacheMaxAge, step.seconds)
	}
	want.UpdatedAt, want.Folder = want.UpdatedAt.Add(time.Second), "g"
	wantEqual(t, update(origin.AssetPatch{Folder: ptr("g")}, 0), want)

	for _, bad := range []origin.AssetPatch{{CacheAge: &origin.CacheAge{Given: true, Age: -time.Second}},
		{CacheAge: &origin.CacheAge{Given: true, Age: 365*24*time.Hour + time.Second}},
		{CacheAge: &origin.CacheAge{Given: true, Age: time.Millisecond}}, {CacheAge: &origin.CacheAge{Age: time.Second}},
		{Visibility: ptr("")}, {Visibility: ptr("secret")}, {Folder: ptr("/")},
		{Tags: &[]string{strings.Repeat("x", 101)}}} {
		_, err := b.UpdateAsset(t.Context(), b.admin, "x", bad)
		wantKind(t, err, origin.Invalid)
	}
}

func TestDeleteAsset(t *testing.T) {
	b := newBench(t)
	b.asset(b.admin, "img:x", origin.AssetFields{PublicID: "x"})
	_, seq := b.changesAfter(0)
	if err := b.DeleteAsset(t.Context(), b.admin, "x"); err != nil {
		t.Fatal(err)
	}
	if names, _ := b.changesAfter(seq); len(names) != 1 || names[0] != "x" {
		t.Errorf("changes: %v", names)
	}
	_, err := b.FindAsset(t.Context(), b.admin, "x")
	wantKind(t, err, origin.NotFound)
	wantKind(t, b.DeleteAsset(t.Context(), b.admin, "x"), origin.NotFound)
	again := b.asset(b.user("ann"), "img:y", origin.AssetFields{PublicID: "x"}) // the name is free
	wantEqual(t, again.Version, int64(1))
}
