package unit

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A reader is the transaction as a database to query. What was put ahead goes to PostgreSQL together with the query: the unit's first
// query begins the transaction, and costs no more round trips than if it were alone.
type reader struct{ u *Unit }

// send sends the statement with what travels ahead of it, whose results it reads.
func (r reader) send(ctx context.Context, sql string, args []any) (pgx.BatchResults, error) {
	checks := r.u.checks()
	batch := r.u.takeAhead()
	batch.Queue(sql, args...)
	results := r.u.conn.SendBatch(ctx, batch)
	if err := readAhead(results, checks); err != nil {
		_ = results.Close() // says the same, or nothing
		return nil, err
	}
	return results, nil
}

func (r reader) Exec(ctx context.Context, sql string, args ...any) (pgconn.CommandTag, error) {
	results, err := r.send(ctx, sql, args)
	if err != nil {
		return pgconn.CommandTag{}, err
	}
	tag, err := results.Exec()
	if closeErr := results.Close(); err == nil {
		err = closeErr
	}
	return tag, err
}

func (r reader) Query(ctx context.Context, sql string, args ...any) (pgx.Rows, error) {
	results, err := r.send(ctx, sql, args)
	if err != nil {
		return nil, err
	}
	rows, err := results.Query()
	if err != nil {
		_ = results.Close() // says the same
		return nil, err
	}
	return lastRows{rows, results}, nil
}

func (r reader) QueryRow(ctx context.Context, sql string, args ...any) pgx.Row {
	rows, err := r.Query(ctx, sql, args...)
	return row{rows, err}
}

// lastRows are the rows of a batch's last statement: closing them ends the batch.
type lastRows struct {
	pgx.Rows
	results pgx.BatchResults
}

func (r lastRows) Close() {
	r.Rows.Close()
	_ = r.results.Close() // what went wrong with the last statement is in Rows.Err
}

// A row is the first of some rows, as pgx.Row has it.
type row struct {
	rows pgx.Rows
	err  error
}

func (r row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return pgx.ErrNoRows
	}
	if err := r.rows.Scan(dest...); err != nil {
		return err
	}
	r.rows.Close()
	return r.rows.Err()
}
