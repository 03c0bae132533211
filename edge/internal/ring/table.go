package ring

import (
	"crypto/sha256"
	"encoding/binary"
	"math"

	"github.com/pictor/pictor/edge"
)

// table is a snapshot of who can own work, laid out for look-ups. It is never changed.
type table struct {
	seats []seat
}

// seat is one node's place in the rendezvous.
type seat struct {
	peer   edge.Peer
	seed   uint64 // from the name, so that every node computes the same one
	weight float64
	self   bool
}

func newSeat(peer edge.Peer, weight int, self bool) seat {
	sum := sha256.Sum256([]byte(peer.Name))
	return seat{peer: peer, seed: binary.BigEndian.Uint64(sum[:]), weight: float64(weight), self: self}
}

// owners gives the two highest seats for the digest, cut off before this node's own.
func (t *table) owners(digest string) []edge.Peer {
	if len(t.seats) == 0 || len(t.seats) == 1 && t.seats[0].self {
		return nil
	}
	h := hash(digest)
	first, second := -1, -1
	var firstScore, secondScore float64
	for i := range t.seats {
		switch score := t.seats[i].score(h); {
		case score > firstScore:
			first, second = i, first
			firstScore, secondScore = score, firstScore
		case score > secondScore:
			second, secondScore = i, score
		}
	}
	switch {
	case t.seats[first].self:
		return nil
	case second < 0 || t.seats[second].self:
		return []edge.Peer{t.seats[first].peer}
	default:
		return []edge.Peer{t.seats[first].peer, t.seats[second].peer}
	}
}

// score is weighted rendezvous hashing (Schindelhauer and Schomaker): weight / -ln u with u uniform in (0, 1) makes a
// node win in proportion to its weight, and a node that goes takes only its own digests with it.
func (s *seat) score(h uint64) float64 {
	u := (float64(mix(h^s.seed)>>11) + 0.5) / (1 << 53)
	return s.weight / -math.Log(u)
}

// hash is FNV-1a: the digest is uniform already, it only has to become a number.
func hash(digest string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(digest) {
		h = (h ^ uint64(digest[i])) * 1099511628211
	}
	return h
}

// mix is the finalizer of SplitMix64: every bit in changes half of the bits out.
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}
