package payouts

import (
	"cmp"
	"context"
	"errors"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/fx"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/unit"
)

// namedQuotes reads the quotes that the requests name; nothing where none does.
func namedQuotes(ctx context.Context, u *unit.Unit, merchant string, reqs []*antonv1.CreatePayoutRequest) (map[string]*fx.Quote, error) {
	var ids []string
	for _, req := range reqs {
		if req.GetQuoteId() != "" {
			ids = append(ids, req.GetQuoteId())
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	return fx.Quotes(ctx, u.Read(), merchant, ids...)
}

// fixesSource says which side of a conversion the order's amount is of.
func (o *order) fixesSource() bool { return o.req.GetFixedSide() == antonv1.FixedSide_source }

// read reads what the request alone says: the balance to pay from and the amount.
func (o *order) read(quotes map[string]*fx.Quote) error {
	o.source = cmp.Or(o.req.GetSourceCurrency(), o.req.GetCurrency())
	if id := o.req.GetQuoteId(); id != "" {
		if o.quote = quotes[id]; o.quote == nil {
			return apierr.NotFound("quote", id)
		}
		if named := o.req.GetSourceCurrency(); named != "" && named != o.quote.SellCurrency {
			return mismatch(o.quote, "sells %s, and source_currency is %s", o.quote.SellCurrency, named)
		}
		o.source = o.quote.SellCurrency
	}
	for _, f := range []struct{ path, code string }{{"currency", o.req.GetCurrency()}, {"source_currency", o.source}} {
		if !money.Known(f.code) {
			return apierr.InvalidField(f.path, "%v", money.ErrCurrency)
		}
	}
	currency := o.req.GetCurrency()
	if o.fixesSource() {
		currency = o.source
	}
	var err error
	if o.amount, err = money.Parse(currency, o.req.GetAmount()); err != nil {
		return apierr.InvalidField("amount", "%v", err)
	}
	if !o.amount.Positive() {
		return apierr.InvalidField("amount", "must be greater than zero")
	}
	return checkSender(o.req.GetOnBehalfOf())
}

// pair is what the order converts; ok is false within one currency.
func (o *order) pair() (pair fx.Pair, ok bool) {
	dest := *o.facts.InstrumentCurrency
	return fx.Pair{Sell: o.source, Buy: dest}, dest != o.source
}

// prices are those of all orders that convert without a quote; nil where none does, which costs nothing.
func (s *Service) prices(ctx context.Context, u *unit.Unit, merchant string, orders []order) (*fx.Prices, error) {
	var pairs []fx.Pair
	for i := range orders {
		o := &orders[i]
		if o.facts == nil || o.facts.InstrumentCurrency == nil || o.quote != nil {
			continue
		}
		if pair, ok := o.pair(); ok && money.Known(pair.Sell) {
			pairs = append(pairs, pair)
		}
	}
	if len(pairs) == 0 {
		return nil, nil
	}
	return s.Desk.Prices(ctx, u.Read(), merchant, u.Now, pairs...)
}

// takes says whether the order's currency is one that makes sense for its instrument: what arrives, or, where the source is fixed, what
// leaves.
func (o *order) takes(dest string) bool {
	return o.req.GetCurrency() == dest || (o.fixesSource() && o.req.GetCurrency() == o.source)
}

// convert settles the terms of the order, and the mid rate where it converts.
func (o *order) convert(u *unit.Unit, prices *fx.Prices) (t terms, price fx.Price, err error) {
	pair, converts := o.pair()
	t = terms{amount: o.amount, source: pair.Sell, dest: pair.Buy, fixSource: o.fixesSource(), bearer: db.FeeBearerMerchant}
	if o.req.GetFeeBearer() == antonv1.FeeBearer_beneficiary {
		t.bearer = db.FeeBearerBeneficiary
	}
	switch {
	case o.quote != nil:
		if err := o.matches(pair); err != nil {
			return t, price, err
		}
		if err := o.quote.Usable(u.Now); err != nil {
			return t, price, err
		}
		t.quote, price = o.quote, fx.Price{Mid: o.quote.MidRate, Customer: o.quote.CustomerRate}
	case converts:
		price, err = prices.Of(pair)
		if none, ok := errors.AsType[fx.NoRateError](err); ok {
			return t, price, apierr.New(antonv1.ErrorCode_corridor_not_enabled, "%s cannot be paid out as %s: %v.", pair.Sell, pair.Buy, none)
		}
		if err != nil {
			return t, price, err
		}
	default:
		return t, price, nil
	}
	t.rate = &price.Customer
	return t, price, nil
}

// matches refuses a quote of something else than the order asks for.
func (o *order) matches(pair fx.Pair) error {
	q := o.quote
	if q.BuyCurrency != pair.Buy {
		return mismatch(q, "buys %s, and the beneficiary's account takes %s", q.BuyCurrency, pair.Buy)
	}
	side, verb := q.Buy, "buys"
	if o.fixesSource() {
		side, verb = q.Sell, "sells"
	}
	if side.String() != o.amount.String() {
		return mismatch(q, "%s %s %s, and the amount is %s", verb, side.Currency(), side, o.amount)
	}
	return nil
}

func mismatch(q *fx.Quote, format string, args ...any) error {
	e := apierr.New(antonv1.ErrorCode_quote_mismatch, format, args...)
	e.Message = "The quote " + q.ID + " " + e.Message + "."
	return e
}
