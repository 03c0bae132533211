package storetest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/shared/wire"
)

var errBroken = errors.New("broken on purpose")

var equateErrors = cmpopts.EquateErrors()

func change(t *testing.T, s origin.Store, name string) (seq uint64) {
	t.Helper()
	update(t, s, func(tx origin.Tx) (err error) {
		seq, err = tx.Change(cloud(name))
		return err
	})
	return seq
}

func changes(t *testing.T, s origin.Store, after uint64, limit int) []origin.NumberedChange {
	t.Helper()
	return get(t, s, func(tx origin.ReadTx) ([]origin.NumberedChange, error) { return tx.Changes(after, limit) })
}

func lastChange(t *testing.T, s origin.Store) (epoch string, seq uint64) {
	t.Helper()
	view(t, s, func(tx origin.ReadTx) (err error) {
		epoch, seq, err = tx.LastChange()
		return err
	})
	return epoch, seq
}

func testChanges(t *testing.T, s origin.Store) {
	epoch, last := lastChange(t, s)
	if epoch == "" || last != 0 {
		t.Fatalf("new log: epoch %q, last %d", epoch, last)
	}
	wantEqual(t, changes(t, s, 0, 10), []origin.NumberedChange(nil))
	var all []origin.NumberedChange
	for i := range 5 {
		name := fmt.Sprintf("name-%d", i)
		seq := change(t, s, name)
		if seq <= last {
			t.Fatalf("number %d after %d", seq, last)
		}
		all, last = append(all, origin.NumberedChange{Seq: seq, Name: cloud(name)}), seq
	}
	wantEqual(t, changes(t, s, 0, 10), all)
	wantEqual(t, changes(t, s, 0, 2), all[:2])
	wantEqual(t, changes(t, s, all[1].Seq, 2), all[2:4])
	wantEqual(t, changes(t, s, last, 10), []origin.NumberedChange(nil))
	wantEqual(t, changes(t, s, ^uint64(0), 10), []origin.NumberedChange(nil))

	// A name that changes again is seen again, from wherever one reads.
	again := origin.NumberedChange{Seq: change(t, s, "name-0"), Name: cloud("name-0")}
	for after := range again.Seq {
		got := changes(t, s, after, 100)
		if len(got) == 0 {
			t.Fatalf("after %d: nothing", after)
		}
		wantEqual(t, got[len(got)-1], again)
	}
	later, seq := lastChange(t, s)
	wantEqual(t, later, epoch)
	wantEqual(t, seq, again.Seq)
}

func testSettings(t *testing.T, s origin.Store) {
	for _, v := range []string{"one", "\x00\xff"} {
		update(t, s, func(tx origin.Tx) error { return tx.PutSetting("key", []byte(v)) })
		got := get(t, s, func(tx origin.ReadTx) ([]byte, error) { return tx.Setting("key") })
		wantEqual(t, string(got), v)
	}
}

func testMissing(t *testing.T, s origin.Store) {
	for name, read := range map[string]func(origin.ReadTx) error{
		"account":  func(tx origin.ReadTx) error { _, err := tx.Account("x"); return err },
		"email":    func(tx origin.ReadTx) error { _, err := tx.AccountByEmail("x"); return err },
		"username": func(tx origin.ReadTx) error { _, err := tx.AccountByUsername("x"); return err },
		"session":  func(tx origin.ReadTx) error { _, err := tx.Session("x"); return err },
		"key":      func(tx origin.ReadTx) error { _, err := tx.APIKey("x"); return err },
		"asset":    func(tx origin.ReadTx) error { _, err := tx.Asset("x"); return err },
		"name":     func(tx origin.ReadTx) error { _, err := tx.AssetByName(cloud("x")); return err },
		"blob":     func(tx origin.ReadTx) error { _, err := tx.Blob("x"); return err },
		"setting":  func(tx origin.ReadTx) error { _, err := tx.Setting("x"); return err },
	} {
		t.Run(name, func(t *testing.T) { wantKind(t, s.View(t.Context(), read), origin.NotFound) })
	}
	for name, write := range map[string]func(origin.Tx) error{
		"update account": func(tx origin.Tx) error { return tx.UpdateAccount(account(1)) },
		"delete account": func(tx origin.Tx) error { return tx.DeleteAccount("x") },
		"update key":     func(tx origin.Tx) error { return tx.UpdateAPIKey(origin.APIKey{ID: "x"}) },
		"update asset":   func(tx origin.Tx) error { return tx.UpdateAsset(asset(account(1), 1)) },
		"delete asset":   func(tx origin.Tx) error { return tx.DeleteAsset("x") },
	} {
		t.Run(name, func(t *testing.T) { wantKind(t, s.Update(t.Context(), write), origin.NotFound) })
	}
}

