package main

import (
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// child is an edge in a process of its own.
func child(t *testing.T, args []string, files ...*os.File) *exec.Cmd {
	t.Helper()
	command := os.Args[0]
	cmd := exec.Command(command, args...)
	cmd.Env = append(os.Environ(), actAs+"=1")
	if len(files) > 0 { // as systemd does: the variables name the process that they are for
		cmd = exec.Command("sh", append([]string{"-c", `export LISTEN_PID=$$; exec "$0" "$@"`, command}, args...)...)
		cmd.Env = append(os.Environ(), actAs+"=1", "LISTEN_FDS=1", "LISTEN_FDNAMES=public")
		cmd.ExtraFiles = files
	}
	cmd.Stderr = os.Stderr
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() }) // has ended when all went well
	return cmd
}

func stop(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("the edge ended with %v", err)
	}
}

// A restart under load loses no request when the socket stays open: connections wait for the next process.
func TestRestartLosesNothing(t *testing.T) {
	args, public, ops := flags(t)
	l, err := net.Listen("tcp", public)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	socket, err := l.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	first := child(t, args, socket)
	waitFor(t, ops)

	end, crew := make(chan struct{}), sync.WaitGroup{}
	var answered atomic.Int64
	for worker := range 6 {
		client := &http.Client{Transport: &http.Transport{DisableKeepAlives: worker%2 == 0}, Timeout: time.Minute}
		crew.Go(func() {
			for {
				select {
				case <-end:
					return
				default:
				}
				resp, err := client.Get("http://" + public + "/v1/image/photo")
				if err != nil {
					t.Errorf("after %d answers: %v", answered.Load(), err)
					return
				}
				_, err = io.Copy(io.Discard, resp.Body)
				resp.Body.Close()
				if err != nil || resp.StatusCode != http.StatusServiceUnavailable {
					t.Errorf("%d %v", resp.StatusCode, err)
				}
				answered.Add(1)
			}
		})
	}
	more := func(n int64) {
		t.Helper()
		at := answered.Load()
		for deadline := time.Now().Add(time.Minute); answered.Load() < at+n && !t.Failed(); time.Sleep(time.Millisecond) {
			if time.Now().After(deadline) {
				t.Fatal("no answers")
			}
		}
	}
	more(200)
	stop(t, first)
	second := child(t, args, socket)
	waitFor(t, ops)
	more(200)
	close(end)
	crew.Wait()
	stop(t, second)
}

func TestSharedPort(t *testing.T) {
	first, err := bind("127.0.0.1:0", true)
	if err != nil {
		t.Fatal(err)
	}
	defer first.Close()
	second, err := bind(first.Addr().String(), true)
	if err != nil {
		t.Fatalf("the next edge cannot listen beside this one: %v", err)
	}
	defer second.Close()
	if third, err := bind(first.Addr().String(), false); err == nil {
		third.Close()
		t.Error("the port is shared with one who did not say so")
	}
}

func TestOddSockets(t *testing.T) {
	for _, c := range []struct{ count, names string }{
		{"x", ""}, {"-1", ""}, {"1000", ""}, {"1", "gossip"},
	} {
		args, _, _ := flags(t)
		cmd := exec.Command("sh", append([]string{"-c", `export LISTEN_PID=$$; exec "$0" "$@"`, os.Args[0]}, args...)...)
		cmd.Env = append(os.Environ(), actAs+"=1", "LISTEN_FDS="+c.count, "LISTEN_FDNAMES="+c.names)
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		socket, err := l.(*net.TCPListener).File()
		if err != nil {
			t.Fatal(err)
		}
		cmd.ExtraFiles = []*os.File{socket}
		if out, err := cmd.CombinedOutput(); err == nil {
			t.Errorf("LISTEN_FDS=%s LISTEN_FDNAMES=%s is taken: %s", c.count, c.names, out)
		}
		socket.Close()
		l.Close()
	}
}
