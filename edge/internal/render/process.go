package render

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/render/pipe"
)

const (
	startTime = 30 * time.Second // 30 ms on an idle machine; being starved is not the fault of the worker

	// grace is how long a job that nobody waits for may go on: most jobs are done before a killed worker would be
	// replaced, so only the long ones are worth killing.
	grace = time.Second
)

// worker is one process and its end of the socket. A goroutine that took it from a lane has it for itself.
type worker struct {
	lane   lane
	cmd    *exec.Cmd
	conn   *pipe.Conn
	stderr *tail
	gone   chan struct{} // closed when the process has ended and left the pool
	limits limits

	jobs   int
	broken string    // why the worker can take no more jobs
	rested time.Time // when it last had nothing to do; guarded by Pool.mu
	tasks  int       // handed to it and not over; guarded by Pool.mu
	since  time.Time // when it was given its job; guarded by Pool.mu

	cost time.Duration // predicted, of the longest of its tasks; guarded by Pool.mu

	mu   sync.Mutex
	turn int // number of the job that the read deadline belongs to
}

type limits struct{ cpu, wall time.Duration }

// start runs a worker process and waits until it is ready.
func (p *Pool) start(lane lane) (*worker, error) {
	ours, theirs, err := socketpair()
	if err != nil {
		return nil, err
	}
	conn, err := pipe.NewConn(ours)
	if err != nil {
		theirs.Close()
		return nil, err
	}
	w := &worker{lane: lane, conn: conn, stderr: &tail{}, gone: make(chan struct{}),
		limits: p.limits(lane)}
	w.cmd = exec.Command(p.cfg.Command[0], p.cfg.Command[1:]...)
	w.cmd.Env = environment()
	w.cmd.Dir = "/"
	w.cmd.Stderr = w.stderr
	w.cmd.ExtraFiles = []*os.File{theirs} // descriptor 3
	if err := p.run(w, theirs); err != nil {
		conn.Close()
		return nil, fmt.Errorf("start render worker: %w", err)
	}
	if err := p.greet(w); err != nil {
		w.kill()
		<-w.gone
		return nil, fmt.Errorf("start render worker: %w%s", err, w.stderr.text())
	}
	return w, nil
}

// run starts the process and watches for its end.
func (p *Pool) run(w *worker, theirs *os.File) error {
	defer theirs.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closing {
		return errors.New("the pool is closed")
	}
	if err := w.cmd.Start(); err != nil {
		return err
	}
	p.workers[w] = struct{}{}
	p.tasksDone.Go(func() {
		w.cmd.Wait() // its error is in ProcessState
		w.conn.Close()
		p.mu.Lock()
		delete(p.workers, w)
		p.mu.Unlock()
		close(w.gone)
		p.lost(w)
	})
	return nil
}

// greet tells the worker its limits and waits for it.
func (p *Pool) greet(w *worker) error {
	if err := w.conn.SetDeadline(time.Now().Add(startTime)); err != nil {
		return err
	}
	if err := w.conn.Send(pipe.Setup{MemoryBytes: p.cfg.MemoryBytes, Background: w.lane == background,
		WebPEffort: p.cfg.WebPEffort}); err != nil {
		return err
	}
	ready, _, err := w.conn.Answer()
	if err != nil {
		return err
	}
	if ready.Failure != "" {
		p.cfg.Log.Warn("render worker is not fully confined", "pid", w.pid(), "err", ready.Failure)
	}
	return w.conn.SetDeadline(time.Time{})
}

// limits of a job: who waits less may work longer.
func (p *Pool) limits(l lane) limits {
	if l == background {
		return limits{backgroundTime * p.cfg.CPUTime, backgroundTime * p.cfg.WallTime}
	}
	return limits{p.cfg.CPUTime, p.cfg.WallTime}
}

// backgroundTime is how many times as long a job may take that nobody waits for.
const backgroundTime = 4

// environment is all that a worker gets to see: no secrets of the edge.
func environment() []string {
	env := []string{
		"MALLOC_ARENA_MAX=2", // cuts peak memory by about a third at equal speed
		"GOMAXPROCS=2",       // one for the job, one to notice that the pool is gone
		"GOTRACEBACK=none",   // a crash in C says nothing in Go's stacks
	}
	if path, ok := os.LookupEnv("LD_LIBRARY_PATH"); ok {
		env = append(env, "LD_LIBRARY_PATH="+path)
	}
	return env
}

