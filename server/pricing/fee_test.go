package pricing_test

import (
	"testing"

	"github.com/cockroachdb/apd/v3"
	"pgregory.net/rapid"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/pricing"
)

func sum(t interface{ Fatal(...any) }, currency, text string) money.Amount {
	a, err := money.Parse(currency, text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func number(t interface{ Fatal(...any) }, text string) apd.Decimal {
	n, _, err := apd.NewFromString(text)
	if err != nil {
		t.Fatal(err)
	}
	return *n
}

func maybe(t interface{ Fatal(...any) }, text string) *apd.Decimal {
	if text == "" {
		return nil
	}
	n := number(t, text)
	return &n
}

func TestFees(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, currency, source, fixed string
		bps                           int32
		least, most, want             string
	}{
		{"nothing", "USD", "1000.00", "0", 0, "", "", "0.00"},
		{"fixed", "USD", "1000.00", "5.00", 0, "", "", "5.00"},
		{"a percentage", "USD", "1000.00", "0", 25, "", "", "2.50"},
		{"both", "USD", "1000.00", "5.00", 25, "", "", "7.50"},
		{"half to even, down", "USD", "1.00", "0", 50, "", "", "0.00"},
		{"half to even, up", "USD", "3.00", "0", 50, "", "", "0.02"},
		{"rounded once, with the fixed part", "USD", "1.00", "0.01", 50, "", "", "0.02"},
		{"no digits after the point", "JPY", "10050", "0", 100, "", "", "100"},
		{"three of them", "KWD", "1.000", "0", 15, "", "", "0.002"},
		{"the least", "USD", "1.00", "0", 25, "1.00", "9.00", "1.00"},
		{"just the least", "USD", "400.00", "0", 25, "1.00", "9.00", "1.00"},
		{"just the most", "USD", "3600.00", "0", 25, "1.00", "9.00", "9.00"},
		{"the most", "USD", "999999999999.99", "0", 10000, "1.00", "9.00", "9.00"},
		{"all of it", "USD", "999999999999.99", "0", 10000, "", "", "999999999999.99"},
	} {
		plan := &pricing.Plan{Rules: []pricing.Rule{{PricingRule: db.PricingRule{
			SourceCurrency: tt.currency, FixedFee: number(t, tt.fixed), PercentageBps: tt.bps, MinFee: maybe(t, tt.least), MaxFee: maybe(t, tt.most),
		}}}}
		got, err := plan.Charge(pricing.Route{Source: tt.currency}, sum(t, tt.currency, tt.source))
		if err != nil || got.Fee.String() != tt.want || got.Fee.Currency() != tt.currency {
			t.Errorf("%s: %s, %v; want %s", tt.name, got.Fee, err, tt.want)
		}
	}
}

// TestFeesHoldTogether: whatever the rule, a fee is off from the exact sum by half a minor unit at most, unless it is the least or the most;
// and who sends more never pays less.
func TestFeesHoldTogether(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		currency := rapid.SampledFrom([]string{"USD", "JPY", "KWD"}).Draw(t, "currency")
		draw := func(name string, most int64) apd.Decimal {
			return *apd.New(rapid.Int64Range(0, most).Draw(t, name), -money.Digits(currency))
		}
		rule := db.PricingRule{FixedFee: draw("fixed", 10_000), PercentageBps: int32(rapid.IntRange(0, 10_000).Draw(t, "bps"))}
		least := draw("least", 5_000)
		most := draw("most", 1_000_000)
		if rapid.Bool().Draw(t, "has a least") {
			rule.MinFee = &least
		}
		if rapid.Bool().Draw(t, "has a most") && most.Cmp(&least) >= 0 {
			rule.MaxFee = &most
		}
		plan := &pricing.Plan{Rules: []pricing.Rule{{PricingRule: rule}}}
		smaller := rapid.Int64Range(1, 1_000_000_000_000).Draw(t, "smaller")
		larger := smaller + rapid.Int64Range(0, 1_000_000).Draw(t, "more")
		fee := func(minor int64) (apd.Decimal, apd.Decimal) {
			source, err := money.Of(currency, *apd.New(minor, -money.Digits(currency)))
			if err != nil {
				t.Fatal(err)
			}
			charge, err := plan.Charge(pricing.Route{Source: currency}, source)
			if err != nil {
				t.Fatal(err)
			}
			return charge.Fee.Decimal(), source.Decimal()
		}
		f, source := fee(smaller)
		g, _ := fee(larger)
		if g.Cmp(&f) < 0 {
			t.Fatalf("%d costs %s and %d costs %s", smaller, f.Text('f'), larger, g.Text('f'))
		}
		if rule.MinFee != nil && f.Cmp(rule.MinFee) < 0 || rule.MaxFee != nil && f.Cmp(rule.MaxFee) > 0 {
			t.Fatalf("the fee is %s", f.Text('f'))
		}
		if rule.MinFee != nil && f.Cmp(rule.MinFee) == 0 || rule.MaxFee != nil && f.Cmp(rule.MaxFee) == 0 {
			return
		}
		exact := apd.BaseContext.WithPrecision(60)
		var want, off apd.Decimal
		for _, err := range []error{
			second(exact.Mul(&want, &source, apd.New(int64(rule.PercentageBps), -4))), second(exact.Add(&want, &want, &rule.FixedFee)),
			second(exact.Sub(&off, &want, &f)),
		} {
			if err != nil {
				t.Fatal(err)
			}
		}
		if off.Abs(&off).Cmp(apd.New(5, -money.Digits(currency)-1)) > 0 {
			t.Fatalf("the fee is %s, the exact sum %s", f.Text('f'), want.Text('f'))
		}
	})
}

