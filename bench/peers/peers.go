// Package peers starts and stops what the edge is measured beside: one file per rival.
package peers

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/pictor/pictor/bench/proc"
	"github.com/pictor/pictor/shared/freeport"
)

// Place is where a rival runs.
type Place struct {
	Self  string // the program that holds this package: some rivals are subcommands of it
	Tools string // what bench/install.sh installed
	Dir   string // an empty folder for the rival alone
	CPU   int    // the only core it may use; -1 for all
}

// Server is a rival that answers HTTP.
type Server struct {
	Address string // host:port
	Pid     int    // of it, or of its first process
	stop    func()
}

// Stop ends the server and all that was started for it.
func (s *Server) Stop() { s.stop() }

// run starts a program that listens on a free port; args gets its address.
func run(ctx context.Context, at Place, name, path string, env []string, args func(address string, port int) []string) (*Server, error) {
	claim, err := freeport.Take(1)
	if err != nil {
		return nil, err
	}
	address := claim.Addresses()[0]
	p, err := proc.Start(proc.Spec{Name: name, Path: path, Args: args(address, claim.Ports[0]), Env: env, Dir: at.Dir,
		Log: filepath.Join(at.Dir, name+".log"), CPU: at.CPU})
	if err != nil {
		claim.Release()
		return nil, err
	}
	stop := func() {
		p.Stop()
		claim.Release()
	}
	if err := p.WaitListening(ctx, address); err != nil {
		stop()
		return nil, err
	}
	return &Server{Address: address, Pid: p.Pid, stop: stop}, nil
}

// tool finds a program below the tools, in the first of the folders that has it, or on the PATH of the system.
func (at Place) tool(names ...string) (string, error) {
	for _, name := range names {
		path := filepath.Join(at.Tools, name)
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("%s is not installed, see bench/install.sh", filepath.Base(names[0]))
}
