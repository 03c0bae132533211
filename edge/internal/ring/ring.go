// Package ring places sources on the edges of a cluster: edge.Ring on top of memberlist, whose encrypted gossip tells
// who is there, and weighted rendezvous hashing, which decides the same owner everywhere without any talk.
package ring

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"math/rand/v2"
	"net"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/pictor/pictor/edge"
)

// Options of a Ring. Name, Listen, Peer and Secret must be given.
type Options struct {
	Name      string   // unique in the cluster, the same after a restart: it decides what the node owns
	Listen    string   // ip:port for gossip, TCP and UDP; port 0 takes a free one
	Advertise string   // ip:port where others reach Listen, if that is different
	Peer      string   // host:port of the peer listener; without a host, the one others see the gossip come from
	Weight    int      // share of the work relative to others, 1 to 1000; 1 by default
	Secret    []byte   // gossip encryption key of 16, 24 or 32 bytes
	Seeds     []string // host:port of some nodes' gossip; they may start later, and may include this node
	Timing    Timing   // LAN by default
	Log       *slog.Logger
}

// Member is one live node as this one sees it.
type Member struct {
	Name     string
	Gossip   string // ip:port
	Peer     string // host:port
	Weight   int
	Protocol int
	Draining bool
	Self     bool
}

// Stats are counts since Start.
type Stats struct {
	Members      int // live nodes, this one included
	Joins        int64
	JoinFailures int64 // calls to the seeds that reached none of them
}

// Ring implements edge.Ring.
type Ring struct {
	name   string
	seeds  []string
	timing Timing
	log    *slog.Logger
	list   *memberlist.Memberlist

	table           atomic.Pointer[table]
	joins, failures atomic.Int64
	stop            chan struct{}
	stopped         sync.Once
	joining         sync.WaitGroup

	mu      sync.Mutex // memberlist calls back under its own lock: never call it while holding mu
	meta    meta
	members map[string]Member
	closed  bool
}

// Start binds the gossip listener and begins to look for the seeds. It does not wait for them.
func Start(o Options) (*Ring, error) {
	if o.Timing == (Timing{}) {
		o.Timing = LAN
	}
	if o.Log == nil {
		o.Log = slog.Default()
	}
	r := &Ring{name: o.Name, seeds: o.Seeds, timing: o.Timing, log: o.Log, stop: make(chan struct{}),
		meta:    meta{Protocol: protocol, Peer: o.Peer, Weight: cmp.Or(o.Weight, 1)},
		members: make(map[string]Member)}
	r.table.Store(&table{})
	if n := len(r.meta.encode()); n > memberlist.MetaMaxSize {
		return nil, fmt.Errorf("ring: peer address is too long to be told to others by %d bytes", n-memberlist.MetaMaxSize)
	}
	config, err := o.memberlist()
	if err != nil {
		return nil, err
	}
	config.Delegate, config.Events = gossip{r}, gossip{r}
	if r.list, err = memberlist.Create(config); err != nil {
		return nil, fmt.Errorf("start gossip on %s: %w", o.Listen, err)
	}
	r.joining.Go(r.keepJoined)
	return r, nil
}

func (o Options) memberlist() (*memberlist.Config, error) {
	if o.Name == "" {
		return nil, errors.New("ring: a node needs a name")
	}
	if len(o.Secret) == 0 {
		return nil, errors.New("ring: gossip without a secret is refused")
	}
	if o.Weight < 0 || o.Weight > maxWeight {
		return nil, fmt.Errorf("ring: weight must be within 1 to %d, got %d", maxWeight, o.Weight)
	}
	if _, _, err := net.SplitHostPort(o.Peer); err != nil {
		return nil, fmt.Errorf("ring: peer address: %w", err)
	}
	c := memberlist.DefaultLANConfig()
	o.Timing.apply(c)
	c.Name = o.Name
	c.SecretKey = o.Secret
	c.Logger = newLogger(o.Log)
	var err error
	if c.BindAddr, c.BindPort, err = splitAddress(o.Listen); err != nil {
		return nil, fmt.Errorf("ring: listen address: %w", err)
	}
	c.AdvertisePort = c.BindPort
	if o.Advertise != "" {
		if c.AdvertiseAddr, c.AdvertisePort, err = splitAddress(o.Advertise); err != nil {
			return nil, fmt.Errorf("ring: advertised address: %w", err)
		}
	}
	return c, nil
}

