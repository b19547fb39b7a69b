package velocity_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/antonpayments/anton/server/velocity"
)

var noon = time.Date(2026, 2, 14, 12, 0, 0, 0, time.UTC)

var base = velocity.Payout{
	Beneficiary: "ben_1", Account: "a1", New: true,
	Kind: velocity.Kind{Currency: "USD", Country: "US", Method: "us_bank", BeneficiaryType: "individual"},
}

func payout(amount string, change func(*velocity.Payout)) velocity.Payout {
	p := base
	if _, _, err := p.Amount.SetString(amount); err != nil {
		panic(err)
	}
	if change != nil {
		change(&p)
	}
	return p
}

func number(text string) *apd.Decimal {
	d, _, err := apd.NewFromString(text)
	if err != nil {
		panic(err)
	}
	return d
}

func evaluate(t *testing.T, rules []*velocity.Rule, rates velocity.Rates, payouts ...velocity.Payout) []velocity.Decision {
	t.Helper()
	own := make([]*velocity.Rule, len(rules)) // a book keeps notes in its rules, which other tests look at too
	for i, r := range rules {
		copied := *r
		own[i] = &copied
	}
	book := velocity.NewRulebook(own)
	decisions, err := velocity.Evaluate(book, velocity.NewUsed(book, payouts, noon, noon), rates, payouts, noon)
	if err != nil {
		t.Fatal(err)
	}
	return decisions
}

// TestEveryTypeInEveryScopeAndWindow evaluates, for each rule, a payout that uses up the cap, one of the same subject that is over it, and one
// of another subject that is not.
func TestEveryTypeInEveryScopeAndWindow(t *testing.T) {
	t.Parallel()
	elsewhere := map[velocity.Scope]func(*velocity.Payout){
		velocity.ByBeneficiary: func(p *velocity.Payout) { p.Beneficiary = "ben_2" },
		velocity.ByInstrument:  func(p *velocity.Payout) { p.Account = "a2" },
		velocity.ByCountry:     func(p *velocity.Payout) { p.Kind.Country = "GB" },
		velocity.ByMethod:      func(p *velocity.Payout) { p.Kind.Method = "iban" },
	}
	types := map[velocity.Type]struct{ threshold, currency string }{
		velocity.AmountPerWindow: {"100", "USD"}, velocity.CountPerWindow: {"1", ""}, velocity.NewBeneficiaries: {"1", ""},
	}
	scopes := []velocity.Scope{velocity.ByMerchant, velocity.ByBeneficiary, velocity.ByInstrument, velocity.ByCountry, velocity.ByMethod}
	for kind, of := range types {
		for _, scope := range scopes {
			for _, w := range []*velocity.Window{
				window(t, "rolling", 60, ""), window(t, "rolling", 7*86400, ""), window(t, "calendar_day", 0, "Asia/Kolkata"), window(t, "calendar_month", 0, ""),
			} {
				t.Run(fmt.Sprint(kind, " ", scope, " ", w.Type, w.Seconds), func(t *testing.T) {
					t.Parallel()
					if kind == velocity.NewBeneficiaries && scope == velocity.ByBeneficiary {
						t.Skip("such a rule is refused: one beneficiary is new once")
					}
					rule := &velocity.Rule{
						ID: "vr_1", Type: kind, Scope: scope, Window: w, Threshold: number(of.threshold), Currency: of.currency, Action: "block", Mode: "enforce",
					}
					another := func(p *velocity.Payout) {
						if kind == velocity.NewBeneficiaries {
							p.Beneficiary = "ben_3"
						}
					}
					payouts := []velocity.Payout{payout("100", nil), payout("1", another)}
					if f := elsewhere[scope]; f != nil {
						payouts = append(payouts, payout("100", func(p *velocity.Payout) {
							p.Beneficiary = "ben_4"
							f(p)
						}))
					}
					got := evaluate(t, []*velocity.Rule{rule}, nil, payouts...)
					if got[0].Blocked() {
						t.Errorf("exactly the cap was blocked: %+v", got[0])
					}
					if !got[1].Blocked() || got[1].ResetsAt() == nil || got[1].Blocker().Used == "0" {
						t.Errorf("over the cap: %+v", got[1])
					}
					if len(got) > 2 && got[2].Blocked() {
						t.Errorf("another subject was blocked: %+v", got[2])
					}
				})
			}
		}
	}
}

