package engine

import (
	"context"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/unit"
)

// CheckVelocity is the second stage alone.
func (e *Engine) CheckVelocity(ctx context.Context, u *unit.Unit, merchant string, payouts []db.Payout) error {
	judgements := make([]judgement, len(payouts))
	for i, p := range payouts {
		judgements[i].payout = p
	}
	if err := u.Ahead(nil).EnginePlansOnce(ctx); err != nil {
		return err
	}
	return e.checkVelocity(ctx, u, merchant, judgements)
}

// TallySlice is a slice of a Tallier's work.
var TallySlice = tallySlice

// CountAfter sets how many payouts may count without being in a bucket.
func CountAfter(payouts int) { countAfter = payouts }
