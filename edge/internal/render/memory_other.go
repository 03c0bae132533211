//go:build !linux

package render

import (
	"fmt"
	"os"
)

// memoryFile gives a file with those bytes that has no name any more.
func memoryFile(body []byte) (*os.File, error) {
	file, err := os.CreateTemp("", "pictor-check-")
	if err != nil {
		return nil, fmt.Errorf("make temporary file: %w", err)
	}
	os.Remove(file.Name())
	if _, err := file.Write(body); err != nil {
		file.Close()
		return nil, fmt.Errorf("fill temporary file: %w", err)
	}
	return file, nil
}