func testRollback(t *testing.T, s origin.Store) {
	create(t, s, account(1))
	changed := s.Changed()
	err := s.Update(t.Context(), func(tx origin.Tx) error {
		if err := createOne(tx, asset(account(1), 1)); err != nil {
			return err
		}
		if _, err := tx.Change(cloud("x")); err != nil {
			return err
		}
		return errBroken
	})
	if !errors.Is(err, errBroken) {
		t.Fatalf("update: %v", err)
	}
	wantNothingOf(t, s)
	select {
	case <-changed:
		t.Error("a change that was rolled back was announced")
	default:
	}
	create(t, s, asset(account(1), 1)) // and the store goes on
}

// wantNothingOf checks that nothing of asset 1 and its change is there.
func wantNothingOf(t *testing.T, s origin.Store) {
	t.Helper()
	wantEqual(t, names(t, s, origin.AssetQuery{}), []string(nil))
	if _, seq := lastChange(t, s); seq != 0 {
		t.Errorf("last change is %d", seq)
	}
	err := s.View(t.Context(), func(tx origin.ReadTx) error { _, err := tx.Blob(digest(1)); return err })
	wantKind(t, err, origin.NotFound)
}

func testRollbackOnPanic(t *testing.T, s origin.Store) {
	create(t, s, account(1))
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic was swallowed")
			}
		}()
		_ = s.Update(t.Context(), func(tx origin.Tx) error {
			if err := createOne(tx, asset(account(1), 1)); err != nil {
				return err
			}
			panic("on purpose")
		})
	}()
	wantNothingOf(t, s)
	create(t, s, asset(account(1), 1))
}

func testDuplicateInside(t *testing.T, s origin.Store) {
	create(t, s, account(1))
	update(t, s, func(tx origin.Tx) error {
		wantKind(t, tx.CreateAccount(account(1)), origin.Duplicate)
		return tx.CreateAccount(account(2))
	})
	wantEqual(t, count(t, s, ""), 2)
}

func testSnapshot(t *testing.T, s origin.Store) {
	create(t, s, account(1))
	view(t, s, func(tx origin.ReadTx) error {
		before, err := tx.CountAccounts("")
		if err != nil {
			return err
		}
		create(t, s, account(2)) // a reader does not hold up the writer
		change(t, s, "x")
		after, err := tx.CountAccounts("")
		if err != nil {
			return err
		}
		_, seq, err := tx.LastChange()
		if before != 1 || after != 1 || seq != 0 {
			t.Errorf("the snapshot moved: %d accounts, then %d, change %d", before, after, seq)
		}
		return err
	})
	wantEqual(t, count(t, s, ""), 2)
}

func testConcurrentUpdates(t *testing.T, s origin.Store) {
	const writers, rounds = 8, 20
	update(t, s, func(tx origin.Tx) error { return tx.PutSetting("counter", []byte{0}) })
	var all sync.WaitGroup
	for range writers {
		all.Go(func() {
			for range rounds {
				err := s.Update(t.Context(), func(tx origin.Tx) error {
					v, err := tx.Setting("counter")
					if err != nil {
						return err
					}
					return tx.PutSetting("counter", []byte{v[0] + 1})
				})
				if err != nil {
					t.Errorf("update: %v", err)
				}
			}
		})
		all.Go(func() {
			for range rounds {
				err := s.View(t.Context(), func(tx origin.ReadTx) error { _, err := tx.Setting("counter"); return err })
				if err != nil {
					t.Errorf("view: %v", err)
				}
			}
		})
	}
	all.Wait()
	got := get(t, s, func(tx origin.ReadTx) ([]byte, error) { return tx.Setting("counter") })
	wantEqual(t, int(got[0]), writers*rounds)
}

