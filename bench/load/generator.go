package load

import (
	"fmt"
	"maps"
	"net"
	"runtime"
	"slices"
	"time"
	"unsafe"

	"github.com/HdrHistogram/hdrhistogram-go"
	"golang.org/x/sys/unix"
)

// generator drives all connections from one thread.
type generator struct {
	plan  Plan
	addr  unix.SockaddrInet4
	epoll int
	conns map[int32]*conn // by file descriptor
	turn  int             // which request comes next
	buf   []byte          // what was read last

	start      time.Time // of everything; times below are durations since
	hist       *hdrhistogram.Histogram
	late       *hdrhistogram.Histogram // see Result.Late
	served     int64                   // in the warm-up too
	answers    int64
	bytes      int64
	errors     int64
	firstError error
	unanswered int64
	firstAt    time.Duration // when measuring began
	lastAt     time.Duration // last measured answer, or the end
	busyFrom   time.Duration // processor time when measuring began
}

// longestLatency is what a histogram can hold.
const longestLatency = 2 * time.Minute

func newHistogram() *hdrhistogram.Histogram { return hdrhistogram.New(100, int64(longestLatency), 3) }

func newGenerator(p Plan) (*generator, error) {
	runtime.LockOSThread() // for processor time, and because the loops below do not yield
	addr, err := net.ResolveTCPAddr("tcp4", p.Address)
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	g := &generator{plan: p, epoll: epoll, conns: map[int32]*conn{}, buf: make([]byte, readBytes),
		hist: newHistogram(), late: newHistogram(), start: time.Now()}
	g.addr.Port = addr.Port
	copy(g.addr.Addr[:], addr.IP.To4())
	for range p.Conns {
		if _, err := g.dial(); err != nil {
			g.close()
			return nil, err
		}
	}
	return g, nil
}

func (g *generator) dial() (*conn, error) {
	c, err := dial(&g.addr)
	if err != nil {
		return nil, fmt.Errorf("load: connect to %s: %w", g.plan.Address, err)
	}
	event := unix.EpollEvent{Events: unix.EPOLLIN | unix.EPOLLRDHUP, Fd: int32(c.fd)}
	if err := unix.EpollCtl(g.epoll, unix.EPOLL_CTL_ADD, c.fd, &event); err != nil {
		unix.Close(c.fd)
		return nil, fmt.Errorf("load: %w", err)
	}
	g.conns[int32(c.fd)] = c
	return c, nil
}

func (g *generator) close() {
	for _, c := range g.conns {
		unix.Close(c.fd)
	}
	unix.Close(g.epoll)
	runtime.UnlockOSThread()
}

// all gives the connections in the order of their making.
func (g *generator) all() []*conn {
	return slices.SortedFunc(maps.Values(g.conns), func(a, b *conn) int { return a.fd - b.fd })
}

func (g *generator) now() time.Duration { return time.Since(g.start) }

// send asks for the next thing; the latency counts from due.
func (g *generator) send(c *conn, due time.Duration) error {
	c.due, c.busy = due, true
	request := g.plan.Requests[g.turn]
	if g.turn++; g.turn == len(g.plan.Requests) {
		g.turn = 0
	}
	return c.send(request)
}

// replace gives up a connection after an error, which is counted, and opens another in its place.
func (g *generator) replace(c *conn, why error) (*conn, error) {
	if g.firstError == nil {
		g.firstError = why
	}
	if g.errors++; g.errors > maxErrors {
		return nil, fmt.Errorf("load: %d errors, the first: %w", g.errors, g.firstError)
	}
	delete(g.conns, int32(c.fd))
	unix.Close(c.fd)
	return g.dial()
}

// wait calls ready for each connection that was answered completely, and for each that failed, within timeoutMS.
func (g *generator) wait(events []unix.EpollEvent, timeoutMS int, ready func(*conn, error) error) error {
	n, err := epollWait(g.epoll, events, timeoutMS)
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	for i := range n {
		c := g.conns[events[i].Fd]
		if c == nil {
			continue // replaced while this batch was handled
		}
		complete, err := c.receive(g.buf, g.plan.Status)
		if complete && err == nil {
			g.served++
		}
		if complete || err != nil {
			if err := ready(c, err); err != nil {
				return err
			}
		}
	}
	return nil
}

func epollWait(epoll int, events []unix.EpollEvent, timeoutMS int) (int, error) {
	if timeoutMS != 0 {
		n, err := unix.EpollWait(epoll, events, timeoutMS)
		if err == unix.EINTR {
			return 0, nil
		}
		return n, err
	}
	// Raw, because it does not block: the scheduler would take a thread that calls often for one that waits.
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(epoll), uintptr(unsafe.Pointer(&events[0])), uintptr(len(events)), 0, 0, 0)
	if errno != 0 {
		return 0, errno
	}
	return int(n), nil
}

// count adds a measured answer.
func (g *generator) count(c *conn, now time.Duration) {
	g.answers++
	g.bytes += c.length
	g.lastAt = now
	record(g.hist, now-c.due)
}

func record(h *hdrhistogram.Histogram, latency time.Duration) {
	if err := h.RecordValue(int64(min(latency, longestLatency))); err != nil {
		panic(err) // only values beyond its range are refused
	}
}

func (g *generator) result() *Result {
	r := &Result{Answers: g.answers, Served: g.served, Bytes: g.bytes, Elapsed: g.lastAt - g.firstAt, Errors: g.errors,
		Unanswered: g.unanswered, Latency: summary(g.hist), Late: summary(g.late)}
	if g.firstError != nil {
		r.FirstError = g.firstError.Error()
	}
	if busy, err := threadTime(); err == nil {
		r.Busy = busy - g.busyFrom
	}
	return r
}

func summary(h *hdrhistogram.Histogram) Latency {
	at := func(percentile float64) time.Duration { return time.Duration(h.ValueAtPercentile(percentile)) }
	return Latency{P50: at(50), P90: at(90), P99: at(99), P999: at(99.9), Max: time.Duration(h.Max()),
		Mean: time.Duration(h.Mean())}
}

// threadTime is the processor time of the calling thread.
func threadTime() (time.Duration, error) {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_THREAD, &u); err != nil {
		return 0, fmt.Errorf("load: %w", err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano()), nil
}
