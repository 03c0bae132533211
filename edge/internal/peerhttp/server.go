package peerhttp

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/silent"
	"github.com/pictor/pictor/shared/wire"
)

// Work is what a peer can ask of this node. Neither call may ask another peer.
type Work struct {
	Object func(context.Context, edge.Job) (*edge.Object, edge.Tier, error)
	Chunk  func(ctx context.Context, src *wire.Source, i int) ([]byte, error)
}

// ServerOptions of a Server. TLS must be given: the server end of cluster.Key.TLS.
type ServerOptions struct {
	TLS        *tls.Config
	MaxRunning int           // requests taken on at the same time, 1024 by default; more are refused at once
	IOTimeout  time.Duration // how long a peer may take to send a request or to read an answer, 30 s by default
	Log        *slog.Logger
	Wrap       func(http.Handler) http.Handler // around all requests, for traces; nil for none
}

const (
	defaultMaxRunning = 1024
	defaultIOTimeout  = 30 * time.Second

	// idleTimeout is longer than the client's, which then never sends into a connection that we are closing.
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 16 << 10
)

// Server answers peers.
type Server struct {
	work       Work
	http       *http.Server
	log        *slog.Logger
	maxRunning int64
	ioTimeout  time.Duration

	draining atomic.Bool
	silent   silent.Conns
	running  atomic.Int64
	served   atomic.Int64
	refused  atomic.Int64
}

// ServerStats are figures since NewServer, apart from Running.
type ServerStats struct {
	Running int64
	Served  int64 // requests taken on
	Refused int64 // requests not taken on, because there were too many or the node was draining
}

// NewServer makes a server for Serve.
func NewServer(work Work, o ServerOptions) *Server {
	s := &Server{work: work, log: o.Log, maxRunning: int64(cmp.Or(o.MaxRunning, defaultMaxRunning)),
		ioTimeout: cmp.Or(o.IOTimeout, defaultIOTimeout)}
	if s.log == nil {
		s.log = slog.Default()
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST "+pathObject, s.object)
	mux.HandleFunc("POST "+pathChunk, s.chunk)
	var handler http.Handler = mux
	if o.Wrap != nil {
		handler = o.Wrap(mux)
	}
	// HTTP/1.1: one connection per running request costs little between a few nodes, and BenchmarkObject runs 2.4
	// times as fast as over the frames and flow control of HTTP/2. ReadTimeout and WriteTimeout would cut off long
	// renders, as a read that times out ends the request's context: deadlines are set where we read and write.
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	s.http = &http.Server{
		Handler:           handler,
		TLSConfig:         o.TLS,
		Protocols:         &protocols,
		ReadHeaderTimeout: s.ioTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    maxHeaderBytes,
		ErrorLog:          slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		ConnState:         func(conn net.Conn, state http.ConnState) { s.silent.Note(conn, state == http.StateNew) },
	}
	return s
}

// Serve answers on the listener, which it closes, until Shutdown; then it returns nil.
func (s *Server) Serve(l net.Listener) error {
	if err := s.http.ServeTLS(l, "", ""); !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("serve peers: %w", err)
	}
	return nil
}

// Drain refuses what comes from now on, so that peers turn elsewhere; what is running goes on.
func (s *Server) Drain() { s.draining.Store(true) }

// Shutdown stops listening and waits for what is running, or for the end of ctx, when it cuts connections.
func (s *Server) Shutdown(ctx context.Context) error {
	s.Drain()
	s.silent.Close() // a peer that finds its connection closed does the work itself
	if err := s.http.Shutdown(ctx); err != nil {
		return errors.Join(fmt.Errorf("stop serving peers: %w", err), s.http.Close())
	}
	return nil
}

// Stats gives a snapshot.
func (s *Server) Stats() ServerStats {
	return ServerStats{Running: s.running.Load(), Served: s.served.Load(), Refused: s.refused.Load()}
}

