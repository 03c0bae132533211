package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/shared/wire"
)

func testBlobs(t *testing.T, s origin.Store) {
	a, want := account(1), blob(1)
	create(t, s, a, want)
	again := want
	again.CreatedAt, again.Source.Width = day.Add(time.Hour), 1
	create(t, s, again) // leaves the record that is there
	read := func(tx origin.ReadTx) (origin.Blob, error) { return tx.Blob(want.Digest) }
	wantEqual(t, get(t, s, read), want)

	want.ReleasedAt = day.Add(time.Minute)
	update(t, s, func(tx origin.Tx) error { return tx.ReleaseBlob(want.Digest, want.ReleasedAt) })
	wantEqual(t, get(t, s, read), want)
	update(t, s, func(tx origin.Tx) error { return tx.ReleaseBlob(digest(99), day) })

	inUse := func(tx origin.ReadTx) (bool, error) { return tx.BlobInUse(want.Digest) }
	first, second := asset(a, 1), asset(a, 2)
	second.Digest = first.Digest
	create(t, s, first, second)
	for _, id := range []string{first.ID, second.ID} {
		wantEqual(t, get(t, s, inUse), true)
		wantEqual(t, deleteBlob(t, s, want.Digest), false)
		update(t, s, func(tx origin.Tx) error { return tx.DeleteAsset(id) })
	}
	wantEqual(t, get(t, s, inUse), false)
	for range 2 { // the second time it is unknown
		wantEqual(t, deleteBlob(t, s, want.Digest), true)
	}
	wantKind(t, s.View(t.Context(), func(tx origin.ReadTx) error { _, err := read(tx); return err }), origin.NotFound)
}

func deleteBlob(t *testing.T, s origin.Store, digest string) (gone bool) {
	t.Helper()
	update(t, s, func(tx origin.Tx) (err error) {
		gone, err = tx.DeleteBlob(digest)
		return err
	})
	return gone
}

func testAssets(t *testing.T, s origin.Store) {
	a, want := account(1), asset(account(1), 1)
	want.Folder, want.Tags, want.Visibility = "marketing/2026", []string{"hero", "été", "a \"quoted\" tag"}, wire.Private
	want.CacheAge = origin.CacheAge{Given: true, Age: 90 * time.Second}
	create(t, s, a, want, blob(2))
	byID := func(tx origin.ReadTx) (origin.Asset, error) { return tx.Asset(want.ID) }
	byName := func(tx origin.ReadTx) (origin.Asset, error) { return tx.AssetByName(want.Name) }
	wantEqual(t, get(t, s, byID), want)
	wantEqual(t, get(t, s, byName), want)

	want.Folder, want.Tags, want.Visibility, want.Version = "", []string{"z", "hero", "a"}, wire.Public, 2
	want.Digest, want.Source, want.UpdatedAt = digest(2), blob(2).Source, day.Add(time.Hour)
	update(t, s, func(tx origin.Tx) error { return tx.UpdateAsset(want) })
	wantEqual(t, get(t, s, byID), want)
	wantEqual(t, get(t, s, byName), want)
	wantEqual(t, deleteBlob(t, s, digest(1)), true)

	for _, age := range []origin.CacheAge{{Given: true}, {}} { // none at all is not the same as none of its own
		want.CacheAge = age
		update(t, s, func(tx origin.Tx) error { return tx.UpdateAsset(want) })
		wantEqual(t, get(t, s, byID), want)
	}

	same := asset(a, 3)
	same.Name = want.Name
	err := s.Update(t.Context(), func(tx origin.Tx) error { return createOne(tx, same) })
	wantKind(t, err, origin.Duplicate)
	same.Name.Namespace = "elsewhere"
	create(t, s, same)
	wantEqual(t, get(t, s, byName), want)

	update(t, s, func(tx origin.Tx) error { return tx.DeleteAsset(want.ID) })
	wantKind(t, s.View(t.Context(), func(tx origin.ReadTx) error { _, err := byName(tx); return err }), origin.NotFound)
	create(t, s, want) // the name is free again
}

func testAssetReferences(t *testing.T, s origin.Store) {
	create(t, s, account(1))
	for name, thing := range map[string]origin.Asset{
		"blob":    asset(account(1), 1),
		"account": asset(account(2), 1),
	} {
		err := s.Update(t.Context(), func(tx origin.Tx) error {
			if name == "account" {
				if err := tx.PutBlob(blob(1)); err != nil {
					return err
				}
			}
			return tx.CreateAsset(thing)
		})
		if err == nil {
			t.Errorf("created an asset without its %s", name)
		}
	}
}

// names runs a query and gives the names it finds.
func names(t *testing.T, s origin.Store, query origin.AssetQuery) (names []string) {
	t.Helper()
	if query.Limit == 0 {
		query.Limit = 100
	}
	for _, a := range get(t, s, func(tx origin.ReadTx) ([]origin.Asset, error) { return tx.Assets(query) }) {
		names = append(names, a.Name.Name)
	}
	return names
}

