package ring_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/memberlist"

	"github.com/pictor/pictor/edge/internal/ring"
)

// foreign is a holder of the secret that says of itself whatever it likes.
type foreign string

func (f foreign) NodeMeta(int) []byte           { return []byte(f) }
func (foreign) NotifyMsg([]byte)                {}
func (foreign) GetBroadcasts(int, int) [][]byte { return nil }
func (foreign) LocalState(bool) []byte          { return nil }
func (foreign) MergeRemoteState([]byte, bool)   {}

func TestForeignNodesGetNoWork(t *testing.T) {
	for meta, member := range map[string]bool{
		`{"v":2,"peer":"h:1","weight":1}`:             true, // a later version: known, but given no work
		`{"v":1,"peer":"h:1","weight":1,"new":"ok"}`:  true,
		`{"v":1,"peer":"h:1","weight":-1}`:            false,
		`{"v":1,"peer":"h:1","weight":1000000}`:       false,
		`{"v":1,"peer":"nonsense","weight":1}`:        false,
		`not even JSON`:                               false,
		``:                                            false,
		`{"v":"1","peer":"h:1","weight":1,"x":[[[[[[`: false,
	} {
		a := start(t, "a", nil)
		c := memberlist.DefaultLocalConfig()
		c.Name, c.BindAddr, c.BindPort, c.AdvertisePort = "foreign", "127.0.0.1", 0, 0
		c.SecretKey, c.Delegate, c.LogOutput = secret, foreign(meta), io.Discard
		list, err := memberlist.Create(c)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := list.Join([]string{a.Address()}); err != nil {
			t.Fatal(err)
		}
		b := start(t, "b", seeds(a.Address()))
		eventually(t, "a knows the foreign node, or it would not tell it of b", func() bool { return list.NumMembers() == 3 })
		want := "a b"
		if member {
			want = "a b foreign"
		}
		eventually(t, "a sees "+want, func() bool { return names(a) == want && names(b) == want })
		works := strings.Contains(meta, `"new"`)
		eventually(t, fmt.Sprintf("beside a node of meta %s the others own all digests but its own", meta), func() bool {
			return works == (owned(a)+owned(b) < 1000)
		})
		for _, stop := range []func() error{list.Shutdown, a.Close, b.Close} {
			if err := stop(); err != nil {
				t.Error(err)
			}
		}
	}
}

// records keeps log lines.
type records struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (r *records) Write(line []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.Write(line)
}

func (r *records) String() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.text.String()
}

// A stranger who calls all the time cannot fill the disk with warnings.
func TestWarningsAreThrottled(t *testing.T) {
	var lines records
	a := start(t, "a", func(o *ring.Options) { o.Log = slog.New(slog.NewTextHandler(&lines, nil)) })
	loud := quick
	loud.Retry = time.Millisecond
	stranger := start(t, "stranger", func(o *ring.Options) {
		o.Secret, o.Timing, o.Seeds = other, loud, []string{a.Address()}
	})
	began := time.Now()
	eventually(t, "100 calls", func() bool { return stranger.Stats().JoinFailures >= 100 })
	most := 25 + int(time.Since(began)/time.Second) // twenty at once, and one a second
	if warnings := strings.Count(lines.String(), "level=WARN"); warnings == 0 || warnings > min(most, 90) {
		t.Fatalf("100 calls made %d warnings, want %d at most", warnings, most)
	}
}
