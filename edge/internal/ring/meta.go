package ring

import (
	"encoding/json"
	"fmt"
	"net"

	"github.com/hashicorp/memberlist"
)

// protocol is the version of what peers say to each other. Nodes give work only to nodes of their own version, so
// during an upgrade a cluster is two rings for a while.
const protocol = 1

// maxWeight keeps a mistyped weight from swallowing the ring.
const maxWeight = 1000

// meta is what a node tells the others about itself, within memberlist's 512 bytes. Fields are added, never given a
// new meaning.
type meta struct {
	Protocol int    `json:"v"`
	Peer     string `json:"peer"` // host:port of the peer listener; without a host it is where the gossip comes from
	Weight   int    `json:"weight"`
	Draining bool   `json:"draining,omitempty"`
}

func (m meta) encode() []byte {
	text, err := json.Marshal(m)
	if err != nil {
		panic(err) // numbers, a bool and a string
	}
	return text
}

// readMember makes a Member of what memberlist knows about a node.
func readMember(n *memberlist.Node, self string) (Member, error) {
	var m meta
	if err := json.Unmarshal(n.Meta, &m); err != nil {
		return Member{}, fmt.Errorf("read meta of node %q: %w", n.Name, err)
	}
	host, port, err := net.SplitHostPort(m.Peer)
	if err != nil {
		return Member{}, fmt.Errorf("read meta of node %q: peer address: %w", n.Name, err)
	}
	if host == "" {
		host = n.Addr.String()
	}
	if m.Weight < 1 || m.Weight > maxWeight {
		return Member{}, fmt.Errorf("read meta of node %q: weight %d is not within 1 to %d", n.Name, m.Weight, maxWeight)
	}
	return Member{
		Name:     n.Name,
		Gossip:   n.Address(),
		Peer:     net.JoinHostPort(host, port),
		Weight:   m.Weight,
		Protocol: m.Protocol,
		Draining: m.Draining,
		Self:     n.Name == self,
	}, nil
}
