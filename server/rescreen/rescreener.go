// Package rescreen watches whom merchants pay: it holds every new version of a sanctions list against the beneficiaries that are there
// already, blocks whom it certainly names, has compliance block and unblock, and tests every night that the lists can be searched.
package rescreen

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/engine"
	"github.com/antonpayments/anton/server/sanctions"
	"github.com/antonpayments/anton/server/screening/lists"
	"github.com/antonpayments/anton/server/unit"
)

// A Rescreener works the runs that new versions of lists open. A run's progress is its slices, each written in the transaction that examined
// it, and the next one begins where the last one ended; so a run goes on exactly where it was, whichever server dies. Any number of servers
// may work, each another authority's run. The runs of one authority follow each other.
type Rescreener struct {
	Runner *unit.Runner
	Engine *engine.Engine
	Log    *slog.Logger
	// SliceSize is how many beneficiaries are examined in one transaction; 200 when it is zero.
	SliceSize int
}

// New makes what watches whom merchants pay.
func New(runner *unit.Runner, judge *engine.Engine, log *slog.Logger) (*Rescreener, *SelfTester) {
	return &Rescreener{Runner: runner, Engine: judge, Log: log}, &SelfTester{Runner: runner, Engine: judge, Log: log}
}

const (
	lookEvery = 5 * time.Second
	// leaseFor is how long a server has a run for itself; every slice renews it.
	leaseFor  = 2 * time.Minute
	sliceSize = 200
	// Actor is in whose name beneficiaries are blocked.
	Actor = "rescreen"
)

// Run works until ctx ends; the slice that is under way then is finished.
func (r *Rescreener) Run(ctx context.Context) {
	for {
		if _, err := r.RunOnce(ctx); err != nil && ctx.Err() == nil {
			r.Log.Error("hold a new version of a list against the beneficiaries", slog.Any("cause", err))
		}
		// Servers that start together do not look in step.
		wait := time.NewTimer(lookEvery/2 + rand.N(lookEvery))
		select {
		case <-ctx.Done():
			wait.Stop()
			return
		case <-wait.C:
		}
	}
}

// RunOnce works every run that waits for this server, to its end, and returns how many slices it did.
func (r *Rescreener) RunOnce(ctx context.Context) (int, error) {
	for total := 0; ; {
		n, more, err := r.round(ctx)
		total += n
		if !more || err != nil || ctx.Err() != nil {
			return total, errors.Join(err, r.watch(ctx))
		}
	}
}

// round works the oldest run of each authority, each for itself: one that fails keeps its lease, and so is tried again when that ends. more
// says that one was finished, so that the next of its authority may follow.
func (r *Rescreener) round(ctx context.Context) (slices int, more bool, failed error) {
	q := db.New(r.Runner.Pool)
	waiting, err := q.RescreensWaiting(ctx)
	if err != nil {
		return 0, false, fmt.Errorf("look for runs: %w", err)
	}
	for _, row := range waiting {
		if r.Engine.Version(lists.Authority(row.Authority)) != row.InForce {
			continue // this server does not screen with it, or not yet: what it does not know it cannot find
		}
		now := r.Runner.Now()
		until := now.Add(leaseFor)
		run, err := q.RescreenClaim(ctx, db.RescreenClaimParams{ID: row.ID, Now: now, Until: &until})
		if errors.Is(err, pgx.ErrNoRows) {
			continue // another server has it
		}
		if err != nil {
			return slices, more, fmt.Errorf("claim the run %s: %w", row.ID, err)
		}
		n, finished, workErr := r.work(ctx, run)
		slices, more = slices+n, more || finished
		if workErr != nil {
			failed = errors.Join(failed, fmt.Errorf("run %s: %w", run.ID, workErr))
		}
	}
	return slices, more, failed
}

// work does a run's slices from where it is to its end.
func (r *Rescreener) work(ctx context.Context, run db.ScreeningRescreen) (slices int, finished bool, err error) {
	part, change, err := r.changed(ctx, run)
	if err != nil {
		return 0, false, err
	}
	if run.StartedAt == nil {
		if err := r.start(ctx, run, change); err != nil {
			return 0, false, err
		}
	}
	for ctx.Err() == nil {
		done, err := r.slice(ctx, run, part)
		if err != nil {
			return slices, false, err
		}
		slices++
		if done {
			r.Log.Info("a new version of a list was held against the beneficiaries", slog.String("rescreen", run.ID), slog.String("version", run.ListID))
			return slices, true, nil
		}
	}
	// Stopped on purpose: whoever goes on need not wait for the lease to end.
	now := r.Runner.Now()
	return slices, false, db.New(r.Runner.Pool).RescreenLease(context.WithoutCancel(ctx), &now, run.ID)
}

// A change is how many entries a version added, changed and took away.
type change struct{ added, changed, removed int }

// changed is the part of the list that a run is about.
func (r *Rescreener) changed(ctx context.Context, run db.ScreeningRescreen) (*engine.Part, change, error) {
	q := db.New(r.Runner.Pool)
	list, err := sanctions.Load(ctx, q, run.ListID)
	if err != nil {
		return nil, change{}, err
	}
	before := &lists.List{Authority: list.Authority}
	if run.PreviousListID != nil {
		if before, err = sanctions.Load(ctx, q, *run.PreviousListID); err != nil {
			return nil, change{}, err
		}
	}
	d := lists.Diff(before, list)
	part := &engine.Part{Authority: list.Authority, Entries: map[string]string{}}
	for i := range d.Added {
		part.Entries[d.Added[i].ID] = d.Added[i].ContentHash()
	}
	for i := range d.Changed {
		part.Entries[d.Changed[i].New.ID] = d.Changed[i].New.ContentHash()
	}
	return part, change{len(d.Added), len(d.Changed), len(d.Removed)}, nil
}

// start says what the run is about. Another server that began at the same moment said the same.
func (r *Rescreener) start(ctx context.Context, run db.ScreeningRescreen, c change) error {
	return r.Runner.Do(context.WithoutCancel(ctx), unit.Who{Actor: Actor}, true, func(ctx context.Context, u *unit.Unit) error {
		added, changed, removed := int32(c.added), int32(c.changed), int32(c.removed) //nolint:gosec // bounded by the reader of lists
		err := u.Queue(unit.Rows).RescreenStart(ctx, db.RescreenStartParams{
			ID: run.ID, Added: &added, Changed: &changed, Removed: &removed, StartedAt: &u.Now,
		})
		if err != nil {
			return err
		}
		return audit.Record(ctx, u, audit.Row{Action: "screening.rescreen.started", Object: run.ID, Detail: map[string]string{
			"version": run.ListID, "added": fmt.Sprint(c.added), "changed": fmt.Sprint(c.changed), "removed": fmt.Sprint(c.removed),
		}})
	})
}
