package storetest

import (
	"testing"
	"time"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/shared/wire"
)

func preset(owner origin.Account, id, name string) origin.Preset {
	return origin.Preset{ID: id, Account: owner.ID, Name: name, Description: "for tests", Transform: "c_fill,w_100",
		Params: `{"w":100}`, CreatedAt: day, UpdatedAt: day.Add(time.Second)}
}

func testPresets(t *testing.T, s origin.Store) {
	a, b := account(1), account(2)
	create(t, s, a, b, preset(a, "p1", "zoo"), preset(a, "p2", "ark"), preset(b, "p3", "zoo"))
	want := preset(a, "p1", "zebra")
	want.Description, want.Transform, want.Params, want.UpdatedAt = "", "", "{}", day.Add(time.Hour)
	update(t, s, func(tx origin.Tx) error { return tx.UpdatePreset(want) })
	wantEqual(t, get(t, s, func(tx origin.ReadTx) ([]origin.Preset, error) { return tx.Presets(a.ID) }),
		[]origin.Preset{preset(a, "p2", "ark"), want})
	wantEqual(t, get(t, s, func(tx origin.ReadTx) (origin.Preset, error) { return tx.Preset("p1") }), want)
	for _, taken := range []origin.Preset{preset(a, "p4", "ark"), preset(b, "p1", "new")} {
		wantKind(t, s.Update(t.Context(), func(tx origin.Tx) error { return tx.CreatePreset(taken) }), origin.Duplicate)
	}
	use := wire.UsageBatch{ID: "presets", Presets: []wire.PresetUse{{Account: a.ID, Name: "zebra", Uses: 3}, {Account: b.ID, Name: "gone", Uses: 1}}}
	for range 2 { // counted once
		update(t, s, func(tx origin.Tx) error { _, err := tx.AddUsage(use); return err })
	}
	want.Uses = 3
	wantEqual(t, get(t, s, func(tx origin.ReadTx) (origin.Preset, error) { return tx.Preset("p1") }), want)
	want.Name = "ark"
	wantKind(t, s.Update(t.Context(), func(tx origin.Tx) error { return tx.UpdatePreset(want) }), origin.Duplicate)
	update(t, s, func(tx origin.Tx) error { return tx.DeletePreset("p1") })
	wantKind(t, s.Update(t.Context(), func(tx origin.Tx) error { return tx.DeletePreset("p1") }), origin.NotFound)
	wantKind(t, s.Update(t.Context(), func(tx origin.Tx) error { return tx.UpdatePreset(want) }), origin.NotFound)
	update(t, s, func(tx origin.Tx) error { return tx.DeleteAccount(b.ID) })
	wantKind(t, s.View(t.Context(), func(tx origin.ReadTx) error { _, err := tx.Preset("p3"); return err }), origin.NotFound)
}

func testFamilyKeys(t *testing.T, s origin.Store) {
	a := account(1)
	want := origin.APIKey{ID: "k1", Account: a.ID, Family: "fam_", Name: "ci", Hint: "fam_abc", SecretHash: []byte{7, 0, 7},
		Scopes: origin.ScopeRead, CreatedAt: day, ExpiresAt: day.Add(time.Hour)}
	other := want
	other.ID, other.Family = "k2", "other_"
	create(t, s, a, want, other)
	byHash := func(family string, hash ...byte) (key origin.APIKey, err error) {
		err = s.View(t.Context(), func(tx origin.ReadTx) error {
			key, err = tx.APIKeyByHash(family, hash)
			return err
		})
		return key, err
	}
	for _, key := range []origin.APIKey{want, other} {
		got, err := byHash(key.Family, 7, 0, 7)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, got, key)
	}
	for _, family := range []string{"", "fam", "FAM_"} {
		_, err := byHash(family, 7, 0, 7)
		wantKind(t, err, origin.NotFound)
	}
	_, err := byHash("fam_", 7, 0)
	wantKind(t, err, origin.NotFound)
	want.Requests, want.LastUsedAt = 41, day.Add(time.Minute)
	update(t, s, func(tx origin.Tx) error { return tx.UpdateAPIKey(want) })
	got, err := byHash("fam_", 7, 0, 7)
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, got, want)
}

func at(paths ...string) (names []wire.Name) {
	for _, path := range paths {
		names = append(names, wire.Name{Namespace: "u/one", Name: path})
	}
	return names
}

// planted is an asset in the tree of account one.
func planted(owner origin.Account, n int, paths ...string) origin.Asset {
	a := asset(owner, n)
	a.Name, a.Paths, a.Filename = wire.Name{Namespace: "tree/one", Name: digest(n)[48:]}, at(paths...), "Bild ☺.png"
	return a
}

