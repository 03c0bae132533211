// Command pictor-bench measures Pictor beside its rivals: «make bench».
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"

	"github.com/alecthomas/kong"

	"github.com/pictor/pictor/bench/load"
	"github.com/pictor/pictor/bench/peers"
	"github.com/pictor/pictor/bench/proc"
	"github.com/pictor/pictor/bench/scenario"
)

type command struct {
	Run   run       `cmd:"" default:"withargs" help:"Measure everything and write a report."`
	Load  generate  `cmd:"" hidden:"" help:"Carry out one plan from standard input."`
	Serve serveRole `cmd:"" hidden:"" help:"Be one of the rivals."`
}

// generate is the load generator as a process of its own.
type generate struct{}

func (generate) Run() error {
	var plan load.Plan
	if err := json.NewDecoder(os.Stdin).Decode(&plan); err != nil {
		return fmt.Errorf("read plan: %w", err)
	}
	// Nothing may come between a request that is due and its sending: no other program, and no garbage collection, which
	// a process that lives for seconds does not need.
	runtime.LockOSThread()
	debug.SetGCPercent(-1)
	realtime := proc.Realtime()
	result, err := load.Run(plan)
	if err != nil {
		return err
	}
	result.Realtime = realtime == nil
	return json.NewEncoder(os.Stdout).Encode(result)
}

// serveRole is a rival as a process of its own.
type serveRole struct {
	FastHTTP struct {
		Address string `arg:""`
		Answers string `arg:""`
	} `cmd:"" name:"fasthttp"`
	NetHTTP struct {
		Address string `arg:""`
		Answers string `arg:""`
	} `cmd:"" name:"nethttp"`
	Vips struct {
		Sources string `arg:""`
		Threads int    `arg:""`
	} `cmd:"" name:"vips"`
}

func main() {
	var c command
	k := kong.Parse(&c, kong.Name("pictor-bench"), kong.Description("Pictor and its rivals, measured."),
		kong.Vars{"scenarios": strings.Join(scenario.Names(), ", ")})
	var err error
	switch s := &c.Serve; k.Command() {
	case "serve fasthttp <address> <answers>":
		err = peers.ServeFastHTTP(s.FastHTTP.Address, s.FastHTTP.Answers)
	case "serve nethttp <address> <answers>":
		err = peers.ServeNetHTTP(s.NetHTTP.Address, s.NetHTTP.Answers)
	case "serve vips <sources> <threads>":
		err = peers.ServeVips(s.Vips.Sources, s.Vips.Threads, os.Stdin, os.Stdout)
	default:
		err = k.Run()
	}
	k.FatalIfErrorf(err)
}
