package diskblob

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// Sweep implements origin.Blobs. It holds one directory's names at a time.
func (s *Store) Sweep(ctx context.Context, before time.Time, visit func(digest string) error) error {
	if err := s.sweepStaging(before); err != nil {
		return fmt.Errorf("sweep stagings: %w", err)
	}
	return filepath.WalkDir(s.blobs, func(path string, entry fs.DirEntry, err error) error {
		if err := errors.Join(ctx.Err(), err); err != nil {
			return err
		}
		expected, ok := s.path(entry.Name())
		if entry.IsDir() || !ok || expected != path {
			return nil // not one of ours
		}
		old, err := writtenBefore(entry, before)
		if err != nil || !old {
			return err
		}
		return visit(entry.Name())
	})
}

func (s *Store) sweepStaging(before time.Time) error {
	entries, err := os.ReadDir(s.staging)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		old, err := writtenBefore(entry, before)
		if err != nil {
			return err
		}
		s.mu.Lock()
		used := s.open[entry.Name()]
		s.mu.Unlock()
		if !old || used {
			continue
		}
		if err := os.Remove(filepath.Join(s.staging, entry.Name())); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// writtenBefore is false for a file that has gone meanwhile.
func writtenBefore(entry fs.DirEntry, t time.Time) (bool, error) {
	info, err := entry.Info()
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return info.ModTime().Before(t), nil
}