func TestRulesOnOnePayout(t *testing.T) {
	t.Parallel()
	largest := &velocity.Rule{Type: velocity.MaxAmount, Threshold: number("100"), Currency: "USD", Action: "block"}
	eur := func(p *velocity.Payout) { p.Kind.Currency = "EUR" }
	gb := func(p *velocity.Payout) { p.Kind.Country = "GB" }
	rates := velocity.Rates{{Base: "EUR", Quote: "USD"}: *number("1.25")}
	reversed := velocity.Rates{{Base: "USD", Quote: "EUR"}: *number("0.8")}
	gbp := func(p *velocity.Payout) { p.Kind.Currency = "GBP" }
	crossed := velocity.Rates{{Base: "EUR", Quote: "USD"}: *number("1.2"), {Base: "EUR", Quote: "GBP"}: *number("0.9")} // a pound is 4/3 dollars
	for name, tt := range map[string]struct {
		rule   *velocity.Rule
		rates  velocity.Rates
		payout velocity.Payout
		effect string
		noRate string
	}{
		"at the cap":                    {rule: largest, payout: payout("100.00", nil)},
		"over the cap":                  {rule: largest, payout: payout("100.01", nil), effect: "block"},
		"at the cap, converted":         {rule: largest, rates: rates, payout: payout("80.00", eur)},
		"over the cap, converted":       {rule: largest, rates: rates, payout: payout("80.01", eur), effect: "block"},
		"at the cap, by the reverse":    {rule: largest, rates: reversed, payout: payout("80.00", eur)},
		"over the cap, by the reverse":  {rule: largest, rates: reversed, payout: payout("80.01", eur), effect: "block"},
		"at the cap, through the euro":  {rule: largest, rates: crossed, payout: payout("75.00", gbp)},
		"over it, through the euro":     {rule: largest, rates: crossed, payout: payout("75.01", gbp), effect: "block"},
		"half of the way":               {rule: largest, rates: rates, payout: payout("1.00", gbp), effect: "review", noRate: "GBP"},
		"without a rate":                {rule: largest, payout: payout("1.00", eur), effect: "review", noRate: "EUR"},
		"without a rate, filtered away": {rule: &velocity.Rule{Type: velocity.MaxAmount, Threshold: number("100"), Currency: "USD", Filter: velocity.Filter{Currencies: []string{"USD"}}}, payout: payout("1.00", eur)},
		"a blocked country":             {rule: &velocity.Rule{Type: velocity.BlockedCountry, Filter: velocity.Filter{Countries: []string{"GB"}}, Action: "review"}, payout: payout("1", gb), effect: "review"},
		"another country":               {rule: &velocity.Rule{Type: velocity.BlockedCountry, Filter: velocity.Filter{Countries: []string{"GB"}}, Action: "block"}, payout: payout("1", nil)},
		"an allowed country":            {rule: &velocity.Rule{Type: velocity.AllowedCountries, Filter: velocity.Filter{Countries: []string{"GB"}}, Action: "block"}, payout: payout("1", gb)},
		"a country that is not allowed": {rule: &velocity.Rule{Type: velocity.AllowedCountries, Filter: velocity.Filter{Countries: []string{"GB"}}, Action: "block"}, payout: payout("1", nil), effect: "block"},
		"not of the filter's method":    {rule: &velocity.Rule{Type: velocity.AllowedCountries, Filter: velocity.Filter{Countries: []string{"GB"}, Methods: []string{"iban"}}, Action: "block"}, payout: payout("1", nil)},
		"not of the filter's kind":      {rule: &velocity.Rule{Type: velocity.MaxAmount, Threshold: number("1"), Currency: "USD", Filter: velocity.Filter{BeneficiaryTypes: []string{"business"}}}, payout: payout("100", nil)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := evaluate(t, []*velocity.Rule{tt.rule}, tt.rates, tt.payout)[0]
			var effect, noRate string
			if len(d.Hits) > 0 {
				effect, noRate = d.Hits[0].Effect, d.Hits[0].NoRate
			}
			if effect != tt.effect || noRate != tt.noRate || d.ResetsAt() != nil {
				t.Errorf("%+v, want %q %q", d, tt.effect, tt.noRate)
			}
		})
	}
}

func TestTheStrictestWinsAndPriorityOrders(t *testing.T) {
	t.Parallel()
	rule := func(id, merchant, action, mode string, priority int32) *velocity.Rule {
		return &velocity.Rule{
			ID: id, Merchant: merchant, Type: velocity.MaxAmount, Threshold: number("1"), Currency: "USD", Action: action, Mode: mode, Priority: priority,
		}
	}
	rules := []*velocity.Rule{
		rule("vr_4", "mer_1", "block", "enforce", 100), rule("vr_3", "", "block", "enforce", 100), rule("vr_2", "mer_1", "review", "enforce", 5),
		rule("vr_1", "mer_1", "block", "shadow", 1),
	}
	d := evaluate(t, rules, nil, payout("2", nil))[0]
	var order []string
	for _, h := range d.Hits {
		order = append(order, h.RuleID)
	}
	if !d.Blocked() || d.Review() || !slices.Equal(order, []string{"vr_2", "vr_3", "vr_4"}) || d.Blocker().RuleID != "vr_3" {
		t.Errorf("%v: %+v", order, d)
	}
	if len(d.Shadow) != 1 || d.Shadow[0].RuleID != "vr_1" {
		t.Errorf("in shadow: %+v", d.Shadow)
	}
	if d := evaluate(t, rules[3:], nil, payout("2", nil))[0]; d.Blocked() || d.Review() {
		t.Errorf("a rule in shadow acted: %+v", d)
	}
	if d := evaluate(t, rules[2:], nil, payout("2", nil))[0]; d.Blocked() || !d.Review() {
		t.Errorf("a review: %+v", d)
	}
}
