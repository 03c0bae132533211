package ring

import (
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/pictor/pictor/edge"
)

func digest(i int) string {
	sum := sha256.Sum256(fmt.Append(nil, i))
	return hex.EncodeToString(sum[:])
}

// What is drawn is the same each time; -rapid.seed=0 draws something else.
func init() { _ = flag.Set("rapid.seed", "1") }

// tables gives each node's own view of a cluster of nodes with the weights.
func tables(weights ...int) []*table {
	views := make([]*table, len(weights))
	for self := range weights {
		views[self] = &table{}
		for i, w := range weights {
			views[self].seats = append(views[self].seats, newSeat(edge.Peer{Name: fmt.Sprint("edge-", i)}, w, i == self))
		}
	}
	return views
}

// outsider is the view of somebody who owns nothing and so sees both owners.
func outsider(weights ...int) *table {
	t := tables(weights...)[0]
	t.seats[0].self = false
	return t
}

func TestBalance(t *testing.T) {
	const digests = 100_000
	for _, weights := range [][]int{{1, 1}, {1, 1, 1, 1, 1}, {1, 2, 1}, {3, 1, 5, 1}} {
		first, total := make(map[string]int), 0
		view := outsider(weights...)
		for i := range digests {
			owners := view.owners(digest(i))
			if len(owners) != 2 || owners[0] == owners[1] {
				t.Fatalf("owners = %v, want two different ones", owners)
			}
			first[owners[0].Name]++
		}
		for _, w := range weights {
			total += w
		}
		for i, w := range weights {
			got, want := first[fmt.Sprint("edge-", i)], float64(digests*w)/float64(total)
			if math.Abs(float64(got)/want-1) > 0.03 {
				t.Errorf("weights %v: node %d owns %d digests, want %.0f ± 3 %%", weights, i, got, want)
			}
		}
	}
}

// Every node agrees on who is first, and each sees the list cut off before itself.
func TestViewsAgree(t *testing.T) {
	weights := []int{1, 2, 1, 1}
	whole, views := outsider(weights...), tables(weights...)
	for i := range 2000 {
		both := whole.owners(digest(i))
		for self, view := range views {
			want := both
			for j, p := range both {
				if p.Name == fmt.Sprint("edge-", self) {
					want = both[:j]
					break
				}
			}
			if got := view.owners(digest(i)); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("edge-%d sees owners %v, want %v", self, got, want)
			}
		}
	}
}

// When a node goes, the digests of all others stay; its own go to their second owners.
func TestMovesNothingElse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.IntRange(1, 10), 3, 12).Draw(t, "weights")
		gone := rapid.IntRange(0, len(weights)-1).Draw(t, "gone")
		before := outsider(weights...)
		after := &table{}
		for i, s := range before.seats {
			if i != gone {
				after.seats = append(after.seats, s)
			}
		}
		for i := range 200 {
			d := digest(rapid.IntRange(0, 1<<30).Draw(t, "digest") + i)
			was, is := before.owners(d), after.owners(d)
			want := was[0]
			if want.Name == fmt.Sprint("edge-", gone) {
				want = was[1]
			}
			if is[0] != want {
				t.Fatalf("owner of %s: was %v, became %v after edge-%d left", d, was, is, gone)
			}
		}
	})
}

func TestAlone(t *testing.T) {
	for _, table := range []*table{{}, tables(1)[0]} {
		if owners := table.owners(digest(1)); len(owners) != 0 {
			t.Fatalf("a node alone sees owners %v", owners)
		}
	}
	drained := &table{seats: []seat{newSeat(edge.Peer{Name: "other"}, 1, false)}}
	if owners := drained.owners(digest(1)); len(owners) != 1 || owners[0].Name != "other" {
		t.Fatalf("a draining node of two sees owners %v, want the other", owners)
	}
}

func BenchmarkOwners(b *testing.B) {
	view, d := outsider(1, 1, 1, 1, 1), digest(1)
	b.ReportAllocs()
	for b.Loop() {
		view.owners(d)
	}
}
