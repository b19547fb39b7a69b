package payouts

import (
	"context"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/unit"
)

// Leads is the table of arrows, for the test that holds it against the database's.
var Leads = leads

// MoveOnce takes a payout along one arrow, as the service would.
func (w *Worker) MoveOnce(ctx context.Context, u *unit.Unit, p *db.Payout, to db.PayoutStatus, verdict string) error {
	return w.mover.move(ctx, u, p.MerchantID, byEngine, step{payout: p, to: to, verdict: verdict, review: "risk"})
}
