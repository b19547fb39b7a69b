// Package fx exchanges money: it knows what a currency costs, promises it for a minute, and moves money between two balances of a merchant
// by such a promise. Payouts across currencies ask it for their rates.
//
// It rests on the reference rates in the database, which it gets from the European Central Bank (store.go, refresh.go) and never changes.
// It never moves money but through the ledger, and a quote is used once.
package fx

import (
	"context"
	"fmt"
	"time"

	"github.com/cockroachdb/apd/v3"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/fx/ecb"
	"github.com/antonpayments/anton/server/money"
)

// A Desk gives prices.
type Desk struct {
	// MarkupBps is what is taken off mid where an operator set nothing else for the merchant, in hundredths of a percent.
	MarkupBps int32
	// MaxAge is how many publications the rates may have missed. The sandbox's sample is never too old, whatever the day.
	MaxAge int
}

// A Pair is a currency that is sold and one that is bought.
type Pair struct{ Sell, Buy string }

// A Price is what one unit of the sold currency is in the bought one: in the middle of the market, and for the customer.
type Price struct {
	Mid, Customer apd.Decimal
	MarkupBps     int32
	AsOf          time.Time
}

// NoRateError says that nobody publishes what the currency costs.
type NoRateError struct{ Currency string }

func (e NoRateError) Error() string {
	return "no exchange rate is published for " + e.Currency
}

// Prices are what is known at a moment of some pairs, for one merchant.
type Prices struct {
	desk    Desk
	at      time.Time
	rates   map[string]db.FxRatesRow
	markups map[Pair]int32
}

// Prices reads what is needed to price the pairs, in two queries however many there are.
func (d Desk) Prices(ctx context.Context, q *db.Queries, merchant string, at time.Time, pairs ...Pair) (*Prices, error) {
	rates, err := readRates(ctx, q, at, pairs...)
	if err != nil {
		return nil, err
	}
	rows, err := q.FxMarkups(ctx, merchant)
	if err != nil {
		return nil, fmt.Errorf("read the markups: %w", err)
	}
	p := &Prices{desk: d, at: at, rates: rates, markups: map[Pair]int32{}}
	for _, row := range rows {
		p.markups[Pair{row.SellCurrency, row.BuyCurrency}] = row.Bps
	}
	return p, nil
}

// Of prices a pair. It is a NoRateError where a currency has no rate, and `unavailable` where the rates are too old.
func (p *Prices) Of(pair Pair) (Price, error) {
	mid, oldest, err := cross(p.rates, pair)
	if err != nil {
		return Price{}, err
	}
	if p.desk.tooOld(oldest.Source, oldest.AsOf, p.at) {
		tired := apierr.Unavailable(fmt.Errorf("the exchange rates of %s are too old", oldest.AsOf.Format(time.DateOnly)))
		tired.Message = "The exchange rates are too old to give you one. Send the same request again later."
		tired.RetryAfter = 10 * time.Minute
		return Price{}, tired
	}
	price := Price{Mid: mid, MarkupBps: p.markup(pair), AsOf: oldest.AsOf}
	if _, err := work.Mul(&price.Customer, &mid, apd.New(int64(10_000-price.MarkupBps), -4)); err != nil {
		return Price{}, fmt.Errorf("take the markup off: %w", err)
	}
	price.Customer, err = published(price.Customer)
	return price, err
}

// tooOld says whether nobody may be given a rate any more that rests on one of the source, published then.
func (d Desk) tooOld(source string, asOf, at time.Time) bool {
	return source != fromSample && ecb.Missed(asOf, at) > d.MaxAge
}

// markup is that of the pair, else the merchant's own default, else the platform's.
func (p *Prices) markup(pair Pair) int32 {
	for _, set := range []Pair{pair, {}} {
		if bps, ok := p.markups[set]; ok {
			return bps
		}
	}
	return p.desk.MarkupBps
}

// Mid is what one unit of the sold currency is in the bought one by the newest rates, however old: for what cannot wait for newer ones.
func Mid(ctx context.Context, q *db.Queries, at time.Time, pair Pair) (apd.Decimal, error) {
	rates, err := readRates(ctx, q, at, pair)
	if err != nil {
		return apd.Decimal{}, err
	}
	mid, _, err := cross(rates, pair)
	return mid, err
}

func readRates(ctx context.Context, q *db.Queries, at time.Time, pairs ...Pair) (map[string]db.FxRatesRow, error) {
	var currencies []string
	for _, pair := range pairs {
		currencies = append(currencies, pair.Sell, pair.Buy)
	}
	rows, err := q.FxRates(ctx, currencies, at)
	if err != nil {
		return nil, fmt.Errorf("read the exchange rates: %w", err)
	}
	rates := map[string]db.FxRatesRow{}
	for _, row := range rows {
		rates[row.Quote] = row
	}
	return rates, nil
}

