package originals

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"github.com/pictor/pictor/edge"
	"github.com/pictor/pictor/shared/wire"
)

// download streams the blob from the origin to a file that gets its name only when size and digest are right. It is
// not synced: after a crash its bytes are hashed again before use.
func (s *Store) download(ctx context.Context, src *wire.Source) error {
	temp, err := s.shelf.Temp()
	if err != nil {
		return s.notStored(err)
	}
	defer os.Remove(temp.Name()) // it is gone when all went well
	defer temp.Close()
	body, err := s.ask(ctx, src, 0, -1)
	if err != nil {
		return err
	}
	defer body.Close()
	if err := s.receive(temp, body, src); err != nil {
		return err
	}
	if err := s.shelf.Take(src.Digest, src.Digest, temp.Name(), src.Bytes); err != nil {
		return s.notStored(err)
	}
	return nil
}

// errStorage marks what is wrong with this node's disk, not with the original.
var errStorage = errors.New("disk of the originals")

// notStored also makes room: the disk may be fuller than the budget knows, and would stay so.
func (s *Store) notStored(err error) error {
	s.shelf.Shrink()
	return unavailable("the original cannot be stored", fmt.Errorf("%w: %w", errStorage, err))
}

func (s *Store) receive(temp *os.File, body io.Reader, src *wire.Source) error {
	sum := sha256.New()
	// One byte more than promised is enough to know.
	n, err := io.Copy(io.MultiWriter(temp, sum), io.LimitReader(body, src.Bytes+1))
	s.fetchedBytes.Add(n)
	if _, ours := errors.AsType[*fs.PathError](err); ours {
		return s.notStored(err)
	}
	if err != nil {
		return unavailable("the original cannot be fetched", fmt.Errorf("after %d of %d bytes: %w", n, src.Bytes, err))
	}
	if err := compare(sum.Sum(nil), n, src); err != nil {
		s.corrupt.Add(1)
		return unavailable("the original cannot be fetched", fmt.Errorf("from the origin: %w", err))
	}
	if err := temp.Close(); err != nil {
		return s.notStored(err)
	}
	return nil
}

// ask opens a stream from the origin.
func (s *Store) ask(ctx context.Context, src *wire.Source, offset, length int64) (io.ReadCloser, error) {
	s.fetches.Add(1)
	body, err := s.Origin.Blob(ctx, src.Digest, offset, length)
	if _, ok := errors.AsType[*edge.Error](err); ok {
		return nil, err
	}
	if err != nil {
		return nil, unavailable("the original cannot be fetched", err)
	}
	return body, nil
}

// checkFile hashes a file found at start. It stops when nobody waits for the answer any more.
func checkFile(ctx context.Context, f *os.File, src *wire.Source) error {
	sum := sha256.New()
	n, err := io.Copy(sum, readerUntil{ctx, f})
	if err != nil {
		return unavailable("the original cannot be read", err)
	}
	return compare(sum.Sum(nil), n, src)
}

// readerUntil fails once its context has ended.
type readerUntil struct {
	ctx context.Context
	io.Reader
}

func (r readerUntil) Read(p []byte) (int, error) {
	if err := r.ctx.Err(); err != nil {
		return 0, err
	}
	return r.Reader.Read(p)
}

func compare(sum []byte, n int64, src *wire.Source) error {
	if n != src.Bytes {
		return fmt.Errorf("blob %s: got %d bytes, want %d", src.Digest, n, src.Bytes)
	}
	if got := hex.EncodeToString(sum); got != src.Digest {
		return fmt.Errorf("blob %s: the bytes have digest %s", src.Digest, got)
	}
	return nil
}

func unavailable(message string, err error) *edge.Error {
	return &edge.Error{Kind: edge.Unavailable, Message: message, Err: err}
}
