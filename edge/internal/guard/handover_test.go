package guard_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/guard"
)

// Servers stop under load: whoever was let in is answered, and so is whoever had asked before; whatever was begun arrives
// whole, and nothing is done twice.
func TestShutdownUnderLoad(t *testing.T) {
	rounds := 5
	if os.Getenv("PICTOR_SOAK") != "" {
		rounds = 200
	}
	for round := range rounds {
		stopUnderLoad(t, rand.New(rand.NewPCG(uint64(round), 3)))
	}
}

func stopUnderLoad(t *testing.T, r *rand.Rand) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	n := notes{began: map[string]int{}, got: map[string]bool{}, lost: map[string]time.Time{}, let: map[string]bool{}}
	body := make([]byte, 200_000)
	g := guard.New(guard.Options{Refuse: edge.ServeRefusal, Handler: func(c *fasthttp.RequestCtx) {
		name := string(c.Request.Header.RequestURI())
		n.begin(name)
		time.Sleep(time.Duration(len(name)%3) * time.Millisecond)
		c.Response.Header.Set("X-Name", name)
		c.Response.SetBodyRaw(body)
	}})
	ended, done := make(chan error, 1), make(chan struct{})
	go func() { ended <- g.Serve(noting{l, &n}) }()
	var crew sync.WaitGroup
	for i := range 30 {
		seed := r.Uint64()
		crew.Go(func() {
			for k := 0; ; k++ {
				select {
				case <-done:
					return
				default:
					n.ask(t, l.Addr().String(), fmt.Sprintf("/%d/%d", i, k), rand.New(rand.NewPCG(seed, uint64(k))))
				}
			}
		})
	}
	time.Sleep(20*time.Millisecond + time.Duration(r.IntN(60))*time.Millisecond)
	stopped := time.Now()
	if err := errors.Join(g.Shutdown(t.Context()), <-ended); err != nil {
		t.Error(err)
	}
	close(done)
	crew.Wait()
	for name, times := range n.began {
		if times != 1 || !n.got[name] {
			t.Errorf("%s was begun %d times, answered: %v", name, times, n.got[name])
		}
	}
	for name, asked := range n.lost {
		if asked.Before(stopped) {
			t.Errorf("%s was asked for %s before the end, and not answered", name, stopped.Sub(asked))
		}
	}
	if len(n.let) > 0 {
		t.Errorf("%d connections were let in and got no answer", len(n.let))
	}
}

// notes are what servers and clients saw.
type notes struct {
	mu    sync.Mutex
	began map[string]int       // handled requests
	got   map[string]bool      // answers that arrived whole
	lost  map[string]time.Time // when it was asked for what was not answered, on connections that had answers before
	let   map[string]bool      // clients that were let in and have no answer yet, by address
}

func (n *notes) begin(name string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.began[name]++
}

func (n *notes) answered(name, client string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.got[name] = true
	delete(n.let, client)
}

func (n *notes) lose(name string, asked time.Time) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lost[name] = asked
}

// ask asks over a new connection until that ends, up to a few times.
func (n *notes) ask(t *testing.T, address, name string, r *rand.Rand) {
	c, err := net.Dial("tcp", address)
	if err != nil {
		return // nobody listens any more
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(time.Minute))
	in := bufio.NewReader(c)
	for turn := range 1 + r.IntN(4) {
		time.Sleep(time.Duration(r.IntN(3)) * time.Millisecond)
		name := fmt.Sprintf("%s/%d", name, turn)
		fmt.Fprintf(c, "GET %s HTTP/1.1\r\nHost: h\r\n\r\n", name)
		asked := time.Now()
		resp, err := http.ReadResponse(in, nil)
		if err != nil && turn > 0 {
			n.lose(name, asked)
		}
		if err != nil {
			return
		}
		size, err := io.Copy(io.Discard, resp.Body)
		if err != nil || size != resp.ContentLength || resp.Header.Get("X-Name") != name {
			t.Errorf("%s: %d bytes of %s, %v", name, size, resp.Header.Get("X-Name"), err)
		}
		n.answered(name, c.LocalAddr().String())
		if resp.Close {
			return
		}
	}
}

// noting is a listener that notes whom it lets in.
type noting struct {
	net.Listener
	notes *notes
}

func (l noting) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err == nil {
		l.notes.mu.Lock()
		defer l.notes.mu.Unlock()
		l.notes.let[c.RemoteAddr().String()] = true
	}
	return c, err
}
