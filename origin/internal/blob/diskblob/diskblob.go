// Package diskblob keeps blobs as files: <dir>/blobs/ab/cd/<digest>, written by way of <dir>/staging.
package diskblob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/pictor/pictor/origin"
)

// Store is an origin.Blobs in a directory that belongs to one process.
type Store struct {
	staging, blobs string
	sync           func(*os.File) error // (*os.File).Sync; tests make it fail

	mu      sync.Mutex      // held across the sync of a directory, so that nobody uses it before; that is rare
	open    map[string]bool // names of the stagings in use
	durable map[string]bool // directories that are known to survive a power failure
}

var _ origin.Blobs = (*Store)(nil)

// Open makes the directories it needs and removes what uploads of an earlier process left in staging. Take the lock that
// keeps a second process away, which comes with opening the database, before.
func Open(dir string) (*Store, error) {
	s := &Store{sync: (*os.File).Sync, open: map[string]bool{}, durable: map[string]bool{}}
	if err := s.prepare(dir); err != nil {
		return nil, fmt.Errorf("open blobs in %s: %w", dir, err)
	}
	return s, nil
}

func (s *Store) prepare(dir string) error {
	dir, err := filepath.Abs(dir)
	if err != nil {
		return err
	}
	s.staging, s.blobs = filepath.Join(dir, "staging"), filepath.Join(dir, "blobs")
	s.durable[existing(filepath.Dir(dir))] = true
	if err := errors.Join(s.makeDir(s.staging), s.makeDir(s.blobs)); err != nil {
		return err
	}
	left, err := os.ReadDir(s.staging)
	if err != nil {
		return err
	}
	for _, entry := range left {
		if err := os.Remove(filepath.Join(s.staging, entry.Name())); err != nil {
			return fmt.Errorf("remove an abandoned upload: %w", err)
		}
	}
	return nil
}

// existing is the directory or the nearest parent of it that there is.
func existing(dir string) string {
	for parent := filepath.Dir(dir); parent != dir; dir, parent = parent, filepath.Dir(parent) {
		if _, err := os.Stat(dir); err == nil {
			break
		}
	}
	return dir
}

// makeDir makes the directory and its parents, and has each written down in its own parent. That is done once per
// process also for those that exist: an earlier process may have been killed in between.
func (s *Store) makeDir(dir string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.makeDirLocked(dir)
}

func (s *Store) makeDirLocked(dir string) error {
	if s.durable[dir] {
		return nil
	}
	parent := filepath.Dir(dir)
	if err := s.makeDirLocked(parent); err != nil {
		return err
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	if err := s.syncDir(parent); err != nil {
		return err
	}
	s.durable[dir] = true
	return nil
}

func (s *Store) syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(s.sync(d), d.Close())
}

// path is where the blob of a digest lies; not ok for text that is no digest, and so might lead elsewhere.
func (s *Store) path(digest string) (path string, ok bool) {
	if len(digest) != 64 || strings.Trim(digest, "0123456789abcdef") != "" {
		return "", false
	}
	return filepath.Join(s.blobs, digest[:2], digest[2:4], digest), true
}

// Open implements origin.Blobs.
func (s *Store) Open(_ context.Context, digest string) (origin.BlobReader, error) {
	path, ok := s.path(digest)
	if !ok {
		return nil, origin.Errorf(origin.NotFound, "blob not found")
	}
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, origin.Errorf(origin.NotFound, "blob not found")
	}
	if err != nil {
		return nil, fmt.Errorf("open a blob: %w", err)
	}
	info, err := f.Stat()
	if err != nil {
		return nil, errors.Join(fmt.Errorf("open a blob: %w", err), f.Close())
	}
	return &reader{f, info.Size()}, nil
}

type reader struct {
	*os.File
	size int64
}

func (r *reader) Size() int64 { return r.size }

// Delete implements origin.Blobs. It is not synced: a blob that a power failure brings back is garbage again.
func (s *Store) Delete(_ context.Context, digest string) error {
	path, ok := s.path(digest)
	if !ok {
		return nil
	}
	if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("delete a blob: %w", err)
	}
	return nil
}

// noRoom gives errors that mean a full disk the Kind that says so.
func noRoom(err error) error {
	for _, full := range []error{unix.ENOSPC, unix.EDQUOT, unix.EFBIG} {
		if errors.Is(err, full) {
			return &origin.Error{Kind: origin.Unavailable, Message: "no room to store the upload", Err: err}
		}
	}
	return err
}
