package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"time"

	"github.com/KimMachineGun/automemlimit/memlimit"

	"github.com/pictor/pictor/origin"
	"github.com/pictor/pictor/origin/internal/blob/diskblob"
	"github.com/pictor/pictor/origin/internal/config"
	"github.com/pictor/pictor/origin/internal/fetchurl"
	"github.com/pictor/pictor/origin/internal/probe"
	"github.com/pictor/pictor/origin/internal/server"
	"github.com/pictor/pictor/origin/internal/store/sqlstore"
	"github.com/pictor/pictor/origin/internal/touch"
	"github.com/pictor/pictor/shared/logs"
)

// serve runs the origin until ctx ends: leaves first, then the core, then the listeners; closed in reverse.
func serve(ctx context.Context, cfg *config.Serve, stdout io.Writer) (err error) {
	log, err := logs.New(stdout, cfg.LogLevel, cfg.LogFormat)
	if err != nil {
		return err
	}
	slog.SetDefault(log)
	_, _ = memlimit.Set() // without a container there is no limit to heed
	key, err := cfg.Key()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(cfg.Data, 0o700); err != nil {
		return fmt.Errorf("PICTOR_ORIGIN_DATA: %w", err)
	}
	// The store first: its lock keeps a second origin from sweeping up the uploads that the first one is staging.
	store, err := sqlstore.Open(ctx, filepath.Join(cfg.Data, "pictor.db"))
	if err != nil {
		return fmt.Errorf("PICTOR_ORIGIN_DATA: %w", err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	blobs, err := diskblob.Open(filepath.Join(cfg.Data, "blobs"))
	if err != nil {
		return fmt.Errorf("PICTOR_ORIGIN_DATA: %w", err)
	}
	core, err := origin.New(ctx, origin.Config{
		Store:          store,
		Blobs:          blobs,
		Probe:          probe.Prober{},
		Fetch:          fetchurl.New(fetchurl.Options{MaxBytes: cfg.MaxUploadBytes, Timeout: cfg.FetchTimeout, Allow: cfg.Allow}),
		Touch:          touch.New(log, time.Now),
		Limits:         cfg.Limits,
		AccountRates:   origin.AccountRates{Requests: cfg.AccountRequests, Misses: cfg.AccountMisses},
		MaxUploadBytes: cfg.MaxUploadBytes,
		SessionLife:    cfg.SessionLife,
		Plan:           origin.Plan(cfg.DefaultPlan),
		DeliveryURL:    cfg.DeliveryURL,
		Log:            log,
		BcryptCost:     cfg.BcryptCost,
	})
	if err != nil {
		return err
	}
	if err := bootstrap(ctx, core, cfg, log); err != nil {
		return err
	}
	s, err := server.New(server.Config{
		Core:           core,
		Cluster:        key,
		Log:            log,
		Listen:         cfg.Listen,
		OpsListen:      cfg.OpsListen,
		EdgeListen:     cfg.EdgeListen,
		Dialects:       cfg.Dialects,
		Hosts:          cfg.Hosts,
		DeliveryURL:    cfg.DeliveryURL,
		PublicURL:      cfg.PublicURL,
		Proxies:        cfg.Proxies,
		MaxUploadBytes: cfg.MaxUploadBytes,
		DrainWait:      cfg.DrainWait,
	})
	if err != nil {
		return err
	}
	return s.Run(ctx)
}
