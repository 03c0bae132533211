package guard

import (
	"errors"
	"net"
)

// socket is the system's side of a connection.
type socket interface {
	// each calls turn again and again, whenever there may be something to read, until it gives false or an error.
	each(turn func() (again bool, err error)) error
	// read gives errNothing where it would have to wait; io.EOF at the end.
	read(p []byte) (int, error)
	// writeNow writes one after the other as much as can be written without waiting.
	writeNow(head, body []byte) (int, error)
	// blocks reports whether read waits instead of giving errNothing.
	blocks() bool
	// gone reports whether the other end is known to have closed the connection. Any goroutine may ask.
	gone() bool
}

var errNothing = errors.New("nothing to read yet")

// waiting is a socket that knows no better than to wait.
type waiting struct{ net.Conn }

func (w waiting) each(turn func() (bool, error)) error {
	for {
		if again, err := turn(); !again {
			return err
		}
	}
}

func (w waiting) read(p []byte) (int, error) { return w.Read(p) }

func (waiting) writeNow([]byte, []byte) (int, error) { return 0, nil }

func (waiting) blocks() bool { return true }

func (waiting) gone() bool { return false }
