package payouts

import (
	"context"
	"fmt"

	"github.com/cockroachdb/apd/v3"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/fx"
	"github.com/antonpayments/anton/server/ledger"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/unit"
)

// settled books that the rail delivered: what was held is gone, the fee is ours. Across currencies what was debited, but for the fee, is
// exchanged now for what was delivered, at the rates of the creation: in between the platform bore their move.
func settled(p *db.Payout) ([]ledger.Transaction, error) {
	total, err := money.Of(p.SourceCurrency, p.TotalDebited)
	if err != nil {
		return nil, err
	}
	fee, err := money.Of(p.SourceCurrency, p.Fee)
	if err != nil {
		return nil, err
	}
	booked, err := delivered(p, total.Minus(fee))
	if err != nil {
		return nil, err
	}
	if fee.Positive() {
		booked = append(booked, ledger.Fee(p.ID, fee))
	}
	return booked, nil
}

// delivered books that what was taken from the balance, without the fee, went out.
func delivered(p *db.Payout, took money.Amount) ([]ledger.Transaction, error) {
	if p.ExchangeRate == nil {
		return []ledger.Transaction{ledger.Settle(p.ID, took)}, nil
	}
	gave, err := money.Of(p.DestCurrency, p.DestAmount)
	if err != nil {
		return nil, err
	}
	return ledger.SettleConverted(p.ID, ledger.Conversion{Took: took, Gave: gave, Mid: *p.MidRate, Rate: *p.ExchangeRate})
}

// returned books that the bank sent back what was delivered. The fee stays charged. Across currencies the merchant gets what came back at the
// day's mid rate: we take nothing for bringing money back, and its move since the creation is nobody's doing. The newest rate counts,
// however old, because the money is here.
func returned(ctx context.Context, u *unit.Unit, p *db.Payout) ([]ledger.Transaction, error) {
	came, err := money.Of(p.DestCurrency, p.DestAmount)
	if err != nil {
		return nil, err
	}
	if p.ExchangeRate == nil {
		return []ledger.Transaction{ledger.Return(p.ID, came)}, nil
	}
	mid, err := fx.Mid(ctx, u.Read(), u.Now, fx.Pair{Sell: p.DestCurrency, Buy: p.SourceCurrency})
	if err != nil {
		return nil, fmt.Errorf("find the rate of a return: %w", err)
	}
	var exact apd.Decimal
	if _, err := work.Mul(&exact, &p.DestAmount, &mid); err != nil {
		return nil, fmt.Errorf("convert a return: %w", err)
	}
	credited, err := money.Rounded(p.SourceCurrency, exact)
	if err != nil {
		return nil, err
	}
	if !credited.Positive() { // less than half a cent: the smallest sum there is, for which rounding pays
		if credited, err = money.Of(p.SourceCurrency, *apd.New(1, -money.Digits(p.SourceCurrency))); err != nil {
			return nil, err
		}
	}
	return ledger.ReturnConverted(p.ID, ledger.Conversion{Took: came, Gave: credited, Mid: mid, Rate: mid})
}
