//go:build !linux

package rungs

import (
	"fmt"
	"os"
	"syscall"
)

// NewPixels gives a file without a name for so many bytes.
func NewPixels(bytes int64) (*os.File, error) {
	file, err := os.CreateTemp("", "pictor-rung-")
	if err != nil {
		return nil, fmt.Errorf("make temporary file: %w", err)
	}
	os.Remove(file.Name())
	if err := file.Truncate(bytes); err != nil {
		file.Close()
		return nil, fmt.Errorf("make temporary file: %w", err)
	}
	return file, nil
}

// Duplicate gives a second descriptor of an open file.
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
