package peerhttp_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/edge/internal/leaktest"
	"github.com/pictor/pictor/edge/internal/peerhttp"
	"github.com/pictor/pictor/shared/cluster"
	"github.com/pictor/pictor/shared/freeport"
	"github.com/pictor/pictor/shared/limit"
	"github.com/pictor/pictor/shared/transform"
	"github.com/pictor/pictor/shared/wire"
)

var _ edge.Peers = (*peerhttp.Client)(nil)

func TestMain(m *testing.M) { leaktest.Main(m) }

var key = cluster.Key(strings.Repeat("k", 32))

func tlsOf(t testing.TB, key cluster.Key) (server, client *tls.Config) {
	t.Helper()
	server, client, err := key.TLS()
	if err != nil {
		t.Fatal(err)
	}
	return server, client
}

var silent = slog.New(slog.DiscardHandler)

// serve starts a server with the work on a free port.
func serve(t testing.TB, work peerhttp.Work, change func(*peerhttp.ServerOptions)) (*peerhttp.Server, edge.Peer) {
	t.Helper()
	config, _ := tlsOf(t, key)
	o := peerhttp.ServerOptions{TLS: config, Log: silent}
	if change != nil {
		change(&o)
	}
	s := peerhttp.NewServer(work, o)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve(l) }()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := errors.Join(s.Shutdown(ctx), <-served); err != nil {
			t.Error(err)
		}
	})
	return s, edge.Peer{Name: "owner", Address: l.Addr().String()}
}

func client(t testing.TB, change func(*peerhttp.ClientOptions)) *peerhttp.Client {
	t.Helper()
	_, config := tlsOf(t, key)
	o := peerhttp.ClientOptions{TLS: config}
	if change != nil {
		change(&o)
	}
	c := peerhttp.NewClient(o)
	t.Cleanup(c.Close)
	return c
}

// patient keeps a busy test machine from looking like a dead peer.
func patient(o *peerhttp.ClientOptions) { o.Accept = time.Minute }

