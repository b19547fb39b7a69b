package merchants

import (
	"context"
	"fmt"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/unit"
)

// ReturnTakenBack books that a bank took back what it had sent back of a payout, as an adjustment that the rail asks for and the bank's
// word approves: no operator decides whether it happened. Where the bank takes more than is left of the return, the constraint
// no_more_is_reversed_than_was_credited refuses the unit.
func ReturnTakenBack(ctx context.Context, u *unit.Unit, merchant, payout string, amount money.Amount, rail, word string) error {
	returned, err := u.Read().ReturnOfPayout(ctx, merchant, payout)
	if err != nil {
		return fmt.Errorf("look for the return of %s: %w", payout, err)
	}
	credited, err := lockCredited(ctx, u, merchant, returned, db.LedgerTransactionTypeReturn)
	if err != nil {
		return err
	}
	if amount.Currency() != credited.row.Currency {
		amount = credited.left // what came back was converted when it was credited, and a bank takes a return back whole
	}
	environment, err := u.Read().DeploymentGet(ctx)
	if err != nil {
		return fmt.Errorf("read which environment this is: %w", err)
	}
	row := newAdjustment(u, db.AdjustmentTypeReturnReversal, merchant, amount, "The bank took its return back.")
	row.Reverses, row.PayoutID, row.Environment = &returned, &payout, environment
	row.RequestedBy, row.Status, row.DecidedBy, row.DecidedAt = rail, db.AdjustmentStatusExecuted, &word, &u.Now
	if err := u.Queue(unit.Rows).AdjustmentInsert(ctx, db.AdjustmentInsertParams(row)); err != nil {
		return err
	}
	return execute(ctx, u, row)
}
