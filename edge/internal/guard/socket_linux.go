package guard

import (
	"io"
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// polled is a socket that is asked only when the system has said that there is something.
//
// All turns happen inside of one RawConn.Read. Its waiting ends at once when something came since it last waited, and
// that is what makes it right not to try in between; a new Read would forget it.
type polled struct {
	raw syscall.RawConn
	fd  int // during a turn, else -1
}

func socketOf(c net.Conn) socket {
	if system, ok := c.(syscall.Conn); ok {
		if raw, err := system.SyscallConn(); err == nil {
			return &polled{raw: raw, fd: -1}
		}
	}
	return waiting{c}
}

func (s *polled) each(turn func() (bool, error)) error {
	var failed error
	err := s.raw.Read(func(fd uintptr) (done bool) {
		s.fd = int(fd)
		again, err := turn()
		s.fd, failed = -1, err
		return !again
	})
	if err != nil {
		return err
	}
	return failed
}

func (s *polled) read(p []byte) (int, error) {
	for {
		n, err := unix.Read(s.fd, p)
		switch {
		case n > 0:
			return n, nil
		case err == nil:
			return 0, io.EOF
		case err == unix.EAGAIN:
			return 0, errNothing
		case err != unix.EINTR:
			return 0, err
		}
	}
}

func (s *polled) writeNow(head, body []byte) (int, error) {
	if s.fd < 0 {
		return 0, nil
	}
	for {
		n, err := s.write(head, body)
		switch {
		case err == nil:
			return n, nil
		case err == unix.EAGAIN:
			return 0, nil
		case err != unix.EINTR:
			return 0, err
		}
	}
}

func (s *polled) write(head, body []byte) (int, error) {
	if len(body) == 0 {
		return unix.Write(s.fd, head) // 304: the simpler call costs less
	}
	return unix.Writev(s.fd, [][]byte{head, body})
}

func (*polled) blocks() bool { return false }

func (s *polled) gone() (gone bool) {
	err := s.raw.Control(func(fd uintptr) {
		var next [1]byte
		n, _, err := unix.Recvfrom(int(fd), next[:], unix.MSG_PEEK|unix.MSG_DONTWAIT)
		gone = n == 0 && err == nil || err != nil && err != unix.EAGAIN && err != unix.EINTR
	})
	return gone || err != nil
}
