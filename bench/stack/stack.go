// Package stack runs a whole Pictor on loopback: one origin and some edges as processes of their own. It serves
// «make run», the end-to-end tests and the benchmarks.
package stack

import (
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pictor/pictor/shared/freeport"
)

// Config of a Stack.
type Config struct {
	Bin        string    // folder with pictor-origin and pictor-edge
	Data       string    // folder for everything that is kept; made when missing
	OriginPort int       // the private ports follow from it, see Ports; 0 takes free ones
	EdgePort   int       // of the first edge; 0 takes free ones
	Edges      int       // at least 1
	Env        []string  // more variables for the programs, as NAME=value
	Restart    bool      // start a program again that ended by itself
	KeepPorts  bool      // the edges' public ports stay open while an edge restarts, as systemd keeps them
	Note       io.Writer // one line for whatever happens to a program; nil for silence
}

// Offsets from a program's public port to its private ones.
const (
	opsOffset    = 1000
	peerOffset   = 2000 // edge API of the origin, peer listener of an edge
	gossipOffset = 3000
)

// Stack is a running origin with its edges.
type Stack struct {
	Origin *Program
	Edges  []*Program
	Admin  Admin // the first administrator; the password may have been changed since
	Fresh  bool  // the data folder was new
	config Config
	lock   *os.File // on the data folder
	claims []*freeport.Claim
}

// Start starts everything and waits until all of it is ready and the edges know each other. On error nothing is left
// running.
func Start(ctx context.Context, c Config) (*Stack, error) {
	if c.Edges < 1 {
		return nil, fmt.Errorf("EDGES: must be at least 1, got %d", c.Edges)
	}
	if c.Note == nil {
		c.Note = io.Discard
	}
	if err := os.MkdirAll(filepath.Join(c.Data, "logs"), 0o700); err != nil {
		return nil, err
	}
	lock, err := lockFolder(c.Data)
	if err != nil {
		return nil, err
	}
	s := &Stack{config: c, lock: lock, Fresh: !exists(filepath.Join(c.Data, "origin"))}
	if err := s.bringUp(ctx); err != nil {
		s.Stop()
		return nil, err
	}
	return s, nil
}

func (s *Stack) bringUp(ctx context.Context) error {
	key, err := clusterKey(filepath.Join(s.config.Data, "cluster.key"))
	if err != nil {
		return err
	}
	if s.Admin, err = firstAdmin(s.config.Data); err != nil {
		return err
	}
	if err := s.define(key); err != nil {
		return err
	}
	if err := s.start(); err != nil {
		return err
	}
	return s.wait(ctx)
}

func (s *Stack) start() error {
	for _, e := range s.Edges {
		if err := e.keepPort(s.config.KeepPorts); err != nil {
			return err
		}
	}
	for _, p := range s.all() {
		if err := p.start(); err != nil {
			return err
		}
	}
	return nil
}

func (s *Stack) all() []*Program { return append([]*Program{s.Origin}, s.Edges...) }

// define works out every program's ports, flags and environment.
func (s *Stack) define(key string) error {
	c := s.config
	origin, err := s.ports(c.OriginPort, opsOffset, peerOffset)
	if err != nil {
		return err
	}
	edges := make([][]int, c.Edges)
	for i := range edges {
		first := c.EdgePort
		if first != 0 {
			first += i
		}
		if edges[i], err = s.ports(first, opsOffset, peerOffset, gossipOffset); err != nil {
			return err
		}
	}
	s.Origin = s.program("origin", "pictor-origin", origin[0], origin[1], key, map[string]string{
		"PICTOR_ORIGIN_LISTEN": address(origin[0]), "PICTOR_ORIGIN_OPS_LISTEN": address(origin[1]),
		"PICTOR_ORIGIN_EDGE_LISTEN": address(origin[2]), "PICTOR_ORIGIN_DATA": filepath.Join(c.Data, "origin"),
		"PICTOR_DELIVERY_URL": "http://" + address(edges[0][0]), "PICTOR_PUBLIC_URL": "http://" + address(origin[0]),
		"PICTOR_ADMIN_EMAIL": s.Admin.Email, "PICTOR_ADMIN_PASSWORD": s.Admin.Password,
	})
	var join []string
	for _, e := range edges {
		join = append(join, address(e[3]))
	}
	for i, e := range edges {
		name := fmt.Sprintf("edge-%d", i+1)
		s.Edges = append(s.Edges, s.program(name, "pictor-edge", e[0], e[1], key, map[string]string{
			"PICTOR_EDGE_LISTEN": address(e[0]), "PICTOR_EDGE_OPS_LISTEN": address(e[1]),
			"PICTOR_EDGE_PEER_LISTEN": address(e[2]), "PICTOR_EDGE_GOSSIP_LISTEN": address(e[3]),
			"PICTOR_EDGE_ORIGIN": address(origin[2]), "PICTOR_EDGE_DATA": filepath.Join(c.Data, name),
			"PICTOR_EDGE_NAME": name, "PICTOR_EDGE_JOIN": strings.Join(join, ","), "PICTOR_EDGE_NETWORK": "local",
		}))
	}
	return nil
}

