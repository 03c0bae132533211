package ring

import (
	"context"
	"log"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// logWriter turns memberlist's lines, «[WARN] memberlist: text», into slog records. Lines above debug are throttled:
// anyone who can send a packet can make one.
type logWriter struct {
	log        *slog.Logger
	throttle   *rate.Limiter
	suppressed atomic.Int64
}

func newLogger(l *slog.Logger) *log.Logger {
	return log.New(&logWriter{log: l, throttle: rate.NewLimiter(rate.Every(time.Second), 20)}, "", 0)
}

// memberlist's errors are a packet or a stream that failed, which it gets over: warnings here.
var levels = map[string]slog.Level{"[DEBUG]": slog.LevelDebug, "[INFO]": slog.LevelInfo, "[WARN]": slog.LevelWarn,
	"[ERR]": slog.LevelWarn, "[ERROR]": slog.LevelWarn}

func (w *logWriter) Write(line []byte) (int, error) {
	text := strings.TrimSpace(string(line))
	level := slog.LevelWarn
	if tag, rest, ok := strings.Cut(text, " "); ok {
		if l, known := levels[tag]; known {
			level, text = l, rest
		}
	}
	text = strings.TrimPrefix(text, "memberlist: ")
	ctx := context.Background()
	switch {
	case level == slog.LevelDebug:
		w.log.Debug("gossip", "text", text)
	case w.throttle.Allow():
		w.log.Log(ctx, level, "gossip", "text", text, "suppressed", w.suppressed.Swap(0))
	default:
		w.suppressed.Add(1)
	}
	return len(line), nil
}
