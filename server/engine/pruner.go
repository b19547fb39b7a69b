package engine

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/unit"
	"github.com/antonpayments/anton/server/velocity"
)

// A Pruner drops buckets that no window can reach any more. It drops few at a time, under the lock of the merchant's book, so that no
// payout waits long; what it leaves it finds again. Any number may run.
type Pruner struct {
	Runner *unit.Runner
	Log    *slog.Logger
}

const (
	pruneEvery  = time.Hour
	pruneAtOnce = 1000 // buckets in one transaction
	booksAtOnce = 1000
)

// Run prunes every hour, more or less, until ctx ends.
func (p *Pruner) Run(ctx context.Context) {
	for {
		// Half to one and a half times the interval: the servers of one database do not prune in step.
		wait := time.NewTimer(pruneEvery/2 + rand.N(pruneEvery))
		select {
		case <-ctx.Done():
			wait.Stop()
			return
		case <-wait.C:
		}
		if _, err := p.RunOnce(ctx); err != nil && ctx.Err() == nil {
			p.Log.Error("prune the velocity buckets", slog.Any("cause", err))
		}
	}
}

// RunOnce drops everything that is old now and returns how many buckets it were.
func (p *Pruner) RunOnce(ctx context.Context) (int64, error) {
	var total int64
	for after := ""; ; {
		merchants, err := db.New(p.Runner.Pool).VelocityBookList(ctx, after, booksAtOnce)
		if err != nil {
			return total, fmt.Errorf("list the velocity books: %w", err)
		}
		for _, merchant := range merchants {
			n, err := p.prune(ctx, merchant)
			if total += n; err != nil {
				return total, err
			}
			after = merchant
		}
		if len(merchants) < booksAtOnce || ctx.Err() != nil {
			return total, ctx.Err()
		}
	}
}

// prune drops what is old of a merchant's, in slices. A series that loses its beginning says first that it is complete from later on, so
// that a rule which needs the rest has it added up again.
func (p *Pruner) prune(ctx context.Context, merchant string) (int64, error) {
	var total int64
	for step, keep := range velocity.KeepFor {
		for ctx.Err() == nil {
			var dropped int64
			err := p.Runner.Do(context.WithoutCancel(ctx), unit.Who{Merchant: merchant, Actor: "pruner"}, false, func(ctx context.Context, u *unit.Unit) error {
				var err error
				dropped, err = pruneSlice(ctx, u, merchant, step, u.Now.Add(-keep).Truncate(24*time.Hour))
				return err
			})
			if total += dropped; err != nil {
				return total, fmt.Errorf("prune the buckets of %s: %w", merchant, err)
			}
			if dropped < pruneAtOnce {
				break
			}
		}
	}
	return total, nil
}

func pruneSlice(ctx context.Context, u *unit.Unit, merchant string, step int32, before time.Time) (int64, error) {
	book, err := lockBook(ctx, u, merchant)
	if err != nil {
		return 0, err
	}
	changed := false
	for name, since := range book.Series {
		if seriesNamed(name).Step == step && since.Before(before) {
			book.Series[name], changed = before, true
		}
	}
	if changed {
		if err := u.Queue(unit.Rows).VelocitySeriesSet(ctx, book.Series, merchant); err != nil {
			return 0, err
		}
	}
	return u.Read().VelocityBucketsPrune(ctx, db.VelocityBucketsPruneParams{MerchantID: merchant, Step: step, Before: before, RowLimit: pruneAtOnce})
}