func (s *Server) object(w http.ResponseWriter, r *http.Request) {
	var req objectRequest
	done, ok := s.accept(w, r, &req)
	if !ok {
		return
	}
	defer done()
	job, err := req.job()
	if err != nil {
		s.fail(w, r, invalid(err))
		return
	}
	s.processing(w)
	obj, tier, err := s.work.Object(r.Context(), job)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	w.Header().Set("ETag", obj.ETag)
	w.Header().Set(headerTier, tier.String())
	if obj.Quick {
		w.Header().Set(headerQuick, "1")
	}
	if obj.Fallback {
		w.Header().Set(headerFallback, "1")
	}
	s.send(w, obj.MediaType, obj.Body)
}

func (s *Server) chunk(w http.ResponseWriter, r *http.Request) {
	var req chunkRequest
	done, ok := s.accept(w, r, &req)
	if !ok {
		return
	}
	defer done()
	if req.Source == nil {
		s.fail(w, r, invalid(errors.New("no source")))
		return
	}
	s.processing(w)
	chunk, err := s.work.Chunk(r.Context(), req.Source, req.Index)
	if err != nil {
		s.fail(w, r, err)
		return
	}
	s.send(w, "application/octet-stream", chunk)
}

// accept reads a request that there is room for. When it is taken on, done must be called at the end.
func (s *Server) accept(w http.ResponseWriter, r *http.Request, into any) (done func(), ok bool) {
	if running := s.running.Add(1); s.draining.Load() || running > s.maxRunning {
		s.running.Add(-1)
		s.refused.Add(1)
		w.Header().Set("Connection", "close")
		s.fail(w, r, &edge.Error{Kind: edge.Unavailable, Message: "this node takes no work now"})
		return nil, false
	}
	done = func() { s.running.Add(-1) }
	if err := s.read(w, r, into); err != nil {
		done()
		s.fail(w, r, invalid(err))
		return nil, false
	}
	s.served.Add(1)
	return done, true
}

func (s *Server) read(w http.ResponseWriter, r *http.Request, into any) error {
	control := http.NewResponseController(w)
	if err := control.SetReadDeadline(time.Now().Add(s.ioTimeout)); err != nil {
		return err
	}
	// Decoding stops at the end of the value; the rest up to the end of the body must be read as well, or net/http
	// does not watch for the peer hanging up.
	decoder := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxRequestBytes))
	if err := decoder.Decode(into); err != nil {
		return err
	}
	if _, err := decoder.Token(); err != io.EOF {
		return errors.New("more follows the request")
	}
	return control.SetReadDeadline(time.Time{})
}

// processing tells the peer that its request was taken on.
func (s *Server) processing(w http.ResponseWriter) {
	s.limitWrite(w)
	w.WriteHeader(http.StatusProcessing)
}

// limitWrite comes before every write: a deadline holds for the connection, over the end of a request.
func (s *Server) limitWrite(w http.ResponseWriter) {
	// An error means that the peer has gone, as it does in the writes below.
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.ioTimeout))
}

func (s *Server) send(w http.ResponseWriter, mediaType string, body []byte) {
	s.limitWrite(w)
	w.Header().Set("Content-Type", mediaType)
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	_, _ = w.Write(body)
}

func (s *Server) fail(w http.ResponseWriter, r *http.Request, err error) {
	if r.Context().Err() != nil {
		panic(http.ErrAbortHandler) // nobody reads it, and to return would be to say 200
	}
	v := newVerdict(err)
	kind := edge.ParseKind(v.Kind)
	if kind == edge.Internal {
		s.log.Error("work for a peer failed", "path", r.URL.Path, "remote", r.RemoteAddr, "err", err)
	}
	s.limitWrite(w)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(statusOf[kind])
	_ = json.NewEncoder(w).Encode(v)
}

func invalid(err error) error {
	return &edge.Error{Kind: edge.Invalid, Message: "the request of a peer makes no sense", Err: err}
}
