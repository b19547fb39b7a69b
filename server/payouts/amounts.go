package payouts

import (
	"fmt"

	"github.com/cockroachdb/apd/v3"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/fx"
	"github.com/antonpayments/anton/server/money"
)

// terms are what a payout's sums follow from, but for the fee, which follows from sourcePrincipal.
type terms struct {
	amount       money.Amount // as asked for: in the source currency where fixSource, else in the destination's
	source, dest string
	fixSource    bool
	rate         *apd.Decimal // how much of dest one unit of source buys, at the customer's rate; nil where both are one currency
	bearer       db.FeeBearer
	quote        *fx.Quote // whose two sums are the principals; nil without one
}

// sums are what a payout moves.
type sums struct {
	source    money.Amount // the principal in the source currency, without the fee
	dest      money.Amount // the principal in the destination currency, before a beneficiary's fee
	debit     money.Amount // what leaves the balance
	delivered money.Amount // what the beneficiary receives
}

// work is the arithmetic of rates: far more digits than any sum has, so that only money.Rounded decides the last one.
var work = apd.BaseContext.WithPrecision(60)

// sourcePrincipal is the principal in the source currency, which percentages of a fee are of: A where the source is fixed, else A / r. A
// quote has promised it.
func (t *terms) sourcePrincipal() (money.Amount, error) {
	if t.quote != nil {
		return t.quote.Sell, nil
	}
	if t.fixSource || t.rate == nil {
		return t.amount, nil
	}
	var exact apd.Decimal
	a := t.amount.Decimal()
	if _, err := work.Quo(&exact, &a, t.rate); err != nil {
		return money.Amount{}, fmt.Errorf("divide %s by the rate: %w", t.amount, err)
	}
	return money.Rounded(t.source, exact)
}

// amounts are all sums of a payout whose fee, in the source currency, is given. With A the amount, r the rate (1 within one currency)
// and f the fee:
//
//	fixed    principals            the merchant bears f      the beneficiary bears f
//	dest     Pd = A,  Ps = A / r   debit Ps + f, deliver Pd  debit Ps, deliver Pd − f·r
//	source   Ps = A,  Pd = A·r     debit Ps + f, deliver Pd  debit Ps, deliver Pd − f·r
//
// Each sum is computed from A, r and f without rounding and rounded once, half to even at its currency's scale, so that whoever knows
// the three finds the same. What would be nothing, or too long for the API, is amount_out_of_range.
func (t *terms) amounts(fee money.Amount) (sums, error) {
	source, err := t.sourcePrincipal()
	if err != nil {
		return sums{}, err
	}
	dest, f := t.amount.Decimal(), fee.Decimal() // f in the destination currency
	if t.rate != nil {
		if t.quote != nil {
			dest = t.quote.BuyAmount
		} else if t.fixSource {
			if _, err := work.Mul(&dest, &dest, t.rate); err != nil {
				return sums{}, fmt.Errorf("multiply %s by the rate: %w", t.amount, err)
			}
		}
		if _, err := work.Mul(&f, &f, t.rate); err != nil {
			return sums{}, fmt.Errorf("multiply the fee by the rate: %w", err)
		}
	}
	s := sums{source: source, debit: source.Plus(fee)}
	if s.dest, err = money.Rounded(t.dest, dest); err != nil {
		return sums{}, err
	}
	s.delivered = s.dest
	if t.bearer == db.FeeBearerBeneficiary {
		s.debit = source
		var rest apd.Decimal
		if _, err := work.Sub(&rest, &dest, &f); err != nil {
			return sums{}, fmt.Errorf("take the fee off: %w", err)
		}
		if s.delivered, err = money.Rounded(t.dest, rest); err != nil {
			return sums{}, err
		}
	}
	return s, s.possible(fee)
}

// possible refuses sums that cannot be paid.
func (s *sums) possible(fee money.Amount) error {
	switch {
	case !s.source.Positive() || !s.dest.Positive():
		return apierr.New(antonv1.ErrorCode_amount_out_of_range, "The amount is too small: it comes to %s %s and %s %s.",
			s.source.Currency(), s.source, s.dest.Currency(), s.dest)
	case !s.delivered.Positive() || !fee.Less(s.debit): // rounding may deliver something where the fee takes all that is debited
		return apierr.New(antonv1.ErrorCode_amount_out_of_range, "The amount does not cover the fee of %s %s, which the beneficiary bears.", fee.Currency(), fee)
	case !s.debit.InRange() || !s.delivered.InRange():
		return apierr.New(antonv1.ErrorCode_amount_out_of_range, "The amount is too large: it comes to %s %s and %s %s.",
			s.debit.Currency(), s.debit, s.delivered.Currency(), s.delivered)
	}
	return nil
}