func spec(t testing.TB, text string) transform.Spec {
	t.Helper()
	s, err := transform.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func source() *wire.Source {
	sum := sha256.Sum256([]byte("picture"))
	return &wire.Source{Digest: hex.EncodeToString(sum[:]), Bytes: 7, Format: "png", Width: 3, Height: 2, Frames: 1,
		Alpha: true, Chunks: [][]byte{sum[:]}, Clean: []wire.Piece{{Offset: 1, Length: 2}, {Insert: []byte("x")}},
		CleanDigest: hex.EncodeToString(sum[:]), CleanBytes: 3}
}

// object answers every job with the same Object.
func object(body string) peerhttp.Work {
	obj := edge.NewObject("image/webp", []byte(body))
	return peerhttp.Work{Object: func(context.Context, edge.Job) (*edge.Object, edge.Tier, error) {
		return obj, edge.TierDisk, nil
	}}
}

func wantKind(t *testing.T, err error, kind edge.Kind) {
	t.Helper()
	if err == nil || edge.KindOf(err) != kind {
		t.Fatalf("got error %v of kind %v, want %v", err, edge.KindOf(err), kind)
	}
}

func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !ok(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

func TestObjectTravels(t *testing.T) {
	var got edge.Job
	body := strings.Repeat("pixels", 50_000)
	_, peer := serve(t, peerhttp.Work{Object: func(_ context.Context, job edge.Job) (*edge.Object, edge.Tier, error) {
		got = job
		return edge.NewObject("image/avif", []byte(body)), edge.TierDisk, nil
	}}, nil)
	c := client(t, patient)
	for _, text := range []string{"w_400,h_300,c_fill,q_80,f_avif,bg_ff0000", "f_png", "r_-90,f_gif,bl_0.3,gr_1", ""} {
		job := edge.Job{Source: source(), Making: edge.MakeNothing}
		if text != "" {
			job.Spec = spec(t, text)
		}
		obj, tier, err := c.Object(t.Context(), peer, job)
		if err != nil || tier != edge.TierDisk {
			t.Fatal(tier, err)
		}
		want := edge.NewObject("image/avif", []byte(body))
		if obj.MediaType != want.MediaType || obj.ETag != want.ETag || !bytes.Equal(obj.Body, want.Body) {
			t.Fatalf("got an Object %s %s of %d bytes", obj.MediaType, obj.ETag, len(obj.Body))
		}
		if got.Spec != job.Spec || got.Making != job.Making || fmt.Sprint(*got.Source) != fmt.Sprint(*job.Source) || got.Key() != job.Key() {
			t.Fatalf("the owner saw %+v, want %+v", got, job)
		}
	}
}

// What would do instead goes there, and that it was done instead comes back.
func TestFallbacksTravel(t *testing.T) {
	var got edge.Job
	_, peer := serve(t, peerhttp.Work{Object: func(_ context.Context, job edge.Job) (*edge.Object, edge.Tier, error) {
		got = job
		obj := edge.NewObject("image/jpeg", []byte("pixels"))
		obj.Quick, obj.Fallback = true, len(job.Fallbacks) > 0
		return obj, edge.TierRender, nil
	}}, nil)
	c := client(t, patient)
	job := edge.Job{Source: source(), Spec: spec(t, "f_avif,w_40")}
	for range 2 {
		obj, _, err := c.Object(t.Context(), peer, job)
		if err != nil || !obj.Quick || obj.Fallback != (len(job.Fallbacks) > 0) || !slices.Equal(got.Fallbacks, job.Fallbacks) {
			t.Fatalf("%+v, %v; the owner saw %v", obj, err, got.Fallbacks)
		}
		job.Fallbacks = []transform.Spec{spec(t, "f_webp,w_40"), spec(t, "f_jpg,w_40")}
	}
}

func TestEmptyBodyTravels(t *testing.T) {
	_, peer := serve(t, object(""), nil)
	obj, _, err := client(t, patient).Object(t.Context(), peer, edge.Job{Source: source()})
	if err != nil || len(obj.Body) != 0 {
		t.Fatalf("got %v, err %v", obj, err)
	}
}

func TestChunkTravels(t *testing.T) {
	chunk := bytes.Repeat([]byte("0123456789abcdef"), wire.ChunkBytes/16)
	_, peer := serve(t, peerhttp.Work{Chunk: func(_ context.Context, src *wire.Source, i int) ([]byte, error) {
		if fmt.Sprint(*src) != fmt.Sprint(*source()) || i != 17 {
			return nil, fmt.Errorf("asked for chunk %d of %+v", i, src)
		}
		return chunk, nil
	}}, nil)
	got, err := client(t, patient).Chunk(t.Context(), peer, source(), 17)
	if err != nil || !bytes.Equal(got, chunk) {
		t.Fatalf("got %d bytes, err %v", len(got), err)
	}
}

func TestVerdictsTravel(t *testing.T) {
	var verdict error
	_, peer := serve(t, peerhttp.Work{
		Object: func(context.Context, edge.Job) (*edge.Object, edge.Tier, error) { return nil, edge.TierDisk, verdict },
		Chunk:  func(context.Context, *wire.Source, int) ([]byte, error) { return nil, verdict },
	}, nil)
	c := client(t, patient)
	for kind := edge.Internal; kind <= edge.Limited; kind++ {
		sent := &edge.Error{Kind: kind, Message: "what is «wrong»", RetryAfter: 1500 * time.Millisecond}
		verdict = fmt.Errorf("render: %w", sent)
		_, _, objectErr := c.Object(t.Context(), peer, edge.Job{Source: source()})
		_, chunkErr := c.Chunk(t.Context(), peer, source(), 0)
		for _, err := range []error{objectErr, chunkErr} {
			e, ok := errors.AsType[*edge.Error](err)
			if !ok || e.Kind != kind || e.Message != "what is «wrong»" || e.RetryAfter != 1500*time.Millisecond {
				t.Fatalf("verdict of kind %v arrived as %+v", kind, err)
			}
		}
	}
	pace := limit.Pace{Rate: limit.Rate{Count: 7, Per: time.Hour}, Remaining: 2, Wait: 3 * time.Second,
		Reset: time.Now().Add(time.Minute)}
	verdict = edge.LimitError("variants", "enough", pace)
	_, _, limited := c.Object(t.Context(), peer, edge.Job{Source: source()})
	if e, ok := errors.AsType[*edge.Error](limited); !ok || e.Limit == nil || e.Limit.Name != "variants" ||
		e.Limit.Pace.Rate != pace.Rate || e.Limit.Pace.Remaining != 2 || e.Limit.Pace.Wait != pace.Wait ||
		e.Limit.Pace.Reset.Sub(pace.Reset).Abs() > 30*time.Second {
		t.Fatalf("a limit arrived as %+v", limited)
	}
	verdict = errors.New("secret path /srv/x")
	_, _, err := c.Object(t.Context(), peer, edge.Job{Source: source()})
	if wantKind(t, err, edge.Internal); strings.Contains(err.Error(), "secret") {
		t.Fatalf("an internal error's text travelled: %v", err)
	}
	if n := c.Stats().Skipped; n != 0 {
		t.Fatalf("verdicts counted as trouble with the peer: %d requests skipped", n)
	}
}

// post sends raw text as a holder of the key.
func post(t *testing.T, peer edge.Peer, path, body string) (status int, answer string) {
	t.Helper()
	_, config := tlsOf(t, key)
	transport := &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}
	defer transport.CloseIdleConnections()
	resp, err := (&http.Client{Transport: transport}).Post("https://"+peer.Address+path, "application/json",
		strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(text)
}

func TestHostileRequests(t *testing.T) {
	_, peer := serve(t, peerhttp.Work{}, nil) // a request let through would panic
	digest := strings.Repeat("0", 64)
	for _, test := range []struct{ path, body string }{
		{"/peer/v1/object", ``},
		{"/peer/v1/object", `{`},
		{"/peer/v1/object", `[]`},
		{"/peer/v1/object", `{}`},
		{"/peer/v1/object", `{"source":null,"spec":"f_png"}`},
		{"/peer/v1/object", `{"source":{"digest":"` + digest + `"},"spec":"f_png"}{}`},
		{"/peer/v1/object", `{"source":{"digest":"` + digest + `"},"spec":"f_png"} x`},
		{"/peer/v1/object", `{"source":{"digest":"` + digest + `"},"spec":"f_auto"}`},
		{"/peer/v1/object", `{"source":{"digest":"` + digest + `"},"spec":"w_400"}`},
		{"/peer/v1/object", `{"source":{"digest":"` + digest + `"},"spec":"w_400,f_png"}`}, // not canonical
		{"/peer/v1/object", `{"source":{"digest":"` + digest + `"},"spec":"f_png,w_99999"}`},
		{"/peer/v1/object", `{"source":{"digest":"` + digest + `"},"spec":"` + strings.Repeat("x", 9<<20) + `"}`},
		{"/peer/v1/chunk", `{"index":1}`},
		{"/peer/v1/chunk", `{"source":{"digest":7},"index":1}`},
	} {
		if status, answer := post(t, peer, test.path, test.body); status != 400 || !strings.Contains(answer, `"invalid"`) {
			t.Errorf("%s of %.80q: %d %s, want 400 and kind invalid", test.path, test.body, status, answer)
		}
	}
	if status, _ := post(t, peer, "/peer/v2/object", "{}"); status != 404 {
		t.Errorf("unknown path: %d, want 404", status)
	}
}

func TestWrongKeyIsRefused(t *testing.T) {
	wrongServer, wrongClient := tlsOf(t, cluster.Key(strings.Repeat("x", 32)))
	_, right := serve(t, object("secret"), nil)
	_, wrong := serve(t, object("lies"), func(o *peerhttp.ServerOptions) { o.TLS = wrongServer })
	intruder := client(t, func(o *peerhttp.ClientOptions) { o.TLS = wrongClient; patient(o) })
	_, _, err := intruder.Object(t.Context(), right, edge.Job{Source: source()})
	wantKind(t, err, edge.Unavailable)
	_, _, err = client(t, patient).Object(t.Context(), wrong, edge.Job{Source: source()})
	wantKind(t, err, edge.Unavailable)
	if !strings.Contains(err.Error(), "key") {
		t.Fatalf("the error does not say what is wrong: %v", err)
	}
	nobody := client(t, func(o *peerhttp.ClientOptions) { o.TLS = &tls.Config{InsecureSkipVerify: true}; patient(o) })
	_, _, err = nobody.Object(t.Context(), right, edge.Job{Source: source()})
	wantKind(t, err, edge.Unavailable)
}

// mute accepts connections and says nothing; with tls it shakes hands first.
func mute(t *testing.T, shakeHands bool) edge.Peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config, _ := tlsOf(t, key)
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			if shakeHands {
				conn = tls.Server(conn, config)
			}
			wg.Go(func() {
				defer conn.Close()
				_, _ = io.Copy(io.Discard, conn)
			})
		}
	})
	t.Cleanup(func() { l.Close(); wg.Wait() })
	return edge.Peer{Name: "mute", Address: l.Addr().String()}
}

