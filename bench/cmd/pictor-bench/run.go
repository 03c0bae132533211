package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/cshum/vipsgen/vips"

	"github.com/pictor/pictor/bench/proc"
	"github.com/pictor/pictor/bench/report"
	"github.com/pictor/pictor/bench/scenario"
)

type run struct {
	Bin     string   `help:"Folder with Pictor's programs." required:"" type:"existingdir" env:"PICTOR_BIN"`
	Tools   string   `help:"Folder with the rivals, see bench/install.sh." required:"" type:"path"`
	Results string   `help:"Folder for reports; each run makes one below it." required:"" type:"path"`
	Readme  string   `help:"File that takes the summary between its markers «bench»." type:"path"`
	Sources string   `help:"Folder with photographs (*.jpg) instead of synthetic ones." type:"existingdir"`
	Only    []string `help:"Scenarios to run: ${scenarios}."`
	Quick   bool     `help:"In three minutes, with less certainty."`
	Rounds  int      `help:"Rounds; 0 is 5, or 3 when quick."`
	Seed    uint64   `help:"Seed of the order; 0 takes the time."`
}

func (r *run) Run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	b, err := r.bench()
	if err != nil {
		return err
	}
	defer os.RemoveAll(b.Work)
	vips.Startup(&vips.Config{ConcurrencyLevel: 1, VectorEnabled: true}) // results are looked at
	defer vips.Shutdown()
	started, loadBefore := time.Now(), loadAverage()
	b.Cut = ctx.Done()
	r.measure(ctx, b)
	cut := ctx.Err() != nil
	stop() // a second signal ends the program at once
	doc := r.report(b, started, loadBefore, cut)
	folder := r.folder(started, cut)
	if err := doc.Write(folder); err != nil {
		return err
	}
	fmt.Print("\n" + report.GoalTable(doc.Verdicts))
	for _, f := range b.Failed {
		fmt.Printf("failed: %s %s, %s: %.200s\n", f.Scenario, f.Case, f.Peer, f.Why)
	}
	fmt.Printf("\n%s\n", filepath.Join(folder, "report.md"))
	if cut {
		return errors.New("interrupted: the report holds what was measured until then")
	}
	if r.Readme == "" || len(r.Only) > 0 {
		return nil
	}
	return doc.Summarize(r.Readme, folder)
}

// measure runs the scenarios until the last, or until ctx ends.
func (r *run) measure(ctx context.Context, b *scenario.Bench) {
	for _, s := range scenario.All {
		if len(r.Only) > 0 && !slices.Contains(r.Only, s.Name) || ctx.Err() != nil {
			continue
		}
		begun := time.Now()
		if err := s.Measure(ctx, b); err != nil {
			b.Fail(s.Name, "the whole scenario", err)
		}
		b.Took = append(b.Took, fmt.Sprintf("%s %s", s.Name, time.Since(begun).Round(time.Second)))
	}
}

func (r *run) report(b *scenario.Bench, started time.Time, loadBefore string, cut bool) *report.Doc {
	doc := &report.Doc{
		Title:    "Pictor beside its rivals, " + started.Format("2 January 2006 15:04"),
		Machine:  machine(loadBefore),
		Versions: versions(context.Background(), r.Tools),
		Settings: append([]string{fmt.Sprintf("%d rounds, seed %d, %s: %s.", b.Rounds, b.Seed, time.Since(started).Round(time.Second),
			strings.Join(b.Took, ", "))}, b.Notes...),
		Checks:   b.Checks,
		Verdicts: report.Judge(scenario.Goals, &b.Figures),
		Tables:   b.Tables,
		Sheets:   b.Sheets(),
		Plots:    slices.DeleteFunc(b.Plots, func(p report.Plot) bool { return len(p.Series) == 0 }),
		Failures: b.Failed,
		Figures:  &b.Figures,
		Files:    b.Files,
	}
	if cut {
		doc.Title += ", cut short"
		doc.Checks = append([]string{fmt.Sprintf("The run was interrupted after %s: rounds are missing, and what would have come then.",
			time.Since(started).Round(time.Second))}, doc.Checks...)
	}
	return doc
}

// folder is where the report goes. Only that of a whole run takes the place of the day's last one.
func (r *run) folder(started time.Time, cut bool) string {
	folder := filepath.Join(r.Results, started.Format("2006-01-02"))
	if r.Quick {
		folder += "-quick"
	}
	if len(r.Only) > 0 {
		folder += "-" + strings.Join(r.Only, "-")
	}
	if cut {
		folder += "-cut-short"
	}
	return folder
}

// bench prepares a run.
func (r *run) bench() (*scenario.Bench, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cores, err := proc.Cores()
	if err != nil {
		return nil, err
	}
	if len(cores) < 2 {
		return nil, errors.New("two cores are needed: one for servers, one for load")
	}
	if err := os.MkdirAll(r.Tools, 0o755); err != nil {
		return nil, err
	}
	work, err := os.MkdirTemp(r.Tools, "run-")
	if err != nil {
		return nil, err
	}
	b := &scenario.Bench{Self: self, Bin: r.Bin, Tools: r.Tools, Work: work, Photos: r.Sources,
		Cache: filepath.Join(r.Tools, "photos"), Quick: r.Quick, Rounds: r.Rounds, Seed: r.Seed, Server: cores[0],
		Load: cores[1], Log: os.Stderr}
	if b.Rounds == 0 {
		b.Rounds = 5
		if b.Quick {
			b.Rounds = 3
		}
	}
	if b.Seed == 0 {
		b.Seed = uint64(time.Now().Unix())
	}
	return b, nil
}
