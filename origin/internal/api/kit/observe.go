package kit

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"github.com/go-chi/chi/v5"

	"github.com/pictor/pictor/origin"
)

// answerTime is how long a client may take to read an answer of the API, which is small.
const answerTime = 30 * time.Second

// Observer writes one log line and counts once for every request.
type Observer struct {
	Log     *slog.Logger
	Metrics *Metrics
	Proxies Proxies
}

// Observe is the outermost middleware. Every answer carries an X-Request-Id, which the log line has too. Headers, the
// query and bodies are never logged: keys and signatures travel there.
func (o *Observer) Observe(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		start, id := time.Now(), requestID()
		w.Header().Set("X-Request-Id", id)
		_ = http.NewResponseController(w).SetWriteDeadline(time.Time{}) // that of the connection's last answer
		answer := &answer{ResponseWriter: w}
		line := &notes{}
		ctx := context.WithValue(r.Context(), notesKey{}, line)
		ctx = context.WithValue(ctx, chi.RouteCtxKey, chi.NewRouteContext()) // the router that answers fills it in
		r = r.WithContext(ctx)
		defer func() {
			o.finish(r, id, answer, line, time.Since(start))
		}()
		next.ServeHTTP(answer, r)
	})
}

func (o *Observer) finish(r *http.Request, id string, answer *answer, line *notes, took time.Duration) {
	route := "unmatched"
	if pattern := chi.RouteContext(r.Context()).RoutePattern(); pattern != "" {
		route = r.Method + " " + pattern
	}
	o.Metrics.request(route, answer.status, took)
	level := slog.LevelInfo
	if answer.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	attrs := []slog.Attr{slog.String("id", id), slog.String("method", r.Method), slog.String("path", r.URL.Path),
		slog.String("route", route), slog.Int("status", answer.status), slog.Duration("took", took),
		slog.Int64("bytes", answer.bytes), slog.String("address", o.Proxies.Client(r).String())}
	o.Log.LogAttrs(r.Context(), level, "request", append(attrs, line.attrs...)...)
}

// Recover turns a panic into an Internal error, or, when the answer has begun, into a broken connection.
func Recover(fail Fail) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			defer func() {
				cause := recover()
				if cause == nil {
					return
				}
				if cause == http.ErrAbortHandler {
					panic(cause)
				}
				Note(r, slog.String("panic", fmt.Sprint(cause)), slog.String("stack", string(debug.Stack())))
				if begun(w) {
					panic(http.ErrAbortHandler)
				}
				fail(w, r, origin.Errorf(origin.Internal, "panic"))
			}()
			next.ServeHTTP(w, r)
		})
	}
}

// Note adds to the request's log line. It must not be called after the handler has returned.
func Note(r *http.Request, attrs ...slog.Attr) {
	if line, ok := r.Context().Value(notesKey{}).(*notes); ok {
		line.add(attrs...)
	}
}

// NoteError adds what went wrong, with the cause that the client does not hear.
func NoteError(r *http.Request, err error) {
	Note(r, slog.String("kind", kindNames[origin.KindOf(err)]), slog.String("error", err.Error()))
}

type notesKey struct{}

type notes struct{ attrs []slog.Attr }

func (n *notes) add(attrs ...slog.Attr) { n.attrs = append(n.attrs, attrs...) }

// answer remembers what was sent.
type answer struct {
	http.ResponseWriter
	status int
	bytes  int64
}

func begun(w http.ResponseWriter) bool {
	a, ok := w.(*answer)
	return ok && a.status != 0
}

func (a *answer) WriteHeader(status int) {
	if a.status == 0 && status >= http.StatusOK {
		a.status = status
		_ = http.NewResponseController(a.ResponseWriter).SetWriteDeadline(time.Now().Add(answerTime))
	}
	a.ResponseWriter.WriteHeader(status)
}

func (a *answer) Write(p []byte) (int, error) {
	if a.status == 0 {
		a.WriteHeader(http.StatusOK)
	}
	n, err := a.ResponseWriter.Write(p)
	a.bytes += int64(n)
	return n, err
}

// Unwrap lets http.ResponseController reach the connection.
func (a *answer) Unwrap() http.ResponseWriter { return a.ResponseWriter }

func requestID() string {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}