func TestPeerThatTakesNothingOn(t *testing.T) {
	for _, shakeHands := range []bool{true, false} {
		peer, c := mute(t, shakeHands), client(t, nil)
		began := time.Now()
		_, _, err := c.Object(t.Context(), peer, edge.Job{Source: source()})
		took := time.Since(began)
		wantKind(t, err, edge.Unavailable)
		if took < 140*time.Millisecond || took > 30*time.Second { // it would wait for ever
			t.Errorf("gave up after %v, want 150 ms", took)
		}
		if st := c.Stats(); st.Unaccepted != 1 || st.Failed != 0 {
			t.Errorf("stats: %+v", st)
		}
		c.Close()
	}
}

// A request that was taken on may take much longer than the time for taking it on, or for sending it. Both are generous here: the
// machine may be busy.
func TestAcceptedWorkMayTakeLong(t *testing.T) {
	t.Parallel()
	const short = 3 * time.Second
	_, peer := serve(t, peerhttp.Work{Object: func(ctx context.Context, _ edge.Job) (*edge.Object, edge.Tier, error) {
		time.Sleep(short * 3 / 2)
		if ctx.Err() != nil {
			return nil, edge.TierDisk, ctx.Err()
		}
		return edge.NewObject("image/png", []byte("slow")), edge.TierDisk, nil
	}}, func(o *peerhttp.ServerOptions) { o.IOTimeout = short })
	c := client(t, func(o *peerhttp.ClientOptions) { o.Accept = short })
	for range 2 { // over one connection, whose deadlines must not outlive their request
		if _, _, err := c.Object(t.Context(), peer, edge.Job{Source: source()}); err != nil {
			t.Fatal(err)
		}
	}
}

