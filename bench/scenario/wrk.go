package scenario

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"time"

	"github.com/pictor/pictor/bench/peers"
	"github.com/pictor/pictor/bench/proc"
)

// wrk measures one server with a generator that is not ours, to see that ours is right.
func (h *hits) wrk(ctx context.Context) {
	ours, err := h.crossCheck(ctx)
	if err != nil {
		h.Fail("hit", "wrk, the generator to compare with", err)
		return
	}
	h.Checks = append(h.Checks, ours)
}

var wrkRate = regexp.MustCompile(`Requests/sec:\s+([0-9.]+)`)

func (h *hits) crossCheck(ctx context.Context) (string, error) {
	for _, s := range h.servers {
		if s.name != "fasthttp" {
			continue
		}
		plan := h.plan(hit10k, s)
		plan.Duration = h.pace().check
		r, err := h.load(ctx, plan)
		if err != nil {
			return "", err
		}
		ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
		defer cancel()
		cmd := exec.CommandContext(ctx, filepath.Join(h.Tools, "debian/usr/bin/wrk"), "-t1", fmt.Sprintf("-c%d", hitConns),
			fmt.Sprintf("-d%.0fs", plan.Duration.Seconds()), "http://"+s.address+h.answers[hit10k].Target)
		cmd.Env = append(os.Environ(), peers.DebianLibraries(h.Tools))
		out, err := output(cmd, h.Load)
		if err != nil {
			return "", err
		}
		found := wrkRate.FindSubmatch(out)
		if found == nil {
			return "", fmt.Errorf("wrk printed no rate: %.200s", out)
		}
		theirs, err := strconv.ParseFloat(string(found[1]), 64)
		return fmt.Sprintf("The bare fasthttp handler at 10 KB, one after the other: %.0f answers/s by our generator, %.0f by wrk.",
			r.Rate(), theirs), err
	}
	return "", fmt.Errorf("the bare fasthttp handler does not run")
}

// output runs a command on a core and gives what it printed.
func output(cmd *exec.Cmd, cpu int) ([]byte, error) {
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := proc.StartOn(cmd, cpu); err != nil {
		return nil, err
	}
	err := cmd.Wait()
	return out.Bytes(), err
}
