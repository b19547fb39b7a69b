package ledger_test

import (
	"testing"

	"github.com/cockroachdb/apd/v3"
	"pgregory.net/rapid"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/ledger"
	"github.com/antonpayments/anton/server/money"
)

// books are what accounts hold, by currency: what was credited less what was debited.
type books map[string]map[db.LedgerAccount]money.Amount

func (b books) post(transactions ...ledger.Transaction) {
	for _, t := range transactions {
		for _, p := range t.Postings {
			currency := p.Amount.Currency()
			if b[currency] == nil {
				b[currency] = map[db.LedgerAccount]money.Amount{}
			}
			b[currency][p.Debit] = b.of(currency, p.Debit).Minus(p.Amount)
			b[currency][p.Credit] = b.of(currency, p.Credit).Plus(p.Amount)
		}
	}
}

func (b books) of(currency string, account db.LedgerAccount) money.Amount {
	if a, ok := b[currency][account]; ok {
		return a
	}
	return money.Zero(currency)
}

// TestNoConversionCreatesOrLosesAMinorUnit runs sequences of exchanges and of payouts that settle and come back, in any currencies, at
// any rates. Whatever they are: every account's sums in a currency add up to nothing, the customer has exactly what it was told, and the
// position is what was taken and given at mid.
func TestNoConversionCreatesOrLosesAMinorUnit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b, customer, position := books{}, map[string]money.Amount{}, map[string]money.Amount{}
		for range rapid.IntRange(1, 12).Draw(t, "conversions") {
			currencies := rapid.Permutation([]string{"USD", "JPY", "KWD", "EUR"}).Draw(t, "currencies")
			c := drawConversion(t, currencies[0], currencies[1])
			transactions, err := drawBooking(t, c)
			if err != nil {
				t.Fatal(err)
			}
			b.post(transactions...)
			for _, currency := range currencies[:2] {
				if _, ok := customer[currency]; !ok {
					customer[currency], position[currency] = money.Zero(currency), money.Zero(currency)
				}
			}
			took, gave := c.Took.Currency(), c.Gave.Currency()
			customer[took], customer[gave] = customer[took].Minus(c.Took), customer[gave].Plus(c.Gave)
			position[took], position[gave] = position[took].Plus(c.Took), position[gave].Minus(atMid(t, c))
		}
		for currency, accounts := range b {
			sum := money.Zero(currency)
			for _, a := range accounts {
				sum = sum.Plus(a)
			}
			if sum.String() != money.Zero(currency).String() {
				t.Fatalf("the accounts in %s add up to %s", currency, sum)
			}
			outside := money.Zero(currency)
			for _, account := range []db.LedgerAccount{db.LedgerAccountAvailable, db.LedgerAccountHeld, db.LedgerAccountRailClearing} {
				outside = outside.Plus(b.of(currency, account))
			}
			if outside.String() != customer[currency].String() {
				t.Fatalf("in %s customers and banks have %s, want %s", currency, outside, customer[currency])
			}
			if got := b.of(currency, db.LedgerAccountFxPosition); got.String() != position[currency].String() {
				t.Fatalf("the position in %s is %s, at mid it is %s", currency, got, position[currency])
			}
			if b.of(currency, db.LedgerAccountFxSpread).Less(money.Zero(currency)) {
				t.Fatalf("the spread in %s costs us %s", currency, b.of(currency, db.LedgerAccountFxSpread))
			}
		}
	})
}

func drawConversion(t *rapid.T, took, gave string) ledger.Conversion {
	mid := apd.New(rapid.Int64Range(1_000_000_000, 9_999_999_999).Draw(t, "mid"), int32(rapid.IntRange(-13, -6).Draw(t, "magnitude")))
	c := ledger.Conversion{Mid: *mid}
	bps := rapid.Int64Range(0, 1000).Draw(t, "markup")
	if _, err := apd.BaseContext.WithPrecision(10).Mul(&c.Rate, mid, apd.New(10_000-bps, -4)); err != nil {
		t.Fatal(err)
	}
	units := rapid.Int64Range(1, 1_000_000_000)
	var err error
	if c.Took, err = money.Of(took, *apd.New(units.Draw(t, "took"), -money.Digits(took))); err != nil {
		t.Fatal(err)
	}
	took10, exact := c.Took.Decimal(), apd.Decimal{}
	if _, err := apd.BaseContext.WithPrecision(60).Mul(&exact, &took10, &c.Rate); err != nil {
		t.Fatal(err)
	}
	if c.Gave, err = money.Rounded(gave, exact); err != nil {
		t.Fatal(err)
	}
	if !c.Gave.Positive() {
		c.Gave, err = money.Of(gave, *apd.New(1, -money.Digits(gave))) // what a fixed buy side gives, however little it costs
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func drawBooking(t *rapid.T, c ledger.Conversion) ([]ledger.Transaction, error) {
	switch rapid.IntRange(0, 2).Draw(t, "kind") {
	case 0:
		return ledger.Exchange("txn_1", "txn_2", c)
	case 1:
		return ledger.SettleConverted("pay_1", c)
	}
	return ledger.ReturnConverted("pay_1", c)
}

func atMid(t *rapid.T, c ledger.Conversion) money.Amount {
	took, exact := c.Took.Decimal(), apd.Decimal{}
	if _, err := apd.BaseContext.WithPrecision(60).Mul(&exact, &took, &c.Mid); err != nil {
		t.Fatal(err)
	}
	a, err := money.Rounded(c.Gave.Currency(), exact)
	if err != nil {
		t.Fatal(err)
	}
	return a
}
