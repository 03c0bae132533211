package originals

import (
	"errors"
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
