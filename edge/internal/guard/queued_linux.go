package guard

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// queued is how many bytes the other end has not acknowledged.
func queued(c net.Conn) (n int, ok bool) {
	raw, ok := c.(syscall.Conn)
	if !ok {
		return 0, false
	}
	socket, err := raw.SyscallConn()
	if err != nil {
		return 0, false
	}
	var failed error
	err = socket.Control(func(fd uintptr) { n, failed = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) })
	return n, err == nil && failed == nil
}
