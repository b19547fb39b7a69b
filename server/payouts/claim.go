package payouts

import (
	"context"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/unit"
)

// claim takes approved payouts for their rail. Where a list, the beneficiary or a decision of compliance is another one than when they were
// judged, they are screened again; a hit makes them fail, and no rail hears of them.
func (w *Worker) claim(ctx context.Context, u *unit.Unit, merchant string, payouts []db.Payout) error {
	stopped, err := w.Engine.ScreenAtClaim(ctx, u, merchant, payouts)
	if err != nil {
		return err
	}
	ask := u.Now.Add(askAfter)
	var leaving, staying []step
	for i := range payouts {
		p := &payouts[i]
		if stopped[p.ID] {
			staying = append(staying, stop(p)...)
		} else {
			leaving = append(leaving, step{payout: p, to: db.PayoutStatusProcessing, due: &ask})
		}
	}
	if len(staying) > 0 {
		if err := w.mover.move(ctx, u, merchant, byEngine, staying...); err != nil {
			return err
		}
	}
	if len(leaving) == 0 {
		return nil
	}
	return w.mover.move(ctx, u, merchant, byRail, leaving...)
}

// stop is the way of an approved payout that must not leave any more: it was on its way, and failed.
func stop(p *db.Payout) []step {
	return []step{{payout: p, to: db.PayoutStatusProcessing}, {payout: p, to: db.PayoutStatusFailed, reason: complianceBlock}}
}

// complianceBlock is all that a merchant learns of a hit.
var complianceBlock = reason{"compliance_block", "The payout was stopped by compliance. Check the beneficiary's details."}
