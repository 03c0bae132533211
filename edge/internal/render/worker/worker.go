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
	picture.SetWebPEffort(setup.WebPEffort)
	ready, nice := pipe.Answer{}, niceness
	if setup.Background {
		nice = backgroundNiceness
	}
	if err := confine(setup.MemoryBytes, nice); err != nil {
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
	files []*os.File
}

// serve answers one job after the other. Reading goes on while a job is rendered: when the pool is gone, so is the
// reason to finish.
func serve(conn *pipe.Conn) error {
	jobs := make(chan job)
	go func() {
		for {
			var j job
			files, err := conn.Receive(&j.Request)
			if err != nil {
				os.Exit(0)
			}
			j.files = files
			jobs <- j
		}
	}()
	for j := range jobs {
		if err := j.work(conn); err != nil {
			return err
		}
	}
	return nil
}

// work answers the request; an error is one of the connection.
func (j *job) work(conn *pipe.Conn) error {
	begun := processorTime()
	reply := func(body []byte, bands int, err error) error {
		a := answer(err)
		a.Bands, a.CPU = bands, processorTime()-begun
		begun += a.CPU
		return conn.Reply(a, body)
	}
	defer func() {
		for _, file := range j.files {
			file.Close()
		}
	}()
	specs, err := j.ready()
	if err != nil {
		return j.refuse(reply, err)
	}
	content, err := mapped(j.files[0], j.Bytes, j.Rung != nil)
	if err != nil {
		return j.refuse(reply, err)
	}
	defer unix.Munmap(content)
	task := picture.Job{Source: j.Source, Bytes: j.Bytes, Spec: specs[0], ToRung: j.ToRung, Best: j.Best, Clean: j.Clean}
	if j.Over != nil {
		over, err := mapped(j.files[len(j.files)-1], j.Over.Bytes, false)
		if err != nil {
			return j.refuse(reply, err)
		}
		defer unix.Munmap(over)
		task.Over = &picture.Overlay{Source: j.Over.Source, Data: over}
	}
	if j.Rung != nil {
		task.Rung = &picture.Rung{Width: j.Rung.Width, Height: j.Rung.Height, Bands: j.Rung.Bands}
	}
	switch {
	case j.Pixels:
		bands, err := task.Pixels(content, j.files[1])
		return reply(nil, bands, err)
	case len(specs) > 1:
		return task.Each(content, specs, func(body []byte, err error) error { return reply(body, 0, err) })
	default:
		body, err := task.Render(content)
		return reply(body, 0, err)
	}
}

// ready reads the request and sets its limit.
func (j *job) ready() (specs []transform.Spec, err error) {
	if len(j.files) < j.needs() {
		return nil, errors.New("request without a file")
	}
	for _, text := range append([]string{j.Spec}, j.Also...) {
		spec, err := transform.Parse(text)
		if err != nil {
			return nil, fmt.Errorf("read request: %w", err)
		}
		specs = append(specs, spec)
	}
	return specs, limitCPU(j.CPU)
}

// refuse answers for every Spec of the request.
func (j *job) refuse(reply func([]byte, int, error) error, err error) error {
	for range 1 + len(j.Also) {
		if err := reply(nil, 0, err); err != nil {
			return err
		}
	}
	return nil
}

// needs is how many files the request must bring.
func (j *job) needs() int {
	n := 1
	if j.Pixels {
		n++
	}
	if j.Over != nil {
		n++
	}
	return n
}

// mapped maps a file: only the pages that the decoder asks for are read, and none is copied. It may be longer where it is
// the memory of a rung.
func mapped(file *os.File, bytes int64, longer bool) ([]byte, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, fmt.Errorf("map source: %w", err)
	}
	if size := info.Size(); bytes <= 0 || size < bytes || size > bytes && !longer {
		return nil, fmt.Errorf("map source: it has %d bytes, not %d", size, bytes)
	}
	content, err := unix.Mmap(int(file.Fd()), 0, int(bytes), unix.PROT_READ, unix.MAP_PRIVATE)
	if err != nil {
		return nil, fmt.Errorf("map source: %w", err)
	}
	return content, nil
}

func answer(err error) pipe.Answer {
	if err == nil {
		return pipe.Answer{}
	}
	if err == edge.ErrNotSmaller {
		return pipe.Answer{Larger: true}
	}
	kind := edge.KindOf(err)
	return pipe.Answer{Failure: err.Error(), Damaged: kind == edge.Damaged, Invalid: kind == edge.Invalid}
}
