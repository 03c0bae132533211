package origin

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/url"
	"strings"
	"time"
)

// Config is what a Core is made of. Store, Blobs, Probe and DeliveryURL must be given; zero values of the rest have good
// defaults.
type Config struct {
	Store Store
	Blobs Blobs
	Probe Probe
	Fetch Fetcher // nil: nothing can be imported from other hosts
	Touch Toucher // nil: a picture's colour becomes known only after somebody has asked for it

	Limits         Limits        // nil: DefaultLimits; names left out of a map are off
	AccountRates   AccountRates  // that edges keep to, for each account
	MaxUploadBytes int64         // 0: 100 MiB
	SessionLife    time.Duration // 0: 7 days
	Plan           Plan          // of new accounts; "": PlanPro
	DeliveryURL    string        // absolute base of public URLs, without a trailing slash

	Now        func() time.Time // nil: time.Now
	Rand       io.Reader        // nil: crypto/rand; safe for concurrent use
	Log        *slog.Logger     // nil: discards
	BcryptCost int              // 0: 12
}

// Core holds the rules of the control plane. All methods are safe for concurrent use. What a client is to blame for, or
// may act on, is an *Error; everything else is ours.
type Core struct {
	cfg       Config
	limits    limiters
	passwords *passwords
	digests   digestLocks
	uses      keyUses
}

// New checks the configuration and makes a Core. The first time it makes a signing key.
func New(ctx context.Context, cfg Config) (*Core, error) {
	cfg = cfg.withDefaults()
	if err := cfg.check(); err != nil {
		return nil, err
	}
	c := &Core{cfg: cfg, uses: keyUses{byKey: map[string]keyUse{}}}
	var err error
	if c.limits, err = newLimiters(cfg.Limits, cfg.Now); err != nil {
		return nil, err
	}
	if c.passwords, err = newPasswords(cfg.BcryptCost); err != nil {
		return nil, err
	}
	if err := c.makeFirstKey(ctx); err != nil {
		return nil, err
	}
	if err := c.announceAccountRates(ctx); err != nil {
		return nil, err
	}
	return c, nil
}

func (cfg Config) withDefaults() Config {
	if cfg.Limits == nil {
		cfg.Limits = DefaultLimits()
	}
	if cfg.MaxUploadBytes == 0 {
		cfg.MaxUploadBytes = 100 << 20
	}
	if cfg.SessionLife == 0 {
		cfg.SessionLife = 7 * 24 * time.Hour
	}
	if cfg.Plan == "" {
		cfg.Plan = PlanPro
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.BcryptCost == 0 {
		cfg.BcryptCost = 12
	}
	return cfg
}

func (cfg Config) check() error {
	if cfg.Store == nil || cfg.Blobs == nil || cfg.Probe == nil {
		return errors.New("origin: a core needs a store, blobs and a probe")
	}
	base, err := url.Parse(cfg.DeliveryURL)
	if err != nil || base.Scheme == "" || base.Host == "" || strings.HasSuffix(cfg.DeliveryURL, "/") {
		return fmt.Errorf("PICTOR_DELIVERY_URL: must be an absolute URL without a trailing slash, got %q", cfg.DeliveryURL)
	}
	if cfg.MaxUploadBytes < 0 || cfg.SessionLife < 0 {
		return errors.New("origin: the upload cap and the life of sessions must be positive")
	}
	if cfg.Plan.check() != nil {
		return fmt.Errorf("PICTOR_DEFAULT_PLAN: must be free or pro, got %q", cfg.Plan)
	}
	return nil
}

// Ready does a real read and a real staged write, so that a store that hangs or a full disk shows.
func (c *Core) Ready(ctx context.Context) error {
	err := c.cfg.Store.View(ctx, func(tx ReadTx) error {
		_, _, err := tx.LastChange()
		return err
	})
	if err != nil {
		return fmt.Errorf("read the store: %w", err)
	}
	staging, err := c.cfg.Blobs.Stage(ctx)
	if err != nil {
		return fmt.Errorf("stage a blob: %w", err)
	}
	_, err = io.WriteString(staging, "ready?")
	if err := errors.Join(err, staging.Discard()); err != nil {
		return fmt.Errorf("write a staged blob: %w", err)
	}
	return nil
}
