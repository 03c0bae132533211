package diskcache

import (
	"fmt"
	"path"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2/vfs"
)

// mended is the file system that a store sees. Pebble 2.1.7 ends the process when the end of a file of values cannot be
// written, synced or closed: it then closes that file once more, through a pointer that is nil by now
// (sstable/blob.FileWriter.Close). A full disk is enough for that. So no error of such a file is told. Instead nothing can
// be written any more after one: the table that would refer to the file is finished behind it, fails with that error, and
// pebble takes it as it takes any other.
type mended struct {
	vfs.FS
	trouble atomic.Pointer[error] // the first of a file of values; nothing is written after it
}

// Unwrap is part of vfs.FS.
func (m *mended) Unwrap() vfs.FS { return m.FS }

// Create is part of vfs.FS. Pebble writes to no other files: it has no log, whose files it would use again.
func (m *mended) Create(name string, category vfs.DiskWriteCategory) (vfs.File, error) {
	if err := m.err(); err != nil {
		return nil, err
	}
	file, err := m.FS.Create(name, category)
	if err != nil {
		return nil, err
	}
	if path.Ext(name) == ".blob" {
		return values{file, m}, nil
	}
	return other{file, m}, nil
}

// Rename is part of vfs.FS.
func (m *mended) Rename(from, to string) error {
	if err := m.err(); err != nil {
		return err
	}
	return m.FS.Rename(from, to)
}

func (m *mended) err() error {
	if err := m.trouble.Load(); err != nil {
		return *err
	}
	return nil
}

// hush notes an error of a file of values.
func (m *mended) hush(err error) {
	if err != nil {
		err = fmt.Errorf("write values: %w", err)
		m.trouble.CompareAndSwap(nil, &err)
	}
}

// values is a file of values, on which everything succeeds.
type values struct {
	vfs.File
	fs *mended
}

func (v values) Write(p []byte) (int, error) {
	if v.fs.err() == nil {
		_, err := v.File.Write(p)
		v.fs.hush(err)
	}
	return len(p), nil
}

func (v values) Sync() error {
	v.fs.hush(v.File.Sync())
	return nil
}

func (v values) SyncData() error {
	v.fs.hush(v.File.SyncData())
	return nil
}

func (v values) SyncTo(length int64) (full bool, _ error) {
	full, err := v.File.SyncTo(length)
	v.fs.hush(err)
	return full, nil
}

func (v values) Close() error {
	v.fs.hush(v.File.Close())
	return nil
}

// other is any other file that is written.
type other struct {
	vfs.File
	fs *mended
}

func (o other) Write(p []byte) (int, error) {
	if err := o.fs.err(); err != nil {
		return 0, err
	}
	return o.File.Write(p)
}

func (o other) Sync() error {
	if err := o.fs.err(); err != nil {
		return err
	}
	return o.File.Sync()
}

func (o other) SyncData() error {
	if err := o.fs.err(); err != nil {
		return err
	}
	return o.File.SyncData()
}