func splitAddress(text string) (ip string, port int, err error) {
	host, portText, err := net.SplitHostPort(text)
	if err != nil {
		return "", 0, err
	}
	if host == "" {
		host = "0.0.0.0"
	}
	if net.ParseIP(host) == nil {
		return "", 0, fmt.Errorf("%q is not an IP address", host)
	}
	if port, err = strconv.Atoi(portText); err != nil || port < 0 || port > 65535 {
		return "", 0, fmt.Errorf("%q is not a port", portText)
	}
	return host, port, nil
}

// Owners implements edge.Ring. It takes no lock.
func (r *Ring) Owners(digest string) []edge.Peer { return r.table.Load().owners(digest) }

// Address is the ip:port under which others reach the gossip listener.
func (r *Ring) Address() string { return r.list.LocalNode().Address() }

// Members lists the live nodes by name.
func (r *Ring) Members() []Member {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.membersLocked()
}

func (r *Ring) membersLocked() []Member {
	byName := func(a, b Member) int { return cmp.Compare(a.Name, b.Name) }
	return slices.SortedFunc(maps.Values(r.members), byName)
}

// Stats gives a snapshot.
func (r *Ring) Stats() Stats {
	r.mu.Lock()
	defer r.mu.Unlock()
	return Stats{Members: len(r.members), Joins: r.joins.Load(), JoinFailures: r.failures.Load()}
}

// Drain tells the others to give this node no new work, and waits until the word is out or the time is over. The node
// itself hands work to the others from then on.
func (r *Ring) Drain(timeout time.Duration) error {
	r.mu.Lock()
	r.meta.Draining = true
	r.mu.Unlock()
	if err := r.list.UpdateNode(timeout); err != nil {
		return fmt.Errorf("announce draining: %w", err)
	}
	return nil
}

// Leave says goodbye, waits until the word is out or the time is over, and ends the Ring. All work is then the node's
// own.
func (r *Ring) Leave(timeout time.Duration) error {
	r.stopJoining()
	err := r.list.Leave(timeout)
	if err != nil {
		err = fmt.Errorf("leave the ring: %w", err)
	}
	return errors.Join(err, r.Close())
}

// Close ends the Ring without a word to the others, who find out by themselves.
func (r *Ring) Close() error {
	r.stopJoining()
	r.mu.Lock()
	r.closed = true
	clear(r.members)
	r.rebuildLocked()
	r.mu.Unlock()
	if err := r.list.Shutdown(); err != nil {
		return fmt.Errorf("stop gossip: %w", err)
	}
	return nil
}

func (r *Ring) stopJoining() {
	r.stopped.Do(func() { close(r.stop) })
	r.joining.Wait()
}

// firstRetry is short: nodes of a cluster are often started together.
const firstRetry = 100 * time.Millisecond

// keepJoined calls the seeds until another node is known, and then now and again: after a partition both sides have
// given each other up, and only a call to a seed brings them together.
func (r *Ring) keepJoined() {
	if len(r.seeds) == 0 {
		return
	}
	for wait := firstRetry; ; {
		r.join()
		pause := r.timing.Rejoin
		if r.Stats().Members < 2 {
			pause, wait = wait, min(2*wait, r.timing.Retry)
		}
		select {
		case <-r.stop:
			return
		case <-time.After(pause/2 + rand.N(pause/2+1)):
		}
	}
}

func (r *Ring) join() {
	if _, err := r.list.Join(r.seeds); err != nil {
		r.failures.Add(1)
		r.log.Debug("no seed of the ring answers", "err", err)
		return
	}
	r.joins.Add(1)
}

func (r *Ring) remove(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	m, ok := r.members[name]
	if !ok || r.closed {
		return
	}
	delete(r.members, name)
	r.rebuildLocked()
	r.log.Info("edge left the ring", "edge", m.Name, "peer", m.Peer, "members", len(r.members))
}

func (r *Ring) update(event string, n *memberlist.Node) {
	m, err := readMember(n, r.name)
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return
	}
	if err != nil {
		r.log.Warn("edge of the ring is not understood", "edge", n.Name, "err", err)
		delete(r.members, n.Name)
		r.rebuildLocked()
		return
	}
	r.members[m.Name] = m
	r.rebuildLocked()
	r.log.Info(event, "edge", m.Name, "peer", m.Peer, "draining", m.Draining, "members", len(r.members))
}

// rebuildLocked makes the table of those who take work: not draining, and of this node's protocol.
func (r *Ring) rebuildLocked() {
	t := &table{}
	for _, m := range r.membersLocked() {
		if !m.Draining && m.Protocol == protocol {
			t.seats = append(t.seats, newSeat(edge.Peer{Name: m.Name, Address: m.Peer}, m.Weight, m.Self))
		}
	}
	r.table.Store(t)
}
