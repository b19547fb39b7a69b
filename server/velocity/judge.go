package velocity

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
)

// exact adds up and converts with more digits than any sum of money has.
var exact = apd.BaseContext.WithPrecision(60)

// judge gives the hit when the payout breaks the rule; nil when it does not, or when the rule does not look at it.
func (r *Rule) judge(p *Payout, t *tally, rates Rates, now time.Time) (*Hit, error) {
	if !r.looksAt(&p.Kind) {
		return nil, nil
	}
	switch r.Type {
	case BlockedCountry, AllowedCountries:
		if slices.Contains(r.Filter.Countries, p.Kind.Country) == (r.Type == BlockedCountry) {
			return r.hit(), nil
		}
		return nil, nil
	case NewBeneficiaries:
		if !p.New {
			return nil, nil // it adds nothing to the window
		}
	}
	adds, err := r.measure(p, rates)
	var before apd.Decimal
	if err == nil && r.Window != nil {
		before, err = r.used(t, rates)
	}
	if missing, ok := errors.AsType[NoRateError](err); ok {
		h := r.hit()
		h.Effect, h.NoRate = Review, missing.Currency
		return h, nil
	}
	if err != nil {
		return nil, err
	}
	var sum apd.Decimal
	if _, err := exact.Add(&sum, &before, &adds); err != nil {
		return nil, fmt.Errorf("add up %s: %w", r.ID, err)
	}
	if sum.Cmp(r.Threshold) <= 0 {
		return nil, nil
	}
	h := r.hit()
	h.Adds = plain(&adds)
	if r.Window != nil {
		h.Used = plain(&before)
		if adds.Cmp(r.Threshold) <= 0 { // else it fits into no window, however empty
			resets := r.Window.Resets(now)
			h.ResetsAt = &resets
		}
	}
	return h, nil
}

// hit is the rule as a hit names it.
func (r *Rule) hit() *Hit {
	h := &Hit{
		RuleID: r.ID, Version: r.Version, Owner: r.Merchant, Rule: r.Name, Type: r.Type, Effect: r.Action, Currency: r.Currency, priority: r.Priority,
	}
	if r.Threshold != nil {
		h.Threshold = plain(r.Threshold)
	}
	return h
}

// looksAt says whether the kind is in each of the filter's lists.
func (r *Rule) looksAt(k *Kind) bool {
	f := &r.Filter
	aboutCountries := r.Type == BlockedCountry || r.Type == AllowedCountries
	return (aboutCountries || has(f.Countries, k.Country)) && has(f.Methods, k.Method) && has(f.Currencies, k.Currency) &&
		has(f.BeneficiaryTypes, k.BeneficiaryType)
}

func has(list []string, word string) bool { return len(list) == 0 || slices.Contains(list, word) }

// measure is what the payout adds to what the rule counts.
func (r *Rule) measure(p *Payout, rates Rates) (apd.Decimal, error) {
	if r.Currency != "" {
		return rates.Convert(p.Amount, p.Kind.Currency, r.Currency)
	}
	return *apd.New(1, 0), nil
}

// plain writes a number without an exponent and without zeros that a conversion left at its end.
func plain(d *apd.Decimal) string {
	text := d.Text('f')
	if whole, fraction, found := strings.Cut(text, "."); found && len(fraction) > 8 {
		text = strings.TrimSuffix(whole+"."+strings.TrimRight(fraction[:8], "0"), ".")
	}
	return text
}
