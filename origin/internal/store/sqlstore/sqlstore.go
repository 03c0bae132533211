// Package sqlstore keeps the facts in SQLite: one connection writes, several read snapshots.
package sqlstore

import (
	"context"
	"crypto/rand"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"runtime"
	"sync"
	"time"

	"github.com/pressly/goose/v3"
	"golang.org/x/sys/unix"
	_ "modernc.org/sqlite" // the driver «sqlite»

	"github.com/pictor/pictor/origin"
)

// Store is an origin.Store in one SQLite file, which belongs to one process.
type Store struct {
	lock    *os.File
	writer  *sql.DB // one connection: transactions queue for it
	readers *sql.DB
	epoch   string
	now     func() time.Time

	mu      sync.Mutex // never held across I/O
	changed chan struct{}
}

var _ origin.Store = (*Store)(nil)

// Open opens the database file, in a directory that exists, and brings its schema up to date. A file that another
// process has open is refused.
func Open(ctx context.Context, path string) (*Store, error) {
	s := &Store{now: time.Now, changed: make(chan struct{})}
	if err := s.open(ctx, path); err != nil {
		return nil, errors.Join(fmt.Errorf("open database %s: %w", path, err), s.Close())
	}
	return s, nil
}

func (s *Store) open(ctx context.Context, path string) (err error) {
	// The file is made here, for SQLite would let everybody read the secrets in it.
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	if s.lock, err = lockFile(path + ".lock"); err != nil {
		return err
	}
	if s.writer, err = sql.Open("sqlite", dsn(path, "immediate", "journal_mode(WAL)", "synchronous(FULL)",
		"foreign_keys(1)", "journal_size_limit(67108864)")); err != nil {
		return err
	}
	s.writer.SetMaxOpenConns(1)
	if err := migrate(ctx, s.writer); err != nil {
		return err
	}
	if s.epoch, err = loadEpoch(ctx, s.writer); err != nil {
		return err
	}
	if s.readers, err = sql.Open("sqlite", dsn(path, "deferred", "query_only(1)")); err != nil {
		return err
	}
	connections := max(4, 2*runtime.GOMAXPROCS(0))
	s.readers.SetMaxOpenConns(connections)
	s.readers.SetMaxIdleConns(connections)
	return nil
}

// lockFile takes a lock that ends with the process, however it ends. It has a file of its own: closing any descriptor
// of the database would drop the locks of SQLite.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if err == unix.EWOULDBLOCK {
		err = errors.New("another process has it open")
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// dsn is a URI, so that a path may hold any character.
func dsn(path, begin string, pragmas ...string) string {
	query := url.Values{"_txlock": {begin}, "_pragma": append([]string{"busy_timeout(5000)"}, pragmas...)}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + query.Encode()
}

//go:embed migrations/*.sql
var migrations embed.FS

func migrate(ctx context.Context, db *sql.DB) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, dir, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	current, newest, err := provider.GetVersions(ctx)
	if err != nil {
		return err
	}
	if current > newest {
		return fmt.Errorf("its schema is version %d, this program knows %d: a newer program has written it", current, newest)
	}
	_, err = provider.Up(ctx)
	return err
}

// loadEpoch gives the epoch of the change log, made at the first start.
func loadEpoch(ctx context.Context, db *sql.DB) (epoch string, err error) {
	const setting = "change_epoch"
	_, err = db.ExecContext(ctx, `INSERT INTO settings (key, value) VALUES (?, ?) ON CONFLICT DO NOTHING`, setting,
		[]byte(rand.Text()))
	if err != nil {
		return "", err
	}
	err = db.QueryRowContext(ctx, `SELECT value FROM settings WHERE key = ?`, setting).Scan(&epoch)
	return epoch, err
}

// Close ends all connections. The writer is last: the last connection folds the write-ahead log into the file.
func (s *Store) Close() error {
	var errs []error
	for _, db := range []*sql.DB{s.readers, s.writer} {
		if db != nil {
			errs = append(errs, db.Close())
		}
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// Update implements origin.Store.
func (s *Store) Update(ctx context.Context, fn func(origin.Tx) error) error {
	conn, err := s.writer.Conn(ctx)
	if err != nil {
		return fmt.Errorf("wait to write: %w", err)
	}
	defer conn.Close()
	// Once begun it is not cut short: SQLite answers an interrupt with a rollback of its own.
	ctx = context.WithoutCancel(ctx)
	began, err := conn.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", sqlError(err))
	}
	defer began.Rollback() // does nothing after Commit
	tx := &writeTx{readTx: readTx{ctx: ctx, q: began, epoch: s.epoch}, now: s.now}
	if err := fn(tx); err != nil {
		return err
	}
	if tx.failed != nil {
		return tx.failed
	}
	if err := began.Commit(); err != nil {
		return fmt.Errorf("commit: %w", sqlError(err))
	}
	if tx.changed {
		s.announce()
	}
	return nil
}

// View implements origin.Store.
func (s *Store) View(ctx context.Context, fn func(origin.ReadTx) error) error {
	began, err := s.readers.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("begin: %w", sqlError(err))
	}
	defer began.Rollback()
	return fn(&readTx{ctx: ctx, q: began, epoch: s.epoch})
}

// Changed implements origin.Store.
func (s *Store) Changed() <-chan struct{} {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.changed
}

func (s *Store) announce() {
	s.mu.Lock()
	defer s.mu.Unlock()
	close(s.changed)
	s.changed = make(chan struct{})
}
