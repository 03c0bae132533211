package proc

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/pictor/pictor/shared/freeport"
)

func start(t *testing.T, script string, cpu int) *Process {
	t.Helper()
	dir := t.TempDir()
	p, err := Start(Spec{Name: "test", Path: "/bin/sh", Args: []string{"-c", script}, Dir: dir, Log: filepath.Join(dir, "log"), CPU: cpu})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Stop)
	return p
}

// childOf waits until the script has started a process of its own.
func childOf(t *testing.T, p *Process) int {
	t.Helper()
	for range 3000 {
		if tree := Tree(p.Pid); len(tree) == 2 {
			return tree[1]
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Fatalf("no child of %d, its tree is %v", p.Pid, Tree(p.Pid))
	return 0
}

// The child does not know that its parent was asked to end.
func TestStopLeavesNothing(t *testing.T) {
	p := start(t, "sleep 60 & wait", -1)
	child := childOf(t, p)
	p.Stop()
	for _, pid := range []int{p.Pid, child} {
		if err := syscall.Kill(pid, 0); !errors.Is(err, syscall.ESRCH) {
			t.Errorf("process %d is still there: %v", pid, err)
		}
	}
	p.Stop() // a second time does no harm
}

func TestStopEndsWhatIgnoresSIGTERM(t *testing.T) {
	p := start(t, "trap '' TERM; while :; do sleep 0.1; done", -1)
	childOf(t, p) // the trap is set
	begun := time.Now()
	p.Stop()
	if took := time.Since(begun); took < stopWait || took > 10*stopWait {
		t.Errorf("it took %s", took)
	}
	if err := syscall.Kill(p.Pid, 0); !errors.Is(err, syscall.ESRCH) {
		t.Errorf("it is still there: %v", err)
	}
}

func TestCores(t *testing.T) {
	cores, err := Cores()
	if err != nil || len(cores) == 0 {
		t.Fatalf("%v, %v", cores, err)
	}
	last := cores[len(cores)-1]
	p := start(t, "sleep 60 & wait", last)
	for _, pid := range []int{p.Pid, childOf(t, p)} {
		wantCore(t, pid, last)
	}
	if err := Pin(p.Pid, cores[0]); err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{p.Pid, childOf(t, p)} {
		wantCore(t, pid, cores[0])
	}
	if after, err := Cores(); err != nil || len(after) != len(cores) {
		t.Errorf("this process has the cores %v now, %v", after, err)
	}
}

func wantCore(t *testing.T, pid, core int) {
	t.Helper()
	var set unix.CPUSet
	if err := unix.SchedGetaffinity(pid, &set); err != nil {
		t.Fatal(err)
	}
	if set.Count() != 1 || !set.IsSet(core) {
		t.Errorf("process %d is bound to %d cores, not to %d", pid, set.Count(), core)
	}
}

func TestFavour(t *testing.T) {
	p := start(t, "sleep 60 & wait", -1)
	child := childOf(t, p)
	if err := Favour(p.Pid); errors.Is(err, unix.EACCES) || errors.Is(err, unix.EPERM) {
		t.Skip("this user may not take a better priority")
	} else if err != nil {
		t.Fatal(err)
	}
	want := func(policy uint32, nice int32) {
		t.Helper()
		for _, pid := range []int{p.Pid, child} {
			if got, err := unix.SchedGetAttr(pid, 0); err != nil || got.Policy != policy || got.Nice != nice {
				t.Errorf("process %d has %+v, %v", pid, got, err)
			}
		}
	}
	want(unix.SCHED_NORMAL, Favourite)
	if err := Alone(p.Pid); err != nil {
		t.Fatal(err)
	}
	want(unix.SCHED_RR, 0)
	if err := Favour(p.Pid); err != nil {
		t.Fatal(err)
	}
	want(unix.SCHED_NORMAL, Favourite)
}

func TestRealtimeIsOfTheThreadAlone(t *testing.T) {
	runtime.LockOSThread() // or the thread that is looked at may not be the one of before, and be any
	defer runtime.UnlockOSThread()
	errs := make(chan error, 2) // also for a test that is skipped
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with this goroutine
		errs <- Realtime()
		attr, err := unix.SchedGetAttr(0, 0)
		if err == nil && attr.Policy != unix.SCHED_FIFO {
			err = fmt.Errorf("the policy is %d", attr.Policy)
		}
		errs <- err
	}()
	if err := <-errs; errors.Is(err, unix.EPERM) {
		t.Skip("this user may not take real-time priority")
	} else if err != nil {
		t.Fatal(err)
	}
	if err := <-errs; err != nil {
		t.Error(err)
	}
	if attr, err := unix.SchedGetAttr(0, 0); err != nil || attr.Policy != unix.SCHED_NORMAL {
		t.Errorf("another thread has %+v, %v", attr, err)
	}
}

func TestIdleTime(t *testing.T) {
	const stat = "cpu  9 9 9 9 9 9\ncpu1 1 2 3 400 5 6 7\ncpu10 1 2 3 4 5 6\ncpu11 1 2 3 x 5\ncpu12 1 2 3\n"
	for cpu, want := range map[int]time.Duration{1: 4050 * time.Millisecond, 10: 90 * time.Millisecond} {
		if got, err := parseIdle([]byte(stat), cpu); err != nil || got != want {
			t.Errorf("core %d: %s, %v", cpu, got, err)
		}
	}
	for _, cpu := range []int{0, 11, 12} {
		if got, err := parseIdle([]byte(stat), cpu); err == nil {
			t.Errorf("core %d: %s", cpu, got)
		}
	}
	cores, err := Cores()
	if err != nil {
		t.Fatal(err)
	}
	if idle, err := IdleTime(cores[0]); err != nil || idle <= 0 {
		t.Errorf("%s, %v", idle, err)
	}
}

func TestWaitListening(t *testing.T) {
	address := freeport.ForTest(t, 1)[0]
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	if err := start(t, "sleep 60", -1).WaitListening(context.Background(), address); err != nil {
		t.Error(err)
	}
	l.Close()
	err = start(t, "echo it was the wrong day; exit 1", -1).WaitListening(context.Background(), address)
	if err == nil || !strings.Contains(err.Error(), "the wrong day") {
		t.Errorf("%v, want the last lines of the log", err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if err := start(t, "sleep 60", -1).WaitListening(ctx, address); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("%v, want the deadline", err)
	}
}

func TestUsageOfATree(t *testing.T) {
	p := start(t, "i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done & wait; sleep 60", -1)
	var cpu time.Duration
	var err error
	for range 6000 { // the child ends in between: its time must stay
		if cpu, err = CPUTime(p.Pid); err != nil {
			t.Fatal(err)
		}
		if cpu >= 50*time.Millisecond {
			break
		}
		time.Sleep(10 * time.Millisecond)
	}
	if cpu < 50*time.Millisecond {
		t.Errorf("processor time is %s", cpu)
	}
	partOfAll := func() bool {
		ran, err := RunTime(p.Pid)
		cpu, later := CPUTime(p.Pid)
		t.Logf("its threads that still run had %s of %s, %v, %v", ran, cpu, err, later)
		return err == nil && later == nil && ran > 0 && ran <= cpu+2*clockTick
	}
	part := partOfAll()
	if !part { // once, the child may have ended between the two
		part = partOfAll()
	}
	if !part {
		t.Error("its threads that still run had more than all")
	}
	if alone, all, err := Memory(p.Pid); err != nil || alone < 1<<14 || all < alone || all > 1<<28 {
		t.Errorf("memory is %d of %d, %v", alone, all, err)
	}
	gone := start(t, "exit 0", -1)
	gone.Stop()
	if _, err := CPUTime(gone.Pid); err == nil {
		t.Error("a process that ended has processor time")
	}
	if _, _, err := Memory(gone.Pid); err == nil {
		t.Error("a process that ended has memory")
	}
}

func TestParse(t *testing.T) {
	fields := make([]string, 50)
	for i := range fields {
		fields[i] = strconv.Itoa(i + 3) // field 3 is the first after the name
	}
	stat := "42 (odd) name (x) " + strings.Join(fields, " ")
	if got, err := parseStat([]byte(stat)); err != nil || got != (14+15+16+17)*clockTick {
		t.Errorf("%s, %v", got, err)
	}
	for _, odd := range []string{"", "42 (x)", "42 (x) S 1 2", "42 (x) " + strings.Repeat("x ", 50)} {
		if got, err := parseStat([]byte(odd)); err == nil {
			t.Errorf("%q is %s", odd, got)
		}
	}
	if got, err := parsePss([]byte("Rss:  9 kB\nPss_Dirty: 8 kB\nPss:      7 kB\n")); err != nil || got != 7<<10 {
		t.Errorf("%d, %v", got, err)
	}
	for _, odd := range []string{"", "Rss: 1 kB\n", "Pss: x kB\n"} {
		if got, err := parsePss([]byte(odd)); err == nil {
			t.Errorf("%q is %d", odd, got)
		}
	}
	if _, err := os.Stat("/proc/self/smaps_rollup"); err != nil {
		t.Error(err)
	}
}
