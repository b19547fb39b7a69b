package keysets

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/unit"
)

// A Reencryption brings all rows under the primary key. Its pool is the schema owner's: the role that serves may not change the
// details of an account, not even into the same ones.
//
// It may be stopped anywhere and run again, and any number may run beside each other and beside servers: a row is written only while
// it still holds the ciphertext that was read. What a server wrote meanwhile stays.
type Reencryption struct {
	Runner *unit.Runner
	Keys   *crypto.Keys
	// Progress is told how many rows were looked at, of how many; it may be nil.
	Progress func(done, of int64)
	// Batch is how many rows are read at once, and written in one transaction; 500 when zero.
	Batch int
}

// A Report is what a re-encryption did.
type Report struct {
	Looked, Moved int64
	// Broken are rows that do not open: `instruments.details of ins_… of mer_…`, the first hundred of them. They were left alone.
	Broken     []string
	BrokenRows int64
}

const (
	usualBatch  = 500
	shownBroken = 100
	// batchWithin bounds one batch, which is not interrupted by Ctrl-C.
	batchWithin = 30 * time.Second
)

// Run re-encrypts. When ctx ends it stops between two batches and gives the report so far with ctx's error. Its beginning and its end
// are rows of the platform's audit log.
func (r *Reencryption) Run(ctx context.Context) (report Report, err error) {
	counts, err := Counts(ctx, r.Runner.Pool)
	if err != nil {
		return report, err
	}
	total, key := int64(0), r.Keys.Primary()
	for id, rows := range RowsOf(counts) {
		if !r.Keys.Knows(id) {
			return report, fmt.Errorf("%d rows need the key %d, which this keyset does not have: take the newest form of the keyset", rows, id)
		}
		total += rows
	}
	if err := r.record(ctx, "keyset.reencrypt_started", key, report); err != nil {
		return report, err
	}
	for _, c := range columns {
		if err = r.column(ctx, c, &report, total); err != nil {
			break
		}
	}
	if recordErr := r.record(context.WithoutCancel(ctx), "keyset.reencrypt_ended", key, report); err == nil {
		err = recordErr
	}
	return report, err
}

func (r *Reencryption) record(ctx context.Context, action string, key uint32, report Report) error {
	return r.Runner.Do(ctx, unit.Who{Actor: "command_line"}, false, func(ctx context.Context, u *unit.Unit) error {
		return audit.Record(ctx, u, audit.Row{Action: action, Object: strconv.FormatUint(uint64(key), 10), Detail: map[string]string{
			"rows": strconv.FormatInt(report.Moved, 10), "broken": strconv.FormatInt(report.BrokenRows, 10),
		}})
	})
}

// A row is one ciphertext, or nothing where the primary key made it already.
type row struct {
	Merchant, Object string
	Was              []byte
}

// column walks a column in the order of its primary key, merchant by merchant.
func (r *Reencryption) column(ctx context.Context, c column, report *Report, total int64) error {
	size := r.Batch
	if size == 0 {
		size = usualBatch
	}
	var last row
	for full := true; full; {
		if err := ctx.Err(); err != nil {
			return err
		}
		rows, err := r.batch(ctx, c, last, size, report)
		if err != nil {
			return fmt.Errorf("re-encrypt %s: %w", c, err)
		}
		report.Looked += int64(len(rows))
		if r.Progress != nil {
			r.Progress(report.Looked, max(total, report.Looked))
		}
		if full = len(rows) == size; full {
			last = rows[len(rows)-1]
		}
	}
	return nil
}

// batch brings the rows that follow the last one under the primary key, in one statement. Once begun it ends, whatever ctx says.
func (r *Reencryption) batch(ctx context.Context, c column, last row, size int, report *Report) ([]row, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), batchWithin)
	defer cancel()
	for {
		rows, err := r.read(ctx, c, last, size)
		if err != nil {
			return nil, err
		}
		next := r.seal(c, rows)
		moved, err := r.write(ctx, c, next)
		if err != nil {
			return nil, err
		}
		report.Moved += moved
		if moved == int64(len(next.is)) {
			report.BrokenRows += int64(len(next.broken))
			report.Broken = append(report.Broken, next.broken[:min(len(next.broken), shownBroken-len(report.Broken))]...)
			return rows, nil
		}
		// A server wrote into some of the rows, with its own primary key: look again.
		if err := ctx.Err(); err != nil {
			return nil, err
		}
	}
}

func (r *Reencryption) read(ctx context.Context, c column, last row, size int) ([]row, error) {
	statement := fmt.Sprintf(`
		select %[2]s, %[3]s, case when substring(%[4]s from 1 for %[5]d) <> $4 then %[4]s end
		from %[1]s where (%[2]s, %[3]s) > ($1, $2) and %[4]s is not null order by %[2]s, %[3]s limit $3`,
		c.table, c.merchant, c.object, c.name, crypto.PrefixSize)
	rows, err := r.Runner.Pool.Query(ctx, statement, last.Merchant, last.Object, size, crypto.PrefixOf(r.Keys.Primary()))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[row])
}

// resealed are the rows of a batch that need a new ciphertext: where they are, the one they have and the one to give them.
type resealed struct {
	merchants, objects []string
	was, is            [][]byte
	broken             []string
}

func (r *Reencryption) seal(c column, rows []row) (next resealed) {
	for _, row := range rows {
		if row.Was == nil {
			continue
		}
		place := c.place(row.Merchant, row.Object)
		text, err := r.Keys.Open(place, row.Was)
		var sealed []byte
		if err == nil {
			sealed, err = r.Keys.Seal(place, text)
		}
		if err != nil {
			next.broken = append(next.broken, fmt.Sprintf("%s of %q of %q", c, row.Object, row.Merchant))
			continue
		}
		next.merchants, next.objects = append(next.merchants, row.Merchant), append(next.objects, row.Object)
		next.was, next.is = append(next.was, row.Was), append(next.is, sealed)
	}
	return next
}

// write stores the new ciphertexts where the old ones still are. The rows are locked in the order of their keys, so that two
// re-encryptions wait for each other instead of deadlocking.
func (r *Reencryption) write(ctx context.Context, c column, next resealed) (moved int64, err error) {
	if len(next.is) == 0 {
		return 0, nil
	}
	statement := fmt.Sprintf(`
		with sealed as (
			select * from unnest($1::text[], $2::text[], $3::bytea[], $4::bytea[]) s(merchant, object, was, sealed)
		), mine as (
			select t.%[2]s as merchant, t.%[3]s as object, s.sealed from %[1]s t
			join sealed s on t.%[2]s = s.merchant and t.%[3]s = s.object and t.%[4]s = s.was
			order by 1, 2 for no key update of t
		)
		update %[1]s t set %[4]s = mine.sealed from mine where t.%[2]s = mine.merchant and t.%[3]s = mine.object`,
		c.table, c.merchant, c.object, c.name)
	for {
		tag, err := r.Runner.Pool.Exec(ctx, statement, next.merchants, next.objects, next.was, next.is)
		if err == nil || !unit.Transient(err) || ctx.Err() != nil {
			return tag.RowsAffected(), err
		}
	}
}
