package merchants

import (
	"context"
	"fmt"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/unit"
)

// sandboxFunds is what a merchant of the sandbox starts with: two decimals, none, and three.
var sandboxFunds = func() []money.Amount {
	var all []money.Amount
	for _, f := range []struct{ currency, amount string }{
		{"USD", "50000.00"}, {"GBP", "25000.00"}, {"EUR", "30000.00"}, {"JPY", "5000000"}, {"KWD", "10000.000"},
	} {
		amount, err := money.Parse(f.currency, f.amount)
		if err != nil {
			panic(fmt.Sprintf("sandbox funds: %v", err))
		}
		all = append(all, amount)
	}
	return all
}()

// ResetBalances brings what a merchant of the sandbox has available, less what it owes, to what it started with. It compensates by
// adjustments, as an operator would, and takes nothing back that is held. The unit gives back what `releasing` says, by currency, before
// these are booked. Nothing of that holds the balances: what else is booked at the same moment is on top of it, and another reset evens
// it out.
func ResetBalances(ctx context.Context, tx *unit.Unit, merchant string, releasing map[string]money.Amount) ([]*antonv1.Adjustment, error) {
	balances, err := tx.Read().BalanceList(ctx, merchant)
	if err != nil {
		return nil, fmt.Errorf("read the balances: %w", err)
	}
	var done []*antonv1.Adjustment
	for _, b := range balances {
		has, err := money.Of(b.Currency, b.Available)
		if err != nil {
			return nil, err
		}
		owes, err := money.Of(b.Currency, b.Receivable)
		if err != nil {
			return nil, err
		}
		has = has.Minus(owes)
		if coming, ok := releasing[b.Currency]; ok {
			has = has.Plus(coming)
		}
		adjustment, err := bringTo(ctx, tx, merchant, has, startOf(b.Currency))
		if err != nil {
			return nil, err
		}
		if adjustment != nil {
			done = append(done, adjustment)
		}
	}
	return done, nil
}

// startOf is what a merchant of the sandbox starts with in the currency.
func startOf(currency string) money.Amount {
	for _, f := range sandboxFunds {
		if f.Currency() == currency {
			return f
		}
	}
	return money.Zero(currency)
}

// bringTo books the adjustment between two amounts; none where they are equal.
func bringTo(ctx context.Context, tx *unit.Unit, merchant string, has, start money.Amount) (*antonv1.Adjustment, error) {
	kind, amount := db.AdjustmentTypeCredit, start.Minus(has)
	if start.Less(has) {
		kind, amount = db.AdjustmentTypeDebit, has.Minus(start)
	}
	if !amount.Positive() {
		return nil, nil
	}
	row := newAdjustment(tx, kind, merchant, amount, "Sandbox reset")
	if err := request(ctx, tx, "test", &row); err != nil {
		return nil, err
	}
	return tellable(row, amount, tx.Now), nil
}
