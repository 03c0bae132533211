// Command pictor-stack runs a whole Pictor on loopback («make run») and shows it working («make demo»).
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"

	"github.com/pictor/pictor/bench/stack"
)

type command struct {
	Run  run  `cmd:"" help:"Start an origin and edges, in the foreground."`
	Demo demo `cmd:"" help:"Upload a sample to a running stack and print URLs of it."`
}

type run struct {
	Edges      int    `help:"How many edges." default:"1" env:"EDGES"`
	OriginPort int    `help:"Public port of the origin." default:"8080" env:"ORIGIN_PORT"`
	EdgePort   int    `help:"Public port of the first edge." default:"8081" env:"EDGE_PORT"`
	Data       string `help:"Folder for everything that is kept." default:"./data" env:"DATA" type:"path"`
}

// startWait is how long all programs together may take to become ready.
const startWait = 90 * time.Second

func (r *run) Run(ctx context.Context, out io.Writer) error {
	start, cancel := context.WithTimeout(ctx, startWait)
	defer cancel()
	s, err := stack.Start(start, stack.Config{Bin: ownFolder(), Data: r.Data, OriginPort: r.OriginPort,
		EdgePort: r.EdgePort, Edges: r.Edges, Restart: true, Note: os.Stderr})
	if err != nil {
		return err
	}
	defer s.Stop()
	fmt.Fprintln(out, readyLine(s))
	<-ctx.Done()
	fmt.Fprintln(out, "stopping")
	return nil
}

// readyLine is the one line that people and scripts wait for.
func readyLine(s *stack.Stack) string {
	var edges []string
	for _, e := range s.Edges {
		edges = append(edges, e.URL)
	}
	line := fmt.Sprintf("ready  origin %s  edges %s", s.Origin.URL, strings.Join(edges, " "))
	if s.Fresh {
		line += fmt.Sprintf("  admin %s  password %s", s.Admin.Email, s.Admin.Password)
	}
	return line
}

// ownFolder is where this program lies, and beside it the others.
func ownFolder() string {
	self, err := os.Executable()
	if err != nil {
		return "."
	}
	return filepath.Dir(self)
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	var c command
	k := kong.Parse(&c, kong.Name("pictor-stack"), kong.Description("Pictor on loopback."),
		kong.BindTo(ctx, (*context.Context)(nil)), kong.BindTo(os.Stdout, (*io.Writer)(nil)))
	k.FatalIfErrorf(k.Run())
}
