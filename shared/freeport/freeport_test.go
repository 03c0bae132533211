package freeport_test

import (
	"bufio"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/pictor/pictor/shared/freeport"
)

// claimer is the variable that makes this test program claim ports until its standard input ends.
const claimer = "FREEPORT_TEST_CLAIMS"

func TestMain(m *testing.M) {
	if os.Getenv(claimer) == "" {
		os.Exit(m.Run())
	}
	for range 100 {
		c, err := freeport.Take(freeport.Most)
		if err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(c.Ports)
	}
	fmt.Println("done")
	_, _ = os.Stdin.Read(make([]byte, 1))
}

// No port is given twice, to whichever process asks and however many ask at once.
func TestClaimsAreDisjoint(t *testing.T) {
	var mu sync.Mutex
	seen := map[string]bool{}
	note := func(ports string) {
		mu.Lock()
		defer mu.Unlock()
		for port := range strings.FieldsSeq(strings.Trim(ports, "[]")) {
			if seen[port] {
				t.Errorf("%s was given twice", port)
			}
			seen[port] = true
		}
	}
	var crew sync.WaitGroup
	for range 3 {
		crew.Go(func() { claimInProcess(t, note) })
	}
	for range 100 {
		c, err := freeport.Take(3)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Release()
		note(fmt.Sprint(c.Ports))
	}
	crew.Wait()
	if want := 3*100*freeport.Most + 100*3; len(seen) != want {
		t.Errorf("%d ports, want %d", len(seen), want)
	}
}

// claimInProcess lets another process claim ports; it keeps them until the test ends.
func claimInProcess(t *testing.T, note func(ports string)) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), claimer+"=1")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Error(err)
		return
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Error(err)
		return
	}
	if err := cmd.Start(); err != nil {
		t.Error(err)
		return
	}
	t.Cleanup(func() {
		in.Close()
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	})
	lines := bufio.NewScanner(out)
	for lines.Scan() && lines.Text() != "done" {
		note(lines.Text())
	}
}

// A block in which something listens already is passed by, and so is one that is claimed.
func TestTakenBlocks(t *testing.T) {
	c, err := freeport.Take(2)
	if err != nil {
		t.Fatal(err)
	}
	lock := c.Ports[0] - 1
	refused := func(what string) {
		t.Helper()
		if again := freeport.TakeAt(lock, 2); again != nil {
			again.Release()
			t.Errorf("a block was given %s", what)
		}
	}
	refused("that is claimed")
	tcp, err := net.Listen("tcp", c.Addresses()[0])
	if err != nil {
		t.Fatal(err)
	}
	c.Release()
	refused("in which TCP is listened on")
	tcp.Close()
	udp, err := net.ListenPacket("udp", c.Addresses()[1])
	if err != nil {
		t.Fatal(err)
	}
	refused("in which UDP is listened on")
	udp.Close()
	if c = freeport.TakeAt(lock, 2); c == nil {
		t.Error("a free block was refused")
	}
	c.Release()
}

func TestReleasedPortsComeBack(t *testing.T) {
	for range 2500 { // more than there are blocks
		c, err := freeport.Take(1)
		if err != nil {
			t.Fatal(err)
		}
		c.Release()
	}
}

func TestOddNumbers(t *testing.T) {
	for _, n := range []int{-1, 0, freeport.Most + 1} {
		if _, err := freeport.Take(n); err == nil {
			t.Errorf("%d ports were given", n)
		}
	}
}
