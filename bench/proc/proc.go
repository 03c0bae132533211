// Package proc runs the processes of a measurement: bound to a core, ended with their children, and measured from
// /proc. It is for Linux.
package proc

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Spec says what to run.
type Spec struct {
	Name string // for errors
	Path string
	Args []string
	Env  []string // more variables, as NAME=value
	Dir  string
	Log  string // file that takes what it prints
	CPU  int    // the only core it may use; -1 for all
}

// Process is one that runs, with its children.
type Process struct {
	Pid  int
	name string
	log  string
	cmd  *exec.Cmd
	done chan struct{} // closed when it has ended
	stop sync.Once
}

// adopt makes this program the parent of processes whose own parent ended first, so that Stop sees their end.
var adopt = sync.OnceValue(func() error { return unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) })

// Start runs a process. It gets SIGTERM when this program dies, however that happens.
func Start(s Spec) (*Process, error) {
	if err := adopt(); err != nil {
		return nil, fmt.Errorf("start %s: %w", s.Name, err)
	}
	out, err := os.OpenFile(s.Log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, err
	}
	defer out.Close()
	cmd := exec.Command(s.Path, s.Args...)
	cmd.Env, cmd.Dir, cmd.Stdout, cmd.Stderr = append(os.Environ(), s.Env...), s.Dir, out, out
	p := &Process{name: s.Name, log: s.Log, cmd: cmd, done: make(chan struct{})}
	if err := StartOn(cmd, s.CPU); err != nil {
		return nil, fmt.Errorf("start %s: %w", s.Name, err)
	}
	p.Pid = cmd.Process.Pid
	go func() {
		_ = cmd.Wait() // how it ended is in its log
		close(p.done)
	}()
	return p, nil
}

// StartOn starts a command in a process group of its own, on one core, or on all with -1.
func StartOn(cmd *exec.Cmd, cpu int) error {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
	return OnParentThread(func() error {
		if cpu < 0 {
			return cmd.Start()
		}
		var before unix.CPUSet
		if err := unix.SchedGetaffinity(0, &before); err != nil {
			return fmt.Errorf("read affinity: %w", err)
		}
		if err := setAffinity(0, cpu); err != nil { // children inherit it
			return err
		}
		err := cmd.Start()
		return errors.Join(err, unix.SchedSetaffinity(0, &before))
	})
}

// parentThread is one locked thread that starts all processes: Pdeathsig counts the thread's death, not the process's.
var parentThread = sync.OnceValue(func() chan func() {
	work := make(chan func())
	go func() {
		runtime.LockOSThread()
		for f := range work {
			f()
		}
	}()
	return work
})

// OnParentThread runs f on the thread whose death ends the processes that f starts with a Pdeathsig.
func OnParentThread(f func() error) error {
	result := make(chan error)
	parentThread() <- func() { result <- f() }
	return <-result
}

// stopWait is how long a process may take to end after SIGTERM.
const stopWait = 5 * time.Second

// Stop ends the process, then whatever is left of its group, and waits until all of it is gone.
func (p *Process) Stop() { p.stop.Do(p.end) }

func (p *Process) end() {
	_ = p.cmd.Process.Signal(syscall.SIGTERM) // it may have ended already
	select {
	case <-p.done:
	case <-time.After(stopWait):
	}
	_ = syscall.Kill(-p.Pid, syscall.SIGKILL)
	<-p.done
	for err := error(nil); err == nil || err == unix.EINTR; { // until none of the group is left
		_, err = unix.Wait4(-p.Pid, nil, 0, nil)
	}
}

// WaitListening waits until something answers on a TCP address, and fails when the process ends before.
func (p *Process) WaitListening(ctx context.Context, address string) error {
	for {
		conn, err := net.DialTimeout("tcp", address, time.Second)
		if err == nil {
			return conn.Close()
		}
		select {
		case <-p.done:
			return fmt.Errorf("%s ended: %s", p.name, lastLines(p.log))
		case <-ctx.Done():
			return fmt.Errorf("%s does not listen on %s: %w: %s", p.name, address, ctx.Err(), lastLines(p.log))
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// lastLines is the end of a log.
func lastLines(file string) string {
	text, err := os.ReadFile(file)
	if err != nil {
		return err.Error()
	}
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-5):], []byte("\n")))
}
