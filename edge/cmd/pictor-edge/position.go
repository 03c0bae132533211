package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/pictor/pictor/edge/internal/catalog"
)

// How far this edge followed the change log is written down, so that what went while it was stopped goes at its next start.
const (
	positionFile  = "feed"
	positionEvery = time.Second
)

// readPosition gives the zero Position where there is none, or no sound one: then the feed begins with what happens next.
func readPosition(data string) (p catalog.Position) {
	text, err := os.ReadFile(filepath.Join(data, positionFile))
	if err != nil {
		return catalog.Position{}
	}
	if n, err := fmt.Sscanf(string(text), "%s %d\n", &p.Epoch, &p.Seq); n != 2 || err != nil {
		return catalog.Position{}
	}
	return p
}

func writePosition(data string, p catalog.Position) error {
	path := filepath.Join(data, positionFile)
	if err := os.WriteFile(path+".tmp", fmt.Appendf(nil, "%s %d\n", p.Epoch, p.Seq), 0o600); err != nil {
		return err
	}
	return os.Rename(path+".tmp", path)
}

// keepPosition writes down how far the log was followed, once everything up to there was done. What cannot be written is
// heard again at the next start, which does no harm.
func (n *node) keepPosition(ctx context.Context) {
	tick := time.NewTicker(positionEvery)
	defer tick.Stop()
	var written catalog.Position
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		at := n.catalog.Position()
		if at == written || at.Epoch == "" || n.edge.Forgetting() {
			continue
		}
		if err := writePosition(n.cfg.Data, at); err != nil {
			n.log.Debug("the position in the change log is not kept", "err", err)
			continue
		}
		written = at
	}
}
