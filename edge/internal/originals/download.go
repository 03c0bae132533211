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
	"github.com/pictor/pictor/edge/internal/memfile"
	"github.com/pictor/pictor/edge/internal/shelf"
	"github.com/pictor/pictor/shared/wire"
)

// fetch gets the blob from the origin onto the shelf, or into memory where that does not take it.
func (s *Store) fetch(ctx context.Context, src *wire.Source) error {
	err := s.download(ctx, src)
	if err == nil && s.sick.Swap(false) {
		s.Log.Info("the folder of originals can be written again")
	}
	if !errors.Is(err, errStorage) {
		return err
	}
	if !errors.Is(err, shelf.ErrGone) && !s.sick.Swap(true) {
		s.Log.Error("the folder of originals cannot be written, they stay in memory for a moment", "err", err)
	}
	return s.borrow(ctx, src, err)
}

// download streams the blob to a file that gets its name only when size and digest are right.
func (s *Store) download(ctx context.Context, src *wire.Source) error {
	if s.Gone(src.Digest) {
		return notStored(shelf.ErrGone)
	}
	temp, err := s.shelf.Temp()
	if err != nil {
		return s.noRoom(err)
	}
	defer os.Remove(temp.Name()) // it is gone when all went well
	defer temp.Close()
	if err := reserve(temp, src.Bytes); err != nil {
		return s.noRoom(err)
	}
	if err := s.receive(ctx, temp, src); err != nil {
		return err
	}
	if err := temp.Close(); err != nil {
		return s.noRoom(err)
	}
	if err := s.shelf.Take(src.Digest, src.Digest, temp.Name(), src.Bytes); err != nil {
		return s.noRoom(err)
	}
	return nil
}

// borrow streams the blob into memory. Where there is no room either, why the folder did not take it is the error.
func (s *Store) borrow(ctx context.Context, src *wire.Source, why error) error {
	file, err := s.spare.room(src.Bytes)
	if err != nil {
		return why
	}
	if err := s.receive(ctx, file.File, src); err != nil {
		s.spare.giveBack(file)
		return err
	}
	if err := memfile.Freeze(file.File); err != nil {
		s.spare.giveBack(file)
		return why
	}
	s.spare.take(src.Digest, file)
	s.borrowed.Add(1)
	return nil
}

// errStorage marks what is wrong with this node's disk, not with the original.
var errStorage = errors.New("disk of the originals")

// noRoom also makes room on a full disk: it may be fuller than the budget knows, and would stay so.
func (s *Store) noRoom(err error) error {
	if isFull(err) {
		s.shelf.Shrink()
	}
	return notStored(err)
}

func notStored(err error) error {
	return unavailable("the original cannot be stored", fmt.Errorf("%w: %w", errStorage, err))
}

// receive writes the blob to the file.
func (s *Store) receive(ctx context.Context, file *os.File, src *wire.Source) error {
	body, err := s.ask(ctx, src, 0, -1)
	if err != nil {
		return err
	}
	defer body.Close()
	sum := sha256.New()
	// One byte more than promised is enough to know.
	n, err := io.Copy(io.MultiWriter(file, sum), io.LimitReader(body, src.Bytes+1))
	s.fetchedBytes.Add(n)
	if _, ours := errors.AsType[*fs.PathError](err); ours {
		return s.noRoom(err)
	}
	if err != nil {
		return unavailable("the original cannot be fetched", fmt.Errorf("after %d of %d bytes: %w", n, src.Bytes, err))
	}
	if err := compare(sum.Sum(nil), n, src); err != nil {
		s.corrupt.Add(1)
		return unavailable("the original cannot be fetched", fmt.Errorf("from the origin: %w", err))
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
