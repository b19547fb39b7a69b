package velocity

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/cockroachdb/apd/v3"
)

// A Span is a window of a subject: what counts for it from a moment on. There is no end: what another server's clock dated a moment
// ahead counts too.
type Span struct {
	Scope Scope
	Key   string
	Since int64 // unix seconds
}

// A Sum is what payouts of one kind add up to, in their own currency.
type Sum struct {
	Payouts, NewBeneficiaries int64
	Amount                    apd.Decimal
}

// Used is what the windows of rules have used at one moment, for the subjects of some payouts.
type Used struct {
	starts map[Window]int64
	spans  map[Span]map[Kind]*Sum
}

// NewUsed is nothing used yet: the caller puts there what is, for each of the Spans.
func NewUsed(rules []*Rule, payouts []Payout, now time.Time) *Used {
	u := &Used{map[Window]int64{}, map[Span]map[Kind]*Sum{}}
	type subject struct {
		scope Scope
		since int64
	}
	subjects := map[subject]bool{}
	for _, r := range rules {
		if r.Window == nil {
			continue
		}
		since, ok := u.starts[r.Window.name()]
		if !ok {
			since = r.Window.Start(now).Unix()
			u.starts[r.Window.name()] = since
		}
		subjects[subject{r.Scope, since}] = true
	}
	for s := range subjects {
		for i := range payouts {
			u.spans[Span{s.scope, payouts[i].key(s.scope), s.since}] = map[Kind]*Sum{}
		}
	}
	return u
}

// Spans are what the rules ask about.
func (u *Used) Spans() []Span { return slices.Collect(maps.Keys(u.spans)) }

// Put says what a span has used of a kind.
func (u *Used) Put(s Span, k Kind, sum Sum) { u.spans[s][k] = &sum }

// of is what the rule's window has used for the payout's subject, in what the rule counts.
func (u *Used) of(r *Rule, p *Payout, rates Rates) (apd.Decimal, error) {
	var total apd.Decimal
	var count int64
	span := Span{r.Scope, p.key(r.Scope), u.starts[r.Window.name()]}
	kinds, ok := u.spans[span]
	if !ok {
		return total, fmt.Errorf("rule %s asks about a window that was not read", r.ID)
	}
	for kind, sum := range kinds {
		if !r.looksAt(&kind) {
			continue
		}
		switch r.Type {
		case CountPerWindow:
			count += sum.Payouts
		case NewBeneficiaries:
			count += sum.NewBeneficiaries
		case AmountPerWindow:
			if sum.Payouts == 0 {
				continue
			}
			amount, err := rates.Convert(sum.Amount, kind.Currency, r.Currency)
			if err != nil {
				return total, err
			}
			if _, err := exact.Add(&total, &total, &amount); err != nil {
				return total, fmt.Errorf("add up %s: %w", r.ID, err)
			}
		}
	}
	if r.Type != AmountPerWindow {
		total.SetInt64(count)
	}
	return total, nil
}

// add counts a payout that passed in every span that it belongs to.
func (u *Used) add(p *Payout) error {
	for span, kinds := range u.spans {
		if p.key(span.Scope) != span.Key {
			continue
		}
		sum := kinds[p.Kind]
		if sum == nil {
			sum = &Sum{}
			kinds[p.Kind] = sum
		}
		sum.Payouts++
		if p.New {
			sum.NewBeneficiaries++
		}
		if _, err := exact.Add(&sum.Amount, &sum.Amount, &p.Amount); err != nil {
			return fmt.Errorf("count %s: %w", p.ID, err)
		}
	}
	return nil
}
