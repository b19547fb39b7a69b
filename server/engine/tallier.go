package engine

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/unit"
)

// A Tallier adds up what happened to payouts, by merchant and day, for the dashboards. It follows the places of each merchant's feed,
// which have no gaps and in which what commits late comes late, so nothing is missed and nothing counts twice; how far it came is
// written with what it added. A dashboard counts by itself what is left, so it is exact however far behind the Tallier is. Any number of
// servers may run one, each at another merchant.
type Tallier struct {
	Runner *unit.Runner
	Log    *slog.Logger

	// doneUntil is when the last round began that left nothing behind; as UnixNano, 0 before the first.
	doneUntil atomic.Int64
}

const (
	tallyEvery       = 2 * time.Second
	tallyAtOnce      = 5000 // events in one transaction
	merchantsToTally = 1000
)

// Lag is how old the oldest event can be that is not added up, at most. It grows while adding up fails, and since the process began until
// the first round ends.
func (t *Tallier) Lag() time.Duration {
	return time.Since(time.Unix(0, max(t.doneUntil.Load(), began.UnixNano())))
}

var began = time.Now()

// Run adds up every two seconds, more or less, until ctx ends.
func (t *Tallier) Run(ctx context.Context) {
	for {
		// The servers of one database do not keep step.
		wait := time.NewTimer(tallyEvery/2 + rand.N(tallyEvery))
		select {
		case <-ctx.Done():
			wait.Stop()
			return
		case <-wait.C:
		}
		if _, err := t.RunOnce(ctx); err != nil && ctx.Err() == nil {
			t.Log.Error("add up the dashboards", slog.Any("cause", err))
		}
	}
}

// RunOnce adds up all events that have a place now, and returns how many places it went on.
func (t *Tallier) RunOnce(ctx context.Context) (int64, error) {
	start, q, total := time.Now(), db.New(t.Runner.Pool), int64(0)
	if err := noteHorizon(ctx, q); err != nil {
		return 0, err
	}
	for after := ""; ; {
		merchants, err := q.TallyMerchants(ctx, after, merchantsToTally)
		if err != nil {
			return total, fmt.Errorf("look for events to add up: %w", err)
		}
		for _, merchant := range merchants {
			n, err := t.fold(ctx, merchant)
			if total += n; err != nil {
				return total, fmt.Errorf("add up the events of %s: %w", merchant, err)
			}
			after = merchant
		}
		if len(merchants) < merchantsToTally {
			t.doneUntil.Store(start.UnixNano())
			return total, nil
		}
	}
}

// noteHorizon notes from which transaction on a dashboard must look for events that have no place yet.
func noteHorizon(ctx context.Context, q *db.Queries) error {
	horizon, err := q.EventHorizon(ctx)
	if err != nil {
		return fmt.Errorf("look which transactions are running: %w", err)
	}
	since, err := q.TallySettled(ctx)
	if err != nil {
		return fmt.Errorf("read from where events may lack a place: %w", err)
	}
	if err := q.TallySettle(ctx, horizon.Finished, since); err != nil {
		return fmt.Errorf("note from where events may lack a place: %w", err)
	}
	return nil
}

// fold adds up a merchant's events in slices. When ctx ends, the slice under way is the last.
func (t *Tallier) fold(ctx context.Context, merchant string) (int64, error) {
	for total := int64(0); ; {
		if err := ctx.Err(); err != nil {
			return total, err
		}
		n := int64(0)
		err := t.Runner.Do(context.WithoutCancel(ctx), unit.Who{Merchant: merchant, Actor: "tallier"}, false, func(ctx context.Context, u *unit.Unit) (err error) {
			n, err = tallySlice(ctx, u, merchant, tallyAtOnce)
			return err
		})
		if total += n; err != nil || n < tallyAtOnce {
			return total, err
		}
	}
}

// tallySlice queues the next places of a merchant's feed: what they add, and that they are added.
func tallySlice(ctx context.Context, u *unit.Unit, merchant string, most int64) (int64, error) {
	if err := u.Ahead(nil).TallyOpen(ctx, merchant); err != nil {
		return 0, err
	}
	at, err := u.Read().TallyLock(ctx, merchant)
	if errors.Is(err, pgx.ErrNoRows) {
		return 0, nil // another server does it
	}
	if err != nil {
		return 0, err
	}
	last := min(at.LastPosition, at.Position+most)
	if last <= at.Position {
		return 0, nil
	}
	err = u.Queue(unit.Rows).TallyFold(ctx, db.TallyFoldParams{MerchantID: merchant, FirstPosition: at.Position + 1, LastPosition: last})
	if err != nil {
		return 0, err
	}
	return last - at.Position, u.Queue(unit.Work).TallyFolded(ctx, last, merchant)
}
