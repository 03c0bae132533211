package rungs

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// NewPixels gives a file in memory for so many bytes. It can be written, but its length is fixed: nobody who maps it
// loses it from under them.
func NewPixels(bytes int64) (*os.File, error) {
	fd, err := unix.MemfdCreate("rung", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("make memory file: %w", err)
	}
	file := os.NewFile(uintptr(fd), "rung")
	if err := file.Truncate(bytes); err != nil {
		file.Close()
		return nil, fmt.Errorf("make memory file: %w", err)
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW); err != nil {
		file.Close()
		return nil, fmt.Errorf("make memory file: %w", err)
	}
	return file, nil
}

// Duplicate gives a second descriptor of an open file.
func Duplicate(file *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("duplicate descriptor: %w", err)
	}
	return os.NewFile(uintptr(fd), file.Name()), nil
}
