//go:build !linux

package originals

import (
	"errors"
	"os"
	"syscall"
)

// Only Linux has files in memory that are counted while they are open; elsewhere a disk that cannot be written stops
// renders.

func reserve(*os.File, int64) error { return nil }

func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) }

func newMemory() (*os.File, error) { return nil, errors.ErrUnsupported }

func seal(*os.File) error { return nil }

func reopen(*os.File) (*os.File, error) { return nil, errors.ErrUnsupported }

func isOpenElsewhere(*os.File) bool { return false }
