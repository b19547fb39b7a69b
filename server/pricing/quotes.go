package pricing

import (
	"context"
	"fmt"
	"time"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/unit"
)

// quoteLives is how long a fee is promised: what it rests on changes seldom, and a person may have to agree to it.
const quoteLives = 15 * time.Minute

// A Quote is a fee that was promised, with the payout that used it.
type Quote struct {
	db.PricingQuote
	PayoutID *string
}

// Quotes reads quotes of a merchant, by id. One that is another's is not among them.
func Quotes(ctx context.Context, q *db.Queries, merchant string, ids ...string) (map[string]*Quote, error) {
	rows, err := q.PricingQuotesGet(ctx, merchant, ids)
	if err != nil {
		return nil, fmt.Errorf("read the quotes of fees: %w", err)
	}
	quotes := map[string]*Quote{}
	for _, row := range rows {
		quotes[row.PricingQuote.ID] = &Quote{PricingQuote: row.PricingQuote, PayoutID: row.PayoutID}
	}
	return quotes, nil
}

// Charge is what the quote promised, if it can still be used.
func (q *Quote) Charge(now time.Time) (Charge, error) {
	if q.PayoutID != nil {
		return Charge{}, apierr.New(antonv1.ErrorCode_quote_already_used, "The quote %s was used already. Ask for a new one.", q.ID)
	}
	if !now.Before(q.ExpiresAt) {
		return Charge{}, apierr.New(antonv1.ErrorCode_quote_expired, "The quote %s expired at %s. Ask for a new one.", q.ID, q.ExpiresAt.Format(time.RFC3339))
	}
	fee, err := money.Of(q.SourceCurrency, q.Fee)
	return Charge{Fee: fee, PlanID: q.PlanID, PlanVersion: q.PlanVersion, Rule: q.RuleNumber, Counts: q.CountsVolume}, err
}

// Matches refuses a payout that is not what was quoted. The amount is as it was asked for, in the currency of the side that it fixes.
func (q *Quote) Matches(route Route, fixedSide string, amount money.Amount) error {
	for _, f := range []struct{ what, quoted, asked string }{
		{"source currency", q.SourceCurrency, route.Source},
		{"destination currency", q.DestCurrency, route.Dest},
		{"country", q.Country, route.Country},
		{"method", q.Method, route.Method},
		{"fixed side", q.FixedSide, fixedSide},
	} {
		if f.quoted != f.asked {
			return apierr.New(antonv1.ErrorCode_quote_mismatch, "The quote %s is of another %s: %s, and the payout's is %s.", q.ID, f.what, f.quoted, f.asked)
		}
	}
	if sum := amount.Decimal(); sum.Cmp(&q.Amount) != 0 {
		return apierr.New(antonv1.ErrorCode_quote_mismatch, "The quote %s is of another amount: %s, and the payout's is %s.", q.ID, q.Amount.Text('f'), amount)
	}
	return nil
}

// TakeFor says that the payout uses the quote, to whoever looks at it in this unit. QueueUse says it to everybody.
func (q *Quote) TakeFor(payout string) { q.PayoutID = &payout }

// QueueUse queues that the quote is used by the payout it was taken for. Of two that use it at once one breaks pricing_quote_is_used_once;
// run again, it is refused.
func (q *Quote) QueueUse(ctx context.Context, u *unit.Unit) error {
	return u.Queue(unit.Work).PricingQuoteUse(ctx, db.PricingQuoteUseParams{ // the payout's row must be there first
		MerchantID: q.MerchantID, QuoteID: q.ID, ExpiresAt: q.ExpiresAt, PayoutID: *q.PayoutID, UsedAt: u.Now,
	})
}
