//go:build !linux

package memfile

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

func create() (*os.File, error) {
	file, err := os.CreateTemp("", "pictor-")
	if err == nil {
		os.Remove(file.Name())
	}
	return file, err
}

func fixLength(*os.File) error { return nil }

// Only Linux seals files in memory, and counts who has them open.

func Freeze(*os.File) error { return errors.ErrUnsupported }

func Reopen(*os.File) (*os.File, error) { return nil, errors.ErrUnsupported }

func InUse(*os.File) bool { return false }

// Duplicate gives a second descriptor of a file of any kind, with the same offset.
func Duplicate(file *os.File) (*os.File, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := syscall.Dup(int(file.Fd()))
	if err != nil {
		return nil, fmt.Errorf("duplicate descriptor: %w", err)
	}
	syscall.CloseOnExec(fd)
	return os.NewFile(uintptr(fd), file.Name()), nil
}
