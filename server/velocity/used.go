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

// A Part is buckets of one length of one subject. What several windows have in common is one part, and read once.
type Part struct {
	Scope Scope
	Key   string
	Range
}

// Settled says whether all of the part's buckets ended by the moment.
func (p Part) Settled(by time.Time) bool { return p.Until <= by.Unix() }

// A KindSum is what payouts of one kind add up to.
type KindSum struct {
	Kind Kind
	Sum  Sum
}

// Used is what the windows of rules have used at one moment, for the subjects of some payouts.
type Used struct {
	book   *Rulebook
	starts []int64 // of each of the book's windows
	spans  map[Span]*tally
	parts  map[Part][]*tally
}

// A tally is what one window of one subject has used, by kinds of payouts: few, so that looking through them is quick.
type tally []KindSum

// NewUsed is nothing used yet: the caller puts there what is, for each of the Parts.
func NewUsed(book *Rulebook, payouts []Payout, now time.Time) *Used {
	u := &Used{book: book, spans: map[Span]*tally{}}
	for _, w := range book.windows {
		u.starts = append(u.starts, w.Start(now).Unix())
	}
	for _, a := range book.asks {
		for i := range payouts {
			span := Span{a.scope, payouts[i].key(a.scope), u.starts[a.window]}
			if u.spans[span] == nil {
				u.spans[span] = &tally{}
			}
		}
	}
	return u
}

// Parts are the buckets that the rules ask about. Each is either Settled by the moment, or what may still grow.
func (u *Used) Parts(settled time.Time) []Part {
	u.parts = make(map[Part][]*tally, 4*len(u.spans))
	for span, t := range u.spans {
		for _, r := range Ranges(span.Since) {
			border := floor(settled.Unix(), r.Step)
			if r.From < border && border < r.Until {
				past := Part{span.Scope, span.Key, Range{r.Step, r.From, border}}
				u.parts[past] = append(u.parts[past], t)
				r.From = border
			}
			part := Part{span.Scope, span.Key, r}
			u.parts[part] = append(u.parts[part], t)
		}
	}
	return slices.Collect(maps.Keys(u.parts))
}

// Put says what a part has used.
func (u *Used) Put(part Part, sums ...KindSum) error {
	for _, t := range u.parts[part] {
		for i := range sums {
			s, more := t.of(sums[i].Kind), &sums[i].Sum
			s.Payouts += more.Payouts
			s.NewBeneficiaries += more.NewBeneficiaries
			if _, err := exact.Add(&s.Amount, &s.Amount, &more.Amount); err != nil {
				return fmt.Errorf("add up a window: %w", err)
			}
		}
	}
	return nil
}

// tallies are what each ask has used for the payout's subjects.
func (u *Used) tallies(p *Payout) []*tally {
	all := make([]*tally, len(u.book.asks))
	for i, a := range u.book.asks {
		all[i] = u.spans[Span{a.scope, p.key(a.scope), u.starts[a.window]}]
	}
	return all
}

// used is what the rule's window has used, in what the rule counts.
func (r *Rule) used(t *tally, rates Rates) (apd.Decimal, error) {
	var total apd.Decimal
	var count int64
	for i := range *t {
		kind, sum := &(*t)[i].Kind, &(*t)[i].Sum
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
		if (*t)[i].Kind == k {
			return &(*t)[i].Sum
		}
	}
	*t = append(*t, KindSum{Kind: k})
	return &(*t)[len(*t)-1].Sum
}
