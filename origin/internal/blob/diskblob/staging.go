package diskblob

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pictor/pictor/origin"
)

// staging is a temporary file on its way to become a blob. It has one user, so it needs no lock.
type staging struct {
	store  *Store
	file   *os.File
	failed error // of a write: a blob with a gap must not be committed
	ended  bool
}

// Stage implements origin.Blobs.
func (s *Store) Stage(ctx context.Context) (origin.Staging, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	s.mu.Lock() // with the name known at once, or a Sweep would take it for abandoned
	defer s.mu.Unlock()
	f, err := os.CreateTemp(s.staging, "upload-*")
	if err != nil {
		return nil, noRoom(err)
	}
	s.open[filepath.Base(f.Name())] = true
	return &staging{store: s, file: f}, nil
}

func (st *staging) Write(p []byte) (int, error) {
	n, err := st.file.Write(p)
	if err != nil {
		st.failed = noRoom(err)
	}
	return n, st.failed
}

func (st *staging) ReadAt(p []byte, off int64) (int, error) { return st.file.ReadAt(p, off) }

// Commit implements origin.Staging: the bytes reach the disk before the name does, and the name before Commit returns.
// After an error nothing of the staging is left, except that a name whose directory could not be synced may stay;
// nothing refers to it, so it is garbage.
func (st *staging) Commit(ctx context.Context, digest string) error {
	if st.ended {
		return errors.New("commit a blob: its staging has ended")
	}
	if err := st.commit(ctx, digest); err != nil {
		return errors.Join(fmt.Errorf("commit a blob: %w", noRoom(err)), st.Discard())
	}
	return nil
}

func (st *staging) commit(ctx context.Context, digest string) error {
	path, ok := st.store.path(digest)
	if !ok {
		return fmt.Errorf("%q is no digest", digest)
	}
	if err := errors.Join(ctx.Err(), st.failed); err != nil {
		return err
	}
	now := time.Now()
	if err := os.Chtimes(st.file.Name(), now, now); err != nil { // what Sweep goes by, however long the upload took
		return err
	}
	if err := st.store.sync(st.file); err != nil {
		return err
	}
	if err := st.store.makeDir(filepath.Dir(path)); err != nil {
		return err
	}
	if err := os.Rename(st.file.Name(), path); err != nil {
		return err
	}
	err := st.end()
	return errors.Join(err, st.store.syncDir(filepath.Dir(path)))
}

// Discard implements origin.Staging.
func (st *staging) Discard() error {
	if st.ended {
		return nil
	}
	err := os.Remove(st.file.Name())
	return errors.Join(err, st.end())
}

func (st *staging) end() error {
	st.ended = true
	st.store.mu.Lock()
	delete(st.store.open, filepath.Base(st.file.Name()))
	st.store.mu.Unlock()
	return st.file.Close()
}
