package pricing

import (
	"cmp"
	"context"
	"errors"
	"time"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/corridors"
	"github.com/antonpayments/anton/server/fx"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/unit"
)

// Service is anton.v1.PricingService. Clock is for its reads, which have no transaction to take the time from.
type Service struct {
	Book  *Book
	Desk  fx.Desk
	Clock func() time.Time
}

// GetPricing shows what the caller's payouts cost.
func (s *Service) GetPricing(ctx context.Context, _ *antonv1.GetPricingRequest) (*antonv1.GetPricingResponse, error) {
	data, err := s.Book.shown(ctx, call.Reads(ctx), call.Merchant(ctx), s.Clock())
	return &antonv1.GetPricingResponse{Data: data}, err
}

func (b *Book) shown(ctx context.Context, q *db.Queries, merchant string, at time.Time) (*antonv1.Pricing, error) {
	plan, err := b.Of(ctx, q, merchant, at)
	if err != nil {
		return nil, err
	}
	return pricingToProto(plan)
}

// CreatePricingQuote promises the fee of a payout. It sets nothing aside.
func (s *Service) CreatePricingQuote(ctx context.Context, req *antonv1.CreatePricingQuoteRequest) (*antonv1.CreatePricingQuoteResponse, error) {
	tx, merchant := call.Tx(ctx), call.Merchant(ctx)
	route, err := routeOf(req)
	if err != nil {
		return nil, err
	}
	side, currency := antonv1.FixedSide_dest, route.Dest
	if req.GetFixedSide() == antonv1.FixedSide_source {
		side, currency = antonv1.FixedSide_source, route.Source
	}
	amount, err := money.Parse(currency, req.GetAmount())
	if err != nil {
		return nil, apierr.InvalidField("amount", "%v", err)
	}
	if !amount.Positive() {
		return nil, apierr.InvalidField("amount", "must be greater than zero")
	}
	source, err := s.principal(ctx, tx, route, amount)
	if err != nil {
		return nil, err
	}
	plan, err := s.Book.Of(ctx, tx.Read(), merchant, tx.Now)
	if err != nil {
		return nil, err
	}
	charge, err := plan.Charge(route, source)
	if err != nil {
		return nil, err
	}
	quote := &Quote{PricingQuote: db.PricingQuote{
		MerchantID: merchant, ID: ids.New(ids.PricingQuote, tx.Now), Amount: amount.Decimal(), FixedSide: side.String(),
		SourceCurrency: route.Source, DestCurrency: route.Dest, Country: route.Country, Method: route.Method,
		SourceAmount: source.Decimal(), Fee: charge.Fee.Decimal(),
		PlanID: charge.PlanID, PlanVersion: charge.PlanVersion, RuleNumber: charge.Rule, CountsVolume: charge.Counts,
		CreatedAt: tx.Now, ExpiresAt: tx.Now.Add(quoteLives),
	}}
	data, err := quoteToProto(quote, tx.Now)
	if err != nil {
		return nil, err
	}
	tx.About(merchant, quote.ID)
	return &antonv1.CreatePricingQuoteResponse{Data: data}, tx.Queue(unit.Rows).PricingQuoteInsert(ctx, db.PricingQuoteInsertParams(quote.PricingQuote))
}

// routeOf reads what the payout will be, every wrong field at once.
func routeOf(req *antonv1.CreatePricingQuoteRequest) (Route, error) {
	r := Route{Source: req.GetSourceCurrency(), Dest: cmp.Or(req.GetDestCurrency(), req.GetSourceCurrency()), Country: req.GetCountry()}
	var wrong []apierr.Field
	for _, f := range []struct{ path, code string }{{"source_currency", r.Source}, {"dest_currency", r.Dest}} {
		if !money.Known(f.code) {
			wrong = append(wrong, apierr.Field{Path: f.path, Message: money.ErrCurrency.Error()})
		}
	}
	method := req.GetMethod()
	ways := corridors.Methods(r.Country)
	if method == antonv1.PaymentMethod_unspecified && len(ways) > 0 {
		method = ways[0]
	}
	r.Method = method.String()
	if len(ways) == 0 {
		wrong = append(wrong, apierr.Field{Path: "country", Message: "is not an ISO 3166-1 country"})
	}
	if len(wrong) > 0 {
		return r, apierr.Invalid(wrong...)
	}
	if _, ok := corridors.Of(r.Dest, r.Country, method); !ok {
		return r, apierr.InvalidField("method", "names no account in this country; see GET /v1/payment-methods?country=%s", r.Country)
	}
	return r, nil
}

// principal is what the amount is in the source currency, at the caller's rate of this moment.
func (s *Service) principal(ctx context.Context, tx *unit.Unit, route Route, amount money.Amount) (money.Amount, error) {
	if amount.Currency() == route.Source {
		return amount, nil
	}
	pair := fx.Pair{Sell: route.Source, Buy: route.Dest}
	prices, err := s.Desk.Prices(ctx, tx.Read(), call.Merchant(ctx), tx.Now, pair)
	if err != nil {
		return money.Amount{}, err
	}
	price, err := prices.Of(pair)
	if none, ok := errors.AsType[fx.NoRateError](err); ok {
		field := "source_currency"
		if none.Currency == pair.Buy {
			field = "dest_currency"
		}
		return money.Amount{}, apierr.InvalidField(field, "cannot be exchanged: %v", none)
	}
	if err != nil {
		return money.Amount{}, err
	}
	return price.Sold(amount, route.Source)
}

// GetPricingQuote shows one of the caller's quotes.
func (s *Service) GetPricingQuote(ctx context.Context, req *antonv1.GetPricingQuoteRequest) (*antonv1.GetPricingQuoteResponse, error) {
	quotes, err := Quotes(ctx, call.Reads(ctx), call.Merchant(ctx), req.GetId())
	if err != nil {
		return nil, err
	}
	if quotes[req.GetId()] == nil {
		return nil, apierr.NotFound("quote", req.GetId())
	}
	data, err := quoteToProto(quotes[req.GetId()], s.Clock())
	return &antonv1.GetPricingQuoteResponse{Data: data}, err
}
