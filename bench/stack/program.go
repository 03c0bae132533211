package stack

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/pictor/pictor/bench/proc"
)

// Program is one running process of a Stack.
type Program struct {
	Name   string
	URL    string // public
	OpsURL string // operations listener

	path, log string
	env       []string
	note      io.Writer
	socket    *os.File // the public port, where it outlives the process; else nil

	mu       sync.Mutex // guards what follows
	cmd      *exec.Cmd
	ended    chan struct{} // closed when cmd has ended
	stopping bool
	restart  bool // when it ends by itself; not before the first start succeeded
}

// start runs the program; its output goes to its log file.
func (p *Program) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopping = false
	return p.startLocked()
}

func (p *Program) startLocked() error {
	out, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	defer out.Close()
	cmd := exec.Command(p.path, "serve")
	if p.socket != nil { // as systemd does: a variable names the process that the socket is for
		cmd = exec.Command("/bin/sh", "-c", `export LISTEN_PID=$$ LISTEN_FDS=1 LISTEN_FDNAMES=public; exec "$0" serve`, p.path)
		cmd.ExtraFiles = []*os.File{p.socket}
	}
	cmd.Env, cmd.Stdout, cmd.Stderr = p.env, out, out
	// A group of its own: Ctrl-C reaches this process only, which then stops the programs in order.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	if err := proc.OnParentThread(cmd.Start); err != nil {
		return fmt.Errorf("start %s: %w", p.Name, err)
	}
	p.cmd, p.ended = cmd, make(chan struct{})
	go p.watch(cmd, p.ended)
	return nil
}

// watch starts the program again when it ends by itself.
func (p *Program) watch(cmd *exec.Cmd, ended chan struct{}) {
	err := cmd.Wait()
	p.mu.Lock()
	stopping, restart := p.stopping, p.restart // before the end is told: who waits for it may start the program again
	p.mu.Unlock()
	close(ended)
	if stopping {
		return
	}
	fmt.Fprintf(p.note, "%s ended by itself (%v), see %s\n", p.Name, err, p.log)
	if !restart {
		return
	}
	time.Sleep(time.Second) // a program that cannot start must not spin
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.stopping {
		return
	}
	if err := p.startLocked(); err != nil {
		fmt.Fprintln(p.note, err)
		return
	}
	fmt.Fprintf(p.note, "%s runs again\n", p.Name)
}

// keepPort opens the public port for good, if it is to be kept: connections wait in it while the program restarts.
func (p *Program) keepPort(keep bool) error {
	if !keep {
		return nil
	}
	l, err := net.Listen("tcp", strings.TrimPrefix(p.URL, "http://"))
	if err != nil {
		return fmt.Errorf("keep the port of %s: %w", p.Name, err)
	}
	defer l.Close() // its file stays
	p.socket, err = l.(*net.TCPListener).File()
	return err
}

func (p *Program) keepRunning(restart bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.restart = restart
}

// Start runs a stopped or killed program again. It does not wait until it is ready.
func (p *Program) Start() error { return p.start() }

// Pid is the process id.
func (p *Program) Pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd.Process.Pid
}

// stopWait is how long a program may take to end after SIGTERM.
const stopWait = 40 * time.Second

// Stop ends the program with SIGTERM, and with SIGKILL when it takes too long.
func (p *Program) Stop() {
	ended := p.signal(syscall.SIGTERM)
	if ended == nil {
		return
	}
	select {
	case <-ended:
	case <-time.After(stopWait):
		fmt.Fprintf(p.note, "%s did not end within %s and was killed\n", p.Name, stopWait)
		<-p.signal(syscall.SIGKILL)
	}
}

// Kill ends the program at once, as a crash would, and waits until it is gone.
func (p *Program) Kill() {
	if ended := p.signal(syscall.SIGKILL); ended != nil {
		<-ended
	}
}

func (p *Program) signal(s syscall.Signal) chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopping = true
	if p.cmd == nil {
		return nil
	}
	_ = p.cmd.Process.Signal(s) // it may have ended already
	return p.ended
}

// failed waits until the program has ended or ctx does, and tells why it cannot become ready; nil when ctx ended first.
func (p *Program) failed(ctx context.Context) error {
	p.mu.Lock()
	ended := p.ended
	p.mu.Unlock()
	select {
	case <-ended:
		return p.gone()
	case <-ctx.Done():
		return nil
	}
}

// gone tells why the program cannot become ready any more, or nil.
func (p *Program) gone() error {
	p.mu.Lock()
	ended, restart := p.ended, p.restart
	p.mu.Unlock()
	select {
	case <-ended:
	default:
		return nil
	}
	if restart {
		return nil
	}
	return fmt.Errorf("%s ended:\n%s", p.Name, p.lastLines())
}

// lastLines is the end of the log.
func (p *Program) lastLines() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-10):], []byte("\n")))
}

// WaitReady waits until the program says that it is.
func (p *Program) WaitReady(ctx context.Context) error {
	return p.until(ctx, "become ready", func() bool {
		resp, err := http.Get(p.OpsURL + "/readyz")
		if err != nil {
			return false
		}
		resp.Body.Close()
		return resp.StatusCode == http.StatusOK
	})
}

// WaitMetric waits until a metric without labels has the value.
func (p *Program) WaitMetric(ctx context.Context, name string, want float64) error {
	return p.until(ctx, fmt.Sprintf("reach %s = %v", name, want), func() bool {
		got, err := p.Metric(name)
		return err == nil && got == want
	})
}

func (p *Program) until(ctx context.Context, what string, holds func() bool) error {
	for {
		if holds() {
			return nil
		}
		if err := p.gone(); err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			if cause := context.Cause(ctx); cause != ctx.Err() {
				return cause
			}
			return fmt.Errorf("%s did not %s in time:\n%s", p.Name, what, p.lastLines())
		case <-time.After(pollEvery):
		}
	}
}

// Metric sums a metric over all series that have the labels, each as «name="value"»; one that is not there counts 0.
func (p *Program) Metric(name string, labels ...string) (float64, error) {
	resp, err := http.Get(p.OpsURL + "/metrics")
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	var sum float64
	lines := bufio.NewScanner(resp.Body)
	for lines.Scan() {
		series, value, ok := strings.Cut(lines.Text(), " ")
		base, has, _ := strings.Cut(series, "{")
		if !ok || base != name || slices.ContainsFunc(labels, func(l string) bool { return !strings.Contains(has, l) }) {
			continue
		}
		n, err := strconv.ParseFloat(value, 64)
		if err != nil {
			return 0, fmt.Errorf("metric %s: %w", series, err)
		}
		sum += n
	}
	return sum, lines.Err()
}
