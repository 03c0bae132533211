package memfile

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// fileName is what /proc shows.
const fileName = "pictor"

func create() (*os.File, error) {
	fd, err := unix.MemfdCreate(fileName, unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), fileName), nil
}

func fixLength(file *os.File) error { return seal(file, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW) }

// Freeze makes the file what it is for good: nobody who maps it loses it from under them, or finds it changed.
func Freeze(file *os.File) error {
	return seal(file, unix.F_SEAL_WRITE|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL)
}

func seal(file *os.File, seals int) error {
	_, err := unix.FcntlInt(file.Fd(), unix.F_ADD_SEALS, seals)
	return err
}

// Reopen opens the file once more for reading, with an offset of its own. The lock marks it as open for as long as any
// process has that descriptor: the kernel counts for us.
func Reopen(file *os.File) (*os.File, error) {
	opened, err := os.Open(fmt.Sprintf("/proc/self/fd/%d", file.Fd()))
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(opened.Fd()), unix.LOCK_SH|unix.LOCK_NB); err != nil {
		opened.Close()
		return nil, err
	}
	return opened, nil
}

// InUse reports whether anybody has what Reopen gave.
func InUse(file *os.File) bool {
	if unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return true
	}
	_ = unix.Flock(int(file.Fd()), unix.LOCK_UN)
	return false
}

// Duplicate gives a second descriptor of a file of any kind, with the same offset.
func Duplicate(file *os.File) (*os.File, error) {
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("duplicate descriptor: %w", err)
	}
	return os.NewFile(uintptr(fd), file.Name()), nil
}
