//go:build !linux

package render

// residentBytes cannot be told here; workers are replaced by age alone.
func (w *worker) residentBytes() int64 { return 0 }