func testPaths(t *testing.T, s origin.Store) {
	one := account(1)
	first, second := planted(one, 1, "z/p.jpg", "a.png"), planted(one, 2, "z/p.png")
	create(t, s, one, first, second)
	byPath := func(path string) (origin.Asset, error) {
		var a origin.Asset
		err := s.View(t.Context(), func(tx origin.ReadTx) (err error) {
			a, err = tx.AssetByPath(wire.Name{Namespace: "u/one", Name: path})
			return err
		})
		return a, err
	}
	wantStem := func(stem, id string) {
		t.Helper()
		var a origin.Asset
		err := s.View(t.Context(), func(tx origin.ReadTx) (err error) {
			a, err = tx.AssetByStem("u/one", stem)
			return err
		})
		if id == "" {
			wantKind(t, err, origin.NotFound)
			return
		}
		wantEqual(t, a.ID, id)
	}
	for _, path := range []string{"z/p.jpg", "a.png"} {
		got, err := byPath(path)
		if err != nil {
			t.Fatal(err)
		}
		wantEqual(t, got, first)
	}
	_, err := byPath("z/p")
	wantKind(t, err, origin.NotFound)
	wantStem("z/p", first.ID)
	wantStem("a", first.ID)
	wantStem("z/p.jpg", "")
	taken := planted(one, 3, "a.png")
	wantKind(t, s.Update(t.Context(), func(tx origin.Tx) error {
		if err := tx.PutBlob(blob(3)); err != nil {
			return err
		}
		return tx.CreateAsset(taken)
	}), origin.Duplicate)

	first.Paths = at("a.png", "z/q.jpg") // one goes, one comes, one keeps its age
	update(t, s, func(tx origin.Tx) error { return tx.UpdateAsset(first) })
	got, err := byPath("z/q.jpg")
	if err != nil {
		t.Fatal(err)
	}
	wantEqual(t, got, first)
	wantStem("z/p", second.ID)
	update(t, s, func(tx origin.Tx) error { return tx.DeleteAsset(first.ID) })
	_, err = byPath("a.png")
	wantKind(t, err, origin.NotFound)
	wantStem("z/q", "")
}

func testTreeLists(t *testing.T, s origin.Store) {
	one := account(1)
	create(t, s, one, planted(one, 1, "a.jpg", "x/a.jpg"), planted(one, 2, "x/b.jpg"), planted(one, 3, "x/y/c.jpg", "x/y/d.jpg"),
		planted(one, 4, "x0/e.jpg"), asset(one, 5))
	list := func(query origin.AssetQuery) (ids []string) {
		t.Helper()
		query.Namespace = "tree/one"
		if query.Limit == 0 {
			query.Limit = 10
		}
		for _, a := range get(t, s, func(tx origin.ReadTx) ([]origin.Asset, error) { return tx.Assets(query) }) {
			ids = append(ids, a.ID)
		}
		if query.Offset == 0 && query.Limit == 10 {
			wantEqual(t, get(t, s, func(tx origin.ReadTx) (int, error) { return tx.CountAssets(query) }), len(ids))
		}
		return ids
	}
	wantEqual(t, list(origin.AssetQuery{}), []string{"asset-0004", "asset-0003", "asset-0002", "asset-0001"})
	wantEqual(t, list(origin.AssetQuery{Below: "x/"}), []string{"asset-0003", "asset-0002", "asset-0001"})
	wantEqual(t, list(origin.AssetQuery{Below: "x/y/"}), []string{"asset-0003"})
	wantEqual(t, list(origin.AssetQuery{Below: "x/", Offset: 1, Limit: 1}), []string{"asset-0002"})
	wantEqual(t, list(origin.AssetQuery{Text: "/Y/D"}), []string{"asset-0003"})
	wantEqual(t, len(list(origin.AssetQuery{Text: "bild ☺"})), 4)
	folders := func(prefix string) []origin.Folder {
		t.Helper()
		return get(t, s, func(tx origin.ReadTx) ([]origin.Folder, error) { return tx.Folders("u/one", prefix) })
	}
	wantEqual(t, folders(""), []origin.Folder{{Name: "x", Count: 3}, {Name: "x0", Count: 1}})
	wantEqual(t, folders("x/"), []origin.Folder{{Name: "y", Count: 1}})
	if none := folders("x/y/"); len(none) != 0 {
		t.Errorf("folders %v", none)
	}
}

func testSettingsOfAccounts(t *testing.T, s origin.Store) {
	a := account(1)
	a.Plan = origin.PlanFree
	a.Settings = origin.Settings{Theme: "dark", Language: "de", Delivery: origin.Delivery{Formats: []string{"webp", "jpg"},
		Quality: 70, Crop: "inside", MaxWidth: 100, MaxHeight: 200}}
	create(t, s, a)
	read := func() origin.Account {
		return get(t, s, func(tx origin.ReadTx) (origin.Account, error) { return tx.Account(a.ID) })
	}
	wantEqual(t, read(), a)
	a.Plan, a.Settings = origin.PlanPro, origin.Settings{}
	update(t, s, func(tx origin.Tx) error { return tx.UpdateAccount(a) })
	wantEqual(t, read(), a)
}

func testActivity(t *testing.T, s origin.Store) {
	a := account(1)
	create(t, s, a)
	update(t, s, func(tx origin.Tx) error {
		for _, did := range []origin.Activity{{Uploads: 1}, {Calls: 5}, {Uploads: 2, Calls: 1}} {
			if err := tx.AddActivity(a.ID, day, did); err != nil {
				return err
			}
		}
		_, err := tx.AddUsage(wire.UsageBatch{ID: "b1", Entries: []wire.Usage{{Account: a.ID, Day: day.Format(time.DateOnly),
			Requests: 3, Bytes: 4, Renders: 2}}})
		return err
	})
	got := get(t, s, func(tx origin.ReadTx) (origin.UsageSummary, error) { return tx.Usage(a.ID, day) })
	wantEqual(t, got, origin.UsageSummary{Requests: 3, BandwidthBytes: 4, Renders: 2,
		Activity: origin.Activity{Uploads: 3, Calls: 6}})
}
