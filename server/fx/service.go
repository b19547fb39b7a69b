package fx

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/types/known/timestamppb"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/events"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/ledger"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/page"
	"github.com/antonpayments/anton/server/unit"
)

// Service is anton.v1.FxService. Clock is for its reads, which have no transaction to take the time from.
type Service struct {
	Desk  Desk
	Clock func() time.Time
}

// GetFxRate shows the caller's rate at this moment.
func (s *Service) GetFxRate(ctx context.Context, req *antonv1.GetFxRateRequest) (*antonv1.GetFxRateResponse, error) {
	pair := Pair{req.GetSellCurrency(), req.GetBuyCurrency()}
	if err := checkPair(pair); err != nil {
		return nil, err
	}
	price, err := s.price(ctx, call.Reads(ctx), s.Clock(), pair)
	if err != nil {
		return nil, err
	}
	rate := &antonv1.FxRate{
		SellCurrency: pair.Sell, BuyCurrency: pair.Buy, MidMarketRate: price.Mid.Text('f'), CustomerRate: price.Customer.Text('f'),
		FxMarkupBps: price.MarkupBps, AsOf: timestamppb.New(price.AsOf),
	}
	if req.GetSellAmount() != "" {
		sold, err := parseAmount("sell_amount", pair.Sell, req.GetSellAmount())
		if err != nil {
			return nil, err
		}
		bought, err := price.Bought(sold, pair.Buy)
		if err != nil {
			return nil, err
		}
		sell, buy := sold.String(), bought.String()
		rate.SellAmount, rate.BuyAmount = &sell, &buy
	}
	return &antonv1.GetFxRateResponse{Data: rate}, nil
}

// CreateFxQuote promises a rate for a minute. It sets nothing aside.
func (s *Service) CreateFxQuote(ctx context.Context, req *antonv1.CreateFxQuoteRequest) (*antonv1.CreateFxQuoteResponse, error) {
	tx, merchant := call.Tx(ctx), call.Merchant(ctx)
	pair := Pair{req.GetSellCurrency(), req.GetBuyCurrency()}
	if err := checkPair(pair); err != nil {
		return nil, err
	}
	if err := checkSides(req); err != nil {
		return nil, err
	}
	price, err := s.price(ctx, tx.Read(), tx.Now, pair)
	if err != nil {
		return nil, err
	}
	quote := &Quote{}
	if quote.Sell, quote.Buy, err = sides(req, &price); err != nil {
		return nil, err
	}
	quote.FxQuote = db.FxQuote{
		MerchantID: merchant, ID: ids.New(ids.FxQuote, tx.Now), SellCurrency: pair.Sell, BuyCurrency: pair.Buy,
		SellAmount: quote.Sell.Decimal(), BuyAmount: quote.Buy.Decimal(), MidRate: price.Mid, CustomerRate: price.Customer,
		MarkupBps: price.MarkupBps, RatesAsOf: price.AsOf, CreatedAt: tx.Now, ExpiresAt: tx.Now.Add(quoteLives),
	}
	tx.About(merchant, quote.ID)
	return &antonv1.CreateFxQuoteResponse{Data: quoteToProto(quote, tx.Now)}, tx.Queue(unit.Rows).FxQuoteInsert(ctx, db.FxQuoteInsertParams(quote.FxQuote))
}

// checkSides refuses an amount that is none, and a request that names not exactly one.
func checkSides(req *antonv1.CreateFxQuoteRequest) error {
	given := 0
	for _, f := range []struct{ path, currency, amount string }{
		{"sell_amount", req.GetSellCurrency(), req.GetSellAmount()}, {"buy_amount", req.GetBuyCurrency(), req.GetBuyAmount()},
	} {
		if f.amount == "" {
			continue
		}
		given++
		if _, err := parseAmount(f.path, f.currency, f.amount); err != nil {
			return err
		}
	}
	if given != 1 {
		return apierr.InvalidField("sell_amount", "is required, or else buy_amount: one of them, not both")
	}
	return nil
}