func TestCancellationReachesTheOwner(t *testing.T) {
	began, ended := make(chan struct{}), make(chan struct{})
	_, peer := serve(t, peerhttp.Work{Object: func(ctx context.Context, _ edge.Job) (*edge.Object, edge.Tier, error) {
		close(began)
		<-ctx.Done()
		close(ended)
		return nil, edge.TierDisk, ctx.Err()
	}}, nil)
	c := client(t, patient)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error)
	go func() {
		_, _, err := c.Object(ctx, peer, edge.Job{Source: source()})
		failed <- err
	}()
	<-began
	cancel()
	wantKind(t, <-failed, edge.Timeout)
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("the owner works on for nobody")
	}
	if st := c.Stats(); st.Failed+st.Unaccepted != 0 {
		t.Fatalf("our own leaving counts as the peer's failure: %+v", st)
	}
}

func TestDeadlineOfTheCaller(t *testing.T) {
	_, peer := serve(t, peerhttp.Work{Object: func(ctx context.Context, _ edge.Job) (*edge.Object, edge.Tier, error) {
		<-ctx.Done()
		return nil, edge.TierDisk, ctx.Err()
	}}, nil)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	_, _, err := client(t, patient).Object(ctx, peer, edge.Job{Source: source()})
	wantKind(t, err, edge.Timeout)
}

func TestDrainingPeerRefuses(t *testing.T) {
	inside, leave := make(chan struct{}), make(chan struct{})
	s, peer := serve(t, peerhttp.Work{Object: func(context.Context, edge.Job) (*edge.Object, edge.Tier, error) {
		close(inside)
		<-leave
		return edge.NewObject("image/png", []byte("last")), edge.TierDisk, nil
	}}, nil)
	c := client(t, patient)
	running := make(chan error)
	go func() {
		_, _, err := c.Object(t.Context(), peer, edge.Job{Source: source()})
		running <- err
	}()
	<-inside
	s.Drain()
	_, _, err := c.Object(t.Context(), peer, edge.Job{Source: source()})
	wantKind(t, err, edge.Unavailable)
	close(leave)
	if err := <-running; err != nil {
		t.Fatalf("what was running was cut off: %v", err)
	}
	if st := s.Stats(); st.Served != 1 || st.Refused != 1 {
		t.Fatalf("stats: %+v", st)
	}
}

