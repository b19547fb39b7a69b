package velocity

import (
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/apd/v3"
)

// A Sum is what payouts of one kind add up to, in their own currency.
type Sum struct {
	Payouts, NewBeneficiaries int64
	Amount                    apd.Decimal
}

// A KindSum is what payouts of one kind add up to.
type KindSum struct {
	Kind Kind
	Sum  Sum
}

// Used is what the windows of rules have used at one moment, for the subjects of some payouts.
type Used struct {
	book   *Rulebook
	starts []int64   // of each of the book's windows
	ranges [][]Range // of each of the book's windows
	scopes []scopeUsed
}

// scopeUsed is what a scope's subjects have used. They are all asked about the same ranges of buckets.
type scopeUsed struct {
	scope    Scope
	asks     []int // by their places in the book
	ranges   []Range
	shares   []share
	subjects map[string]*Subject
}

// A Subject is whose payouts are counted together.
type Subject struct {
	Scope Scope
	Key   string

	of      *scopeUsed
	tallies []tally // of the scope's asks
}

// A share is what a window has of a range: its buckets that begin between two moments. Both are named by their places in the scope.
type share struct {
	ask, of     int
	from, until int64
}

// A tally is what one window of one subject has used, by kinds of payouts: few, so that looking through them is quick.
type tally []KindSum

// NewUsed is nothing used yet: the caller puts there what is, for each subject's Ranges. Each of those is either settled by the moment, or
// may still change.
func NewUsed(book *Rulebook, payouts []Payout, now, settled time.Time) *Used {
	u := &Used{book: book}
	for _, w := range book.windows {
		start := w.Start(now).Unix()
		u.starts, u.ranges = append(u.starts, start), append(u.ranges, Ranges(start))
	}
	for _, s := range book.scopes {
		of := scopeUsed{scope: s.scope, asks: s.asks, subjects: map[string]*Subject{}}
		of.ranges, of.shares = u.rangesOf(s.asks, settled.Unix())
		u.scopes = append(u.scopes, of)
	}
	for i := range u.scopes {
		of := &u.scopes[i]
		for k := range payouts {
			if key := payouts[k].key(of.scope); of.subjects[key] == nil {
				of.subjects[key] = newSubject(of, key)
			}
		}
	}
	return u
}

// newSubject has used nothing. Payouts to a subject are of one or two kinds as a rule; there is room for those.
func newSubject(of *scopeUsed, key string) *Subject {
	s := &Subject{Scope: of.scope, Key: key, of: of, tallies: make([]tally, len(of.asks))}
	room := make([]KindSum, 2*len(of.asks))
	for i := range s.tallies {
		s.tallies[i] = room[2*i : 2*i : 2*i+2]
	}
	return s
}

// Subjects are all that the payouts belong to and rules ask about.
func (u *Used) Subjects() []*Subject {
	var all []*Subject
	for i := range u.scopes {
		for _, s := range u.scopes[i].subjects {
			all = append(all, s)
		}
	}
	return all
}

// rangesOf are the buckets that the asks are about. What several windows have in common is one range. A range is wider than what any window
// has of it: it begins and ends with a quarter of an hour or a day, so that moving windows ask about the same as long as they can.
func (u *Used) rangesOf(asks []int, settled int64) (ranges []Range, shares []share) {
	ranges, shares = make([]Range, 0, 2*len(asks)), make([]share, 0, 5*len(asks))
	add := func(r Range, s share) {
		if s.of = slices.Index(ranges, r); s.of < 0 {
			s.of = len(ranges)
			ranges = append(ranges, r)
		}
		shares = append(shares, s)
	}
	firstDay := u.firstDay(asks)
	for i, ask := range asks {
		for _, r := range u.ranges[u.book.asks[ask].window] {
			wide := r.widened(firstDay)
			border := floor(settled, r.Step)
			if r.From < border {
				add(Range{r.Step, wide.From, min(wide.Until, border)}, share{ask: i, from: r.From, until: r.Until})
			}
			if border < r.Until {
				add(Range{r.Step, max(wide.From, border), wide.Until}, share{ask: i, from: r.From, until: r.Until})
			}
		}
	}
	return ranges, shares
}

// firstDay is the first whole day that any window of the asks has: the windows of a scope share the days that they have in common.
func (u *Used) firstDay(asks []int) int64 {
	var first int64 = farFuture
	for _, ask := range asks {
		first = min(first, floor(u.starts[u.book.asks[ask].window]+day-1, day))
	}
	return first
}

// Ranges are the buckets of the subject that the rules ask about. They are not to be changed.
func (s *Subject) Ranges() []Range { return s.of.ranges }

// Put says what the Ranges have used, in their order.
func (s *Subject) Put(totals []Totals) error {
	for _, share := range s.of.shares {
		all := totals[share.of]
		for i := range all {
			more, err := all[i].between(share.from, share.until)
			if err != nil {
				return err
			}
			if more == nil {
				continue
			}
			if err := s.tallies[share.ask].of(all[i].kind).add(more); err != nil {
				return err
			}
		}
	}
	return nil
}

// A Recent payout counts, and is in no bucket, or was not when somebody looked.
type Recent struct {
	Payout Payout
	At     time.Time
}

// Has says whether the payout belongs to the subject.
func (s *Subject) Has(p *Payout) bool { return p.key(s.Scope) == s.Key }

// Add says what else the windows have used.
func (u *Used) Add(recent []Recent) error {
	for i := range recent {
		r := &recent[i]
		if err := u.count(&r.Payout, r.At.Unix()); err != nil {
			return err
		}
	}
	return nil
}

// count adds a payout to every window that it is in.
func (u *Used) count(p *Payout, at int64) error {
	var counts *Sum
	for i := range u.scopes {
		of := &u.scopes[i]
		s := of.subjects[p.key(of.scope)]
		if s == nil {
			continue
		}
		if counts == nil {
			counts = p.counts()
		}
		for k, ask := range of.asks {
			if at < u.starts[u.book.asks[ask].window] {
				continue
			}
			if err := s.tallies[k].of(p.Kind).add(counts); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Sum) add(more *Sum) error {
	s.Payouts += more.Payouts
	s.NewBeneficiaries += more.NewBeneficiaries
	if err := add(&s.Amount, &s.Amount, &more.Amount); err != nil {
		return fmt.Errorf("add up a window: %w", err)
	}
	return nil
}

// tallies are what each ask has used for the payout's subjects.
func (u *Used) tallies(p *Payout) []*tally {
	all := make([]*tally, len(u.book.asks))
	for i := range u.scopes {
		of := &u.scopes[i]
		s := of.subjects[p.key(of.scope)]
		for k, ask := range of.asks {
			all[ask] = &s.tallies[k]
		}
	}
	return all
}

// counts is what the payout counts when it passes.
func (p *Payout) counts() *Sum {
	s := &Sum{Payouts: 1, Amount: p.Amount}
	if p.New {
		s.NewBeneficiaries = 1
	}
	return s
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