func (s *Stack) program(name, binary string, port, ops int, key string, env map[string]string) *Program {
	p := &Program{Name: name, URL: "http://" + address(port), OpsURL: "http://" + address(ops),
		path: filepath.Join(s.config.Bin, binary), log: filepath.Join(s.config.Data, "logs", name+".log"),
		note: s.config.Note}
	for _, inherited := range os.Environ() {
		if name, _, _ := strings.Cut(inherited, "="); env[name] == "" && name != "PICTOR_CLUSTER_KEY_FILE" { // what the stack decides, wins
			p.env = append(p.env, inherited)
		}
	}
	env["PICTOR_CLUSTER_KEY"] = key
	for name, value := range env {
		p.env = append(p.env, name+"="+value)
	}
	p.env = append(p.env, s.config.Env...)
	return p
}

// wait until all programs are ready and every edge sees all of them, or one has ended for good.
func (s *Stack) wait(ctx context.Context) error {
	// The first program that ends stops the waiting for all: another stack on the same ports might answer for it.
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	for _, p := range s.all() {
		go func() {
			if err := p.failed(ctx); err != nil {
				stop(err)
			}
		}()
	}
	for _, p := range s.all() {
		if err := p.WaitReady(ctx); err != nil {
			return err
		}
	}
	for _, e := range s.Edges {
		if err := e.WaitMetric(ctx, "pictor_edge_ring_members", float64(len(s.Edges))); err != nil {
			return err
		}
	}
	if err := context.Cause(ctx); err != nil {
		return err
	}
	for _, p := range s.all() {
		p.keepRunning(s.config.Restart)
	}
	return nil
}

// Stop ends the edges, then the origin, cleanly.
func (s *Stack) Stop() {
	var edges sync.WaitGroup
	for _, e := range s.Edges {
		edges.Go(func() {
			e.Stop()
			e.socket.Close() // nil where no port was kept
		})
	}
	edges.Wait()
	if s.Origin != nil {
		s.Origin.Stop()
	}
	for _, c := range s.claims {
		c.Release()
	}
	s.lock.Close()
}

// lockFolder makes sure that no other stack uses the folder, until the file is closed or this process ends.
func lockFolder(data string) (*os.File, error) {
	lock, err := os.OpenFile(filepath.Join(data, "lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(lock.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == unix.EWOULDBLOCK {
		err = fmt.Errorf("DATA: another stack is running in %s", data)
	}
	if err != nil {
		lock.Close()
		return nil, err
	}
	return lock, nil
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

func address(port int) string { return fmt.Sprintf("127.0.0.1:%d", port) }

// ports gives the public port and its private ones, or as many free ones when first is 0: these are the stack's until
// Stop.
func (s *Stack) ports(first int, offsets ...int) ([]int, error) {
	if first == 0 {
		claim, err := freeport.Take(1 + len(offsets))
		if err != nil {
			return nil, err
		}
		s.claims = append(s.claims, claim)
		return claim.Ports, nil
	}
	all := []int{first}
	for _, offset := range offsets {
		all = append(all, first+offset)
	}
	if last := all[len(all)-1]; first < 1 || last > 65535 {
		return nil, fmt.Errorf("port %d: must leave room for %d, the last of its private ports, below 65536", first, last)
	}
	return all, nil
}

// clusterKey reads the stack's cluster key, making it on the first start.
func clusterKey(file string) (string, error) {
	if text, err := os.ReadFile(file); err == nil {
		return strings.TrimSpace(string(text)), nil
	}
	key := rand.Text() + rand.Text()
	if err := os.WriteFile(file, []byte(key+"\n"), 0o600); err != nil {
		return "", fmt.Errorf("keep the cluster key: %w", err)
	}
	return key, nil
}

// pollEvery is the pause between two looks at a program.
const pollEvery = 50 * time.Millisecond
