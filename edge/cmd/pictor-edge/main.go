// Command pictor-edge is the data plane of Pictor: it answers delivery URLs.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime/debug"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/pictor/pictor/edge/internal/config"
	"github.com/pictor/pictor/edge/internal/render/worker"
)

// commands is the command line.
type commands struct {
	Serve   config.Serve `cmd:"" help:"Run an edge."`
	Explain explainCmd   `cmd:"" help:"Tell what an edge makes of a URL, and why."`
	Render  struct{}     `cmd:"" hidden:"" help:"A worker of serve; not to be started by hand."`
	Version struct{}     `cmd:"" help:"Print the version."`
}

func main() {
	if len(os.Args) == 2 && os.Args[1] == "render" {
		os.Exit(worker.Main()) // before anything else: a worker has neither flags nor environment
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := run(ctx, os.Args[1:], os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "pictor-edge:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, stdout io.Writer) error {
	var cli commands
	helped := false
	parser, err := kong.New(&cli, kong.Name("pictor-edge"), kong.Description("The data plane of Pictor."),
		kong.Writers(stdout, stdout), kong.Exit(func(int) { helped = true }),
		kong.ConfigureHelp(kong.HelpOptions{WrapUpperBound: 120}))
	if err != nil {
		return err
	}
	parsed, err := parser.Parse(args)
	switch {
	case helped:
		return nil // kong goes on parsing after help and may find fault
	case err != nil:
		return err
	case parsed.Command() == "version":
		_, err = fmt.Fprintln(stdout, version())
		return err
	case strings.HasPrefix(parsed.Command(), "explain"):
		return cli.Explain.run(ctx, stdout)
	default:
		return serve(ctx, &cli.Serve, stdout)
	}
}

// version is that of the module, with the commit it was built from.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	text := info.Main.Version
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			text += " " + s.Value
		}
	}
	return text
}
