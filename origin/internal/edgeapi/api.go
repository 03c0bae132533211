// Package edgeapi is the origin's API for its edges: the paths of package wire, for holders of the cluster key, on a
// listener of its own.
package edgeapi

import (
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"sync"
	"time"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/shared/wire"
)

const (
	heartbeat     = time.Second      // edges take a feed that is silent for longer than a few of these for dead
	answerTime    = 10 * time.Second // to take a small answer, or one batch of changes, off our hands
	slowestEdge   = 256 << 10        // bytes a second that an edge must take of a blob
	maxUsageBytes = 8 << 20
)

// API answers edges.
type API struct {
	core *origin.Core
	log  *slog.Logger
	now  func() time.Time

	ending chan struct{} // closed by EndStreams
	end    sync.Once
}

// New makes the API.
func New(core *origin.Core, log *slog.Logger) *API {
	return &API{core: core, log: log, now: time.Now, ending: make(chan struct{})}
}

// EndStreams ends the change streams, now and from now on, so that a server that shuts down need not wait for them.
func (a *API) EndStreams() { a.end.Do(func() { close(a.ending) }) }

// Handler serves the paths of package wire.
func (a *API) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET "+wire.PathManifest, a.serve(a.manifest))
	mux.HandleFunc("GET "+wire.PathBlob+"{digest}", a.serve(a.blob))
	mux.HandleFunc("GET "+wire.PathChanges, a.serve(a.changes))
	mux.HandleFunc("GET "+wire.PathKeyring, a.serve(a.keyring))
	mux.HandleFunc("POST "+wire.PathUsage, a.serve(a.usage))
	return mux
}

func (a *API) serve(handle func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		_ = http.NewResponseController(w).SetWriteDeadline(a.now().Add(answerTime)) // long answers move it on
		if err := handle(w, r); err != nil {
			a.fail(w, r, err)
		}
	}
}

// statuses is what an edge can act on; the rest is a 500.
var statuses = map[origin.Kind]int{
	origin.Invalid:     http.StatusBadRequest,
	origin.NotFound:    http.StatusNotFound,
	origin.TooLarge:    http.StatusRequestEntityTooLarge,
	origin.Unavailable: http.StatusServiceUnavailable,
}

func (a *API) fail(w http.ResponseWriter, r *http.Request, err error) {
	status, ok := statuses[origin.KindOf(err)]
	if !ok {
		status = http.StatusInternalServerError
		if r.Context().Err() == nil {
			a.log.Error("edge request failed", "path", r.URL.Path, "error", err)
		}
	}
	http.Error(w, http.StatusText(status), status)
}

// manifest gives what is known about a name. A 404 too says at which number of the change log it was read, so that an
// edge can remember it until that changes.
func (a *API) manifest(w http.ResponseWriter, r *http.Request) error {
	query := r.URL.Query()
	manifest, seq, err := a.core.Manifest(r.Context(), wire.Name{Namespace: query.Get("ns"), Name: query.Get("name")})
	if origin.KindOf(err) == origin.NotFound {
		return writeJSON(w, http.StatusNotFound, wire.NotFound{Seq: seq})
	}
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, manifest)
}

// blob gives the bytes of an upload, or a range of them.
func (a *API) blob(w http.ResponseWriter, r *http.Request) error {
	digest := r.PathValue("digest")
	blob, err := a.core.OpenBlob(r.Context(), digest)
	if err != nil {
		return err
	}
	defer blob.Close()
	header := w.Header()
	header.Set("Content-Type", "application/octet-stream")
	header.Set("ETag", `"`+digest+`"`)
	longest := answerTime + time.Duration(blob.Size()/slowestEdge)*time.Second
	_ = http.NewResponseController(w).SetWriteDeadline(a.now().Add(longest))
	http.ServeContent(w, r, "", time.Time{}, io.NewSectionReader(blob, 0, blob.Size()))
	return nil
}

func (a *API) keyring(w http.ResponseWriter, r *http.Request) error {
	ring, err := a.core.Keyring(r.Context())
	if err != nil {
		return err
	}
	return writeJSON(w, http.StatusOK, ring)
}

// usage counts what an edge served. Unknown fields are let pass: newer edges may report more.
func (a *API) usage(w http.ResponseWriter, r *http.Request) error {
	_ = http.NewResponseController(w).SetReadDeadline(a.now().Add(answerTime))
	var batch wire.UsageBatch
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxUsageBytes)).Decode(&batch); err != nil {
		return usageError(err)
	}
	if err := a.core.RecordUsage(r.Context(), batch); err != nil {
		return err
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

func usageError(err error) error {
	if _, ok := errors.AsType[*http.MaxBytesError](err); ok {
		return origin.Errorf(origin.TooLarge, "usage batch exceeds %d bytes", maxUsageBytes)
	}
	return &origin.Error{Kind: origin.Invalid, Message: "malformed usage batch", Err: err}
}

func writeJSON(w http.ResponseWriter, status int, value any) error {
	text, err := json.Marshal(value)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(text, '\n')) // an edge that went away asks again
	return nil
}
