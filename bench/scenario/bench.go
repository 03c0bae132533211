// Package scenario holds what is measured: one file a scenario. A scenario starts what it needs, measures every peer in
// every round in shuffled order, and leaves nothing running. What fails is reported, never dropped.
package scenario

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/pictor/pictor/bench/load"
	"github.com/pictor/pictor/bench/peers"
	"github.com/pictor/pictor/bench/proc"
	"github.com/pictor/pictor/bench/report"
	"github.com/pictor/pictor/bench/stack"
)

// Bench is a run of the benchmark: where things are, how long they may take, and what came out so far.
type Bench struct {
	Self    string // this program
	Bin     string // Pictor's programs
	Tools   string // rivals
	Work    string // a folder for the run alone
	Photos  string // folder with photographs, or empty for synthetic ones
	Cache   string // where synthetic photographs are kept for the next run
	Quick   bool
	Rounds  int
	Seed    uint64
	Server  int // the core of servers that are measured for hits
	Load    int // the core of the load generator
	Log     io.Writer
	Cut     <-chan struct{} // closed when the run is to end early: what fails after that is no news
	Took    []string        // each scenario
	Figures report.Figures
	Failed  []report.Failure
	Tables  []report.Table
	Checks  []string
	Notes   []string
	Plots   []report.Plot
	Files   map[string][]byte // to lie beside the report

	name   string        // of the scenario that runs
	begun  time.Time     // of the scenario
	budget time.Duration // of the scenario; 0 is no limit

	places   int
	encoders map[string]peers.Settings // of those that rendered
}

// edgeName is how the edge is called in figures.
const edgeName = "pictor"

// rounds calls measure for each round, with a source of order that is the same in each run with the seed.
func (b *Bench) rounds(measure func(round int, order *rand.Rand)) { b.roundsWithin(1, measure) }

// roundsWithin is rounds in a part of the scenario's time, counted from its beginning. No round is begun, but the first,
// that would not end in it.
func (b *Bench) roundsWithin(part float64, measure func(round int, order *rand.Rand)) {
	until := b.begun.Add(time.Duration(part * float64(b.budget)))
	for round := range b.Rounds {
		began := time.Now()
		measure(round, rand.New(rand.NewPCG(b.Seed, uint64(round))))
		if now := time.Now(); b.budget > 0 && round+1 < b.Rounds && now.Add(now.Sub(began)).After(until) {
			b.Checks = append(b.Checks, fmt.Sprintf("Time was up after %d of %d rounds, in «%s».", round+1, b.Rounds, b.name))
			b.say("%s: no time for more than %d of %d rounds", b.name, round+1, b.Rounds)
			return
		}
	}
}

func (b *Bench) say(format string, args ...any) {
	fmt.Fprintf(b.Log, "%s  "+format+"\n", append([]any{time.Now().Format(time.TimeOnly)}, args...)...)
}

// Fail notes once who could not be measured.
func (b *Bench) Fail(scenario, peer string, err error) { b.failCase(scenario, "", peer, err) }

// failCase notes once who could not be measured in one case.
func (b *Bench) failCase(scenario, c, peer string, err error) {
	select {
	case <-b.Cut:
		return
	default:
	}
	b.say("%s %s: %s failed: %v", scenario, c, peer, err)
	for _, f := range b.Failed {
		if f.Scenario == scenario && f.Case == c && f.Peer == peer {
			return
		}
	}
	b.Failed = append(b.Failed, report.Failure{Scenario: scenario, Case: c, Peer: peer, Why: err.Error()})
}

// place is an empty folder for a rival on a core.
func (b *Bench) place(name string, cpu int) (peers.Place, error) {
	b.places++
	dir := filepath.Join(b.Work, fmt.Sprintf("%02d-%s", b.places, plainName(name)))
	return peers.Place{Self: b.Self, Tools: b.Tools, Dir: dir, CPU: cpu}, os.MkdirAll(dir, 0o700)
}

// plainName is a name that needs no care in configurations and logs.
func plainName(name string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' {
			return r
		}
		return '-'
	}, strings.ToLower(name))
}

// startWait is how long a server may take to become ready.
const startWait = 60 * time.Second

// edge starts an origin and one edge.
func (b *Bench) edge(ctx context.Context, env ...string) (*stack.Stack, error) {
	at, err := b.place("stack", -1)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	// Refining is off: answers must stay the same while they are compared, and no idle core may work on the side.
	env = append(env, "PICTOR_LIMIT_UPLOAD_IP=off", "PICTOR_LIMIT_LOGIN_IP=off", "PICTOR_LIMIT_LOGIN_EMAIL=off",
		"PICTOR_EDGE_VARIANTS_PER_ASSET=0", "PICTOR_EDGE_REFINE=off")
	s, err := stack.Start(ctx, stack.Config{Bin: b.Bin, Data: at.Dir, Edges: 1, Env: env, Note: b.Log})
	if err != nil {
		return nil, fmt.Errorf("start the stack: %w", err)
	}
	return s, nil
}

// pinnedEdge is one that will have a single core, see pin.
func (b *Bench) pinnedEdge(ctx context.Context, env ...string) (*stack.Stack, error) {
	return b.edge(ctx, append(env, "GOMAXPROCS=1", "PICTOR_EDGE_WORKERS=2")...)
}

// pin binds the stack to its cores, after everything was rendered that needs them both.
func (b *Bench) pin(s *stack.Stack) error {
	if err := proc.Pin(s.Origin.Pid(), b.Load); err != nil {
		return err
	}
	return proc.Pin(s.Edges[0].Pid(), b.Server)
}

// errNoAnswer is what a server gets that was not given its core for the whole of a short measurement.
var errNoAnswer = errors.New("load: not one answer came")

// load carries out a plan in a process of its own, on the core for load.
func (b *Bench) load(ctx context.Context, p load.Plan) (*load.Result, error) {
	plan, err := json.Marshal(p)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, p.Warmup+p.Duration+20*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, b.Self, "load")
	var out, complaint bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = bytes.NewReader(plan), &out, &complaint
	if err := proc.StartOn(cmd, b.Load); err != nil {
		return nil, fmt.Errorf("start load: %w", err)
	}
	if err := cmd.Wait(); err != nil {
		return nil, fmt.Errorf("load: %w: %.300s", err, complaint.String())
	}
	var r load.Result
	if err := json.Unmarshal(out.Bytes(), &r); err != nil {
		return nil, fmt.Errorf("load: %w", err)
	}
	if r.Errors > 0 {
		return nil, fmt.Errorf("load: %d answers, %d errors, the first: %s", r.Answers, r.Errors, r.FirstError)
	}
	if r.Answers == 0 {
		return nil, errNoAnswer
	}
	return &r, nil
}

// shuffled is a list in the order of a round.
func shuffled[T any](order *rand.Rand, list []T) []T {
	mixed := append([]T(nil), list...)
	order.Shuffle(len(mixed), func(i, j int) { mixed[i], mixed[j] = mixed[j], mixed[i] })
	return mixed
}
