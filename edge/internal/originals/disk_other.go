//go:build !linux

package originals

import (
	"errors"
	"os"
	"syscall"
)

func reserve(*os.File, int64) error { return nil }

func isFull(err error) bool { return errors.Is(err, syscall.ENOSPC) }