func testAssetLists(t *testing.T, s origin.Store) {
	ann, bob := account(1), account(2)
	create(t, s, ann, bob)
	for n := 1; n <= 6; n++ {
		owner := []origin.Account{ann, bob}[n%2] // bob has the odd ones
		a := asset(owner, n)
		a.Folder = []string{"", "f", "f/g"}[n%3]
		a.Tags = [][]string{nil, {"red"}, {"red", "blue"}}[n/2%3]
		if n == 6 {
			a.Name.Namespace = "elsewhere"
		}
		create(t, s, a)
	}
	for _, c := range []struct {
		query origin.AssetQuery
		want  []string
	}{
		{origin.AssetQuery{}, []string{"photo-6", "photo-5", "photo-4", "photo-3", "photo-2", "photo-1"}},
		{origin.AssetQuery{Limit: 2}, []string{"photo-6", "photo-5"}},
		{origin.AssetQuery{Namespace: wire.NamespaceCloud, Limit: 2}, []string{"photo-5", "photo-4"}},
		{origin.AssetQuery{Account: bob.ID}, []string{"photo-5", "photo-3", "photo-1"}},
		{origin.AssetQuery{Account: "nobody"}, nil},
		{origin.AssetQuery{Folder: "f"}, []string{"photo-4", "photo-1"}}, // not what is in f/g
		{origin.AssetQuery{Folder: "f", Account: bob.ID}, []string{"photo-1"}},
		{origin.AssetQuery{Tag: "red"}, []string{"photo-5", "photo-4", "photo-3", "photo-2"}},
		{origin.AssetQuery{Tag: "red", Account: ann.ID}, []string{"photo-4", "photo-2"}},
		{origin.AssetQuery{Tag: "blue", Folder: "f", Namespace: wire.NamespaceCloud}, []string{"photo-4"}},
		{origin.AssetQuery{Tag: "re"}, nil},
		{origin.AssetQuery{Tag: "red", Text: "TO-5"}, []string{"photo-5"}},
	} {
		t.Run(fmt.Sprintf("%+v", c.query), func(t *testing.T) { wantEqual(t, names(t, s, c.query), c.want) })
	}
	gone := asset(bob, 5)
	update(t, s, func(tx origin.Tx) error { return tx.DeleteAsset(gone.ID) })
	wantEqual(t, names(t, s, origin.AssetQuery{Tag: "red", Account: bob.ID}), []string{"photo-3"})
}

func testAssetSearch(t *testing.T, s origin.Store) {
	a := account(1)
	sunset, plain := asset(a, 1), asset(a, 2)
	sunset.Name, sunset.Folder, sunset.Tags = cloud("Sunset_100%"), "Holidays/Été", []string{"Mer", "ÅNGSTRÖM"}
	create(t, s, a, sunset, plain)
	for text, found := range map[string]bool{
		"sunset": true, "SUNSET": true, "100%": true, "_100": true, "holidays/": true, "été": true, "ÉTÉ": true,
		"ångström": true, "mer": true, "nset": true,
		"%": true, "_": true, "'": false, "winter": false, "sunset%holidays": false, "1_0": false, "\\": false,
	} {
		var want []string
		if found {
			want = []string{"Sunset_100%"}
		}
		t.Run(text, func(t *testing.T) { wantEqual(t, names(t, s, origin.AssetQuery{Text: text}), want) })
	}
	sunset.Name, sunset.Tags = cloud("renamed"), nil
	update(t, s, func(tx origin.Tx) error { return tx.UpdateAsset(sunset) })
	wantEqual(t, names(t, s, origin.AssetQuery{Text: "sunset"}), []string(nil))
	wantEqual(t, names(t, s, origin.AssetQuery{Text: "mer"}), []string(nil))
	wantEqual(t, names(t, s, origin.AssetQuery{Text: "renam"}), []string{"renamed"})
}

func testAssetCursor(t *testing.T, s origin.Store) {
	a := account(1)
	create(t, s, a)
	var want []string
	for n := range 20 {
		one := asset(a, n)
		one.CreatedAt = day.Add(time.Duration(n/5) * time.Nanosecond) // the id decides within the same moment
		one.Tags = []string{"tag"}
		create(t, s, one)
		want = append([]string{one.Name.Name}, want...)
	}
	for _, query := range []origin.AssetQuery{{}, {Account: a.ID}, {Tag: "tag"}, {Tag: "tag", Account: a.ID}} {
		var got []string
		for query.Limit = 3; ; {
			page := get(t, s, func(tx origin.ReadTx) ([]origin.Asset, error) { return tx.Assets(query) })
			if len(page) == 0 {
				break
			}
			for _, one := range page {
				got = append(got, one.Name.Name)
			}
			last := page[len(page)-1]
			query.After = origin.Cursor{CreatedAt: last.CreatedAt, ID: last.ID}
			// What came last may go, and something newer may come: neither moves the others.
			update(t, s, func(tx origin.Tx) error { return tx.DeleteAsset(last.ID) })
			create(t, s, last)
		}
		wantEqual(t, got, want)
	}
}

