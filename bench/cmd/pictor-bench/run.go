package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
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
	for _, s := range scenario.All {
		if len(r.Only) > 0 && !slices.Contains(r.Only, s.Name) {
			continue
		}
		if err := s.Run(ctx, b); ctx.Err() != nil {
			return errors.New("interrupted")
		} else if err != nil {
			b.Fail(s.Name, "the whole scenario", err)
		}
	}
	doc := &report.Doc{
		Title:    "Pictor beside its rivals, " + started.Format("2 January 2006 15:04"),
		Machine:  machine(loadBefore),
		Versions: versions(ctx, r.Tools),
		Settings: append([]string{fmt.Sprintf("%d rounds, seed %d, %s.", b.Rounds, b.Seed, time.Since(started).Round(time.Second))}, b.Notes...),
		Checks:   b.Checks,
		Verdicts: report.Judge(scenario.Goals, &b.Figures),
		Tables:   b.Tables,
		Plots:    b.Plots,
		Failures: b.Failed,
		Figures:  &b.Figures,
		Files:    b.Files,
	}
	folder := filepath.Join(r.Results, started.Format("2006-01-02"))
	if r.Quick {
		folder += "-quick"
	}
	if err := doc.Write(folder); err != nil {
		return err
	}
	fmt.Print("\n" + report.GoalTable(doc.Verdicts))
	for _, f := range b.Failed {
		fmt.Printf("failed: %s %s, %s: %.200s\n", f.Scenario, f.Case, f.Peer, f.Why)
	}
	fmt.Printf("\n%s\n", filepath.Join(folder, "report.md"))
	if r.Readme == "" {
		return nil
	}
	return doc.Summarize(r.Readme, folder)
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
