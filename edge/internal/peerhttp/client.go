package peerhttp

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"sync/atomic"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/wire"
)

// ClientOptions of a Client. TLS must be given: the client end of cluster.Key.TLS. Zero values stand for the defaults.
type ClientOptions struct {
	TLS            *tls.Config
	Accept         time.Duration                      // how long a peer has to take a request on, 150 ms by default
	Rest           time.Duration                      // how long a peer that failed is left alone, 1 s by default
	MaxObjectBytes int64                              // larger answers are refused, 64 MiB by default
	Now            func() time.Time                   // time.Now by default
	Inject         func(context.Context, http.Header) // adds headers to a request, for traces; nil for none
}

const (
	defaultAccept         = 150 * time.Millisecond
	defaultRest           = time.Second
	defaultMaxObjectBytes = 64 << 20

	idleConns       = 64 // per peer
	clientIdleLimit = time.Minute
	dialLimit       = 2 * time.Second // for connections that nobody waits for any more
)

// Client implements edge.Peers.
type Client struct {
	http     *http.Client
	accept   time.Duration
	maxBytes int64
	breaker  breaker
	inject   func(context.Context, http.Header)

	requests, unaccepted, failed, skipped, corrupt atomic.Int64
}

// ClientStats are counts since NewClient.
type ClientStats struct {
	Requests   int64 // sent or tried
	Unaccepted int64 // of these, not taken on in time
	Failed     int64 // of these, ended by trouble with the connection
	Corrupt    int64 // of these, answered with a body that did not have its tag
	Skipped    int64 // not tried, because the peer had just failed
}

// NewClient makes a client; it connects when asked.
func NewClient(o ClientOptions) *Client {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Inject == nil {
		o.Inject = func(context.Context, http.Header) {}
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true) // see NewServer
	return &Client{
		http: &http.Client{
			Transport: &http.Transport{
				// No Proxy: whatever the environment says, there is none between nodes.
				DialContext:         (&net.Dialer{Timeout: dialLimit}).DialContext,
				TLSHandshakeTimeout: dialLimit,
				TLSClientConfig:     o.TLS,
				Protocols:           &protocols,
				MaxIdleConnsPerHost: idleConns,
				IdleConnTimeout:     clientIdleLimit,
				DisableCompression:  true,
				WriteBufferSize:     16 << 10,
				ReadBufferSize:      16 << 10,
			},
			CheckRedirect: func(*http.Request, []*http.Request) error { return errors.New("peers do not redirect") },
		},
		accept:   cmp.Or(o.Accept, defaultAccept),
		maxBytes: cmp.Or(o.MaxObjectBytes, defaultMaxObjectBytes),
		breaker:  breaker{rest: cmp.Or(o.Rest, defaultRest), now: o.Now},
		inject:   o.Inject,
	}
}

// Close ends idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Stats gives a snapshot.
func (c *Client) Stats() ClientStats {
	return ClientStats{Requests: c.requests.Load(), Unaccepted: c.unaccepted.Load(), Failed: c.failed.Load(),
		Corrupt: c.corrupt.Load(), Skipped: c.skipped.Load()}
}

// Object implements edge.Peers.
func (c *Client) Object(ctx context.Context, peer edge.Peer, job edge.Job) (*edge.Object, edge.Tier, error) {
	resp, body, err := c.call(ctx, peer, pathObject, newObjectRequest(job), c.maxBytes)
	if err != nil {
		return nil, 0, err
	}
	obj := edge.NewObject(resp.Header.Get("Content-Type"), body)
	if obj.ETag != resp.Header.Get("ETag") {
		c.corrupt.Add(1)
		return nil, 0, unavailable(peer, errors.New("sent a body that does not have its tag"))
	}
	obj.Quick, obj.Fallback = resp.Header.Get(headerQuick) != "", resp.Header.Get(headerFallback) != ""
	return obj, edge.ParseTier(resp.Header.Get(headerTier)), nil
}

// Chunk implements edge.Peers. Whether the bytes are right is the caller's to check, who knows their hash.
func (c *Client) Chunk(ctx context.Context, peer edge.Peer, src *wire.Source, i int) ([]byte, error) {
	_, body, err := c.call(ctx, peer, pathChunk, chunkRequest{src, i}, wire.ChunkBytes)
	return body, err
}

