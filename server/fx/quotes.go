package fx

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

// quoteLives is how long a quote holds.
const quoteLives = time.Minute

// A Quote is a rate that was promised, with what used it.
type Quote struct {
	db.FxQuote
	Sell, Buy            money.Amount
	ExchangeID, PayoutID *string
}

// Quotes reads quotes of a merchant, by id. One that is another's is not among them.
func Quotes(ctx context.Context, q *db.Queries, merchant string, ids ...string) (map[string]*Quote, error) {
	rows, err := q.FxQuotesGet(ctx, merchant, ids)
	if err != nil {
		return nil, fmt.Errorf("read the quotes: %w", err)
	}
	quotes := map[string]*Quote{}
	for _, row := range rows {
		quote := &Quote{FxQuote: row.FxQuote, ExchangeID: row.ExchangeID, PayoutID: row.PayoutID}
		if quote.Sell, err = money.Of(row.FxQuote.SellCurrency, row.FxQuote.SellAmount); err != nil {
			return nil, err
		}
		if quote.Buy, err = money.Of(row.FxQuote.BuyCurrency, row.FxQuote.BuyAmount); err != nil {
			return nil, err
		}
		quotes[quote.ID] = quote
	}
	return quotes, nil
}

// used says whether something used it.
func (q *Quote) used() bool { return q.ExchangeID != nil || q.PayoutID != nil }

// Usable refuses a quote that was used, or whose time is over.
func (q *Quote) Usable(now time.Time) error {
	if q.used() {
		return apierr.New(antonv1.ErrorCode_quote_already_used, "The quote %s was used already. Ask for a new one.", q.ID)
	}
	if !now.Before(q.ExpiresAt) {
		return apierr.New(antonv1.ErrorCode_quote_expired, "The quote %s expired at %s. Ask for a new one.", q.ID, q.ExpiresAt.Format(time.RFC3339))
	}
	return nil
}

// TakeFor says that the payout uses the quote, to whoever looks at it in this unit. QueueUse says it to everybody.
func (q *Quote) TakeFor(payout string) { q.PayoutID = &payout }

// QueueUse queues that the quote is used by the payout it was taken for. Of two that use it at once one breaks quote_is_used_once; run
// again, it is refused.
func (q *Quote) QueueUse(ctx context.Context, u *unit.Unit) error {
	return q.use(ctx, u, unit.Work) // the payout's row must be there first
}

func (q *Quote) use(ctx context.Context, u *unit.Unit, stage unit.Stage) error {
	return u.Queue(stage).FxQuoteUse(ctx, db.FxQuoteUseParams{
		MerchantID: q.MerchantID, QuoteID: q.ID, ExpiresAt: q.ExpiresAt, ExchangeID: q.ExchangeID, PayoutID: q.PayoutID, UsedAt: u.Now,
	})
}
