package ring

import "github.com/hashicorp/memberlist"

// gossip is what memberlist calls. It does so under its own lock.
type gossip struct{ ring *Ring }

func (g gossip) NotifyJoin(n *memberlist.Node)   { g.ring.update("edge joined the ring", n) }
func (g gossip) NotifyUpdate(n *memberlist.Node) { g.ring.update("edge of the ring changed", n) }
func (g gossip) NotifyLeave(n *memberlist.Node)  { g.ring.remove(n.Name) }

func (g gossip) NodeMeta(int) []byte {
	g.ring.mu.Lock()
	defer g.ring.mu.Unlock()
	return g.ring.meta.encode()
}

// The ring has no messages of its own and no state beyond the meta.
func (gossip) NotifyMsg([]byte)                {}
func (gossip) GetBroadcasts(int, int) [][]byte { return nil }
func (gossip) LocalState(bool) []byte          { return nil }
func (gossip) MergeRemoteState([]byte, bool)   {}
