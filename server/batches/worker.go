package batches

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
	"google.golang.org/protobuf/proto"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/beneficiaries"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/payouts"
	"github.com/antonpayments/anton/server/unit"
)

// Worker checks batches, pays them and lets them expire. Batches are their own queue, as payouts are: due_at says when the next work on
// one is due, so a server that stops anywhere leaves nothing behind that another would not find. Any number of workers may run.
type Worker struct {
	Runner        *unit.Runner
	Keys          *crypto.Keys
	Payouts       *payouts.Service
	Beneficiaries *beneficiaries.Service
	Log           *slog.Logger
	// Slice is how many rows are paid in one transaction.
	Slice int32

	wake chan struct{}
}

// NewWorker makes a worker.
func NewWorker(runner *unit.Runner, keys *crypto.Keys, p *payouts.Service, b *beneficiaries.Service, log *slog.Logger) *Worker {
	return &Worker{Runner: runner, Keys: keys, Payouts: p, Beneficiaries: b, Log: log, Slice: sliceSize, wake: make(chan struct{}, 1)}
}

const (
	// pollEvery is how long a batch waits at most when nobody wakes the worker.
	pollEvery = time.Second
	// sliceSize rows share a transaction: enough that its commit costs little for each, few enough that nobody waits long for its locks.
	sliceSize = 200
	// checkSize rows share the queries that check them.
	checkSize = 1000
	// batchesAtOnce is how many batches are worked at the same time, batchesLooked how many are looked at.
	batchesAtOnce, batchesLooked = 2, 20
	// checkWithin is how long a server has for the checking of a batch before another one begins anew. It takes seconds.
	checkWithin = 2 * time.Minute
	// confirmWithin is how long a batch waits to be confirmed.
	confirmWithin = 7 * 24 * time.Hour
	// retryAfter is the wait after a piece of work failed; it doubles up to retryAtMost.
	retryAfter, retryAtMost = time.Second, 5 * time.Minute
)

// byBatches is who acts where nobody called.
const byBatches = "batches"

// Wake says that there is work now. It never blocks.
func (w *Worker) Wake() {
	select {
	case w.wake <- struct{}{}:
	default:
	}
}

// Run works until ctx ends; the transactions that are under way then are finished.
func (w *Worker) Run(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		n, err := w.RunOnce(ctx)
		if err != nil && ctx.Err() == nil {
			w.Log.Error("batch worker", slog.Any("cause", err))
		}
		if n > 0 && err == nil && ctx.Err() == nil {
			continue // a slice of each batch a turn, so that no large one keeps the others waiting
		}
		select {
		case <-ctx.Done():
			return
		case <-w.wake:
		case <-tick.C:
		}
	}
}

// RunOnce does the next piece of work on every batch that is due now, and returns how many pieces it did.
func (w *Worker) RunOnce(ctx context.Context) (int, error) {
	due, err := db.New(w.Runner.Pool).BatchesDue(ctx, w.Runner.Now(), batchesLooked)
	if err != nil {
		return 0, fmt.Errorf("look for due batches: %w", err)
	}
	var group errgroup.Group
	group.SetLimit(batchesAtOnce)
	done := make([]bool, len(due))
	for i, batch := range due {
		if ctx.Err() != nil {
			break
		}
		group.Go(func() (err error) {
			done[i], err = w.work(context.WithoutCancel(ctx), batch)
			if err != nil {
				done[i] = false
				err = w.postpone(ctx, batch, err)
			}
			return err
		})
	}
	err = group.Wait()
	n := 0
	for _, d := range done {
		if d {
			n++
		}
	}
	return n, err
}

// postpone puts off the work on a batch that failed, and says so loudly: it stays where it is.
func (w *Worker) postpone(ctx context.Context, b db.BatchesDueRow, cause error) error {
	if unit.ConnectionLost(cause) {
		return cause
	}
	wait := min(retryAtMost, retryAfter<<min(b.Attempt, 16))
	w.Log.Error("work on a batch failed", slog.String("batch", b.ID), slog.String("status", string(b.Status)),
		slog.Int("attempt", int(b.Attempt)+1), slog.Duration("again_in", wait), slog.Any("cause", cause))
	due := w.Runner.Now().Add(wait)
	err := db.New(w.Runner.Pool).BatchPostpone(context.WithoutCancel(ctx), db.BatchPostponeParams{MerchantID: b.MerchantID, ID: b.ID, Seq: b.Seq, DueAt: &due})
	if err != nil {
		return fmt.Errorf("postpone batch %s: %w", b.ID, err)
	}
	return nil
}