// socketpair gives two ends that no other child inherits.
func socketpair() (ours, theirs *os.File, err error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("make worker socket: %w", err)
	}
	syscall.CloseOnExec(fds[0])
	syscall.CloseOnExec(fds[1])
	if err := syscall.SetNonblock(fds[0], true); err != nil {
		return nil, nil, fmt.Errorf("make worker socket: %w", err)
	}
	return os.NewFile(uintptr(fds[0]), "worker"), os.NewFile(uintptr(fds[1]), "pool"), nil
}

// send hands over a job; its files may be closed afterwards. The number it gives is for abandon.
func (w *worker) send(t *task) (turn int, err error) {
	w.mu.Lock()
	w.turn++
	turn = w.turn
	err = w.conn.SetDeadline(time.Now().Add(w.limits.wall))
	w.mu.Unlock()
	w.jobs++
	if err != nil {
		return turn, err
	}
	request, files := t.request(w.limits.cpu)
	return turn, w.conn.Send(request, files...)
}

// receive waits for the answer to the job sent. Without one the worker is broken. Only the verdict is the worker's, not
// its wording: it has met hostile bytes.
func (w *worker) receive() outcome {
	answer, body, err := w.conn.Answer()
	switch {
	case errors.Is(err, os.ErrDeadlineExceeded):
		w.broken = "deadline"
	case err != nil:
		w.broken = "crash"
	case answer.Damaged:
		err = &edge.Error{Kind: edge.Damaged, Message: "the picture cannot be decoded", Err: errors.New(answer.Failure)}
	case answer.Larger:
		err = edge.ErrNotSmaller
	case answer.Invalid:
		err = &edge.Error{Kind: edge.Invalid, Message: "what is left of the trimmed picture has no such size",
			Err: errors.New(answer.Failure)}
	case answer.Failure != "":
		err = &edge.Error{Kind: edge.Internal, Message: "the picture could not be rendered", Err: errors.New(answer.Failure)}
	}
	return outcome{body, answer.Bands, answer.CPU, err}
}

// abandon lets the job end soon, if it is still the one that is running.
func (w *worker) abandon(turn int) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.turn == turn {
		w.conn.SetReadDeadline(time.Now().Add(grace)) // fails when the process is gone, and so is the job
	}
}

// verdict says what the failure of a broken worker means for the job that it had.
func (p *Pool) verdict(t *task, w *worker, cause error) error {
	w.kill()
	<-w.gone
	state, fresh := w.cmd.ProcessState, w.jobs == 1
	ended := fmt.Errorf("render worker %d ended, %s: %w%s", w.pid(), state, cause, w.stderr.text())
	switch {
	case p.isClosed():
		return shuttingDown(cause)
	case state.ExitCode() == pipe.ExitCPU:
		w.broken = "deadline"
		p.strikes.crashed(t.blame, fresh)
		return &edge.Error{Kind: edge.Timeout, Message: "rendering the picture took too long", Err: cause}
	case w.broken == "deadline": // by the clock on the wall: a busy machine, or nobody waits any more
		return &edge.Error{Kind: edge.Timeout, Message: "rendering the picture took too long", Err: cause}
	case cut(cause) && killed(state): // from outside: by a system short of memory, or an operator
		return &edge.Error{Kind: edge.Unavailable, Message: "the renderer was stopped", RetryAfter: time.Second, Err: ended}
	}
	p.strikes.crashed(t.blame, fresh)
	return &edge.Error{Kind: edge.Damaged, Message: "the picture could not be rendered", Err: ended}
}

// cut reports whether the connection ended, rather than what came over it was nonsense.
func cut(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET)
}

// killed reports whether a signal ended the process that no process sends itself.
func killed(state *os.ProcessState) bool {
	status, ok := state.Sys().(syscall.WaitStatus)
	return ok && status.Signaled() && status.Signal() == syscall.SIGKILL
}

func (p *Pool) isClosed() bool {
	select {
	case <-p.closed:
		return true
	default:
		return false
	}
}

func (w *worker) kill() { w.cmd.Process.Kill() }

func (w *worker) pid() int { return w.cmd.Process.Pid }

// tail keeps the beginning of what a worker says before it dies; the rest is register dumps.
type tail struct {
	mu   sync.Mutex
	said strings.Builder
}

const maxSaid = 2 << 10

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.said.Write(b[:min(len(b), max(0, maxSaid-t.said.Len()))])
	return len(b), nil
}

// text is what was said, ready to follow an error.
func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.said.Len() == 0 {
		return ""
	}
	return "; it said: " + strings.TrimSpace(t.said.String())
}
