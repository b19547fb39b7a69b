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

// A Rulebook is rules that are asked together, with what they ask about: each window of each scope once.
type Rulebook struct {
	Rules []*Rule
	asks  []ask
}

type ask struct {
	scope  Scope
	window *Window
}

// NewRulebook puts rules together. The rules are the book's from then on.
func NewRulebook(rules []*Rule) *Rulebook {
	type name struct {
		scope  Scope
		window Window
	}
	b := &Rulebook{Rules: rules}
	places := map[name]int{}
	for _, r := range rules {
		if r.Window == nil {
			continue
		}
		n := name{r.Scope, r.Window.name()}
		place, ok := places[n]
		if !ok {
			place = len(b.asks)
			places[n] = place
			b.asks = append(b.asks, ask{r.Scope, r.Window})
		}
		r.ask = place
	}
	return b
}

// OnlyBlocks gives the rules in force that can stop a payout: what is asked again when a person releases one.
func (b *Rulebook) OnlyBlocks() *Rulebook {
	rules := slices.DeleteFunc(slices.Clone(b.Rules), func(r *Rule) bool { return r.Action != Block || r.Mode != Enforce })
	return &Rulebook{rules, b.asks}
}

// Used is what the windows of rules have used at one moment, for the subjects of some payouts.
type Used struct {
	asks   []ask
	starts []int64 // of each ask
	spans  map[Span]*tally
}

// A tally is what one window of one subject has used, by kinds of payouts: few, so that looking through them is quick.
type tally []kindSum

type kindSum struct {
	kind Kind
	sum  Sum
}

// NewUsed is nothing used yet: the caller puts there what is, for each of the Spans.
func NewUsed(book *Rulebook, payouts []Payout, now time.Time) *Used {
	u := &Used{asks: book.asks, spans: map[Span]*tally{}}
	starts := map[Window]int64{}
	for _, a := range book.asks {
		since, ok := starts[a.window.name()]
		if !ok {
			since = a.window.Start(now).Unix()
			starts[a.window.name()] = since
		}
		u.starts = append(u.starts, since)
		for i := range payouts {
			u.spans[Span{a.scope, payouts[i].key(a.scope), since}] = &tally{}
		}
	}
	return u
}

// Spans are what the rules ask about.
func (u *Used) Spans() []Span { return slices.Collect(maps.Keys(u.spans)) }

// Put says what a span has used of a kind.
func (u *Used) Put(s Span, k Kind, sum Sum) { *u.spans[s] = append(*u.spans[s], kindSum{k, sum}) }

// tallies are what each ask has used for the payout's subjects.
func (u *Used) tallies(p *Payout) []*tally {
	all := make([]*tally, len(u.asks))
	for i, a := range u.asks {
		all[i] = u.spans[Span{a.scope, p.key(a.scope), u.starts[i]}]
	}
	return all
}

// used is what the rule's window has used, in what the rule counts.
func (r *Rule) used(t *tally, rates Rates) (apd.Decimal, error) {
	var total apd.Decimal
	var count int64
	for i := range *t {
		kind, sum := &(*t)[i].kind, &(*t)[i].sum
		if !r.looksAt(kind) {
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
	for span, t := range u.spans {
		if p.key(span.Scope) != span.Key {
			continue
		}
		sum := t.of(p.Kind)
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

// of is the sum of a kind.
func (t *tally) of(k Kind) *Sum {
	for i := range *t {
		if (*t)[i].kind == k {
			return &(*t)[i].sum
		}
	}
	*t = append(*t, kindSum{kind: k})
	return &(*t)[len(*t)-1].sum
}
