package diskblob

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/blob/blobtest"
)

func TestBlobs(t *testing.T) {
	blobtest.Run(t, func(t *testing.T) origin.Blobs { return open(t, filepath.Join(t.TempDir(), "deep", "data")) })
}

func open(t *testing.T, dir string) *Store {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func digestOf(body string) string {
	sum := sha256.Sum256([]byte(body))
	return hex.EncodeToString(sum[:])
}

func commit(t *testing.T, s *Store, body string) error {
	t.Helper()
	staging, err := s.Stage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := staging.Write([]byte(body)); err != nil {
		t.Fatal(err)
	}
	return staging.Commit(t.Context(), digestOf(body))
}

// files lists all regular files below the directory, relative to it.
func files(t *testing.T, dir string) (paths []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && entry.Type().IsRegular() {
			rel, _ := filepath.Rel(dir, path)
			paths = append(paths, rel)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

func TestPlace(t *testing.T) {
	dir := t.TempDir()
	if err := commit(t, open(t, dir), "x"); err != nil {
		t.Fatal(err)
	}
	d := digestOf("x")
	got := files(t, dir)
	if want := filepath.Join("blobs", d[:2], d[2:4], d); len(got) != 1 || got[0] != want {
		t.Fatalf("files %v, want only %s", got, want)
	}
}

func TestReopen(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir)
	if err := commit(t, first, "kept"); err != nil {
		t.Fatal(err)
	}
	staging, err := first.Stage(t.Context()) // and then the process is killed
	if err != nil {
		t.Fatal(err)
	}
	if _, err := staging.Write([]byte("half an up")); err != nil {
		t.Fatal(err)
	}
	second := open(t, dir)
	if left := files(t, filepath.Join(dir, "staging")); len(left) != 0 {
		t.Errorf("stagings left: %v", left)
	}
	r, err := second.Open(t.Context(), digestOf("kept"))
	if err != nil {
		t.Fatal(err)
	}
	r.Close()
}

func TestCommitCountsAsWrittenNow(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if err := commit(t, s, "again"); err != nil {
		t.Fatal(err)
	}
	path, _ := s.path(digestOf("again"))
	old := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(path, old, old); err != nil {
		t.Fatal(err)
	}
	if n := visits(t, s, time.Now().Add(-time.Hour)); n != 1 {
		t.Fatalf("the old blob is visited %d times", n)
	}
	if err := commit(t, s, "again"); err != nil {
		t.Fatal(err)
	}
	if n := visits(t, s, time.Now().Add(-time.Hour)); n != 0 {
		t.Fatal("the blob counts as old although it was written again")
	}
}

// An upload may take longer than the grace period: what counts is when it was committed.
func TestSlowUploadCountsAsWrittenNow(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	staging, err := s.Stage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := staging.Write([]byte("slow")); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-48 * time.Hour)
	if err := os.Chtimes(filepath.Join(dir, "staging", files(t, filepath.Join(dir, "staging"))[0]), old, old); err != nil {
		t.Fatal(err)
	}
	if n := visits(t, s, time.Now().Add(-time.Hour)); n != 0 {
		t.Fatal("a staging is visited")
	}
	if err := staging.Commit(t.Context(), digestOf("slow")); err != nil {
		t.Fatal(err)
	}
	if n := visits(t, s, time.Now().Add(-time.Hour)); n != 0 {
		t.Fatal("the blob counts as old although it was committed now")
	}
}

func visits(t *testing.T, s *Store, before time.Time) (n int) {
	t.Helper()
	if err := s.Sweep(t.Context(), before, func(string) error { n++; return nil }); err != nil {
		t.Fatal(err)
	}
	return n
}

func TestSweepRemovesOnlyAbandonedStagings(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	for name, age := range map[string]time.Duration{"old": 2 * time.Hour, "new": 0} {
		path := filepath.Join(dir, "staging", name)
		when := time.Now().Add(-age)
		if err := errors.Join(os.WriteFile(path, []byte("x"), 0o600), os.Chtimes(path, when, when)); err != nil {
			t.Fatal(err)
		}
	}
	visits(t, s, time.Now().Add(-time.Hour))
	if left := files(t, filepath.Join(dir, "staging")); len(left) != 1 || left[0] != "new" {
		t.Fatalf("left: %v", left)
	}
}

func TestSweepPassesForeignFiles(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	misplaced := filepath.Join(dir, "blobs", digestOf("misplaced"))
	err := errors.Join(os.WriteFile(misplaced, nil, 0o600), os.WriteFile(filepath.Join(dir, "blobs", ".keep"), nil, 0o600))
	if err != nil {
		t.Fatal(err)
	}
	if n := visits(t, s, time.Now().Add(time.Hour)); n != 0 {
		t.Fatalf("visits %d files that are no blobs", n)
	}
}

func TestFileSyncFails(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	calls := 0
	s.sync = func(*os.File) error { calls++; return unix.EIO }
	if err := commit(t, s, "unsafe"); !errors.Is(err, unix.EIO) {
		t.Fatalf("commit: %v", err)
	}
	if calls != 1 {
		t.Errorf("synced %d times: a failed fsync must not be repeated", calls)
	}
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

// Every sync of a commit matters: whichever fails, Commit fails.
func TestAnySyncFails(t *testing.T) {
	for nth := 1; ; nth++ {
		s := open(t, t.TempDir())
		calls := 0
		s.sync = func(f *os.File) error {
			if calls++; calls == nth {
				return unix.EIO
			}
			return f.Sync()
		}
		err := commit(t, s, "unsafe")
		if calls < nth {
			if nth <= 4 { // the file, blobs/, blobs/ab/, blobs/ab/cd/
				t.Fatalf("only %d syncs in a commit", calls)
			}
			return
		}
		if !errors.Is(err, unix.EIO) {
			t.Fatalf("commit with sync %d failing: %v", nth, err)
		}
	}
}

// A limit on the size of files stands for a full disk: the kernel refuses writes in the same place.
func TestNoRoom(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	staging, err := s.Stage(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	limitFileSize(t, 1<<20)
	body := make([]byte, 600<<10)
	if _, err := staging.Write(body); err != nil {
		t.Fatal(err)
	}
	if _, err = staging.Write(body); origin.KindOf(err) != origin.Unavailable {
		t.Fatalf("write: %v, want Unavailable", err)
	}
	if _, err := staging.Write([]byte("x")); err == nil {
		t.Error("writing goes on behind a gap")
	}
	if err := staging.Commit(t.Context(), digestOf("any")); origin.KindOf(err) != origin.Unavailable {
		t.Errorf("commit: %v, want Unavailable", err)
	}
	if left := files(t, dir); len(left) != 0 {
		t.Errorf("left: %v", left)
	}
}

func limitFileSize(t *testing.T, bytes uint64) {
	t.Helper()
	var before unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
		t.Skip(err)
	}
	signal.Ignore(syscall.SIGXFSZ)
	if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &unix.Rlimit{Cur: bytes, Max: before.Max}); err != nil {
		t.Skip(err)
	}
	t.Cleanup(func() {
		if err := unix.Setrlimit(unix.RLIMIT_FSIZE, &before); err != nil {
			t.Error(err)
		}
		signal.Reset(syscall.SIGXFSZ)
	})
}

func TestOpenFails(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(filepath.Join(file, "data")); err == nil {
		t.Fatal("opened below a file")
	}
}
