package wire_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/pictor/pictor/shared/wire"
)

const alphabet = "abcdefghijklmnopqrstuvwxyz"

var mixed = []wire.Piece{
	{Offset: 0, Length: 3},
	{Insert: []byte("<in>")},
	{Insert: []byte{}},
	{Offset: 10, Length: 1},
	{Offset: 20, Length: 6},
	{Insert: []byte("!")},
}

const mixedText = "abc<in>kuvwxyz!"

func TestCleanerAddsUpThePieces(t *testing.T) {
	f := func(want string, pieces ...wire.Piece) {
		t.Helper()
		c := wire.NewCleaner(strings.NewReader(alphabet), pieces)
		if c.Size() != int64(len(want)) {
			t.Errorf("Size() = %d, want %d", c.Size(), len(want))
		}
		if err := iotest.TestReader(io.NewSectionReader(c, 0, c.Size()), []byte(want)); err != nil {
			t.Error(err)
		}
	}
	f("")
	f(alphabet, wire.Piece{Length: 26})
	f("xyz", wire.Piece{Offset: 23, Length: 3})
	f("only", wire.Piece{Insert: []byte("only")})
	f(mixedText, mixed...)
}

func TestCleanerReadsEveryRange(t *testing.T) {
	c := wire.NewCleaner(strings.NewReader(alphabet), mixed)
	for from := 0; from <= len(mixedText)+1; from++ {
		for n := 0; n <= len(mixedText)+2; n++ {
			buf := make([]byte, n)
			got, err := c.ReadAt(buf, int64(from))
			tail := mixedText[min(from, len(mixedText)):]
			want := tail[:min(n, len(tail))]
			if string(buf[:got]) != want {
				t.Fatalf("ReadAt(%d bytes, %d) = %q, want %q", n, from, buf[:got], want)
			}
			if (err == io.EOF) != (got < n) || err != nil && err != io.EOF {
				t.Fatalf("ReadAt(%d bytes, %d) = %d, %v", n, from, got, err)
			}
		}
	}
}

func TestCleanerTellsAShortBlobFromTheEnd(t *testing.T) {
	c := wire.NewCleaner(strings.NewReader("abc"), []wire.Piece{{Offset: 1, Length: 5}})
	n, err := c.ReadAt(make([]byte, 5), 0)
	if n != 2 || !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("short blob: %d, %v; want 2, unexpected EOF", n, err)
	}
}

func TestCleanerPassesOnReadErrors(t *testing.T) {
	broken := errors.New("bad disk")
	c := wire.NewCleaner(failing{broken}, []wire.Piece{{Insert: []byte("head")}, {Length: 5}})
	n, err := c.ReadAt(make([]byte, 9), 0)
	if n != 4 || !errors.Is(err, broken) {
		t.Errorf("broken blob: %d, %v; want 4, %v", n, err, broken)
	}
}

func TestCleanerRefusesNegativeOffsets(t *testing.T) {
	if _, err := wire.NewCleaner(strings.NewReader(alphabet), mixed).ReadAt(make([]byte, 1), -1); err == nil {
		t.Error("negative offset: no error")
	}
}

func TestCleanerReadsTheLastByteOfTheBlob(t *testing.T) {
	// A ReaderAt may give io.EOF along with the last bytes; that is no short blob.
	c := wire.NewCleaner(eager{[]byte("abc")}, []wire.Piece{{Length: 3}, {Insert: []byte("d")}})
	got, err := io.ReadAll(io.NewSectionReader(c, 0, c.Size()))
	if err != nil || !bytes.Equal(got, []byte("abcd")) {
		t.Errorf("got %q, %v", got, err)
	}
}

type failing struct{ err error }

func (f failing) ReadAt([]byte, int64) (int, error) { return 0, f.err }

type eager struct{ data []byte }

func (e eager) ReadAt(p []byte, off int64) (int, error) {
	n := copy(p, e.data[off:])
	return n, io.EOF
}
