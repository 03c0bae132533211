package render

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
)

// residentBytes is the memory that the process holds, 0 when it cannot be told. (The peak that the kernel reports for a
// child is no use: it begins with the peak of the parent.)
func (w *worker) residentBytes() int64 {
	statm, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", w.pid()))
	if err != nil {
		return 0
	}
	fields := bytes.Fields(statm)
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