// sides are both amounts of a request that names one.
func sides(req *antonv1.CreateFxQuoteRequest, price *Price) (sell, buy money.Amount, err error) {
	if req.GetSellAmount() != "" {
		if sell, err = parseAmount("sell_amount", req.GetSellCurrency(), req.GetSellAmount()); err != nil {
			return sell, buy, err
		}
		if buy, err = price.Bought(sell, req.GetBuyCurrency()); err != nil {
			return sell, buy, err
		}
		return sell, buy, price.Worthwhile(sell, buy)
	}
	if buy, err = parseAmount("buy_amount", req.GetBuyCurrency(), req.GetBuyAmount()); err != nil {
		return sell, buy, err
	}
	if sell, err = price.Sold(buy, req.GetSellCurrency()); err != nil {
		return sell, buy, err
	}
	return sell, buy, price.Worthwhile(sell, buy)
}

// GetFxQuote shows one of the caller's quotes.
func (s *Service) GetFxQuote(ctx context.Context, req *antonv1.GetFxQuoteRequest) (*antonv1.GetFxQuoteResponse, error) {
	quote, err := one(ctx, call.Reads(ctx), req.GetId())
	if err != nil {
		return nil, err
	}
	return &antonv1.GetFxQuoteResponse{Data: quoteToProto(quote, s.Clock())}, nil
}

// one reads a quote of the caller's.
func one(ctx context.Context, q *db.Queries, id string) (*Quote, error) {
	quotes, err := Quotes(ctx, q, call.Merchant(ctx), id)
	if err != nil {
		return nil, err
	}
	if quotes[id] == nil {
		return nil, apierr.NotFound("quote", id)
	}
	return quotes[id], nil
}

// CreateFxExchange moves money between two of the caller's balances, as a quote says. All of it happens or nothing: the quote is used, both
// balances changed, the exchange told.
func (s *Service) CreateFxExchange(ctx context.Context, req *antonv1.CreateFxExchangeRequest) (*antonv1.CreateFxExchangeResponse, error) {
	tx, merchant := call.Tx(ctx), call.Merchant(ctx)
	quote, err := one(ctx, tx.Read(), req.GetQuoteId())
	if err != nil {
		return nil, err
	}
	if err := quote.Usable(tx.Now); err != nil {
		return nil, err
	}
	if err := covered(ctx, tx, merchant, quote.Sell); err != nil {
		return nil, err
	}
	row := db.FxExchange{
		MerchantID: merchant, ID: ids.New(ids.FxExchange, tx.Now), QuoteID: quote.ID,
		SellTransactionID: ids.New(ids.Transaction, tx.Now), BuyTransactionID: ids.New(ids.Transaction, tx.Now), CreatedAt: tx.Now,
	}
	if err := tx.Queue(unit.Rows).FxExchangeInsert(ctx, db.FxExchangeInsertParams(row)); err != nil {
		return nil, err
	}
	quote.ExchangeID = &row.ID
	if err := quote.use(ctx, tx, unit.Rows); err != nil {
		return nil, err
	}
	transactions, err := ledger.Exchange(row.SellTransactionID, row.BuyTransactionID, ledger.Conversion{
		Took: quote.Sell, Gave: quote.Buy, Mid: quote.MidRate, Rate: quote.CustomerRate,
	})
	if err != nil {
		return nil, err
	}
	if err := ledger.Post(ctx, tx, merchant, transactions...); err != nil {
		return nil, err
	}
	object, err := exchangeToProto(row, quote.FxQuote)
	if err != nil {
		return nil, err
	}
	tx.About(merchant, row.ID)
	return &antonv1.CreateFxExchangeResponse{Data: object}, events.Emit(ctx, tx, events.Event{
		Merchant: merchant, Type: "fx.exchange.completed", ObjectType: "fx_exchange", ObjectID: row.ID, Sequence: 1, Object: object,
	})
}

