// Package logs makes the log of a program as PICTOR_LOG_LEVEL and PICTOR_LOG_FORMAT want it.
package logs

import (
	"fmt"
	"io"
	"log/slog"
)

// New gives a log that writes from a level on (debug, info, warn, error), as json or as text.
func New(out io.Writer, level, format string) (*slog.Logger, error) {
	var least slog.Level
	if err := least.UnmarshalText([]byte(level)); err != nil {
		return nil, fmt.Errorf("PICTOR_LOG_LEVEL: %w", err)
	}
	options := &slog.HandlerOptions{Level: least}
	switch format {
	case "json":
		return slog.New(slog.NewJSONHandler(out, options)), nil
	case "text":
		return slog.New(slog.NewTextHandler(out, options)), nil
	}
	return nil, fmt.Errorf("PICTOR_LOG_FORMAT: must be text or json, got %q", format)
}
