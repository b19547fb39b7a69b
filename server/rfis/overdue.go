package rfis

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/unit"
)

// Alarm says, once, that a request's time passed without an answer: in the log, in the audit log, and on the request. It decides
// nothing. Any number of them may run, on any number of servers.
type Alarm struct {
	Runner *unit.Runner
	Log    *slog.Logger
}

const (
	// lookEvery is how late an alarm may be.
	lookEvery = 30 * time.Second
	// alarmsAtOnce is how many requests are told in one transaction.
	alarmsAtOnce = 100
)

// Run looks until ctx ends.
func (a *Alarm) Run(ctx context.Context) {
	tick := time.NewTicker(lookEvery)
	defer tick.Stop()
	for {
		if _, err := a.RunOnce(ctx); err != nil && ctx.Err() == nil {
			a.Log.Error("look for late RFIs", slog.Any("cause", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// RunOnce tells every request that is late now, and returns how many.
func (a *Alarm) RunOnce(ctx context.Context) (int, error) {
	total := 0
	for ctx.Err() == nil {
		var late []db.Rfi
		err := a.Runner.Do(context.WithoutCancel(ctx), unit.Who{Actor: "alarm"}, false, func(ctx context.Context, u *unit.Unit) error {
			var err error
			if late, err = u.Read().RfisLateLock(ctx, u.Now, alarmsAtOnce); err != nil {
				return fmt.Errorf("read the late RFIs: %w", err)
			}
			for _, row := range late {
				if err := u.Queue(unit.Rows).RfiSetOverdue(ctx, db.RfiSetOverdueParams{MerchantID: row.MerchantID, ID: row.ID, OverdueAt: &u.Now}); err != nil {
					return err
				}
				if err := audit.Record(ctx, u, audit.Row{Merchant: row.MerchantID, Action: "rfi.overdue", Object: row.ID}); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return total, err
		}
		for _, row := range late {
			a.Log.Warn("an RFI is overdue", slog.String("rfi", row.ID), slog.String("about", row.EntityID), slog.Time("due_at", row.DueAt))
		}
		total += len(late)
		if len(late) < alarmsAtOnce {
			break
		}
	}
	return total, nil
}
