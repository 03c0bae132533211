// Package worker is the process that renders: `pictor-edge render`. It has one socket to the pool, no network, no files
// but the sources it is handed, and nothing in its environment.
package worker

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/render/picture"
	"github.com/pictor/pictor/edge/internal/render/pipe"
	"github.com/pictor/pictor/shared/transform"
)

// Socket is the descriptor on which a worker finds its pool.
const Socket = 3

// Main is the whole life of a worker; the process exits with what it returns.
func Main() int {
	// Whoever stops the edge stops its process group too. Workers stay for the jobs that are being drained, and end
	// with their socket.
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

func run() error {
	conn, err := pipe.NewConn(os.NewFile(Socket, "pool"))
	if err != nil {
		return fmt.Errorf("%w (a worker is started by its pool, not by hand)", err)
	}
	var setup pipe.Setup
	if _, err := conn.Receive(&setup); err != nil {
		return fmt.Errorf("receive setup: %w", err)
	}
	picture.Start()
	ready := pipe.Answer{}
	if err := confine(setup.MemoryBytes); err != nil {
		ready.Failure = err.Error()
	}
	go exitOnCPULimit()
	if err := conn.Reply(ready, nil); err != nil {
		return err
	}
	return serve(conn)
}

type job struct {
	pipe.Request
	file *os.File
}

// serve answers one job after the other. Reading goes on while a job is rendered: when the pool is gone, so is the
// reason to finish.
func serve(conn *pipe.Conn) error {
	jobs := make(chan job)
	go func() {
		for {
			var j job
			file, err := conn.Receive(&j.Request)
			if err != nil {
				os.Exit(0)
			}
			j.file = file
			jobs <- j
		}
	}()
	for j := range jobs {
		body, err := j.render()
		if err := conn.Reply(answer(err), body); err != nil {
			return err
		}
	}
	return nil
}

func (j *job) render() ([]byte, error) {
	if j.file == nil {
		return nil, errors.New("request without a file")
	}
	defer j.file.Close()
	spec, err := transform.Parse(j.Spec)
	if err != nil {
		return nil, fmt.Errorf("read request: %w", err)
	}
	if err := limitCPU(j.CPU); err != nil {
		return nil, err
	}
	source, err := j.source()
	if err != nil {
		return nil, err
	}
	defer unix.Munmap(source)
	return picture.Render(source, j.Source, spec)
}

// source maps the file: only the pages that the decoder asks for are read, and none is copied.
func (j *job) source() ([]byte, error) {
	info, err := j.file.Stat()
	if err != nil {
		return nil, fmt.Errorf("map source: %w", err)
	}
	if info.Size() != j.Bytes || j.Bytes == 0 {
		return nil, fmt.Errorf("map source: it has %d bytes, not %d", info.Size(), j.Bytes)
	}
	source, err := unix.Mmap(int(j.file.Fd()), 0, int(j.Bytes), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("map source: %w", err)
	}
	return source, nil
}

func answer(err error) pipe.Answer {
	if err == nil {
		return pipe.Answer{}
	}
	kind := edge.KindOf(err)
	return pipe.Answer{Failure: err.Error(), Damaged: kind == edge.Damaged, Invalid: kind == edge.Invalid}
}