func second(_ apd.Condition, err error) error { return err }

// TestTheMostParticularRulePrices: each rule has its own fee, and of those that fit the table's order decides.
func TestTheMostParticularRulePrices(t *testing.T) {
	t.Parallel()
	rule := func(fee int64, source, dest, country, method string) pricing.Rule {
		return pricing.Rule{PricingRule: db.PricingRule{
			SourceCurrency: source, DestCurrency: dest, Country: country, Method: method, FixedFee: *apd.New(fee, 0),
		}}
	}
	// From the least particular to the most: none of the four, one, two, three, all.
	rules := []pricing.Rule{
		rule(1, "", "", "", ""),
		rule(2, "USD", "", "", ""), rule(3, "", "EUR", "", ""), rule(4, "", "", "DE", ""), rule(5, "", "", "", "iban"),
		rule(6, "USD", "EUR", "", ""), rule(7, "USD", "", "DE", ""), rule(8, "", "EUR", "DE", ""),
		rule(9, "USD", "", "", "iban"), rule(10, "", "EUR", "", "iban"), rule(11, "", "", "DE", "iban"),
		rule(12, "USD", "EUR", "DE", ""), rule(13, "USD", "EUR", "", "iban"), rule(14, "USD", "", "DE", "iban"), rule(15, "", "EUR", "DE", "iban"),
		rule(16, "USD", "EUR", "DE", "iban"),
		rule(90, "GBP", "", "", ""), rule(91, "", "", "", "swift"), rule(92, "", "", "FR", ""),
	}
	route := pricing.Route{Source: "USD", Dest: "EUR", Country: "DE", Method: "iban"}
	for n := 16; n >= 1; n-- {
		plan := &pricing.Plan{Rules: append(append([]pricing.Rule{}, rules[16:]...), rules[:n]...)}
		got, err := plan.Charge(route, sum(t, "USD", "100.00"))
		if want := sum(t, "USD", apd.New(int64(n), 0).Text('f')); err != nil || got.Fee.String() != want.String() {
			t.Errorf("of the first %d rules, %s prices: %v", n, got.Fee, err)
		}
	}
	for _, plan := range []*pricing.Plan{nil, {}, {Rules: rules[16:]}} {
		got, err := plan.Charge(route, sum(t, "USD", "100.00"))
		if err != nil || got.Fee.String() != "0.00" || got.Rule != nil || got.Counts {
			t.Errorf("what no rule fits costs %s, %v", got.Fee, err)
		}
	}
}
