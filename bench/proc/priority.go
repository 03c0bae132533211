package proc

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Realtime lets the calling thread, which must be locked, run before everything ordinary on its core. Only privileged
// users may.
func Realtime() error {
	attr := unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 1}
	if err := unix.SchedSetAttr(0, &attr, 0); err != nil {
		return fmt.Errorf("take real-time priority: %w", err)
	}
	return nil
}

// Favourite is the nice value of a process that was favoured.
const Favourite = -20

// Favour gives a process that runs already, with all its threads and children, the best of the ordinary priorities: at
// equal demand others get one part in eighty. Only privileged users may.
func Favour(pid int) error {
	return eachThread(pid, func(tid int) error {
		if err := unix.Setpriority(unix.PRIO_PROCESS, tid, Favourite); err != nil {
			return fmt.Errorf("take nice %d: %w", Favourite, err)
		}
		return nil
	})
}
