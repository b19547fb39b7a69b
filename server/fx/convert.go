package fx

import (
	"fmt"
	"time"

	"github.com/cockroachdb/apd/v3"
	"google.golang.org/protobuf/types/known/timestamppb"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/money"
)

func quoteToProto(q *Quote, now time.Time) *antonv1.FxQuote {
	status := antonv1.FxQuoteStatus_open
	switch {
	case q.used():
		status = antonv1.FxQuoteStatus_used
	case !now.Before(q.ExpiresAt):
		status = antonv1.FxQuoteStatus_expired
	}
	return &antonv1.FxQuote{
		Id: q.ID, Status: status, SellCurrency: q.SellCurrency, BuyCurrency: q.BuyCurrency, SellAmount: q.Sell.String(), BuyAmount: q.Buy.String(),
		MidMarketRate: q.MidRate.Text('f'), CustomerRate: q.CustomerRate.Text('f'), FxMarkupBps: q.MarkupBps, AsOf: timestamppb.New(q.RatesAsOf),
		CreatedAt: timestamppb.New(q.CreatedAt), ExpiresAt: timestamppb.New(q.ExpiresAt), ExchangeId: q.ExchangeID, PayoutId: q.PayoutID,
	}
}

func exchangeToProto(x db.FxExchange, q db.FxQuote) (*antonv1.FxExchange, error) {
	out := &antonv1.FxExchange{
		Id: x.ID, QuoteId: x.QuoteID, SellCurrency: q.SellCurrency, BuyCurrency: q.BuyCurrency,
		MidMarketRate: q.MidRate.Text('f'), CustomerRate: q.CustomerRate.Text('f'), FxMarkupBps: q.MarkupBps, CreatedAt: timestamppb.New(x.CreatedAt),
	}
	for _, sum := range []struct {
		to       *string
		currency string
		value    apd.Decimal
	}{{&out.SellAmount, q.SellCurrency, q.SellAmount}, {&out.BuyAmount, q.BuyCurrency, q.BuyAmount}} {
		amount, err := money.Of(sum.currency, sum.value)
		if err != nil {
			return nil, fmt.Errorf("exchange %s: %w", x.ID, err)
		}
		*sum.to = amount.String()
	}
	return out, nil
}

func refreshToProto(row db.FxRefresh) *opsv1.FxRefresh {
	return &opsv1.FxRefresh{At: timestamppb.New(row.At), By: row.RefreshedBy, Source: row.Source, Outcome: row.Outcome, Detail: row.Detail}
}

func markupToProto(row db.FxMarkup) *opsv1.FxMarkup {
	return &opsv1.FxMarkup{
		MerchantId: row.MerchantID, SellCurrency: row.SellCurrency, BuyCurrency: row.BuyCurrency, Bps: row.Bps, UpdatedAt: timestamppb.New(row.SetAt),
	}
}
