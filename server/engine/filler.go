package engine

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"

	"github.com/antonpayments/anton/server/unit"
)

// A Filler puts payouts that count into buckets, once enough of them wait for it. It is asked by the evaluation that saw them, and works when that
// is committed, so that no payout waits for it. What it does not come to, because its process ends for example, the next evaluation sees.
type Filler struct {
	runner *unit.Runner
	log    *slog.Logger
	wake   chan struct{}

	mu    sync.Mutex
	asked map[string]bool // merchants
}

// NewFiller makes a Filler that nobody asked for anything.
func NewFiller(runner *unit.Runner, log *slog.Logger) *Filler {
	return &Filler{runner: runner, log: log, wake: make(chan struct{}, 1), asked: map[string]bool{}}
}

// ask has the merchant's buckets filled soon.
func (f *Filler) ask(merchant string) {
	if f == nil {
		return
	}
	f.mu.Lock()
	f.asked[merchant] = true
	f.mu.Unlock()
	select {
	case f.wake <- struct{}{}:
	default: // it is awake
	}
}

// Run fills what it is asked for until ctx ends.
func (f *Filler) Run(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-f.wake:
		}
		f.RunOnce(ctx)
	}
}

// RunOnce fills what it was asked for. What fails is logged, and asked for again by the merchant's next payout.
func (f *Filler) RunOnce(ctx context.Context) {
	f.mu.Lock()
	merchants := slices.Sorted(maps.Keys(f.asked))
	clear(f.asked)
	f.mu.Unlock()
	for _, merchant := range merchants {
		if ctx.Err() != nil {
			return
		}
		err := f.runner.Do(context.WithoutCancel(ctx), unit.Who{Merchant: merchant, Actor: "filler"}, true, func(ctx context.Context, u *unit.Unit) error {
			book, err := lockBook(ctx, u, merchant)
			if err != nil {
				return err
			}
			return fillBuckets(ctx, u, merchant, book.Counted)
		})
		if err != nil {
			f.log.Error("fill the velocity buckets", slog.Any("cause", err))
		}
	}
}
