package rescreen

import (
	"context"

	"github.com/antonpayments/anton/gen/db"
)

// Die claims the first run that waits, does so many slices of it, and is gone: the claim stays, as after kill -9.
func (r *Rescreener) Die(ctx context.Context, slices int) error {
	q := db.New(r.Runner.Pool)
	waiting, err := q.RescreensWaiting(ctx)
	if err != nil {
		return err
	}
	now := r.Runner.Now()
	until := now.Add(leaseFor)
	run, err := q.RescreenClaim(ctx, db.RescreenClaimParams{ID: waiting[0].ID, Now: now, Until: &until})
	if err != nil {
		return err
	}
	part, change, err := r.changed(ctx, run)
	if err != nil {
		return err
	}
	if err := r.start(ctx, run, change); err != nil {
		return err
	}
	for range slices {
		if _, err := r.slice(ctx, run, part); err != nil {
			return err
		}
	}
	return nil
}
