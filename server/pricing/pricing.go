// Package pricing knows what payouts cost: plans of fees that the operator writes, which merchant is on which, and fees that were promised
// for a while. Payouts ask it for their fee when they are created.
//
// It moves no money. A plan is never changed, only followed by its next version, and a payout names the rule of the version that priced it:
// every fee can be computed again.
package pricing

import (
	"fmt"
	"math/bits"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/money"
)

// A Route is what rules tell payouts apart by.
type Route struct {
	Source, Dest string // currencies, ISO 4217
	Country      string // of the account, ISO 3166-1 alpha-2
	Method       string // how the account is named
}

// A Rule prices the payouts that it fits.
type Rule struct {
	db.PricingRule
	Tiers []db.PricingTier // the lowest first
}

// A Plan is one version of a plan, as it prices one merchant's payouts at a moment. A nil plan charges nothing.
type Plan struct {
	db.PricingPlanVersion
	Rules   []Rule
	volumes map[string]apd.Decimal // sent this month, by source currency
	// isDefault says that nobody put the merchant on this plan: it is the one of all who are on none.
	isDefault bool
}

// A Charge is what a payout costs, and why.
type Charge struct {
	Fee         money.Amount
	PlanID      *string // nil with the next two: no rule fits
	PlanVersion *int32
	Rule        *int32
	Counts      bool // in the volume of the month, because the rule has tiers
}

// Charge prices a payout whose principal, without the fee, is source.
func (p *Plan) Charge(route Route, source money.Amount) (Charge, error) {
	rule := p.rule(route)
	if rule == nil {
		return Charge{Fee: money.Zero(source.Currency())}, nil
	}
	fee, err := rule.fee(source, p.volumes[source.Currency()])
	if err != nil {
		return Charge{}, err
	}
	return Charge{Fee: fee, PlanID: &rule.PlanID, PlanVersion: &rule.PlanVersion, Rule: &rule.Number, Counts: len(rule.Tiers) > 0}, nil
}

// Count adds a payout that is being created to the volume that the next one of the same unit is priced by.
func (p *Plan) Count(source money.Amount) error {
	if p == nil {
		return nil
	}
	volume, sum := p.volumes[source.Currency()], source.Decimal()
	if _, err := work.Add(&volume, &volume, &sum); err != nil {
		return fmt.Errorf("count %s: %w", source, err)
	}
	p.volumes[source.Currency()] = volume
	return nil
}

// rule is the rule that prices the route: of those that fit it the most particular one.
func (p *Plan) rule(route Route) *Rule {
	if p == nil {
		return nil
	}
	var best *Rule
	for i := range p.Rules {
		if r := &p.Rules[i]; r.fits(route) && (best == nil || best.particular() < r.particular()) {
			best = r
		}
	}
	return best
}

func (r *Rule) fits(route Route) bool {
	return (r.SourceCurrency == "" || r.SourceCurrency == route.Source) && (r.DestCurrency == "" || r.DestCurrency == route.Dest) &&
		(r.Country == "" || r.Country == route.Country) && (r.Method == "" || r.Method == route.Method)
}

// particular orders the rules that fit one payout: by how many things they name, and among as many by what they name, the method before the
// country, the destination and the source. No two of one plan are equal, because the database has each combination once.
func (r *Rule) particular() int {
	var names uint
	for i, named := range []string{r.SourceCurrency, r.DestCurrency, r.Country, r.Method} {
		if named != "" {
			names |= 1 << i
		}
	}
	return bits.OnesCount(names)<<4 | int(names) //nolint:gosec // four bits
}

// work is the arithmetic of percentages: far more digits than any sum has, so that only money.Rounded decides the last one.
var work = apd.BaseContext.WithPrecision(60)

// fee is what the rule charges for a principal in its source currency, after what was sent this month: the fixed sum and the percentage,
// rounded together, once, half to even; then no less than the least and no more than the most.
func (r *Rule) fee(source money.Amount, volume apd.Decimal) (money.Amount, error) {
	fixed, bps := r.FixedFee, r.PercentageBps
	for i := range r.Tiers {
		if tier := &r.Tiers[i]; volume.Cmp(&tier.MinVolume) >= 0 {
			fixed, bps = tier.FixedFee, tier.PercentageBps
		}
	}
	var exact apd.Decimal
	principal := source.Decimal()
	if _, err := work.Mul(&exact, &principal, apd.New(int64(bps), -4)); err != nil {
		return money.Amount{}, fmt.Errorf("take the percentage of %s: %w", source, err)
	}
	if _, err := work.Add(&exact, &exact, &fixed); err != nil {
		return money.Amount{}, fmt.Errorf("add the fixed fee: %w", err)
	}
	fee, err := money.Rounded(source.Currency(), exact)
	if err != nil {
		return fee, err
	}
	if r.MinFee != nil {
		least, err := money.Of(source.Currency(), *r.MinFee)
		if err != nil || fee.Less(least) {
			return least, err
		}
	}
	if r.MaxFee != nil {
		most, err := money.Of(source.Currency(), *r.MaxFee)
		if err != nil || most.Less(fee) {
			return most, err
		}
	}
	return fee, nil
}

// Month is the calendar month, in UTC, whose volume a payout of that moment counts in.
func Month(at time.Time) time.Time {
	year, month, _ := at.UTC().Date()
	return time.Date(year, month, 1, 0, 0, 0, 0, time.UTC)
}
