package worker

import (
	"fmt"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/pictor/pictor/edge/internal/render/pipe"
)

// limitCPU lets the process use that much more processor time. The kernel counts in whole seconds,
// and so does this, rounding up.
func limitCPU(more time.Duration) error {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_CPU, &limit); err != nil {
		return fmt.Errorf("limit processor time: %w", err)
	}
	until := processorTime() + more + time.Second - 1
	limit.Cur = min(uint64(until/time.Second), limit.Max)
	if err := syscall.Setrlimit(syscall.RLIMIT_CPU, &limit); err != nil {
		return fmt.Errorf("limit processor time: %w", err)
	}
	return nil
}

// processorTime is what the process has used so far.
func processorTime() time.Duration {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		return 0
	}
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// exitOnCPULimit ends the process when a job's time is up; C code cannot be stopped in any other way.
func exitOnCPULimit() {
	up := make(chan os.Signal, 1)
	signal.Notify(up, syscall.SIGXCPU)
	<-up
	os.Exit(pipe.ExitCPU)
}
