// Package storetest is what every origin.Store must do.
package storetest

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/shared/wire"
)

// Run tests the stores that open gives. Within one test, open again after Close finds the same data; each test starts
// with an empty store.
func Run(t *testing.T, open func(t *testing.T) origin.Store) {
	for name, test := range map[string]func(*testing.T, origin.Store){
		"accounts":                      testAccounts,
		"accounts are unique":           testAccountsUnique,
		"account pages":                 testAccountPages,
		"deleting an account":           testDeleteAccount,
		"sessions":                      testSessions,
		"api keys":                      testAPIKeys,
		"blobs":                         testBlobs,
		"assets":                        testAssets,
		"assets need blob and account":  testAssetReferences,
		"asset lists":                   testAssetLists,
		"asset search":                  testAssetSearch,
		"asset cursor":                  testAssetCursor,
		"presets":                       testPresets,
		"family keys":                   testFamilyKeys,
		"paths":                         testPaths,
		"tree lists":                    testTreeLists,
		"settings of accounts":          testSettingsOfAccounts,
		"activity":                      testActivity,
		"moving assets":                 testMoveAssets,
		"colours":                       testColours,
		"usage":                         testUsage,
		"change log":                    testChanges,
		"settings":                      testSettings,
		"missing things":                testMissing,
		"rollback":                      testRollback,
		"rollback on panic":             testRollbackOnPanic,
		"duplicate leaves the rest":     testDuplicateInside,
		"snapshot":                      testSnapshot,
		"concurrent updates":            testConcurrentUpdates,
		"cancelled":                     testCancelled,
		"changed signal":                testChangedSignal,
		"numbers follow commits":        testChangeOrder,
		"transactions see their writes": testOwnWrites,
	} {
		t.Run(name, func(t *testing.T) {
			s := open(t)
			defer closeStore(t, s)
			test(t, s)
		})
	}
	t.Run("reopen", func(t *testing.T) { testReopen(t, open) })
}

func closeStore(t *testing.T, s origin.Store) {
	t.Helper()
	if err := s.Close(); err != nil {
		t.Errorf("close: %v", err)
	}
}

// day is where the tests' time begins; nanoseconds must survive.
var day = time.Date(2026, 3, 14, 15, 9, 26, 535897932, time.UTC)

func update(t *testing.T, s origin.Store, fn func(origin.Tx) error) {
	t.Helper()
	if err := s.Update(t.Context(), fn); err != nil {
		t.Fatalf("update: %v", err)
	}
}

func view(t *testing.T, s origin.Store, fn func(origin.ReadTx) error) {
	t.Helper()
	if err := s.View(t.Context(), fn); err != nil {
		t.Fatalf("view: %v", err)
	}
}

// get runs one read.
func get[T any](t *testing.T, s origin.Store, read func(origin.ReadTx) (T, error)) (v T) {
	t.Helper()
	view(t, s, func(tx origin.ReadTx) (err error) {
		v, err = read(tx)
		return err
	})
	return v
}

func wantEqual(t *testing.T, got, want any, opts ...cmp.Option) {
	t.Helper()
	if diff := cmp.Diff(want, got, opts...); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func wantKind(t *testing.T, err error, want origin.Kind) {
	t.Helper()
	if err == nil || origin.KindOf(err) != want {
		t.Errorf("got error %v, want Kind %d", err, want)
	}
}

func account(n int) origin.Account {
	return origin.Account{ID: fmt.Sprintf("account-%04d", n), Email: fmt.Sprintf("user%d@example.org", n),
		Username: fmt.Sprintf("user%d", n), Role: origin.RoleUser, PasswordHash: []byte{0, 1, 2, 0xff},
		CreatedAt: day.Add(time.Duration(n) * time.Second), UpdatedAt: day.Add(time.Duration(n) * time.Minute)}
}

func digest(n int) string { return fmt.Sprintf("%064x", n) }

func blob(n int) origin.Blob {
	return origin.Blob{Digest: digest(n), CreatedAt: day, Source: wire.Source{Digest: digest(n), Bytes: 1000 + int64(n),
		Format: "jpg", Width: 4000, Height: 3000, Orientation: 6, Frames: 1, Chunks: [][]byte{{1, 2}, {0xff, 0}},
		Clean:       []wire.Piece{{Length: 20}, {Insert: []byte("exif")}, {Offset: 900, Length: 100}},
		CleanDigest: digest(n + 1), CleanBytes: 124}}
}

func cloud(name string) wire.Name { return wire.Name{Namespace: wire.NamespaceCloud, Name: name} }

// asset is number n of the account, made n seconds after day began, of blob n.
func asset(owner origin.Account, n int) origin.Asset {
	at := day.Add(time.Duration(n) * time.Second)
	return origin.Asset{ID: fmt.Sprintf("asset-%04d", n), Account: owner.ID, Name: cloud(fmt.Sprintf("photo-%d", n)),
		Visibility: wire.Public, Version: 1, Digest: digest(n), CreatedAt: at, UpdatedAt: at, Source: blob(n).Source}
}

// create writes accounts, and assets with their blobs.
func create(t *testing.T, s origin.Store, things ...any) {
	t.Helper()
	update(t, s, func(tx origin.Tx) error {
		for _, thing := range things {
			if err := createOne(tx, thing); err != nil {
				return err
			}
		}
		return nil
	})
}

func createOne(tx origin.Tx, thing any) error {
	switch thing := thing.(type) {
	case origin.Account:
		return tx.CreateAccount(thing)
	case origin.Session:
		return tx.CreateSession(thing)
	case origin.APIKey:
		return tx.CreateAPIKey(thing)
	case origin.Preset:
		return tx.CreatePreset(thing)
	case origin.Blob:
		return tx.PutBlob(thing)
	case origin.Asset:
		if err := tx.PutBlob(origin.Blob{Digest: thing.Digest, Source: thing.Source, CreatedAt: day}); err != nil {
			return err
		}
		return tx.CreateAsset(thing)
	}
	return fmt.Errorf("cannot create a %T", thing)
}
