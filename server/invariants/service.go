package invariants

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/observe"
)

// Service is anton.ops.v1.LedgerService.
type Service struct{ Pool *pgxpool.Pool }

// callWithin is how long a call may check: REST gives up after a minute.
const callWithin = 50 * time.Second

// CheckLedger checks all invariants now.
func (s *Service) CheckLedger(ctx context.Context, _ *opsv1.CheckLedgerRequest) (*opsv1.CheckLedgerResponse, error) {
	limited, cancel := context.WithTimeout(ctx, callWithin)
	defer cancel()
	breaches, err := Check(limited, s.Pool)
	if limited.Err() != nil && ctx.Err() == nil {
		return nil, apierr.New(antonv1.ErrorCode_unavailable, "The check takes longer than a call may. Run `anton ledger check` beside the database.")
	}
	if err != nil {
		return nil, fmt.Errorf("check the invariants: %w", err)
	}
	broken := ByName(breaches)
	resp := &opsv1.CheckLedgerResponse{}
	for _, invariant := range All {
		rows := broken[invariant.Name]
		resp.Data = append(resp.Data, &opsv1.Invariant{Name: invariant.Name, Says: invariant.Says, Holds: len(rows) == 0, Broken: rows})
	}
	return resp, nil
}

// checkEvery is how often a server checks; every server does, so that one which hangs hides nothing. A check that takes longer than
// checkWithin is given up, and that is an error in the log too: it holds a snapshot of the database.
const checkEvery, checkWithin = 5 * time.Minute, 2 * time.Minute

// A Checker checks the invariants of a running server's database and logs an error for every row that breaks one.
type Checker struct {
	Pool    *pgxpool.Pool
	Log     *slog.Logger
	Metrics *observe.Metrics
}

// Run checks every five minutes, more or less, until ctx ends. The first check waits too: a server that starts has other things to do.
func (c *Checker) Run(ctx context.Context) {
	for {
		// Half to one and a half times the interval: the servers of one database do not check in step.
		wait := time.NewTimer(checkEvery/2 + rand.N(checkEvery))
		select {
		case <-ctx.Done():
			wait.Stop()
			return
		case <-wait.C:
		}
		if _, err := c.RunOnce(ctx); err != nil && ctx.Err() == nil { // the server's ctx: a check that took too long is told
			c.Log.Error("check the invariants", slog.Any("cause", err))
		}
	}
}

// RunOnce checks now, logs what is broken, and returns how many rows are.
func (c *Checker) RunOnce(ctx context.Context) (int, error) {
	ctx, cancel := context.WithTimeout(ctx, checkWithin)
	defer cancel()
	began := time.Now()
	breaches, err := Check(ctx, c.Pool)
	if err == nil {
		rows := map[string]int{}
		for _, invariant := range All {
			rows[invariant.Name] = 0
		}
		for _, b := range breaches {
			rows[b.Invariant.Name]++
		}
		c.Metrics.Checked(rows, began)
	}
	for _, b := range breaches {
		c.Log.Error("an invariant is broken", slog.String("invariant", b.Invariant.Name), slog.String("says", b.Invariant.Says), slog.String("row", b.Row))
	}
	return len(breaches), err
}
