package scenario

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/pictor/pictor/bench/peers"
)

// profile keeps where the edge's processor time goes in a hit, to explain what is not met.
func (h *hits) profile(ctx context.Context) {
	if err := h.profileHit(ctx); err != nil {
		h.Fail("profile", edgeName, err)
	}
}

func (h *hits) profileHit(ctx context.Context) error {
	at := slices.IndexFunc(h.servers, func(s *hitServer) bool { return s.name == edgeName })
	if at < 0 {
		return errors.New("the edge does not run")
	}
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	plan := h.plan(hit10k, h.servers[at])
	plan.Duration = h.pace().check + time.Second
	loaded := make(chan error, 1)
	go func() {
		_, err := h.load(ctx, plan)
		loaded <- err
	}()
	profile, err := peers.Fetch(ctx, fmt.Sprintf("%s/debug/pprof/profile?seconds=%.0f", h.ops, h.pace().check.Seconds()))
	if err := errors.Join(err, <-loaded); err != nil {
		return err
	}
	top, err := h.top(ctx, profile)
	if err != nil {
		return err
	}
	h.Files = map[string][]byte{"hit.pprof": profile, "hit-profile.txt": top}
	h.Notes = append(h.Notes, "A processor profile of the edge in 10 KB hits is in [hit-profile.txt](hit-profile.txt); for "+
		"«go tool pprof» it lies beside the report as hit.pprof, on the machine that measured.")
	return nil
}

// top is the profile as a table.
func (h *hits) top(ctx context.Context, profile []byte) ([]byte, error) {
	file := filepath.Join(h.Work, "hit.pprof")
	if err := os.WriteFile(file, profile, 0o600); err != nil {
		return nil, err
	}
	out, err := exec.CommandContext(ctx, "go", "tool", "pprof", "-top", "-cum", "-nodecount=60", file).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("go tool pprof: %w: %.200s", err, out)
	}
	return []byte(strings.ReplaceAll(string(out), h.Bin+"/", "")), nil
}
