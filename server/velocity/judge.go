package velocity

import (
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
)

// judge gives the hit when the payout, which the rule looks at, breaks it; nil when it does not.
func (r *Rule) judge(p *Payout, w *weight, now time.Time) (*Hit, error) {
	switch {
	case r.aboutCountries():
		if slices.Contains(r.Filter.Countries, p.Kind.Country) == (r.Type == BlockedCountry) {
			return r.hit(), nil
		}
		return nil, nil
	case r.Type == NewBeneficiaries && !p.New:
		return nil, nil // it adds nothing to the window
	}
	if w.err != nil {
		missing, ok := errors.AsType[NoRateError](w.err)
		if !ok {
			return nil, w.err
		}
		h := r.hit()
		h.Effect, h.NoRate = Review, missing.Currency
		return h, nil
	}
	if !exceeds(&w.sum, r.Threshold) {
		return nil, nil
	}
	h := r.hit()
	h.Adds = plain(&w.adds)
	if r.Window != nil {
		h.Used = plain(&w.before)
		if w.adds.Cmp(r.Threshold) <= 0 { // else it fits into no window, however empty
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
	return (r.aboutCountries() || has(f.Countries, k.Country)) && has(f.Methods, k.Method) && has(f.Currencies, k.Currency) &&
		has(f.BeneficiaryTypes, k.BeneficiaryType)
}

// aboutCountries says that the countries of the rule's filter are its own subject.
func (r *Rule) aboutCountries() bool { return r.Type == BlockedCountry || r.Type == AllowedCountries }

func has(list []string, word string) bool { return len(list) == 0 || slices.Contains(list, word) }

// plain writes a number without an exponent and without zeros that a conversion left at its end.
func plain(d *apd.Decimal) string {
	text := d.Text('f')
	if whole, fraction, found := strings.Cut(text, "."); found && len(fraction) > 8 {
		text = strings.TrimSuffix(whole+"."+strings.TrimRight(fraction[:8], "0"), ".")
	}
	return text
}
