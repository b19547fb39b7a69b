package balances

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"github.com/cockroachdb/apd/v3"
	"github.com/jackc/pgx/v5"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/events"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/patch"
	"github.com/antonpayments/anton/server/unit"
)

// UpdateBalance sets the amount below which the caller wants to hear of the balance, or clears it.
func (*Service) UpdateBalance(ctx context.Context, req *antonv1.UpdateBalanceRequest) (*antonv1.UpdateBalanceResponse, error) {
	tx, merchant := call.Tx(ctx), call.Merchant(ctx)
	changes, err := patch.Of(req)
	if err != nil {
		return nil, err
	}
	if !money.Known(req.GetCurrency()) {
		return nil, apierr.InvalidField("currency", "%v", money.ErrCurrency)
	}
	row, err := tx.Read().BalanceGet(ctx, merchant, req.GetCurrency())
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, noBalance(req.GetCurrency())
	}
	if err != nil {
		return nil, fmt.Errorf("read balance: %w", err)
	}
	if changes["low_threshold"] {
		if row.LowThreshold, err = threshold(req); err != nil {
			return nil, err
		}
		err = tx.Queue(unit.Rows).BalanceAlertSet(ctx, db.BalanceAlertSetParams{
			Threshold: row.LowThreshold, UpdatedAt: tx.Now, MerchantID: merchant, Currency: row.Currency,
		})
		if err != nil {
			return nil, err
		}
	}
	tx.About(merchant, row.Currency)
	balance, err := toProto(row)
	if err != nil {
		return nil, err
	}
	return &antonv1.UpdateBalanceResponse{Data: balance}, nil
}

func threshold(req *antonv1.UpdateBalanceRequest) (*apd.Decimal, error) {
	if req.GetLowThreshold() == "" {
		return nil, nil
	}
	amount, err := money.Parse(req.GetCurrency(), req.GetLowThreshold())
	if err != nil {
		return nil, apierr.InvalidField("low_threshold", "%v", err)
	}
	if !amount.Positive() {
		return nil, apierr.InvalidField("low_threshold", "must be greater than zero; send null to be told no more")
	}
	value := amount.Decimal()
	return &value, nil
}

const (
	// watchEvery is how long a balance is low at most before it is told.
	watchEvery = 500 * time.Millisecond
	// watchSlice is how many transactions of a balance are looked at in one transaction.
	watchSlice = 1000
)

// A Watcher tells merchants of balances that fell below their thresholds. It reads the ledger behind those who move money and is on the
// way of none of them: a balance that was low only for a moment is told all the same. Any number may run, on any number of servers.
type Watcher struct {
	Runner *unit.Runner
	Log    *slog.Logger
}

// Run watches until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		if _, err := w.RunOnce(ctx); err != nil && ctx.Err() == nil {
			w.Log.Error("watch the balances", slog.Any("cause", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// RunOnce looks at everything that was booked until now, and returns how many balances had something.
func (w *Watcher) RunOnce(ctx context.Context) (int, error) {
	due, err := db.New(w.Runner.Pool).BalanceAlertsDue(ctx)
	if err != nil {
		return 0, fmt.Errorf("look for balances to watch: %w", err)
	}
	for _, row := range due {
		err := w.Runner.Do(ctx, unit.Who{Merchant: row.MerchantID, Actor: "balances"}, false, func(ctx context.Context, u *unit.Unit) error {
			return watch(ctx, u, row.MerchantID, row.Currency)
		})
		if err != nil {
			return 0, fmt.Errorf("watch a balance: %w", err)
		}
	}
	return len(due), nil
}

// watch goes through the next transactions of a balance in their order, and tells of each fall.
func watch(ctx context.Context, u *unit.Unit, merchant, currency string) error {
	alert, err := u.Read().BalanceAlertLock(ctx, merchant, currency)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil // another server watches it
	}
	if err != nil || alert.Threshold == nil {
		return err
	}
	rows, err := u.Read().BalanceAlertSlice(ctx, db.BalanceAlertSliceParams{
		MerchantID: merchant, Currency: currency, Watched: alert.Watched, RowLimit: watchSlice,
	})
	if err != nil {
		return fmt.Errorf("read the transactions: %w", err)
	}
	for _, row := range rows {
		low := row.AvailableAfter.Cmp(alert.Threshold) < 0
		if low && !alert.Low {
			alert.EventSequence++
			balance, err := toProto(db.BalanceGetRow{
				Currency: currency, Available: row.AvailableAfter, Held: row.HeldAfter, LowThreshold: alert.Threshold,
			})
			if err != nil {
				return err
			}
			err = events.Emit(ctx, u, events.Event{
				Merchant: merchant, Type: "balance.low", ObjectType: "balance", ObjectID: currency, Sequence: alert.EventSequence, Object: balance,
			})
			if err != nil {
				return err
			}
		}
		alert.Low, alert.Watched = low, row.Sequence
	}
	return u.Queue(unit.Rows).BalanceAlertWatched(ctx, db.BalanceAlertWatchedParams{
		Low: alert.Low, Watched: alert.Watched, EventSequence: alert.EventSequence, MerchantID: merchant, Currency: currency,
	})
}
