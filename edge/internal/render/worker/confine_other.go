//go:build !linux

package worker

import (
	"errors"
	"fmt"
	"syscall"
)

// confine does what it can: off Linux there is no filter for system calls.
func confine(_ int64, niceness int) error {
	if err := syscall.Setpriority(syscall.PRIO_PROCESS, 0, niceness); err != nil {
		return fmt.Errorf("lower priority: %w", err)
	}
	return errors.New("workers are not confined on this system")
}
