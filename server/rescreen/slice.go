package rescreen

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/beneficiaries"
	"github.com/antonpayments/anton/server/engine"
	"github.com/antonpayments/anton/server/screening"
	"github.com/antonpayments/anton/server/screening/lists"
	"github.com/antonpayments/anton/server/unit"
)

// slice examines the next beneficiaries of a run in one transaction: alerts, blocks, their events and audit rows, and how far the run is
// then. done says that they were the last.
func (r *Rescreener) slice(ctx context.Context, run db.ScreeningRescreen, part *engine.Part) (done bool, err error) {
	size := r.SliceSize
	if size == 0 {
		size = sliceSize
	}
	var seen tally
	err = r.Runner.Do(context.WithoutCancel(ctx), unit.Who{Actor: Actor}, false, func(ctx context.Context, u *unit.Unit) error {
		seen = tally{}
		last, err := u.Read().RescreenLastSlice(ctx, run.ID)
		if err != nil && !errors.Is(err, pgx.ErrNoRows) {
			return fmt.Errorf("read how far it is: %w", err)
		}
		var rows []db.Beneficiary
		if len(part.Entries) > 0 {
			rows, err = u.Read().BeneficiariesActiveAfter(ctx, db.BeneficiariesActiveAfterParams{
				MerchantID: last.LastMerchant, ID: last.LastBeneficiary, RowLimit: int32(size), //nolint:gosec // a few hundred
			})
			if err != nil {
				return fmt.Errorf("read the beneficiaries: %w", err)
			}
		}
		for _, row := range rows {
			if err := r.examine(ctx, u, run, part, row, &seen); err != nil {
				return err
			}
		}
		done = len(rows) < size
		return record(ctx, u, run, last, rows, seen, done)
	})
	if err == nil {
		r.Runner.Metrics.Rescreened(int(seen.examined), int(seen.possible), int(seen.certain), int(seen.failed))
	}
	return done, err
}

// A tally is what a slice found.
type tally struct{ examined, possible, certain, failed, alerts int32 }

// examine holds one beneficiary against a run's part of its list. One whose data cannot be read is said loudly and counted: it must not
// keep the others from being examined, and no payout to it passes either.
func (r *Rescreener) examine(ctx context.Context, u *unit.Unit, run db.ScreeningRescreen, part *engine.Part, row db.Beneficiary, seen *tally) error {
	seen.examined++
	query, err := r.Engine.Query(row)
	if err != nil {
		seen.failed++
		r.Log.Error("a beneficiary cannot be screened", slog.String("rescreen", run.ID), slog.String("beneficiary", row.ID), slog.Any("cause", err))
		return nil
	}
	found, err := r.Engine.ScreenBeneficiary(ctx, u, row, query, part)
	if err != nil || found.Decision == screening.None {
		return err
	}
	// It may be changed or blocked while we look, so what is written is of the row as it is, locked.
	row, err = u.Read().BeneficiaryGetForUpdate(ctx, row.MerchantID, row.ID)
	if errors.Is(err, pgx.ErrNoRows) || err == nil && row.Status == db.BeneficiaryStatusBlocked {
		return nil
	}
	if err != nil {
		return fmt.Errorf("lock %s: %w", row.ID, err)
	}
	if query, err = r.Engine.Query(row); err != nil {
		return err
	}
	if found, err = r.Engine.ScreenBeneficiary(ctx, u, row, query, part); err != nil || found.Decision == screening.None {
		return err
	}
	cases, err := found.AlertOfRescreen(ctx, u, run.ID)
	if err != nil {
		return err
	}
	seen.alerts += int32(cases.New) //nolint:gosec // a beneficiary has 200 hits at most
	if found.Decision != screening.Certain {
		seen.possible++
		return nil
	}
	seen.certain++
	_, _, err = beneficiaries.Block(ctx, u, row, &cases.Certain, "A new version of a sanctions list certainly names it: "+run.ListID)
	return err
}

// record queues how far the run is, and its end where this is the last slice.
func record(ctx context.Context, u *unit.Unit, run db.ScreeningRescreen, last db.ScreeningRescreenSlice, rows []db.Beneficiary, seen tally, done bool) error {
	q := u.Queue(unit.Rows)
	if len(rows) > 0 {
		end := rows[len(rows)-1]
		err := q.RescreenSliceInsert(ctx, db.RescreenSliceInsertParams{
			RescreenID: run.ID, Number: last.Number + 1, AfterMerchant: last.LastMerchant, AfterBeneficiary: last.LastBeneficiary,
			LastMerchant: end.MerchantID, LastBeneficiary: end.ID, Examined: seen.examined, Possible: seen.possible, Certain: seen.certain,
			Failed: seen.failed, Alerts: seen.alerts, At: u.Now,
		})
		if err != nil {
			return err
		}
	}
	if !done {
		until := u.Now.Add(leaseFor)
		return q.RescreenLease(ctx, &until, run.ID)
	}
	if err := q.RescreenFinish(ctx, &u.Now, run.ID); err != nil {
		return err
	}
	return audit.Record(ctx, u, audit.Row{Action: "screening.rescreen.completed", Object: run.ID, Detail: map[string]string{
		"version": run.ListID, "slices": fmt.Sprint(last.Number + int32(min(len(rows), 1))), //nolint:gosec // 0 or 1
	}})
}

// watch reads how long the oldest run waits that this server could do, and when the last one ended, for the metrics.
func (r *Rescreener) watch(ctx context.Context) error {
	q := db.New(r.Runner.Pool)
	waiting, err := q.RescreensWaiting(ctx)
	if err != nil {
		return fmt.Errorf("look which runs wait: %w", err)
	}
	oldest := time.Duration(0)
	for _, row := range waiting {
		if r.Engine.Version(lists.Authority(row.Authority)) != "" {
			oldest = max(oldest, r.Runner.Now().Sub(row.CreatedAt))
		}
	}
	finished, err := q.RescreenLastFinished(ctx)
	if errors.Is(err, pgx.ErrNoRows) {
		r.Runner.Metrics.RescreensWait(oldest, time.Time{}, 0)
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the last run: %w", err)
	}
	r.Runner.Metrics.RescreensWait(oldest, *finished.FinishedAt, finished.FinishedAt.Sub(*finished.StartedAt))
	return nil
}
