package sqlstore

import (
	"context"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/store/storetest"
	"github.com/pictor/pictor/shared/wire"
)

func TestStore(t *testing.T) {
	paths := map[string]string{} // by test: opening again finds the same file
	storetest.Run(t, func(t *testing.T) origin.Store {
		if paths[t.Name()] == "" {
			paths[t.Name()] = filepath.Join(t.TempDir(), "odd ?#% name.db")
		}
		return open(t, paths[t.Name()])
	})
}

func open(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestOneProcess(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pictor.db")
	s := open(t, path)
	if second, err := Open(t.Context(), path); err == nil {
		second.Close()
		t.Fatal("opened twice")
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := open(t, path).Close(); err != nil {
		t.Fatal(err)
	}
}

func TestFileIsPrivate(t *testing.T) {
	dir := t.TempDir()
	s := open(t, filepath.Join(dir, "pictor.db"))
	defer s.Close()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s has mode %v", entry.Name(), info.Mode())
		}
	}
}

func TestDurability(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "pictor.db"))
	defer s.Close()
	for pragma, want := range map[string]string{"journal_mode": "wal", "synchronous": "2", "foreign_keys": "1"} {
		var got string
		if err := s.writer.QueryRow("PRAGMA " + pragma).Scan(&got); err != nil || got != want {
			t.Errorf("%s is %s, want %s (%v)", pragma, got, want, err)
		}
	}
	if _, err := s.readers.Exec("DELETE FROM accounts"); err == nil {
		t.Error("a reader may write")
	}
}

func TestRefusesNewerSchema(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pictor.db")
	s := open(t, path)
	if _, err := s.writer.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (9999, 1)`); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), "newer program") {
		t.Fatalf("open: %v", err)
	}
}

func TestOpenFails(t *testing.T) {
	dir := t.TempDir()
	garbage := filepath.Join(dir, "garbage.db")
	if err := os.WriteFile(garbage, []byte(strings.Repeat("no database ", 1000)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{garbage, filepath.Join(dir, "missing", "pictor.db"), dir} {
		if _, err := Open(t.Context(), path); err == nil || !strings.Contains(err.Error(), path) {
			t.Errorf("open %s: %v", path, err)
		}
	}
}

// SQLite may end a transaction on its own when a statement fails badly. What follows must not be written one by one.
func TestNothingFollowsAFailure(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "pictor.db"))
	defer s.Close()
	err := s.Update(t.Context(), func(tx origin.Tx) error {
		if err := tx.PutSetting("first", []byte("x")); err != nil {
			t.Fatal(err)
		}
		w := tx.(*writeTx)
		if err := w.execAny(`SELECT * FROM no_such_table`); err == nil {
			t.Fatal("no failure")
		}
		if err := w.execAny(`ROLLBACK`); err == nil { // must not even be tried
			t.Error("a statement ran after a failure")
		}
		return nil // forgets the failure
	})
	if err == nil {
		t.Fatal("committed after a failure")
	}
	err = s.View(t.Context(), func(tx origin.ReadTx) error { _, err := tx.Setting("first"); return err })
	if origin.KindOf(err) != origin.NotFound {
		t.Fatalf("read: %v", err)
	}
}

func TestDatabaseFull(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "pictor.db"))
	defer s.Close()
	var pages int
	if err := s.writer.QueryRow(`PRAGMA page_count`).Scan(&pages); err != nil {
		t.Fatal(err)
	}
	if _, err := s.writer.Exec(fmt.Sprintf(`PRAGMA max_page_count = %d`, pages+50)); err != nil {
		t.Fatal(err)
	}
	put := func(size int) error {
		return s.Update(t.Context(), func(tx origin.Tx) error { return tx.PutSetting("key", make([]byte, size)) })
	}
	if err := put(4 << 20); origin.KindOf(err) != origin.Unavailable {
		t.Fatalf("update: %v, want Unavailable", err)
	}
	if err := put(1 << 10); err != nil {
		t.Fatalf("what still fits: %v", err)
	}
}

func TestUsageBatchesAreForgotten(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "pictor.db"))
	defer s.Close()
	now := time.Now()
	s.now = func() time.Time { return now }
	add := func() (counted bool) {
		err := s.Update(t.Context(), func(tx origin.Tx) (err error) {
			counted, err = tx.AddUsage(wire.UsageBatch{ID: "same"})
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return counted
	}
	if !add() {
		t.Fatal("not counted")
	}
	now = now.Add(rememberBatches - time.Minute)
	if add() {
		t.Fatal("counted twice")
	}
	now = now.Add(2 * time.Minute)
	if !add() {
		t.Fatal("remembered for ever")
	}
}

// The lists must come out of an index in order: sorting all assets for a page would not scale.
func TestListsUseIndexes(t *testing.T) {
	s := open(t, filepath.Join(t.TempDir(), "pictor.db"))
	defer s.Close()
	for _, query := range []origin.AssetQuery{{}, {Account: "a"}, {Folder: "f"}, {Account: "a", Folder: "f"}, {Tag: "t"},
		{Account: "a", Tag: "t"}} {
		query.Namespace, query.Limit = wire.NamespaceCloud, 50
		for _, query.After = range []origin.Cursor{{}, {CreatedAt: time.Now(), ID: "x"}} {
			plan := explain(t, s, query)
			if strings.Contains(plan, "FOR ORDER BY") || strings.Contains(plan, "SCAN a\n") {
				t.Errorf("%+v:\n%s", query, plan)
			}
		}
	}
}

func explain(t *testing.T, s *Store, query origin.AssetQuery) string {
	t.Helper()
	text, args := assetList(query)
	rows, err := s.readers.QueryContext(context.Background(), `EXPLAIN QUERY PLAN `+text, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var id, parent, unused sql.RawBytes
		var detail string
		if err := rows.Scan(&id, &parent, &unused, &detail); err != nil {
			t.Fatal(err)
		}
		plan.WriteString(detail + "\n")
	}
	return plan.String()
}
