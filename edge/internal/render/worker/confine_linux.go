package worker

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// confine gives away, for good, what decoding hostile bytes does not need. It tries everything and says what failed.
func confine(memoryBytes int64, niceness int) error {
	return errors.Join(lowerPriority(niceness), limitMemory(memoryBytes), noCoreDumps(), filterSystemCalls())
}

// lowerPriority is per thread on Linux. New threads inherit it from the one that makes them, so it is done when a pass
// finds nobody left at the old priority.
func lowerPriority(niceness int) error {
	for {
		changed := false
		tasks, err := filepath.Glob("/proc/self/task/*")
		if err != nil {
			return fmt.Errorf("lower priority: %w", err)
		}
		for _, task := range tasks {
			id, _ := strconv.Atoi(filepath.Base(task))
			if now, err := unix.Getpriority(unix.PRIO_PROCESS, id); err != nil || now <= 20-niceness {
				continue // ended meanwhile, or nice already: the system call gives 20 - nice
			}
			if err := unix.Setpriority(unix.PRIO_PROCESS, id, niceness); err != nil && err != unix.ESRCH {
				return fmt.Errorf("lower priority: %w", err)
			}
			changed = true
		}
		if !changed {
			return nil
		}
	}
}

// limitMemory bounds private writable memory, counted from what the process has now. Address space as a whole would be
// the wrong measure: the Go runtime reserves much that it never touches.
func limitMemory(bytesMore int64) error {
	statm, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return fmt.Errorf("limit memory: %w", err)
	}
	fields := bytes.Fields(statm)
	if len(fields) < 6 {
		return errors.New("limit memory: /proc/self/statm is not as expected")
	}
	pages, err := strconv.ParseInt(string(fields[5]), 10, 64) // data and stack
	if err != nil {
		return fmt.Errorf("limit memory: %w", err)
	}
	limit := uint64(pages*int64(os.Getpagesize()) + bytesMore)
	if err := unix.Setrlimit(unix.RLIMIT_DATA, &unix.Rlimit{Cur: limit, Max: limit}); err != nil {
		return fmt.Errorf("limit memory: %w", err)
	}
	return nil
}

// noCoreDumps: a dump would hold somebody's picture.
func noCoreDumps() error {
	if err := syscall.Setrlimit(syscall.RLIMIT_CORE, &syscall.Rlimit{}); err != nil {
		return fmt.Errorf("forbid core dumps: %w", err)
	}
	return nil
}