// work is the arithmetic of rates: far more digits than are published, so that only the last step decides the last digit.
var work = apd.BaseContext.WithPrecision(60)

// cross is the mid rate of a pair, through the euro, and the older one of the rates it rests on.
func cross(rates map[string]db.FxRatesRow, pair Pair) (mid apd.Decimal, oldest db.FxRatesRow, err error) {
	sold, bought := apd.New(1, 0), apd.New(1, 0)
	for currency, to := range map[string]**apd.Decimal{pair.Sell: &sold, pair.Buy: &bought} {
		if currency == "EUR" {
			continue
		}
		row, ok := rates[currency]
		if !ok {
			return mid, oldest, NoRateError{currency}
		}
		*to = &row.Rate
		if oldest.AsOf.IsZero() || row.AsOf.Before(oldest.AsOf) {
			oldest = row
		}
	}
	if _, err := work.Quo(&mid, bought, sold); err != nil {
		return mid, oldest, fmt.Errorf("cross %s and %s: %w", pair.Sell, pair.Buy, err)
	}
	mid, err = published(mid)
	return mid, oldest, err
}

// significant is how many digits a rate is published with. Amounts are computed from what is published, so that whoever reads a rate finds
// the same amounts.
const significant = 10

// published rounds a rate half to even, and writes all of its digits out.
func published(rate apd.Decimal) (apd.Decimal, error) {
	var out apd.Decimal
	c := apd.BaseContext.WithPrecision(significant)
	c.Rounding = apd.RoundHalfEven
	if _, err := c.Round(&out, &rate); err != nil {
		return out, fmt.Errorf("round the rate %s: %w", rate.Text('f'), err)
	}
	missing := significant - int32(out.NumDigits()) //nolint:gosec // at most ten
	if _, err := c.Quantize(&out, &out, out.Exponent-missing); err != nil {
		return out, fmt.Errorf("write the rate %s: %w", rate.Text('f'), err)
	}
	return out, nil
}

// Bought is what the customer gets for a sum.
func (p *Price) Bought(sold money.Amount, currency string) (money.Amount, error) {
	var exact apd.Decimal
	sum := sold.Decimal()
	if _, err := work.Mul(&exact, &sum, &p.Customer); err != nil {
		return money.Amount{}, fmt.Errorf("convert %s: %w", sold, err)
	}
	return possible(currency, exact)
}

// Sold is what the customer gives for a sum.
func (p *Price) Sold(bought money.Amount, currency string) (money.Amount, error) {
	var exact apd.Decimal
	sum := bought.Decimal()
	if _, err := work.Quo(&exact, &sum, &p.Customer); err != nil {
		return money.Amount{}, fmt.Errorf("convert %s: %w", bought, err)
	}
	return possible(currency, exact)
}

// Worthwhile refuses sums so small that rounding gives away more than the markup takes: a yen is two thirds of a cent, and bought a whole
// one. Exchanges cost nothing but calls, so whoever repeated that would be paid for it. Without a markup nothing is promised but the mid
// rate, rounded.
func (p *Price) Worthwhile(sold, bought money.Amount) error {
	var worth apd.Decimal
	sum, got := sold.Decimal(), bought.Decimal()
	if _, err := work.Mul(&worth, &sum, &p.Mid); err != nil {
		return fmt.Errorf("what %s is worth: %w", sold, err)
	}
	if p.MarkupBps > 0 && got.Cmp(&worth) > 0 {
		return apierr.New(antonv1.ErrorCode_amount_out_of_range, "The amount is too small: rounded, %s %s would be more than %s %s is worth.",
			bought.Currency(), bought, sold.Currency(), sold)
	}
	return nil
}

// possible rounds the other side of an exchange; amount_out_of_range where that is nothing or too long for the API.
func possible(currency string, exact apd.Decimal) (money.Amount, error) {
	amount, err := money.Rounded(currency, exact)
	if err != nil {
		return amount, err
	}
	if !amount.Positive() {
		return amount, apierr.New(antonv1.ErrorCode_amount_out_of_range, "The amount is too small: it comes to %s %s.", currency, amount)
	}
	if !amount.InRange() {
		return amount, apierr.New(antonv1.ErrorCode_amount_out_of_range, "The amount is too large: it comes to %s %s.", currency, amount)
	}
	return amount, nil
}
