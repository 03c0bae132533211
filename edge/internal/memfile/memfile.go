// Package memfile makes files in memory: for what is to be passed to another process and needs no disk. They go with
// their last descriptor. Where the system has none, temporary files without a name stand in.
package memfile

import (
	"fmt"
	"os"
)

// New gives an empty file.
func New() (*os.File, error) {
	file, err := create()
	if err != nil {
		return nil, fmt.Errorf("make memory file: %w", err)
	}
	return file, nil
}

// Sized gives a file of so many bytes. It can be written, but its length is fixed: nobody who maps it loses it from under
// them.
func Sized(bytes int64) (*os.File, error) {
	return filled(func(file *os.File) error {
		if err := file.Truncate(bytes); err != nil {
			return err
		}
		return fixLength(file)
	})
}

// Of gives a file with that content.
func Of(content []byte) (*os.File, error) {
	return filled(func(file *os.File) error {
		_, err := file.Write(content)
		return err
	})
}

func filled(fill func(*os.File) error) (*os.File, error) {
	file, err := New()
	if err != nil {
		return nil, err
	}
	if err := fill(file); err != nil {
		file.Close()
		return nil, fmt.Errorf("fill memory file: %w", err)
	}
	return file, nil
}