// covered refuses to sell what is not available. The ledger's constraint has the last word; a unit that meets it is run again.
func covered(ctx context.Context, tx *unit.Unit, merchant string, sold money.Amount) error {
	row, err := tx.Read().BalanceGet(ctx, merchant, sold.Currency())
	if err != nil && !errors.Is(err, pgx.ErrNoRows) {
		return fmt.Errorf("read the balance: %w", err)
	}
	available, err := money.Of(sold.Currency(), row.Available)
	if err != nil {
		return err
	}
	if available.Less(sold) {
		return apierr.New(antonv1.ErrorCode_insufficient_balance, "Insufficient balance: available %s %s, required %s %s",
			sold.Currency(), available, sold.Currency(), sold)
	}
	return nil
}

// ListFxExchanges lists the caller's exchanges, newest first.
func (*Service) ListFxExchanges(ctx context.Context, req *antonv1.ListFxExchangesRequest) (*antonv1.ListFxExchangesResponse, error) {
	merchant := call.Merchant(ctx)
	p, err := page.Of(merchant, req)
	if err != nil {
		return nil, err
	}
	rows, err := call.Reads(ctx).FxExchangeList(ctx, db.FxExchangeListParams{
		MerchantID: merchant, Currency: page.Text(req.GetCurrency()), CreatedAfter: page.Time(req.GetCreatedAfter()),
		CreatedBefore: page.Time(req.GetCreatedBefore()), BeforeAt: p.At, BeforeID: p.ID, RowLimit: p.Fetch(),
	})
	if err != nil {
		return nil, fmt.Errorf("list exchanges: %w", err)
	}
	resp := &antonv1.ListFxExchangesResponse{}
	rows, resp.HasMore, resp.NextCursor = page.Cut(p, rows, func(r db.FxExchangeListRow) (time.Time, string) { return r.FxExchange.CreatedAt, r.FxExchange.ID })
	for _, row := range rows {
		data, err := exchangeToProto(row.FxExchange, row.FxQuote)
		if err != nil {
			return nil, err
		}
		resp.Data = append(resp.Data, data)
	}
	return resp, nil
}

// checkPair refuses what is no pair of currencies.
func checkPair(pair Pair) error {
	var wrong []apierr.Field
	for _, f := range []struct{ path, code string }{{"sell_currency", pair.Sell}, {"buy_currency", pair.Buy}} {
		if !money.Known(f.code) {
			wrong = append(wrong, apierr.Field{Path: f.path, Message: money.ErrCurrency.Error()})
		}
	}
	if len(wrong) == 0 && pair.Sell == pair.Buy {
		wrong = append(wrong, apierr.Field{Path: "buy_currency", Message: "must be another currency than sell_currency"})
	}
	if len(wrong) > 0 {
		return apierr.Invalid(wrong...)
	}
	return nil
}

// price is the caller's price of a pair; a currency that has none is named by its field.
func (s *Service) price(ctx context.Context, q *db.Queries, at time.Time, pair Pair) (Price, error) {
	prices, err := s.Desk.Prices(ctx, q, call.Merchant(ctx), at, pair)
	if err != nil {
		return Price{}, err
	}
	price, err := prices.Of(pair)
	if none, ok := errors.AsType[NoRateError](err); ok {
		field := "sell_currency"
		if none.Currency == pair.Buy {
			field = "buy_currency"
		}
		return price, apierr.InvalidField(field, "cannot be exchanged: %v", none)
	}
	return price, err
}

func parseAmount(field, currency, text string) (money.Amount, error) {
	amount, err := money.Parse(currency, text)
	if err != nil {
		return amount, apierr.InvalidField(field, "%v", err)
	}
	if !amount.Positive() {
		return amount, apierr.InvalidField(field, "must be greater than zero")
	}
	return amount, nil
}
