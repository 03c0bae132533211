package originals

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// reserve takes the room that a file needs before anything is fetched: a full disk says so at once. File systems that
// cannot tell write without.
func reserve(file *os.File, bytes int64) error {
	for {
		switch err := unix.Fallocate(int(file.Fd()), 0, 0, bytes); err {
		case unix.EINTR: // by the scheduler of Go
		case unix.EOPNOTSUPP, unix.ENOSYS:
			return nil
		default:
			return err
		}
	}
}

// isFull reports whether an error says that there is no room, as opposed to a disk that is sick.
func isFull(err error) bool { return errors.Is(err, unix.ENOSPC) || errors.Is(err, unix.EDQUOT) }

// newMemory gives an empty file in memory.
func newMemory() (*os.File, error) {
	fd, err := unix.MemfdCreate("original", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	if err != nil {
		return nil, fmt.Errorf("make memory file: %w", err)
	}
	return os.NewFile(uintptr(fd), "original"), nil
}

// seal makes the file what it is for good: nobody who maps it loses it from under them.
func seal(file *os.File) error {
	_, err := unix.FcntlInt(file.Fd(), unix.F_ADD_SEALS,
		unix.F_SEAL_WRITE|unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL)
	return err
}

// reopen opens the file once more, with an offset of its own. The lock marks it as open for as long as any process has
// that descriptor: the kernel counts for us.
func reopen(file *os.File) (*os.File, error) {
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

// isOpenElsewhere reports whether somebody has what reopen gave.
func isOpenElsewhere(file *os.File) bool {
	if unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB) != nil {
		return true
	}
	_ = unix.Flock(int(file.Fd()), unix.LOCK_UN)
	return false
}
