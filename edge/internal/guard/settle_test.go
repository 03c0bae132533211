package guard

import (
	"fmt"
	"io"
	"os"
	"testing"
	"testing/synctest"
	"time"

	"github.com/valyala/fasthttp"
)

// told is a socket of a system that tells when there is something to read, as it is the case with polled.
type told struct {
	steps []string // what each attempt to read finds: a text, or nothing ("-"), or the end ("")
	tries int
}

// each is silent once nothing is left but the end.
func (s *told) each(turn func() (bool, error)) error {
	for {
		if again, err := turn(); !again {
			return err
		}
		if s.tries == len(s.steps)-1 {
			return os.ErrDeadlineExceeded
		}
	}
}

func (s *told) read(p []byte) (int, error) {
	step := s.steps[s.tries]
	s.tries++
	switch step {
	case "":
		return 0, io.EOF
	case "-":
		return 0, errNothing
	}
	return copy(p, step), nil
}

func (*told) writeNow(head, body []byte) (int, error) { return len(head) + len(body), nil }

func (*told) blocks() bool { return false }

func (*told) gone() bool { return false }

// deadlines remembers them.
type deadlines struct {
	nobody
	read *[]time.Duration
}

func (d deadlines) SetReadDeadline(t time.Time) error {
	*d.read = append(*d.read, time.Until(t))
	return nil
}

// After a request that came alone the server tries to read once more; after one of a row it does not, and makes up for it
// soon: the end may have come together with the request.
func TestReadsOnce(t *testing.T) {
	_ = new(fasthttp.ResponseHeader).Header() // starts fasthttp's own clock, which never ends, outside
	synctest.Test(t, testReadsOnce)
}

func testReadsOnce(t *testing.T) {
	const request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
	answered := 0
	s := New(Options{Handler: func(*fasthttp.RequestCtx) { answered++ }, IdleTime: time.Minute, HeadTime: 10 * time.Second})
	var set []time.Duration
	c := newConn(s, deadlines{read: &set})
	script := &told{steps: []string{request, "-", request, request, ""}}
	c.socket = script
	s.enter(c)
	c.serve()
	if answered != 3 || script.tries != len(script.steps) {
		t.Errorf("%d answers after %d attempts to read", answered, script.tries)
	}
	if got, want := fmt.Sprint(set), fmt.Sprint([]time.Duration{10 * time.Second, time.Minute, settleTime, time.Minute}); got != want {
		t.Errorf("deadlines %s, want %s", got, want)
	}
}

// starved is a socket of a process that comes to run only when all deadlines are over.
type starved struct {
	told
	missed int // attempts to wait that end before anything was tried
}

func (s *starved) each(turn func() (bool, error)) error {
	if s.missed > 0 {
		s.missed--
		return os.ErrDeadlineExceeded
	}
	return s.told.each(turn)
}

// What has come before a deadline is answered although the deadline is seen first; silence ends the connection.
func TestDeadlineSeenFirst(t *testing.T) {
	const request = "GET / HTTP/1.1\r\nHost: h\r\n\r\n"
	for _, steps := range [][]string{{request, "-", "-"}, {request, "-", request, "-", "-"}, {"-"}} {
		answered, want := 0, len(steps)/2
		s := New(Options{Handler: func(*fasthttp.RequestCtx) { answered++ }})
		c := newConn(s, nobody{})
		script := &starved{told{steps: steps}, 1}
		c.socket = script
		s.enter(c)
		c.serve()
		if answered != want || script.tries != len(steps) || s.Conns() != 0 {
			t.Errorf("%q: %d answers after %d attempts to read, want %d", steps, answered, script.tries, want)
		}
	}
}
