package scenario

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/pictor/pictor/bench/report"
)

// Cases of Rungs.
const (
	rungsPhotos = "photographs"
	rungsHard   = "hard pictures"
)

var rungsTable = report.Table{Title: "Pictures from rungs beside direct renders: the worst SSIM", Scenario: "rungs", Metric: "SSIM",
	Unit: "SSIM of the brightness", Cases: []string{rungsPhotos, rungsHard}, Peers: []string{edgeName},
	Note: "A rung is a reduced copy of a source from which the edge makes further variants, see " +
		"[decision 2](../../../docs/decisions/0002-rungs.md). Each picture at six sizes, from rungs as pixels and as JPEG, " +
		"before encoding."}

func rungsKey(c string) report.Key {
	return report.Key{Scenario: "rungs", Case: c, Peer: edgeName, Metric: "SSIM"}
}

// rungsWait is how long the comparison may take.
const rungsWait = 3 * time.Minute

// Rungs compares pictures that were made from rungs with direct renders. The comparison needs pixels, not answers: it is
// the renderer's own test, given the photographs that are there.
func Rungs(ctx context.Context, b *Bench) error {
	ctx, cancel := context.WithTimeout(ctx, rungsWait)
	defer cancel()
	folder := b.Photos
	if folder == "" {
		folder = b.Cache
	}
	args := []string{"-test.run", "^TestRungsAreFaithful$", "-test.v"}
	if !b.Quick {
		args = append(args, "-photos", folder)
	}
	out, failed := exec.CommandContext(ctx, filepath.Join(b.Bin, "picture.test"), args...).CombinedOutput()
	worst := worstRungs(out)
	if len(worst) == 0 {
		return fmt.Errorf("compare rungs: %w: %.300s", failed, out)
	}
	for c, w := range worst {
		b.Figures.Add(rungsKey(c), 0, w.score)
		b.Checks = append(b.Checks, fmt.Sprintf("Rungs against direct renders, %d %s: the worst SSIM is %.4f, of %s.", w.of, c, w.score, w.name))
	}
	if b.Quick {
		b.Notes = append(b.Notes, "Quick: rungs of photographs were left out; hard pictures were compared.")
	}
	b.Tables = append(b.Tables, rungsTable)
	b.say("rungs")
	return ctx.Err()
}

// worstRung of a case.
type worstRung struct {
	name  string
	score float64
	of    int
}

// rungLine is what the test logs of a picture: its name and its worst score.
var rungLine = regexp.MustCompile(`(?m)^\s+\w+_test\.go:\d+: (.+): ([01]\.\d{4})$`)

func worstRungs(log []byte) map[string]worstRung {
	worst := map[string]worstRung{}
	for _, m := range rungLine.FindAllSubmatch(log, -1) {
		name, c := string(m[1]), rungsHard
		if strings.HasSuffix(name, ".jpg") {
			c = rungsPhotos
		}
		score, _ := strconv.ParseFloat(string(m[2]), 64) // the pattern is one
		w, ok := worst[c]
		if !ok || score < w.score {
			w.name, w.score = name, score
		}
		w.of++
		worst[c] = w
	}
	return worst
}