// work does the next piece of work on a batch. done is false where another server was faster.
func (w *Worker) work(ctx context.Context, b db.BatchesDueRow) (done bool, err error) {
	switch b.Status {
	case db.BatchStatusUploaded, db.BatchStatusValidating:
		return w.validate(ctx, b)
	case db.BatchStatusValidated:
		return w.locked(ctx, b, byBatches, func(ctx context.Context, u *unit.Unit, row *db.Batch) error {
			return cancel(ctx, u, row, "It was not confirmed in time.")
		})
	}
	done, err = w.locked(ctx, b, "", w.pay)
	if err != nil || !done {
		return done, err
	}
	w.countTables(ctx)
	return true, nil
}

// countTables has PostgreSQL look again at tables that grew tenfold since it last did. A batch is what makes them grow so fast: the first
// large one of a database would otherwise look its rows up by plans for tables that were empty. Without it batches are slow, not wrong.
func (w *Worker) countTables(ctx context.Context) {
	n, err := db.New(w.Runner.Pool).StatisticsCatchUp(ctx)
	if err != nil {
		w.Log.Warn("tables that grew were not counted", slog.Any("cause", err))
		return
	}
	if n > 0 {
		w.Log.Info("counted tables that grew tenfold", slog.Int("tables", int(n)))
	}
}

// locked does a piece of work on a batch under its lock, in the name of the actor or else of who confirmed the batch.
func (w *Worker) locked(ctx context.Context, b db.BatchesDueRow, actor string, work func(context.Context, *unit.Unit, *db.Batch) error) (done bool, err error) {
	err = w.Runner.Do(ctx, unit.Who{Merchant: b.MerchantID, Actor: actor}, false, func(ctx context.Context, u *unit.Unit) error {
		row, err := u.Read().BatchDueLock(ctx, db.BatchDueLockParams{MerchantID: b.MerchantID, ID: b.ID, Now: u.Now})
		if errors.Is(err, pgx.ErrNoRows) || (err == nil && row.Status != b.Status) {
			done = false // another server has it, or it went on meanwhile
			return nil
		}
		if err != nil {
			return fmt.Errorf("lock the batch: %w", err)
		}
		if u.Actor == "" {
			u.Actor = *row.ConfirmedBy
		}
		done = true
		return work(ctx, u, &row)
	})
	return done && err == nil, err
}

// validate checks a batch.
//
//  1. In a transaction it becomes `validating`, and due again in two minutes. If we stop here, another server begins anew then.
//  2. Its rows are checked. Nothing is written.
//  3. In a transaction, if the batch is still ours, what was found is written and it becomes `validated` or `validation_failed`.
func (w *Worker) validate(ctx context.Context, b db.BatchesDueRow) (bool, error) {
	var ours db.Batch
	done, err := w.locked(ctx, b, byBatches, func(ctx context.Context, u *unit.Unit, row *db.Batch) error {
		lease := u.Now.Add(checkWithin)
		row.DueAt = &lease
		ours = *row
		if row.Status == db.BatchStatusValidating {
			return u.Queue(unit.Rows).BatchLease(ctx, db.BatchLeaseParams{MerchantID: row.MerchantID, ID: row.ID, DueAt: row.DueAt})
		}
		err := move(ctx, u, row, db.BatchStatusValidating)
		ours = *row
		return err
	})
	if err != nil || !done {
		return false, err
	}
	lines, had, err := w.lines(ctx, ours)
	if err != nil {
		return false, err
	}
	if err := w.check(ctx, ours, lines); err != nil {
		return false, err
	}
	return true, w.Runner.Do(ctx, unit.Who{Merchant: ours.MerchantID, Actor: byBatches}, false, func(ctx context.Context, u *unit.Unit) error {
		row, err := u.Read().BatchGetForUpdate(ctx, ours.MerchantID, ours.ID)
		if err != nil {
			return fmt.Errorf("lock the batch: %w", err)
		}
		if row.Status != db.BatchStatusValidating || row.DueAt == nil || !row.DueAt.Equal(*ours.DueAt) {
			return nil // it was cancelled, or we took so long that another server began anew
		}
		return w.record(ctx, u, &row, lines, had)
	})
}

