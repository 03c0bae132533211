//go:build linux && (amd64 || arm64)

package worker

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// Confinement cannot be taken back, so the test confines a process of its own: this binary with one argument.
func TestMain(m *testing.M) {
	if len(os.Args) == 2 && os.Args[1] == "confined" {
		os.Exit(confined())
	}
	os.Exit(m.Run())
}

// confined prints what a confined process can still do.
func confined() int {
	if err := confine(1<<30, niceness); err != nil {
		fmt.Println(err)
		return 1
	}
	report := func(what string, err error) {
		if !errors.Is(err, unix.EPERM) {
			fmt.Printf("%s is allowed: %v\n", what, err)
		}
	}
	results := make(chan error)
	go func() { // on another thread as well
		_, err := net.Dial("tcp", "127.0.0.1:9")
		results <- err
	}()
	report("connecting", <-results)
	_, err := unix.Socket(unix.AF_INET6, unix.SOCK_DGRAM, 0)
	report("making a socket", err)
	_, err = net.Listen("tcp", "127.0.0.1:0")
	report("listening", err)
	_, err = os.ReadFile("/etc/hostname")
	report("reading a file", err)
	report("making a file", os.WriteFile("/tmp/pictor-confined", nil, 0o600))
	report("removing a file", os.Remove("/tmp/pictor-confined"))
	report("running a program", exec.Command("/bin/true").Run())
	report("signalling the parent", unix.Kill(os.Getppid(), 0))
	return 0
}

func TestConfine(t *testing.T) {
	out, err := exec.Command(os.Args[0], "confined").CombinedOutput()
	if err != nil || strings.TrimSpace(string(out)) != "" {
		t.Fatalf("%v\n%s", err, out)
	}
}
