package payouts

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/observe"
	"github.com/antonpayments/anton/server/unit"
)

// A Watcher looks at the payouts that wait: it tells the metrics how many there are and for how long, and the log of each that has been
// in pending_screening for too long. What else waits, of rails, batches and rates, it tells the metrics beside. It changes nothing. Every server watches, so that one which hangs hides nothing.
type Watcher struct {
	Runner *unit.Runner
	Log    *slog.Logger

	told map[string]bool // the payouts whose screening is overdue and that the log has
}

const (
	// watchEvery is how old the gauges are at most.
	watchEvery = 15 * time.Second
	// screenWithin is for how long a payout may be in pending_screening: partners are told to contact us after that.
	screenWithin = 10 * time.Minute
	// watchWithin bounds a look, so that a slow one does not hide that the gauges stand.
	watchWithin = 10 * time.Second
	// mostTold bounds how many payouts a look can name.
	mostTold = 1000
)

// Run watches until ctx ends.
func (w *Watcher) Run(ctx context.Context) {
	tick := time.NewTicker(watchEvery)
	defer tick.Stop()
	for {
		if err := w.RunOnce(ctx); err != nil && ctx.Err() == nil {
			w.Log.Error("watch the payouts that wait", slog.Any("cause", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// RunOnce looks now. A payout whose screening is overdue is told once, and once more if it comes to be overdue again.
func (w *Watcher) RunOnce(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, watchWithin)
	defer cancel()
	q, now := db.New(w.Runner.Pool), w.Runner.Now()
	rows, err := q.PayoutQueues(ctx, now)
	if err != nil {
		return fmt.Errorf("count the payouts that wait: %w", err)
	}
	overdue, err := q.PayoutsUnscreened(ctx, now.Add(-screenWithin), mostTold)
	if err != nil {
		return fmt.Errorf("look for payouts whose screening is overdue: %w", err)
	}
	var queues []observe.Queue
	var due time.Duration
	for _, row := range rows {
		queues = append(queues, observe.Queue{Status: row.Status, Count: row.Waiting, Oldest: now.Sub(row.Since)})
		due = max(due, now.Sub(row.Due))
	}
	w.tell(overdue, now)
	unscreened := int64(0)
	if len(overdue) > 0 {
		unscreened = overdue[0].AllOfThem
	}
	b, err := q.Backlogs(ctx, now)
	if err != nil {
		return fmt.Errorf("count what else waits: %w", err)
	}
	w.Runner.Metrics.Waiting(queues, due, unscreened, now)
	w.Runner.Metrics.Backlog(observe.Backlogs{
		RailFiles: observe.Backlog{Count: b.Files, Oldest: b.FilesAge}, RailCases: observe.Backlog{Count: b.Cases, Oldest: b.CasesAge},
		RailRecalls: observe.Backlog{Count: b.Recalls, Oldest: b.RecallsAge}, Batches: observe.Backlog{Count: b.Batches, Oldest: b.BatchesAge},
		RatesAge: b.RatesAge,
	})
	return nil
}

func (w *Watcher) tell(overdue []db.PayoutsUnscreenedRow, now time.Time) {
	still := map[string]bool{}
	for _, p := range overdue {
		still[p.ID] = true
		if !w.told[p.ID] {
			w.Log.Error("a payout waits too long for its screening", slog.String("payout", p.ID), slog.String("merchant_id", p.MerchantID),
				slog.Duration("for", now.Sub(p.UpdatedAt)))
		}
	}
	w.told = still
}
