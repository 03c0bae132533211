package diskcache

import (
	"bytes"
	"math/bits"
	"sync"
)

// buffers are memory for bodies that are sent once and kept by nobody. A buffer that is not given back is garbage like
// any other.
type buffers struct {
	pools [maxBuffer + 1]sync.Pool // of *[]byte; by the binary logarithm of their size
}

// Sizes of buffers that are used again, as binary logarithms: 4 KiB to 4 MiB.
const (
	minBuffer = 12
	maxBuffer = 22
)

// copyOf is the value in a buffer; without buffers, in memory that nobody takes back.
func (b *buffers) copyOf(value []byte) *[]byte {
	if b == nil {
		own := bytes.Clone(value) // does not clear it first
		return &own
	}
	buf := b.take(len(value))
	copy(*buf, value)
	return buf
}

// take gives a buffer of n bytes.
func (b *buffers) take(n int) *[]byte {
	class := max(minBuffer, bits.Len(uint(max(n, 1)-1)))
	if class > maxBuffer {
		buf := make([]byte, n)
		return &buf
	}
	buf, ok := b.pools[class].Get().(*[]byte)
	if !ok {
		fresh := make([]byte, 1<<class)
		buf = &fresh
	}
	*buf = (*buf)[:n]
	return buf
}

// giveBack takes what take gave. Nobody may use it any more.
func (b *buffers) giveBack(buf *[]byte) {
	class := bits.Len(uint(cap(*buf))) - 1
	if cap(*buf) == 1<<class && class >= minBuffer && class <= maxBuffer {
		b.pools[class].Put(buf)
	}
}