// call posts a request to a peer that is not resting, and gives a 200's body.
func (c *Client) call(ctx context.Context, peer edge.Peer, path string, req any, limit int64) (*http.Response, []byte,
	error) {
	text, err := json.Marshal(req)
	if err != nil {
		return nil, nil, fmt.Errorf("encode request to peer %s: %w", peer.Name, err)
	}
	if !c.breaker.allow(peer.Address) {
		c.skipped.Add(1)
		return nil, nil, unavailable(peer, errors.New("failed a moment ago"))
	}
	c.requests.Add(1)
	t := newTry(ctx, c.accept)
	defer t.end()
	resp, body, err := c.exchange(t, peer, path, text, limit)
	switch {
	case err == nil || t.answered.Load():
		c.breaker.good(peer.Address)
		return resp, body, err
	case ctx.Err() != nil:
		return nil, nil, timedOut(peer, ctx) // our caller gave up: the peer is not to blame
	}
	c.breaker.bad(peer.Address, t.dead())
	if t.tooLate() {
		c.unaccepted.Add(1)
		return nil, nil, unavailable(peer, fmt.Errorf("did not take the request on within %v", c.accept))
	}
	c.failed.Add(1)
	return nil, nil, unavailable(peer, err)
}

func (c *Client) exchange(t *try, peer edge.Peer, path string, text []byte, limit int64) (*http.Response, []byte, error) {
	req, err := http.NewRequestWithContext(t.ctx, http.MethodPost, "https://"+peer.Address+path, bytes.NewReader(text))
	if err != nil {
		return nil, nil, err
	}
	req.Header.Set("Content-Type", "application/json")
	c.inject(t.ctx, req.Header)
	// Asking twice is harmless. The empty value says so to net/http, which then tries again when the peer was
	// restarted since the connection was last used, and is not sent.
	req.Header["Idempotency-Key"] = nil
	resp, err := c.http.Do(req)
	if err != nil {
		return nil, nil, err
	}
	t.accepted()
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.answered.Store(true)
		return nil, nil, readVerdict(peer, resp)
	}
	body, err := readBody(resp, limit)
	return resp, body, err
}

// readBody reads a body of announced length into a slice of that size.
func readBody(resp *http.Response, limit int64) ([]byte, error) {
	if resp.ContentLength < 0 || resp.ContentLength > limit {
		return nil, fmt.Errorf("announced %d bytes, allowed are %d", resp.ContentLength, limit)
	}
	body := make([]byte, resp.ContentLength)
	if n, err := io.ReadFull(resp.Body, body); err != nil {
		return nil, fmt.Errorf("after %d of %d bytes: %w", n, len(body), err)
	}
	return body, nil
}

// try is one attempt under way: it ends when the peer has not taken it on in time.
type try struct {
	ctx       context.Context
	cancel    context.CancelCauseFunc
	timer     *time.Timer
	connected atomic.Bool // TCP reached the peer
	answered  atomic.Bool // with an error of its own
}

var errNotAccepted = errors.New("not taken on in time")

func newTry(ctx context.Context, within time.Duration) *try {
	t := &try{}
	t.ctx, t.cancel = context.WithCancelCause(ctx)
	t.timer = time.AfterFunc(within, func() { t.cancel(errNotAccepted) })
	t.ctx = httptrace.WithClientTrace(t.ctx, &httptrace.ClientTrace{
		ConnectDone: func(_, _ string, err error) {
			if err == nil {
				t.connected.Store(true)
			}
		},
		GotConn:        func(httptrace.GotConnInfo) { t.connected.Store(true) },
		Got1xxResponse: func(int, textproto.MIMEHeader) error { t.accepted(); return nil },
	})
	return t
}

// accepted: from here on only the caller's deadline counts.
func (t *try) accepted() { t.timer.Stop() }

func (t *try) end() {
	t.timer.Stop()
	t.cancel(nil)
}

func (t *try) tooLate() bool { return errors.Is(context.Cause(t.ctx), errNotAccepted) }

// dead: nobody listens there, as opposed to a peer that is slow.
func (t *try) dead() bool { return !t.connected.Load() }
