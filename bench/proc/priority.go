package proc

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// Realtime lets the calling thread, which must be locked, run before everything ordinary on its core. Only privileged
// users may.
func Realtime() error {
	return setScheduling(0, unix.SchedAttr{Policy: unix.SCHED_FIFO, Priority: 1})
}

// Alone lets a process that runs already, with all its threads and children, run before everything ordinary on its core;
// among themselves they take turns. Favour is the way back. Only privileged users may.
func Alone(pid int) error {
	return eachThread(pid, func(tid int) error {
		return setScheduling(tid, unix.SchedAttr{Policy: unix.SCHED_RR, Priority: 1})
	})
}

// Favourite is the nice value of a process that was favoured.
const Favourite = -20

// Favour gives a process that runs already, with all its threads and children, the best of the ordinary priorities: at
// equal demand others get one part in eighty. Only privileged users may.
func Favour(pid int) error {
	return eachThread(pid, func(tid int) error {
		return setScheduling(tid, unix.SchedAttr{Policy: unix.SCHED_NORMAL, Nice: Favourite})
	})
}

func setScheduling(tid int, attr unix.SchedAttr) error {
	attr.Size = unix.SizeofSchedAttr
	if err := unix.SchedSetAttr(tid, &attr, 0); err != nil {
		return fmt.Errorf("take a better priority: %w", err)
	}
	return nil
}
