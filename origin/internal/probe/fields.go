package probe

import "bytes"

// fields reads big-endian numbers, texts and boxes one after the other. Past the end it reads zeros and sets short.
type fields struct {
	data  []byte
	off   int64 // where data stands in the upload
	short bool
}

func (f *fields) left() int { return len(f.data) }

func (f *fields) take(n int) []byte {
	if n > len(f.data) {
		f.short = true
		f.data = nil
		return nil
	}
	taken := f.data[:n]
	f.data, f.off = f.data[n:], f.off+int64(n)
	return taken
}

func (f *fields) skip(n int)        { f.take(n) }
func (f *fields) text(n int) string { return string(f.take(n)) }

// uint reads a number of n bytes, 0 to 8.
func (f *fields) uint(n int) uint64 {
	v := uint64(0)
	for _, b := range f.take(n) {
		v = v<<8 | uint64(b)
	}
	return v
}

// id reads an item's id, of 16 bits in version 0 of a box and of 32 in later ones.
func (f *fields) id(version uint64) uint32 {
	if version == 0 {
		return uint32(f.uint(2))
	}
	return uint32(f.uint(4))
}

// version reads the version of a full box, and passes over its flags.
func (f *fields) version() uint64 {
	version, _ := f.versionAndFlag()
	return version
}

// versionAndFlag reads the version of a full box and the lowest of its flags.
func (f *fields) versionAndFlag() (version uint64, flag bool) {
	v := f.uint(4)
	return v >> 24, v&1 != 0
}

// string reads up to a zero.
func (f *fields) string() string {
	i := bytes.IndexByte(f.data, 0)
	if i < 0 {
		f.short = true
		return ""
	}
	return string(f.take(i + 1)[:i])
}
