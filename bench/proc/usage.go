package proc

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// Cores are the cores this process may use, in ascending order.
func Cores() ([]int, error) {
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(0, &set); err != nil {
		return nil, fmt.Errorf("read affinity: %w", err)
	}
	var cores []int
	for cpu := 0; len(cores) < set.Count(); cpu++ {
		if set.IsSet(cpu) {
			cores = append(cores, cpu)
		}
	}
	return cores, nil
}

// Pin binds a process that runs already, with all its threads and children, to one core.
func Pin(pid, cpu int) error {
	return eachThread(pid, func(tid int) error { return setAffinity(tid, cpu) })
}

// eachThread does something to all threads of a process and its descendants; threads end as they like.
func eachThread(pid int, do func(tid int) error) error {
	for _, pid := range Tree(pid) {
		threads, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
		if err != nil {
			return err
		}
		for _, thread := range threads {
			tid, err := strconv.Atoi(filepath.Base(thread))
			if err != nil {
				return err
			}
			if err := do(tid); err != nil && !errors.Is(err, unix.ESRCH) {
				return err
			}
		}
	}
	return nil
}

func setAffinity(tid, cpu int) error {
	var set unix.CPUSet
	set.Set(cpu)
	if err := unix.SchedSetaffinity(tid, &set); err != nil {
		return fmt.Errorf("bind to core %d: %w", cpu, err)
	}
	return nil
}

// Tree is a process and all its descendants.
func Tree(pid int) []int {
	all := []int{pid}
	for i := 0; i < len(all); i++ {
		lists, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/children", all[i])) // the pattern is well-formed
		for _, list := range lists {
			text, err := os.ReadFile(list)
			if err != nil {
				continue // the thread has ended
			}
			for _, child := range strings.Fields(string(text)) {
				if n, err := strconv.Atoi(child); err == nil {
					all = append(all, n)
				}
			}
		}
	}
	return all
}

// clockTick is the unit of times in /proc: 100 Hz on every Linux that Go runs on.
const clockTick = 10 * time.Millisecond

// CPUTime is the processor time that a process and its descendants have used, those that have ended included. It has a
// resolution of 10 ms.
func CPUTime(pid int) (time.Duration, error) {
	var sum time.Duration
	for i, pid := range Tree(pid) {
		t, err := cpuTime(pid)
		if err != nil && i == 0 {
			return 0, err
		}
		sum += t
	}
	return sum, nil
}

func cpuTime(pid int) (time.Duration, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseStat(text)
}

// parseStat adds utime, stime, cutime and cstime, fields 14 to 17 of /proc/PID/stat.
func parseStat(text []byte) (time.Duration, error) {
	_, rest, ok := bytes.Cut(text[bytes.LastIndexByte(text, ')')+1:], []byte(" ")) // the name before may hold anything
	fields := strings.Fields(string(rest))
	if !ok || len(fields) < 15 {
		return 0, fmt.Errorf("read processor time: odd stat line %q", text)
	}
	var ticks time.Duration
	for _, field := range fields[11:15] {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read processor time: %w", err)
		}
		ticks += time.Duration(n)
	}
	return ticks * clockTick, nil
}

// RunTime is the processor time that the threads of a process and its descendants have used, to the nanosecond. Threads
// and children that end in between are missing.
func RunTime(pid int) (time.Duration, error) {
	var sum time.Duration
	err := eachThread(pid, func(tid int) error {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/schedstat", tid))
		if errors.Is(err, os.ErrNotExist) {
			return nil // it has ended
		} else if err != nil {
			return err
		}
		ran, _, _ := strings.Cut(string(text), " ")
		n, err := strconv.ParseInt(ran, 10, 64)
		if err != nil {
			return fmt.Errorf("read run time: %w", err)
		}
		sum += time.Duration(n)
		return nil
	})
	return sum, err
}

// IdleTime is how long a core has had nothing to do since the machine was started, with a resolution of 10 ms.
func IdleTime(cpu int) (time.Duration, error) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, err
	}
	return parseIdle(text, cpu)
}

// parseIdle adds idle and iowait of the line «cpu1 user nice system idle iowait …» of /proc/stat.
func parseIdle(text []byte, cpu int) (time.Duration, error) {
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if len(fields) < 6 || fields[0] != fmt.Sprintf("cpu%d", cpu) {
			continue
		}
		idle, err := strconv.ParseInt(fields[4], 10, 64)
		waiting, errWaiting := strconv.ParseInt(fields[5], 10, 64)
		if err := errors.Join(err, errWaiting); err != nil {
			return 0, fmt.Errorf("read idle time: %w", err)
		}
		return time.Duration(idle+waiting) * clockTick, nil
	}
	return 0, fmt.Errorf("read idle time: no core %d", cpu)
}

// Memory is the resident size of a process in bytes, and with its descendants; what several share counts once in all.
func Memory(pid int) (alone, all int64, err error) {
	for i, pid := range Tree(pid) {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
		if err != nil {
			if i == 0 {
				return 0, 0, err
			}
			continue // it has ended
		}
		n, err := parsePss(text)
		if err != nil && i == 0 {
			return 0, 0, err // of a child that is just ending, nothing is resident any more
		}
		if i == 0 {
			alone = n
		}
		all += n
	}
	return alone, all, nil
}

// parsePss reads the line «Pss:  1234 kB» of /proc/PID/smaps_rollup.
func parsePss(text []byte) (int64, error) {
	for line := range strings.Lines(string(text)) {
		value, ok := strings.CutPrefix(line, "Pss:")
		if !ok {
			continue
		}
		kb, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(value), "kB")), 10, 64)
		if err != nil {
			return 0, fmt.Errorf("read memory: %w", err)
		}
		return kb << 10, nil
	}
	return 0, fmt.Errorf("read memory: no Pss in %q", text)
}