func testCancelled(t *testing.T, s origin.Store) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ran := false
	err := s.Update(ctx, func(tx origin.Tx) error { ran = true; return nil })
	if !errors.Is(err, context.Canceled) || ran {
		t.Errorf("update: %v, ran %v", err, ran)
	}
	err = s.View(ctx, func(tx origin.ReadTx) error { ran = true; return nil })
	if !errors.Is(err, context.Canceled) || ran {
		t.Errorf("view: %v, ran %v", err, ran)
	}

	// While another transaction is at work, waiting for it can be given up.
	update(t, s, func(origin.Tx) error {
		waiting, giveUp := context.WithCancel(t.Context())
		done := make(chan error)
		go func() { done <- s.Update(waiting, func(origin.Tx) error { return errBroken }) }()
		giveUp()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("waiting update: %v", err)
		}
		return nil
	})

	// Once begun, it happens wholly: the caller learns of it, whether it waits or not.
	ctx, cancel = context.WithCancel(t.Context())
	err = s.Update(ctx, func(tx origin.Tx) error {
		cancel()
		return tx.CreateAccount(account(1))
	})
	if err != nil {
		t.Errorf("update: %v", err)
	}
	wantEqual(t, count(t, s, ""), 1)
}

func testChangedSignal(t *testing.T, s origin.Store) {
	changed := s.Changed()
	create(t, s, account(1)) // no change
	select {
	case <-changed:
		t.Fatal("announced without a change")
	default:
	}
	seq := change(t, s, "x")
	<-changed // closed before Update returned, or this test hangs
	wantEqual(t, changes(t, s, 0, 10), []origin.NumberedChange{{Seq: seq, Name: cloud("x")}})
	select {
	case <-s.Changed():
		t.Error("the next signal is closed already")
	default:
	}
}

// A reader that goes on from the last number it has seen misses nothing, though many write.
func testChangeOrder(t *testing.T, s origin.Store) {
	const writers, each = 6, 15
	var all sync.WaitGroup
	for w := range writers {
		all.Go(func() {
			for i := range each {
				err := s.Update(t.Context(), func(tx origin.Tx) error {
					_, err := tx.Change(wire.Name{Namespace: "ns", Name: fmt.Sprintf("%d/%d", w, i)})
					return err
				})
				if err != nil {
					t.Errorf("change: %v", err)
				}
			}
		})
	}
	seen := map[wire.Name]bool{}
	last := uint64(0)
	for len(seen) < writers*each && !t.Failed() {
		changed := s.Changed()
		rows := changes(t, s, last, 7)
		for _, row := range rows {
			if row.Seq <= last || seen[row.Name] {
				t.Fatalf("change %d of %v after %d", row.Seq, row.Name, last)
			}
			seen[row.Name], last = true, row.Seq
		}
		if len(rows) == 0 {
			<-changed
		}
	}
	all.Wait()
}

func testOwnWrites(t *testing.T, s origin.Store) {
	update(t, s, func(tx origin.Tx) error {
		if err := createOne(tx, account(1)); err != nil {
			return err
		}
		if err := createOne(tx, asset(account(1), 1)); err != nil {
			return err
		}
		seq, err := tx.Change(cloud("photo-1"))
		if err != nil {
			return err
		}
		got, err := tx.AssetByName(cloud("photo-1"))
		if err != nil {
			return err
		}
		wantEqual(t, got, asset(account(1), 1))
		_, last, err := tx.LastChange()
		wantEqual(t, last, seq)
		return err
	})
}

func testReopen(t *testing.T, open func(t *testing.T) origin.Store) {
	s := open(t)
	want := asset(account(1), 1)
	want.Tags = []string{"tag"}
	create(t, s, account(1), want)
	seq := change(t, s, "photo-1")
	epoch, _ := lastChange(t, s)
	closeStore(t, s)

	s = open(t)
	defer closeStore(t, s)
	got := get(t, s, func(tx origin.ReadTx) (origin.Asset, error) { return tx.Asset(want.ID) })
	wantEqual(t, got, want)
	again, last := lastChange(t, s)
	wantEqual(t, again, epoch)
	wantEqual(t, last, seq)
	if next := change(t, s, "photo-1"); next <= seq {
		t.Errorf("number %d after %d", next, seq)
	}
}
