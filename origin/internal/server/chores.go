package server

import (
	"context"
	"time"
)

const (
	choreEvery = 10 * time.Minute
	// blobGrace keeps a blob that nothing refers to for longer than any upload takes from its blob to its asset.
	blobGrace = time.Hour
)

// chores cleans up from time to time until ctx ends.
func (s *Server) chores(ctx context.Context) {
	tick := time.NewTicker(choreEvery)
	defer tick.Stop()
	for {
		s.clean(ctx)
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

func (s *Server) clean(ctx context.Context) {
	removed, err := s.cfg.Core.CollectGarbage(ctx, blobGrace)
	switch {
	case err != nil && ctx.Err() == nil:
		s.cfg.Log.Error("collect garbage", "error", err)
	case removed > 0:
		s.cfg.Log.Info("collected garbage", "blobs", removed)
	}
}
