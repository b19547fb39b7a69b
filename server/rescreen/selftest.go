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
	"github.com/antonpayments/anton/server/engine"
	"github.com/antonpayments/anton/server/unit"
)

// A SelfTester proves every night that the lists in force can be searched: each listed name is looked up and must find its own entry. One
// server of all does it. A name that is missed is an alarm and stops no payout: the other names are found, and nobody is cleared who
// was not before.
type SelfTester struct {
	Runner *unit.Runner
	Engine *engine.Engine
	Log    *slog.Logger
}

const (
	// testAt is when the night's test begins at the earliest, UTC.
	testAt = 3 * time.Hour
	// testWithin spreads the servers' first look, so that they do not all ask at once.
	testWithin = 30 * time.Minute
	testEvery  = time.Minute
	// testFor is how long a server has for the test before another one begins it anew. All lists take half a minute.
	testFor = time.Hour
)

// Run tests once a night until ctx ends.
func (s *SelfTester) Run(ctx context.Context) {
	later := rand.N(testWithin)
	tick := time.NewTicker(testEvery)
	defer tick.Stop()
	for {
		if _, err := s.RunOnce(ctx, later); err != nil && ctx.Err() == nil {
			s.Log.Error("look every listed name up", slog.Any("cause", err))
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// RunOnce does the night's test unless it is done or another server does it; later is how long after the beginning of the night's test
// this server begins. A night that nobody tested is made up for by day.
func (s *SelfTester) RunOnce(ctx context.Context, later time.Duration) (tested bool, err error) {
	if usable := s.Engine.Lists.Usable() == nil; !usable {
		return false, nil // which is an alarm of its own: there is nothing to test
	}
	q, now := db.New(s.Runner.Pool), s.Runner.Now()
	night := now.Add(-testAt - later).Truncate(24 * time.Hour)
	_, err = q.SelfTestClaim(ctx, db.SelfTestClaimParams{Night: night, Until: now.Add(testFor), Now: now})
	if errors.Is(err, pgx.ErrNoRows) {
		return false, s.tell(ctx)
	}
	if err != nil {
		return false, fmt.Errorf("claim the night's test: %w", err)
	}
	result, err := s.Engine.SelfTest(ctx)
	if err != nil {
		return false, err
	}
	names, missed, example, finished := int32(result.Names), int32(len(result.Missed)), "", s.Runner.Now() //nolint:gosec // some hundred thousand
	if missed > 0 {
		example = string(result.Missed[0].Authority) + " " + result.Missed[0].EntryID
		s.Log.Error("listed names do not find themselves", slog.Int("missed", len(result.Missed)), slog.String("entry", example))
	}
	err = q.SelfTestFinish(ctx, db.SelfTestFinishParams{
		Night: night, FinishedAt: &finished, Lists: result.Lists, Names: &names, Missed: &missed, Example: example,
	})
	if err != nil {
		return false, fmt.Errorf("record the night's test: %w", err)
	}
	return true, s.tell(ctx)
}

// tell has this server's metrics say what the last test of all servers found.
func (s *SelfTester) tell(ctx context.Context) error {
	last, err := db.New(s.Runner.Pool).SelfTestLast(ctx)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read the last test: %w", err)
	}
	s.Runner.Metrics.SelfTested(int(*last.Missed), *last.FinishedAt)
	return nil
}
