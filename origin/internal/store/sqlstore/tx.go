package sqlstore

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/pictor/pictor/origin"
)

// readTx implements origin.ReadTx.
type readTx struct {
	ctx    context.Context // of the transaction, which is all this lives for
	q      *sql.Tx
	epoch  string
	failed error // the first failure that is not an answer, see writeTx.exec
}

// writeTx implements origin.Tx.
type writeTx struct {
	readTx
	now     func() time.Time
	changed bool // a row was added to the change log
}

// exec runs a statement and gives the number of rows it touched. After a failure that is not an answer, SQLite may have
// rolled back on its own, and what followed would be committed statement by statement: so nothing follows.
func (t *writeTx) exec(statement string, args ...any) (int64, error) {
	if t.failed != nil {
		return 0, t.failed
	}
	result, err := t.q.ExecContext(t.ctx, statement, args...)
	if err != nil {
		return 0, t.note(sqlError(err))
	}
	return result.RowsAffected()
}

// execOne is exec for one row that must be there.
func (t *writeTx) execOne(what, statement string, args ...any) error {
	n, err := t.exec(statement, args...)
	if err == nil && n == 0 {
		return notFound(what)
	}
	return err
}

// execAny is exec for when no row is fine too.
func (t *writeTx) execAny(statement string, args ...any) error {
	_, err := t.exec(statement, args...)
	return err
}

// note remembers a failure, unless it is an answer.
func (t *readTx) note(err error) error {
	if origin.KindOf(err) != origin.Duplicate && t.failed == nil {
		t.failed = err
	}
	return err
}

type scanner interface{ Scan(into ...any) error }

// one reads the row that the query gives, or NotFound.
func one[T any](t *readTx, what string, scan func(scanner) (T, error), query string, args ...any) (T, error) {
	row, err := scan(t.q.QueryRowContext(t.ctx, query, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return row, notFound(what)
	}
	if err != nil {
		return row, t.note(fmt.Errorf("read %s: %w", what, sqlError(err)))
	}
	return row, nil
}

// list reads all rows that the query gives.
func list[T any](t *readTx, what string, scan func(scanner) (T, error), query string, args ...any) ([]T, error) {
	rows, err := t.q.QueryContext(t.ctx, query, args...)
	if err != nil {
		return nil, t.note(fmt.Errorf("list %s: %w", what, sqlError(err)))
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		row, err := scan(rows)
		if err != nil {
			return nil, t.note(fmt.Errorf("list %s: %w", what, sqlError(err)))
		}
		all = append(all, row)
	}
	if err := rows.Err(); err != nil {
		return nil, t.note(fmt.Errorf("list %s: %w", what, sqlError(err)))
	}
	return all, nil
}

// value scans a single column.
func value[T any](row scanner) (v T, err error) {
	err = row.Scan(&v)
	return v, err
}

func notFound(what string) error { return origin.Errorf(origin.NotFound, "%s not found", what) }

// sqlError gives the errors that mean something to the core their Kind.
func sqlError(err error) error {
	e, ok := errors.AsType[*sqlite.Error](err)
	if !ok {
		return err
	}
	switch e.Code() {
	case sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY:
		return &origin.Error{Kind: origin.Duplicate, Message: "already exists", Err: err}
	case sqlite3.SQLITE_FULL:
		return &origin.Error{Kind: origin.Unavailable, Message: "no room in the database", Err: err}
	}
	return err
}

// nanos is how a time is stored.
func nanos(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixNano()
}

// moment is a time as a column scans it.
type moment struct{ t *time.Time }

// Scan implements sql.Scanner.
func (m moment) Scan(src any) error {
	n, ok := src.(int64)
	if !ok {
		return fmt.Errorf("a time is stored as %T", src)
	}
	*m.t = time.Time{}
	if n != 0 {
		*m.t = time.Unix(0, n).UTC()
	}
	return nil
}

// column is a value that is stored as JSON; to be scanned it holds a pointer.
type column struct{ v any }

// Value implements driver.Valuer.
func (c column) Value() (driver.Value, error) {
	text, err := json.Marshal(c.v)
	return string(text), err
}

// Scan implements sql.Scanner.
func (c column) Scan(src any) error {
	text, ok := src.(string)
	if !ok {
		return fmt.Errorf("JSON is stored as %T", src)
	}
	return json.Unmarshal([]byte(text), c.v)
}