// A connection that nothing came over must not hold up the end, which the restart of a node waits for.
func TestSilentConnectionsEndAtOnce(t *testing.T) {
	s, peer := serve(t, peerhttp.Work{}, nil)
	conn, err := net.Dial("tcp", peer.Address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	began := time.Now()
	if err := s.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 4*time.Second { // net/http would wait for five
		t.Errorf("it took %s", took)
	}
}

func TestTooManyRequestsAreRefused(t *testing.T) {
	leave := make(chan struct{})
	s, peer := serve(t, peerhttp.Work{Object: func(context.Context, edge.Job) (*edge.Object, edge.Tier, error) {
		<-leave
		return edge.NewObject("image/png", []byte("done")), edge.TierDisk, nil
	}}, func(o *peerhttp.ServerOptions) { o.MaxRunning = 2 })
	c := client(t, patient)
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			if _, _, err := c.Object(t.Context(), peer, edge.Job{Source: source()}); err != nil {
				t.Error(err)
			}
		})
	}
	eventually(t, "two are running", func() bool { return s.Stats().Running == 2 })
	_, _, err := c.Object(t.Context(), peer, edge.Job{Source: source()})
	wantKind(t, err, edge.Unavailable)
	close(leave)
	wg.Wait()
}

func TestBodySizes(t *testing.T) {
	const limit = 1000
	small := func(o *peerhttp.ClientOptions) { o.MaxObjectBytes = limit; patient(o) }
	_, fits := serve(t, object(strings.Repeat("x", limit)), nil)
	if _, _, err := client(t, small).Object(t.Context(), fits, edge.Job{Source: source()}); err != nil {
		t.Fatal(err)
	}
	_, tooLarge := serve(t, object(strings.Repeat("x", limit+1)), nil)
	_, _, err := client(t, small).Object(t.Context(), tooLarge, edge.Job{Source: source()})
	wantKind(t, err, edge.Unavailable)
	_, giant := serve(t, peerhttp.Work{Chunk: func(context.Context, *wire.Source, int) ([]byte, error) {
		return make([]byte, wire.ChunkBytes+1), nil
	}}, nil)
	_, err = client(t, patient).Chunk(t.Context(), giant, source(), 0)
	wantKind(t, err, edge.Unavailable)
}

// odd is a holder of the key that answers in its own way.
func odd(t *testing.T, handler http.HandlerFunc) edge.Peer {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	config, _ := tlsOf(t, key)
	s := &http.Server{Handler: handler, TLSConfig: config, ErrorLog: slog.NewLogLogger(silent.Handler(), 0)}
	done := make(chan struct{})
	go func() { defer close(done); _ = s.ServeTLS(l, "", "") }()
	t.Cleanup(func() { s.Close(); <-done })
	return edge.Peer{Name: "odd", Address: l.Addr().String()}
}

func TestOddAnswers(t *testing.T) {
	answers := map[string]http.HandlerFunc{
		"wrong tag": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("ETag", `"00000000000000000000000000000000"`)
			fmt.Fprint(w, "body")
		},
		"no tag":        func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "body") },
		"no length":     func(w http.ResponseWriter, _ *http.Request) { w.(http.Flusher).Flush(); fmt.Fprint(w, "body") },
		"no verdict":    func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "proxy says no", 502) },
		"empty verdict": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(404); fmt.Fprint(w, "{}") },
		"redirect":      func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "https://127.0.0.1:1/", 307) },
		"not modified":  func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(304) },
		"cut short": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, "body")
			panic(http.ErrAbortHandler)
		},
		"hangs up": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"hangs up later": func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(102)
			panic(http.ErrAbortHandler)
		},
	}
	for name, answer := range answers {
		t.Run(name, func(t *testing.T) {
			_, _, err := client(t, patient).Object(t.Context(), odd(t, answer), edge.Job{Source: source()})
			wantKind(t, err, edge.Unavailable)
		})
	}
	unknown := odd(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(418)
		fmt.Fprint(w, `{"kind":"teapot","message":"from a later version","new":1}`)
	})
	_, _, err := client(t, patient).Object(t.Context(), unknown, edge.Job{Source: source()})
	wantKind(t, err, edge.Internal)
}

// clock is set by hand.
type clock struct{ at atomic.Int64 }

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()) }
func (c *clock) forward(d time.Duration) { c.at.Add(int64(d)) }

