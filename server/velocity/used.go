package velocity

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"sort"
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

// A Part is buckets of one length of one subject, from the beginning of the longer bucket that they are in. What several windows have in
// common is one part, and a rolling window asks for the same part as long as it begins in the same longer bucket.
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
	parts  map[Part][]share
}

// A share is what a window has of a part: its buckets from a moment on.
type share struct {
	of   *tally
	from int64
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
	firstDays := u.firstDays()
	u.parts = make(map[Part][]share, 4*len(u.spans))
	for span, t := range u.spans {
		for _, r := range Ranges(span.Since) {
			whole := Part{span.Scope, span.Key, r}
			if r.Step == day {
				whole.From = firstDays[span.Scope]
			} else {
				whole.From = floor(r.From, longer(r.Step))
			}
			past, open := whole, whole
			border := floor(settled.Unix(), r.Step)
			if r.From < border {
				past.Until = min(r.Until, border)
				u.parts[past] = append(u.parts[past], share{t, r.From})
			}
			if border < r.Until {
				open.From = max(whole.From, border)
				u.parts[open] = append(u.parts[open], share{t, r.From})
			}
		}
	}
	return slices.Collect(maps.Keys(u.parts))
}

// firstDays are the first whole days that any window of a scope has: its windows share the days that they have in common.
func (u *Used) firstDays() map[Scope]int64 {
	first := map[Scope]int64{}
	for _, a := range u.book.asks {
		from := floor(u.starts[a.window]+day-1, day)
		if known, ok := first[a.scope]; !ok || from < known {
			first[a.scope] = from
		}
	}
	return first
}

// Put says what a part has used.
func (u *Used) Put(part Part, totals Totals) error {
	for _, share := range u.parts[part] {
		if err := share.put(totals); err != nil {
			return err
		}
	}
	return nil
}

func (s share) put(totals Totals) error {
	for i := range totals {
		more := totals[i].since(s.from)
		if more == nil {
			continue
		}
		if err := s.of.of(totals[i].kind).add(more); err != nil {
			return err
		}
	}
	return nil
}

// A Recent payout counts, and is in no bucket.
type Recent struct {
	Payout Payout
	At     time.Time
}

// Add says what else the windows have used.
func (u *Used) Add(recent []Recent) error {
	type subject struct {
		scope Scope
		key   string
	}
	totals := map[subject]Totals{}
	for span, t := range u.spans {
		of := subject{span.Scope, span.Key}
		all, known := totals[of]
		if !known {
			var seconds []Bucket
			for i := range recent {
				if p := &recent[i].Payout; p.key(span.Scope) == span.Key {
					seconds = append(seconds, Bucket{recent[i].At.Unix(), KindSum{p.Kind, *p.counts()}})
				}
			}
			var err error
			if all, err = AddUp(seconds); err != nil {
				return err
			}
			totals[of] = all
		}
		if err := (share{t, span.Since}).put(all); err != nil {
			return err
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

// A Bucket is what payouts of one kind add up to in one bucket.
type Bucket struct {
	From int64 // unix seconds
	KindSum
}

// Totals are a part's buckets by kinds, each added up with all that are newer, so that what a window has of the part is found and not
// added up.
type Totals []kindTotals

type kindTotals struct {
	kind  Kind
	froms []int64 // newest first
	sums  []Sum
}

// AddUp makes the totals of a part's buckets, which it puts in order.
func AddUp(buckets []Bucket) (Totals, error) {
	slices.SortFunc(buckets, func(a, b Bucket) int { return cmp.Compare(b.From, a.From) })
	var all Totals
	for i := range buckets {
		b := &buckets[i]
		place := slices.IndexFunc(all, func(t kindTotals) bool { return t.kind == b.Kind })
		if place < 0 {
			place = len(all)
			all = append(all, kindTotals{kind: b.Kind})
		}
		t, sum := &all[place], b.Sum
		if n := len(t.sums); n > 0 {
			if err := sum.add(&t.sums[n-1]); err != nil {
				return nil, err
			}
		}
		t.froms, t.sums = append(t.froms, b.From), append(t.sums, sum)
	}
	return all, nil
}

// since is what the buckets that begin at the moment or later add up to; nil where there are none.
func (t *kindTotals) since(from int64) *Sum {
	n := sort.Search(len(t.froms), func(i int) bool { return t.froms[i] < from })
	if n == 0 {
		return nil
	}
	return &t.sums[n-1]
}

// tallies are what each ask has used for the payout's subjects.
func (u *Used) tallies(p *Payout) []*tally {
	all := make([]*tally, len(u.book.asks))
	for i, a := range u.book.asks {
		all[i] = u.spans[Span{a.scope, p.key(a.scope), u.starts[a.window]}]
	}
	return all
}

// add counts a payout that passed in every span that it belongs to.
func (u *Used) add(p *Payout) error {
	for span, t := range u.spans {
		if p.key(span.Scope) != span.Key {
			continue
		}
		if err := t.of(p.Kind).add(p.counts()); err != nil {
			return err
		}
	}
	return nil
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
