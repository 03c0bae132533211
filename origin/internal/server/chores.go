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

const (
	usesEvery = time.Minute // how long the use of an API key may wait to be written
	keysEvery = time.Second // how long a signing key may go on beyond its time
)

// chores cleans up from time to time until ctx ends.
func (s *Server) chores(ctx context.Context) {
	clean, write, end := time.NewTicker(choreEvery), time.NewTicker(usesEvery), time.NewTicker(keysEvery)
	defer clean.Stop()
	defer write.Stop()
	defer end.Stop()
	s.clean(ctx)
	for {
		select {
		case <-clean.C:
			s.clean(ctx)
		case <-write.C:
			s.writeUses(ctx)
		case <-end.C:
			s.endKeys(ctx)
		case <-ctx.Done():
			s.writeUses(context.WithoutCancel(ctx))
			return
		}
	}
}

func (s *Server) writeUses(ctx context.Context) {
	if err := s.cfg.Core.FlushUses(ctx); err != nil && ctx.Err() == nil {
		s.cfg.Log.Error("write the use of API keys", "error", err)
	}
}

func (s *Server) endKeys(ctx context.Context) {
	if err := s.cfg.Core.EndSigningKeys(ctx); err != nil && ctx.Err() == nil {
		s.cfg.Log.Error("end signing keys", "error", err)
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