func testMoveAssets(t *testing.T, s origin.Store) {
	ann, bob := account(1), account(2)
	tagged := asset(ann, 1)
	tagged.Tags = []string{"red"}
	create(t, s, ann, bob, tagged, asset(ann, 2), asset(bob, 3))
	update(t, s, func(tx origin.Tx) error { return tx.MoveAssets(ann.ID, bob.ID) })
	wantEqual(t, names(t, s, origin.AssetQuery{Account: ann.ID}), []string(nil))
	wantEqual(t, names(t, s, origin.AssetQuery{Account: bob.ID}), []string{"photo-3", "photo-2", "photo-1"})
	wantEqual(t, names(t, s, origin.AssetQuery{Account: bob.ID, Tag: "red"}), []string{"photo-1"})
	update(t, s, func(tx origin.Tx) error { return tx.DeleteAccount(ann.ID) })
}

func testUsage(t *testing.T, s origin.Store) {
	ann, bob := account(1), account(2)
	shared := asset(bob, 3)
	shared.Digest, shared.Source = digest(1), blob(1).Source
	create(t, s, ann, bob, asset(ann, 1), asset(ann, 2), shared)

	add := func(id string, entries ...wire.Usage) (counted bool) {
		update(t, s, func(tx origin.Tx) (err error) {
			counted, err = tx.AddUsage(wire.UsageBatch{ID: id, Edge: "e1", Entries: entries})
			return err
		})
		return counted
	}
	wantEqual(t, add("b1", wire.Usage{Account: ann.ID, Day: "2026-02-28", Requests: 1, Bytes: 10},
		wire.Usage{Account: ann.ID, Day: "2026-03-01", Requests: 2, Bytes: 20},
		wire.Usage{Account: bob.ID, Day: "2026-03-02", Requests: 4, Bytes: 40}), true)
	again := wire.Usage{Account: ann.ID, Day: "2026-03-01", Requests: 8, Bytes: 80}
	wantEqual(t, add("b2", again), true)
	wantEqual(t, add("b2", again), false)
	wantEqual(t, add("b3", wire.Usage{Account: "long gone", Day: "2026-03-03", Requests: 16, Bytes: 160}), true)

	usage := func(account string, from time.Time) origin.UsageSummary {
		return get(t, s, func(tx origin.ReadTx) (origin.UsageSummary, error) { return tx.Usage(account, from) })
	}
	march := time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)
	wantEqual(t, usage(ann.ID, march), origin.UsageSummary{Assets: 2, StorageBytes: 2003, Requests: 10, BandwidthBytes: 100})
	wantEqual(t, usage(bob.ID, march), origin.UsageSummary{Assets: 1, StorageBytes: 1001, Requests: 4, BandwidthBytes: 40})
	wantEqual(t, usage("", march), origin.UsageSummary{Assets: 3, StorageBytes: 3004, Requests: 30, BandwidthBytes: 300})
	wantEqual(t, usage("", march.AddDate(0, -1, 0)).Requests, int64(31))
	wantEqual(t, usage("nobody", march), origin.UsageSummary{})

	// A batch is counted wholly or not at all, and then it may come again.
	broken := s.Update(t.Context(), func(tx origin.Tx) error {
		if _, err := tx.AddUsage(wire.UsageBatch{ID: "b4", Entries: []wire.Usage{again}}); err != nil {
			return err
		}
		return errBroken
	})
	wantEqual(t, broken, errBroken, equateErrors)
	wantEqual(t, add("b4", again), true)
}

// A colour belongs to an asset and its bytes: the first that is told stays, and it goes when the bytes are others.
func testColours(t *testing.T, s origin.Store) {
	ann, bob := account(1), account(2)
	one, other := asset(ann, 1), asset(bob, 2)
	other.Digest, other.Source = one.Digest, one.Source
	create(t, s, ann, bob, one, other)
	told := func(id string, about origin.Asset, colour string) {
		t.Helper()
		update(t, s, func(tx origin.Tx) error {
			_, err := tx.AddUsage(wire.UsageBatch{ID: id, Colours: []wire.Colour{{Asset: about.ID, Digest: about.Digest, Colour: colour}}})
			return err
		})
	}
	colour := func(id string) string {
		return get(t, s, func(tx origin.ReadTx) (origin.Asset, error) { return tx.Asset(id) }).Colour
	}
	told("b1", one, "#000001")
	told("b2", one, "#000002")
	told("b3", origin.Asset{ID: other.ID, Digest: digest(9)}, "#000003") // bytes that it has no more
	told("b4", origin.Asset{ID: "gone", Digest: one.Digest}, "#000004")
	wantEqual(t, colour(one.ID), "#000001")
	wantEqual(t, colour(other.ID), "") // the same bytes, but another account's
	one.Folder = "moved"
	update(t, s, func(tx origin.Tx) error { return tx.UpdateAsset(one) })
	wantEqual(t, colour(one.ID), "#000001")
	update(t, s, func(tx origin.Tx) error {
		fresh := blob(8)
		one.Digest, one.Source = fresh.Digest, fresh.Source
		if err := tx.PutBlob(fresh); err != nil {
			return err
		}
		return tx.UpdateAsset(one)
	})
	wantEqual(t, colour(one.ID), "")
}