// lines reads the rows of a batch, and how many mistakes the reading of the file found in each.
func (w *Worker) lines(ctx context.Context, b db.Batch) ([]*line, map[int32]int32, error) {
	q := db.New(w.Runner.Pool)
	noted, err := q.BatchErrorFields(ctx, b.MerchantID, b.ID)
	if err != nil {
		return nil, nil, fmt.Errorf("read the errors: %w", err)
	}
	rows, err := q.BatchRowsToCheck(ctx, b.MerchantID, b.ID)
	if err != nil {
		return nil, nil, fmt.Errorf("read the rows: %w", err)
	}
	had, fields := map[int32]int32{}, map[int32][]problem{}
	for _, n := range noted {
		had[n.Number] = max(had[n.Number], n.N)
		fields[n.Number] = append(fields[n.Number], problem{field: n.Field})
	}
	lines := make([]*line, len(rows))
	for i, r := range rows {
		if lines[i], err = w.open(b, r.Number, r.Data); err != nil {
			return nil, nil, err
		}
		lines[i].wrong = fields[r.Number]
	}
	return lines, had, nil
}

func (w *Worker) open(b db.Batch, number int32, sealed []byte) (*line, error) {
	text, err := w.Keys.Open(placeOf(b.MerchantID, b.ID, number), sealed)
	if err != nil {
		return nil, fmt.Errorf("row %d of %s: %w", number, b.ID, err)
	}
	l := &line{number: number, cells: &antonv1.BatchRow{}}
	if err := proto.Unmarshal(text, l.cells); err != nil {
		return nil, fmt.Errorf("read row %d of %s: %w", number, b.ID, err)
	}
	return l, nil
}

// record writes what the checking found.
func (w *Worker) record(ctx context.Context, u *unit.Unit, row *db.Batch, lines []*line, had map[int32]int32) error {
	checked := db.BatchRowsCheckedParams{MerchantID: row.MerchantID, BatchID: row.ID}
	noted := db.BatchErrorsInsertParams{MerchantID: row.MerchantID, BatchID: row.ID}
	paid := map[*payee]bool{}
	for _, l := range lines {
		status, amount, currency, reference, beneficiary := db.BatchRowStatusValid, "", "", "", ""
		if len(l.wrong) > 0 {
			status = db.BatchRowStatusInvalid
			row.InvalidRows++
			addErrors(&noted, l.number, had[l.number], l.wrong[min(int(had[l.number]), len(l.wrong)):])
		} else {
			row.ValidRows++
			amount, currency, reference, beneficiary = l.amount.String(), l.amount.Currency(), l.cells.GetReference(), l.who.id
			paid[l.who] = true
		}
		checked.Numbers, checked.Statuses = append(checked.Numbers, l.number), append(checked.Statuses, string(status))
		checked.Amounts, checked.Currencies = append(checked.Amounts, amount), append(checked.Currencies, currency)
		checked.Refs, checked.BeneficiaryIds = append(checked.Refs, reference), append(checked.BeneficiaryIds, beneficiary)
	}
	for who := range paid {
		if who.first != 0 {
			row.NewBeneficiaries++
		} else {
			row.KnownBeneficiaries++
		}
	}
	q := u.Queue(unit.Rows)
	if err := q.BatchRowsChecked(ctx, checked); err != nil {
		return err
	}
	if err := q.BatchErrorsInsert(ctx, noted); err != nil {
		return err
	}
	if row.InvalidRows > 0 {
		if err := q.BatchRowsForget(ctx, row.MerchantID, row.ID); err != nil {
			return err
		}
		return move(ctx, u, row, db.BatchStatusValidationFailed)
	}
	expires := u.Now.Add(confirmWithin)
	row.ExpiresAt, row.DueAt = &expires, &expires
	return move(ctx, u, row, db.BatchStatusValidated)
}

// size is how many rows the next slice has: after a failure one, so that one row's fault stays its own.
func (w *Worker) size(row *db.Batch) int32 {
	if row.Attempt > 0 {
		return 1
	}
	return w.Slice
}

// finish moves the batch on after some of its rows ended, or to its end after the last.
func (w *Worker) finish(ctx context.Context, u *unit.Unit, row *db.Batch) error {
	if row.CreatedRows+row.FailedRows < row.TotalRows {
		return u.Queue(unit.Rows).BatchProgress(ctx, db.BatchProgressParams{
			MerchantID: row.MerchantID, ID: row.ID, CreatedRows: row.CreatedRows, FailedRows: row.FailedRows, UpdatedAt: u.Now, DueAt: &u.Now,
		})
	}
	end := db.BatchStatusPartial
	switch {
	case row.FailedRows == 0:
		end = db.BatchStatusCompleted
	case row.CreatedRows == 0:
		end = db.BatchStatusFailed
	}
	u.AfterCommit(func() {
		w.Log.Info("a batch ended", slog.String("batch", row.ID), slog.String("status", string(end)), slog.Int("rows", int(row.TotalRows)))
	})
	return move(ctx, u, row, end)
}
