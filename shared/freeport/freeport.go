// Package freeport gives loopback ports to programs that must be told a port before they listen on it: the stack of the
// end-to-end tests, rivals of a benchmark, an edge under test.
package freeport

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
)

// Ports are claimed in blocks, below those that the system gives to outgoing connections and to port 0: neither can
// come in between the claim and the program that listens.
const (
	first, last = 15_000, 32_000
	blockSize   = 8
	blocks      = (last - first) / blockSize
)

// Most is how many ports one Claim may have.
const Most = blockSize - 1

// Claim is some ports that nothing listened on, for TCP and UDP, and that no other Claim of any process on this machine
// gets until Release or the end of this process.
type Claim struct {
	Ports []int
	lock  net.Listener // on the first port of the block: who has it, has the block
}

// Take claims n ports, at most Most.
func Take(n int) (*Claim, error) {
	if n < 1 || n > Most {
		return nil, fmt.Errorf("claim ports: from 1 to %d, got %d", Most, n)
	}
	somewhere := rand.IntN(blocks)
	for i := range blocks {
		if c := take(first+(somewhere+i)%blocks*blockSize, n); c != nil {
			return c, nil
		}
	}
	return nil, errors.New("claim ports: none is free")
}

// take claims the first n ports after the one that locks the block, or gives nil.
func take(lock, n int) *Claim {
	l, err := net.Listen("tcp", address(lock))
	if err != nil {
		return nil
	}
	c := &Claim{lock: l}
	for port := lock + 1; port <= lock+n; port++ {
		if !free(port) {
			c.Release()
			return nil
		}
		c.Ports = append(c.Ports, port)
	}
	return c
}

func free(port int) bool {
	l, err := net.Listen("tcp", address(port))
	if err != nil {
		return false
	}
	defer l.Close()
	u, err := net.ListenPacket("udp", address(port))
	if err != nil {
		return false
	}
	u.Close()
	return true
}

// Addresses are the ports as host:port.
func (c *Claim) Addresses() []string {
	var all []string
	for _, port := range c.Ports {
		all = append(all, address(port))
	}
	return all
}

// Release gives the ports back; whoever listened on them has ended. Release of a nil Claim does nothing.
func (c *Claim) Release() {
	if c != nil {
		c.lock.Close()
	}
}

// Test is the part of testing.TB that ForTest needs: a program that claims ports need not link that package.
type Test interface {
	Helper()
	Fatal(args ...any)
	Cleanup(func())
}

// ForTest claims n ports until the test has ended, and gives them as host:port.
func ForTest(t Test, n int) []string {
	t.Helper()
	c, err := Take(n)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Release)
	return c.Addresses()
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }
