package velocity

import (
	"fmt"

	"github.com/cockroachdb/apd/v3"
)

// A question is what rules of one type, window, filter and currency ask of a payout: they differ by their thresholds alone. All that it
// takes to see that none of them is broken stands here together; going through a thousand rules, wherever they are in memory, took longer
// than the sums.
type question struct {
	counts      Type
	currency    string
	ask, filter int // the places of its window, -1 where there is none, and of its filter in the rulebook
	measured    bool
	least       apd.Decimal // the lowest threshold, where it is measured
	looks       *Rule       // by its filter
	rules       []*Rule
}

// newQuestion is what the rule asks.
func newQuestion(r *Rule) question {
	q := question{counts: r.Type, currency: r.Currency, ask: r.ask, filter: r.filter, looks: r}
	q.add(r)
	return q
}

// add has another rule ask the same.
func (q *question) add(r *Rule) {
	if r.Threshold != nil && (!q.measured || exceeds(&q.least, r.Threshold)) {
		q.measured, q.least = true, *r.Threshold
	}
	q.rules = append(q.rules, r)
}

// A weight is what a payout adds to what rules count, what their window has used without it, and both together.
type weight struct {
	adds, before, sum apd.Decimal
	err               error
}

// weigh finds the payout's weight. The tallies are those of the rulebook's asks.
func (q *question) weigh(p *Payout, tallies []*tally, rates Rates) (w weight) {
	if !q.measured {
		return w
	}
	if w.adds, w.err = q.measure(p, rates); w.err == nil && q.ask >= 0 {
		w.before, w.err = q.used(tallies[q.ask], rates)
	}
	if w.err != nil {
		return w
	}
	if err := add(&w.sum, &w.before, &w.adds); err != nil {
		w.err = fmt.Errorf("add up %s: %w", q.looks.ID, err)
	}
	return w
}

// fits says that the payout breaks none of the rules.
func (q *question) fits(p *Payout, w *weight) bool {
	if q.counts == NewBeneficiaries && !p.New {
		return true // it adds nothing to the window
	}
	return q.measured && w.err == nil && !exceeds(&w.sum, &q.least)
}

// measure is what the payout adds to what the rules count.
func (q *question) measure(p *Payout, rates Rates) (apd.Decimal, error) {
	if q.currency != "" {
		return rates.Convert(p.Amount, p.Kind.Currency, q.currency)
	}
	return *apd.New(1, 0), nil
}

// used is what the rules' window has used, in what they count.
func (q *question) used(t *tally, rates Rates) (apd.Decimal, error) {
	var total apd.Decimal
	var count int64
	for i := range *t {
		kind, sum := &(*t)[i].Kind, &(*t)[i].Sum
		if !q.looks.looksAt(kind) {
			continue
		}
		switch q.counts {
		case CountPerWindow:
			count += sum.Payouts
		case NewBeneficiaries:
			count += sum.NewBeneficiaries
		case AmountPerWindow:
			if sum.Payouts == 0 {
				continue
			}
			amount, err := rates.Convert(sum.Amount, kind.Currency, q.currency)
			if err != nil {
				return total, err
			}
			if err := add(&total, &total, &amount); err != nil {
				return total, fmt.Errorf("add up %s: %w", q.looks.ID, err)
			}
		}
	}
	if q.counts != AmountPerWindow {
		total.SetInt64(count)
	}
	return total, nil
}
