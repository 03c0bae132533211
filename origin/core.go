package origin

import (
	"context"
	"io"
	"log/slog"
	"time"
)

// Config is what a Core is made of. Store, Blobs and Probe must be given; zero values of the rest have good defaults.
type Config struct {
	Store Store
	Blobs Blobs
	Probe Probe

	Limits         Limits        // nil: DefaultLimits; names left out of a map are off
	MaxUploadBytes int64         // 0: 100 MiB
	SessionLife    time.Duration // 0: 7 days
	DeliveryURL    string        // absolute base of public URLs, without a trailing slash

	Now        func() time.Time // nil: time.Now
	Rand       io.Reader        // nil: crypto/rand
	Log        *slog.Logger     // nil: discards
	BcryptCost int              // 0: 12
}

// Core holds the rules of the control plane. All methods are safe for concurrent use; their errors are *Error where a
// client is to blame or may act on them.
type Core struct {
	Config
}

// New checks the configuration and makes a Core, with a signing key ring from the store or, the first time, a new one.
func New(ctx context.Context, cfg Config) (*Core, error) { panic("unwritten") }
