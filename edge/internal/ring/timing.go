package ring

import (
	"time"

	"github.com/hashicorp/memberlist"
)

// Timing says how quickly nodes notice each other, and how sure they want to be before they give one up. The price of
// a hasty verdict is small: some digests change owner for a moment.
type Timing struct {
	ProbeInterval  time.Duration // each node asks one other for a sign of life this often
	ProbeTimeout   time.Duration // and waits this long before it asks others to try; shorter than ProbeInterval
	Suspicion      int           // probe intervals from the first missed probe to the verdict, at least 3
	GossipInterval time.Duration // news travels one hop in this time
	Dial           time.Duration // bounds every TCP exchange: joining, complete syncs
	Sync           time.Duration // between complete syncs with a random node
	Rejoin         time.Duration // between calls to the seeds, which heal partitions
	Retry          time.Duration // longest wait between attempts while no other node is known
}

// Loopback is for nodes on one machine: a killed node is out of the ring in about one second.
var Loopback = Timing{
	ProbeInterval:  200 * time.Millisecond,
	ProbeTimeout:   100 * time.Millisecond,
	Suspicion:      3,
	GossipInterval: 50 * time.Millisecond,
	Dial:           time.Second,
	Sync:           10 * time.Second,
	Rejoin:         10 * time.Second,
	Retry:          time.Second,
}

// LAN is for nodes with a millisecond between them: a killed node is out of the ring in about two seconds.
var LAN = Timing{
	ProbeInterval:  400 * time.Millisecond,
	ProbeTimeout:   200 * time.Millisecond,
	Suspicion:      3,
	GossipInterval: 100 * time.Millisecond,
	Dial:           2 * time.Second,
	Sync:           20 * time.Second,
	Rejoin:         20 * time.Second,
	Retry:          2 * time.Second,
}

// WAN is for nodes in several places: a killed node is out of the ring in about fifteen seconds.
var WAN = Timing{
	ProbeInterval:  2 * time.Second,
	ProbeTimeout:   time.Second,
	Suspicion:      5,
	GossipInterval: 300 * time.Millisecond,
	Dial:           10 * time.Second,
	Sync:           60 * time.Second,
	Rejoin:         60 * time.Second,
	Retry:          5 * time.Second,
}

func (t Timing) apply(c *memberlist.Config) {
	c.ProbeInterval = t.ProbeInterval
	c.ProbeTimeout = t.ProbeTimeout
	c.SuspicionMult = t.Suspicion
	// With one node left to confirm a suspicion, or none, the verdict must not take much longer.
	c.SuspicionMaxTimeoutMult = 2
	// A node that is itself too busy to answer in time waits longer before it blames others, up to this factor.
	c.AwarenessMaxMultiplier = 4
	c.GossipInterval = t.GossipInterval
	c.GossipToTheDeadTime = t.Sync
	c.TCPTimeout = t.Dial
	c.PushPullInterval = t.Sync
	// A node that was killed may come back under its name from another address at once.
	c.DeadNodeReclaimTime = t.ProbeInterval
}
