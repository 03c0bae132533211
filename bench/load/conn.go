package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// readBytes is enough for the head of an answer and all of a small one.
const readBytes = 16 << 10

// conn is a connection with at most one request in flight.
type conn struct {
	fd     int
	busy   bool          // a request is in flight
	due    time.Duration // of the request in flight, or the last
	freed  time.Duration // open loop: when the last request was done with
	head   []byte        // of the answer, while it is not complete; seldom used
	left   int64         // bytes of the body that are to come
	inBody bool
	length int64 // of the last body
}

func dial(addr *unix.SockaddrInet4) (*conn, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	if err = errors.Join(unix.Connect(fd, addr), unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1),
		unix.SetNonblock(fd, true)); err != nil {
		unix.Close(fd)
		return nil, err
	}
	return &conn{fd: fd}, nil
}

// send writes a request. It fits the empty send buffer of an idle connection, so a short write is an error.
func (c *conn) send(request []byte) error {
	n, _, errno := unix.RawSyscall6(unix.SYS_SENDTO, uintptr(c.fd), uintptr(unsafe.Pointer(&request[0])),
		uintptr(len(request)), unix.MSG_DONTWAIT|unix.MSG_NOSIGNAL, 0, 0)
	switch {
	case errno != 0:
		return errno
	case int(n) < len(request):
		return io.ErrShortWrite
	}
	return nil
}

// receive reads what is there. complete means that the answer has come wholly.
func (c *conn) receive(buf []byte, status int) (complete bool, err error) {
	if c.inBody {
		return c.drain()
	}
	n, err := recv(c.fd, buf, 0)
	if err != nil || n < 0 {
		return false, err
	}
	return c.parse(buf[:n], status)
}

// parse takes the beginning of an answer.
func (c *conn) parse(got []byte, status int) (bool, error) {
	if len(c.head) > 0 {
		c.head = append(c.head, got...)
		got = c.head
	}
	end := bytes.Index(got, []byte("\r\n\r\n"))
	if end < 0 {
		if len(got) > readBytes {
			return false, errors.New("the head of the answer is too long")
		}
		if len(c.head) == 0 {
			c.head = append(c.head, got...) // got is lent
		}
		return false, nil
	}
	length, err := readHead(got[:end+2], status)
	if err != nil {
		return false, err
	}
	c.length, c.left = length, length-int64(len(got)-end-4)
	c.head = c.head[:0]
	if c.left < 0 {
		return false, errors.New("more came than the answer's Content-Length")
	}
	c.inBody = c.left > 0
	return !c.inBody, nil
}

// drain throws away what there is of the body; MSG_TRUNC lets the kernel do it without a copy.
func (c *conn) drain() (bool, error) {
	n, err := recv(c.fd, nil, int(c.left))
	if err != nil || n < 0 {
		return false, err
	}
	c.left -= int64(n)
	c.inBody = c.left > 0
	return !c.inBody, nil
}

// recv reads into buf or, without one, throws away up to so many bytes. It gives -1 when there is nothing yet.
func recv(fd int, buf []byte, discard int) (int, error) {
	var at unsafe.Pointer
	size, flags := uintptr(discard), uintptr(unix.MSG_DONTWAIT|unix.MSG_TRUNC)
	if buf != nil {
		at, size, flags = unsafe.Pointer(&buf[0]), uintptr(len(buf)), unix.MSG_DONTWAIT
	}
	// Raw, because it never blocks: the scheduler need not know of it.
	n, _, errno := unix.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(at), size, flags, 0, 0)
	switch {
	case errno == unix.EAGAIN || errno == unix.EINTR:
		return -1, nil
	case errno != 0:
		return 0, errno
	case n == 0:
		return 0, io.EOF
	}
	return int(n), nil
}

// readHead checks the status line and gives the body's length. head ends with the line end of its last field.
func readHead(head []byte, status int) (int64, error) {
	got, err := statusOf(head)
	if err != nil {
		return 0, err
	}
	if got != status {
		return 0, fmt.Errorf("status %d, not %d", got, status)
	}
	if got == 304 || got == 204 {
		return 0, nil
	}
	value, ok := field(head, "\r\nContent-Length: ")
	if !ok {
		return 0, errors.New("an answer without Content-Length")
	}
	n, err := strconv.ParseUint(string(value), 10, 63)
	if err != nil {
		return 0, fmt.Errorf("odd Content-Length %q", value)
	}
	return int64(n), nil
}

func statusOf(head []byte) (int, error) {
	if len(head) < 12 || !bytes.HasPrefix(head, []byte("HTTP/1.1 ")) {
		return 0, fmt.Errorf("not an HTTP/1.1 answer: %.40q", head)
	}
	return strconv.Atoi(string(head[9:12]))
}

// field finds a value by its name as it is mostly spelled; other spellings cost more.
func field(head []byte, name string) ([]byte, bool) {
	_, rest, ok := bytes.Cut(head, []byte(name))
	if !ok {
		lower := bytes.ToLower(head)
		at := bytes.Index(lower, bytes.ToLower([]byte(name)))
		if at < 0 {
			return nil, false
		}
		rest = head[at+len(name):]
	}
	value, _, ok := bytes.Cut(rest, []byte("\r\n"))
	return value, ok
}
