package kit

import (
	"io"
	"net/http"
	"time"
)

// Pace says how slowly a request's body may come.
type Pace struct {
	Idle           time.Duration // without a single byte
	BytesPerSecond int64         // on average, after the first Idle
}

// DefaultPace lets a modem upload, and ends a connection that only wants to be held open.
var DefaultPace = Pace{Idle: 30 * time.Second, BytesPerSecond: 1 << 10}

// Limit puts the pace on every request's body.
func (p Pace) Limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Body != nil && r.Body != http.NoBody {
			body := &pacedBody{ReadCloser: r.Body, pace: p, conn: http.NewResponseController(w), start: time.Now()}
			body.extend() // also while nobody reads: the server drains what a handler leaves
			r.Body = body
		}
		next.ServeHTTP(w, r)
	})
}

type pacedBody struct {
	io.ReadCloser
	pace  Pace
	conn  *http.ResponseController
	start time.Time
	bytes int64
}

func (b *pacedBody) Read(p []byte) (int, error) {
	b.extend()
	n, err := b.ReadCloser.Read(p)
	b.bytes += int64(n)
	if err == io.EOF {
		// The server now watches the line for the client's end; a deadline would look like one, and cancel the handler.
		_ = b.conn.SetReadDeadline(time.Time{})
	}
	return n, err
}

// extend moves the deadline to the earlier of «idle for too long» and «too slow on the whole».
func (b *pacedBody) extend() {
	idle := time.Now().Add(b.pace.Idle)
	whole := b.start.Add(b.pace.Idle + time.Duration(float64(b.bytes)/float64(b.pace.BytesPerSecond)*float64(time.Second)))
	if whole.Before(idle) {
		idle = whole
	}
	_ = b.conn.SetReadDeadline(idle) // unsupported only by writers without a connection, in tests
}
