package rungs

import (
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"strings"
)

// The folder holds JPEGs, one a source. A name says all there is to know: digest, size, CRC-32C of the content.
const nameFormat = "%s-%dx%d-%08x.jpg"

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func parseName(name string) (digest string, size Size, sum uint32, ok bool) {
	digest, rest, _ := strings.Cut(name, "-")
	if _, err := fmt.Sscanf(rest, "%dx%d-%x.jpg", &size.Width, &size.Height, &sum); err != nil {
		return "", Size{}, 0, false
	}
	return digest, size, sum, name == fmt.Sprintf(nameFormat, digest, size.Width, size.Height, sum)
}

func keyOf(name string) (digest string, ok bool) {
	digest, _, _, ok = parseName(name)
	return digest, ok
}

// findFile opens the file of the source if it is large enough. Its content is checked on its first use in this run.
func (s *Store) findFile(digest string, want Size) *Rung {
	opened, file := s.shelf.Open(digest)
	if opened == nil {
		return nil
	}
	_, size, sum, _ := parseName(file.Name)
	switch {
	case !size.Holds(want, FileRatio):
	case !file.Checked.Load() && !sound(opened, file.Bytes, sum):
		s.shelf.Discard(digest, file)
	default:
		file.Checked.Store(true)
		return &Rung{Size: size, Bytes: file.Bytes, File: opened}
	}
	opened.Close()
	return nil
}

func sound(file *os.File, bytes int64, sum uint32) bool {
	content := make([]byte, bytes)
	n, err := file.ReadAt(content, 0)
	return int64(n) == bytes && (err == nil || err == io.EOF) && crc32.Checksum(content, castagnoli) == sum
}

// keepFile puts the JPEG on the shelf.
func (s *Store) keepFile(digest string, size Size, jpeg []byte) error {
	temp, err := s.shelf.Temp()
	if err != nil {
		return err
	}
	defer os.Remove(temp.Name()) // it is gone when all went well
	defer temp.Close()
	if _, err := temp.Write(jpeg); err != nil {
		return err
	}
	if err := temp.Close(); err != nil {
		return err
	}
	name := fmt.Sprintf(nameFormat, digest, size.Width, size.Height, crc32.Checksum(jpeg, castagnoli))
	return s.shelf.Take(digest, name, temp.Name(), int64(len(jpeg)))
}
