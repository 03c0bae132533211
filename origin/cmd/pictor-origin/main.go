// Command pictor-origin is the control plane of Pictor.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/pictor/pictor/origin/internal/config"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop) // a second signal ends the program at once
	if err := run(ctx, os.Args[1:], os.Environ(), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "pictor-origin:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args, environ []string, stdout io.Writer) error {
	command, err := config.Parse(args, environ, stdout)
	if err != nil {
		return err
	}
	switch {
	case command.Version:
		_, err = fmt.Fprintln(stdout, version())
	case command.Serve != nil:
		err = serve(ctx, command.Serve, stdout)
	}
	return err
}
