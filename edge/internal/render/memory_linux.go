package render

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// memoryFile gives a file with those bytes that needs no disk: an edge may run where nothing is writable.
func memoryFile(body []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("check", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("make memory file: %w", err)
	}
	file := os.NewFile(uintptr(fd), "check")
	if _, err := file.Write(body); err != nil {
		file.Close()
		return nil, fmt.Errorf("fill memory file: %w", err)
	}
	return file, nil
}