// A peer that is gone is found out once, left alone for a second, and tried again by one request.
func TestBreakerOnDeadPeer(t *testing.T) {
	peer := edge.Peer{Name: "dead", Address: freeport.ForTest(t, 1)[0]}
	var watch clock
	c := client(t, func(o *peerhttp.ClientOptions) { o.Now = watch.now; patient(o) })
	ask := func() peerhttp.ClientStats {
		_, _, err := c.Object(t.Context(), peer, edge.Job{Source: source()})
		wantKind(t, err, edge.Unavailable)
		return c.Stats()
	}
	for i, want := range []peerhttp.ClientStats{
		{Requests: 1, Failed: 1},
		{Requests: 1, Failed: 1, Skipped: 1},
		{Requests: 1, Failed: 1, Skipped: 2},
	} {
		if got := ask(); got != want {
			t.Fatalf("request %d: stats %+v, want %+v", i, got, want)
		}
	}
	watch.forward(time.Second)
	if got, want := ask(), (peerhttp.ClientStats{Requests: 2, Failed: 2, Skipped: 2}); got != want {
		t.Fatalf("after the rest: stats %+v, want %+v", got, want)
	}
	if got, want := ask(), (peerhttp.ClientStats{Requests: 2, Failed: 2, Skipped: 3}); got != want {
		t.Fatalf("after the second failure: stats %+v, want %+v", got, want)
	}
}

// A slow peer has three strikes; success wipes them out.
func TestBreakerOnSlowPeer(t *testing.T) {
	var broken atomic.Bool
	broken.Store(true)
	obj := edge.NewObject("image/png", []byte("well again"))
	peer := odd(t, func(w http.ResponseWriter, _ *http.Request) {
		if broken.Load() {
			panic(http.ErrAbortHandler)
		}
		w.Header().Set("ETag", obj.ETag)
		w.Header().Set("Content-Type", obj.MediaType)
		_, _ = w.Write(obj.Body)
	})
	var watch clock
	c := client(t, func(o *peerhttp.ClientOptions) { o.Now = watch.now; patient(o) })
	ask := func() error {
		_, _, err := c.Object(t.Context(), peer, edge.Job{Source: source()})
		return err
	}
	for range 5 {
		wantKind(t, ask(), edge.Unavailable)
	}
	if got, want := c.Stats(), (peerhttp.ClientStats{Requests: 3, Failed: 3, Skipped: 2}); got != want {
		t.Fatalf("stats %+v, want %+v", got, want)
	}
	broken.Store(false)
	watch.forward(time.Second)
	for range 2 {
		if err := ask(); err != nil {
			t.Fatal(err)
		}
	}
	broken.Store(true)
	wantKind(t, ask(), edge.Unavailable)
	wantKind(t, ask(), edge.Unavailable)
	if got := c.Stats(); got.Skipped != 2 {
		t.Fatalf("old strikes still count: %+v", got)
	}
}

// A peer that was restarted since it was last asked costs nothing but a new connection.
func TestRestartedPeer(t *testing.T) {
	config, _ := tlsOf(t, key)
	c := client(t, patient)
	peer := edge.Peer{Name: "owner", Address: freeport.ForTest(t, 1)[0]}
	for range 3 {
		l, err := net.Listen("tcp", peer.Address)
		if err != nil {
			t.Fatal(err)
		}
		s := peerhttp.NewServer(object("x"), peerhttp.ServerOptions{TLS: config, Log: silent})
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		if _, _, err := c.Object(t.Context(), peer, edge.Job{Source: source()}); err != nil {
			t.Fatal(err)
		}
		if err := errors.Join(s.Shutdown(t.Context()), <-served); err != nil {
			t.Fatal(err)
		}
	}
}

func TestConcurrentUse(t *testing.T) {
	_, peer := serve(t, peerhttp.Work{Object: func(_ context.Context, job edge.Job) (*edge.Object, edge.Tier, error) {
		return edge.NewObject("text/plain", []byte(job.Spec.String())), edge.TierDisk, nil
	}}, nil)
	c := client(t, patient)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for j := range 50 {
				job := edge.Job{Source: source(), Spec: spec(t, fmt.Sprintf("f_png,h_%d,w_%d", i+1, j+1))}
				obj, _, err := c.Object(t.Context(), peer, job)
				if err != nil || string(obj.Body) != job.Spec.String() {
					t.Errorf("%v: got %v, err %v", job.Spec, obj, err)
				}
			}
		})
	}
	wg.Wait()
}

func BenchmarkObject(b *testing.B) {
	for _, size := range []int{20_000, 2_000_000} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			_, peer := serve(b, object(strings.Repeat("x", size)), nil)
			c := client(b, patient)
			job := edge.Job{Source: source(), Spec: spec(b, "f_webp,w_400")}
			b.SetBytes(int64(size))
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					if _, _, err := c.Object(b.Context(), peer, job); err != nil {
						b.Error(err)
					}
				}
			})
		})
	}
}
