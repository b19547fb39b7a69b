package engine

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/simplelru"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/unit"
	"github.com/antonpayments/anton/server/velocity"
)

// A memory knows what buckets add up to, so that a check seldom reads any. It is true by what the merchant's book says, which is locked
// while we look: the book has numbers that are others since buckets changed in any other way than by being filled, and what was filled since
// somebody remembered is remembered too, in the merchant's tail. Nothing is lost with the memory, and servers need not agree on it.
type memory struct {
	mu       sync.Mutex
	subjects *simplelru.LRU[subject, []memo]
	tails    *simplelru.LRU[string, tail]
	buckets  int // in all memos
	lines    int64
}

// A subject of a merchant.
type subject struct {
	merchant string
	scope    velocity.Scope
	key      string
}

// A memo is what a range of a subject's buckets added up to when the book said so.
type memo struct {
	velocity.Range
	settled      bool  // then only another past makes it untrue
	line         int64 // the tail's
	past, recent int64
	counted      time.Time
	totals       velocity.Totals
}

// A tail is what counts of a merchant and was put into buckets lately.
type tail struct {
	line         int64             // tails that go on from one another have the same
	recent       int64             // the book's, when it ended
	since, until time.Time         // all that was checked in that time is in it
	payouts      []velocity.Recent // in their order
}

const (
	// bucketsRemembered and subjectsRemembered bound the memory to some twenty-five megabytes each, with a thousand rules a merchant.
	bucketsRemembered  = 300_000
	subjectsRemembered = 20_000
	tailsRemembered    = 300 // another fifteen
	// settledAfter is how long a bucket waits until it is settled: servers' clocks may differ by that much without any of them changing
	// the past. The moment moves on when buckets are filled.
	settledAfter = 15 * time.Minute
	// settledEvery keeps it where it is for an hour: what is settled and what is not are asked for apart, and both anew when it moves. The
	// database holds it to quarters of an hour, which all shorter buckets end with.
	settledEvery = time.Hour
)

// longestTail is how many payouts a tail has at most: what is remembered of a subject that was paid before is read again.
var longestTail = 256

// locked has f see the memory, which nobody else does meanwhile.
func (m *memory) locked(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.subjects == nil {
		m.subjects, _ = simplelru.NewLRU(subjectsRemembered, func(_ subject, all []memo) { m.buckets -= bucketsIn(all) }) // fails for a size below one
		m.tails, _ = simplelru.NewLRU[string, tail](tailsRemembered, nil)
	}
	f()
}

func bucketsIn(all []memo) int {
	n := 0
	for i := range all {
		n += all[i].totals.Buckets()
	}
	return n
}

// tailOf is what was filled lately; a new one where nothing is known.
func (m *memory) tailOf(merchant string) tail {
	t, known := tail{}, false
	m.locked(func() { t, known = m.tails.Get(merchant) })
	if !known {
		return m.newTail()
	}
	return t
}

// newTail ends at the end of time, until somebody looks.
func (m *memory) newTail() (t tail) {
	m.locked(func() {
		m.lines++
		t = tail{line: m.lines, until: endOfTime}
	})
	return t
}

// memosOf is what is remembered of a subject.
func (m *memory) memosOf(s subject) (all []memo) {
	m.locked(func() { all, _ = m.subjects.Get(s) })
	return all
}

// keep remembers a tail and what subjects used at its end. Others may have done so since we looked: then the later tail stays.
func (m *memory) keep(merchant string, t tail, changed []recall) {
	m.locked(func() {
		if known, ok := m.tails.Peek(merchant); !ok || known.line < t.line || known.line == t.line && known.until.Before(t.until) {
			m.tails.Add(merchant, t)
		}
		for _, r := range changed {
			s := subject{merchant, r.of.Scope, r.of.Key}
			if old, ok := m.subjects.Peek(s); ok {
				m.buckets -= bucketsIn(old)
			}
			m.buckets += bucketsIn(r.memos)
			m.subjects.Add(s, r.memos)
		}
		for m.buckets > bucketsRemembered {
			m.subjects.RemoveOldest()
		}
	})
}

// grown is the tail with what was filled since it ended, which the book knows. Where buckets changed otherwise, what it had may be given back.
func (t tail) grown(filled []velocity.Recent, book standing) tail {
	if t.until.Equal(endOfTime) {
		return tail{t.line, book.recent, book.counted, book.counted, nil}
	}
	if t.recent != book.recent {
		t = tail{line: t.line, recent: book.recent, since: t.until}
	}
	if len(filled) == 0 {
		return tail{t.line, t.recent, t.since, book.counted, t.payouts}
	}
	all := slices.Concat(t.payouts, filled)
	since := t.since
	if many := len(all) - longestTail; many > 0 {
		// Nothing is known to be complete of the last moment that is cut off.
		since = all[many-1].At.Add(time.Microsecond)
		all = slices.DeleteFunc(all[many:], func(r velocity.Recent) bool { return r.At.Before(since) })
	}
	return tail{t.line, t.recent, since, book.counted, all}
}

// after is what the subject counts in the tail, from a moment on.
func (t tail) after(s *velocity.Subject, from time.Time) []velocity.Recent {
	var all []velocity.Recent
	for i := range t.payouts {
		if p := &t.payouts[i]; !p.At.Before(from) && s.Has(&p.Payout) {
			all = append(all, *p)
		}
	}
	return all
}

// A gap is a range that is not remembered, by the places of its subject and of itself.
type gap struct{ subject, place int }

// A recall is what is remembered of a subject, in the order of its ranges, as it is written down again.
type recall struct {
	of      *velocity.Subject
	memos   []memo
	missing []int // the places of ranges that are not remembered
	changed bool
}

// fill says what the windows have used, by what is remembered or else by the buckets. Quarters of an hour and days come first: where they say
// that nothing was used there are no minutes and seconds to be read, and most subjects are paid in few quarters.
func (m *memory) fill(ctx context.Context, u *unit.Unit, merchant string, l *look) error {
	var recalls []recall
	for _, s := range l.used.Subjects() {
		r := recall{of: s, memos: make([]memo, len(s.Ranges()))}
		if err := r.recall(l, m.memosOf(subject{merchant, s.Scope, s.Key})); err != nil {
			return err
		}
		recalls = append(recalls, r)
	}
	for _, next := range []func(*recall) []int{(*recall).long, (*recall).left} {
		var gaps []gap
		for i := range recalls {
			for _, place := range next(&recalls[i]) {
				gaps = append(gaps, gap{i, place})
			}
		}
		if len(gaps) == 0 {
			continue
		}
		if err := readGaps(ctx, u, merchant, recalls, gaps); err != nil {
			return err
		}
	}
	for _, r := range recalls {
		totals := make([]velocity.Totals, len(r.memos))
		for place := range r.memos {
			totals[place] = r.memos[place].totals
		}
		if err := r.of.Put(totals); err != nil {
			return err
		}
	}
	recalls = slices.DeleteFunc(recalls, func(r recall) bool { return !r.changed })
	// Not before the commit: a unit that gives back, reads, and is then rolled back has read what never was.
	u.AfterCommit(func() { m.keep(merchant, l.tail, recalls) })
	return nil
}

// recall takes what is still true, with what the tail has since, and what is newer than the tail's beginning. It notes what
// is missing.
func (r *recall) recall(l *look, known []memo) (err error) {
	ranges := r.of.Ranges()
	for place := range ranges {
		now := &r.memos[place]
		*now = memo{ranges[place], ranges[place].Settled(l.book.settled), l.tail.line, l.book.past, l.book.recent, l.book.counted, nil}
		if now.From > l.book.counted.Unix() {
			continue // no bucket is so new
		}
		// Ranges are in the same order from check to check, until a window moves on.
		old := place
		if old >= len(known) || known[old].Range != now.Range {
			old = slices.IndexFunc(known, func(m memo) bool { return m.Range == now.Range })
		}
		totals, since := velocity.Totals(nil), time.Unix(now.From, 0)
		switch {
		case old >= 0 && known[old].holds(l):
			totals, since = known[old].totals, known[old].counted
			if known[old].settled || since.Equal(now.counted) {
				now.totals = totals
				continue
			}
		case since.Before(l.tail.since):
			r.missing, r.changed = append(r.missing, place), true
			continue
		}
		r.changed = true
		if now.totals, err = totals.And(now.Range, l.tail.after(r.of, since)); err != nil {
			return err
		}
	}
	return nil
}

// long are the missing ranges of quarters and days.
func (r *recall) long() []int {
	var all []int
	for _, place := range r.missing {
		if !r.memos[place].Short() {
			all = append(all, place)
		}
	}
	r.missing = slices.DeleteFunc(r.missing, func(place int) bool { return !r.memos[place].Short() })
	return all
}

// left are the missing ranges of minutes and seconds in which the subject used something, as what is known of its quarters says, or may have.
func (r *recall) left() []int {
	return slices.DeleteFunc(r.missing, func(place int) bool {
		asked := r.memos[place].Range
		for i := range r.memos {
			if m := &r.memos[i]; m.Has(asked) {
				return !m.totals.Any(asked)
			}
		}
		return false
	})
}

// holds says that what the memo says, with what the tail has since, is still so.
func (m *memo) holds(l *look) bool {
	if m.past != l.book.past || m.settled {
		return m.past == l.book.past
	}
	return m.line == l.tail.line && m.recent == l.book.recent && !m.counted.Before(l.tail.since)
}

// readGaps reads what is missing. Ranges that follow each other are one look at the index.
func readGaps(ctx context.Context, u *unit.Unit, merchant string, recalls []recall, gaps []gap) error {
	params := db.VelocityUsedParams{MerchantID: merchant}
	memoOf := func(g gap) *memo { return &recalls[g.subject].memos[g.place] }
	slices.SortFunc(gaps, func(a, b gap) int {
		return cmp.Or(cmp.Compare(a.subject, b.subject), cmp.Compare(memoOf(a).Step, memoOf(b).Step), cmp.Compare(memoOf(a).From, memoOf(b).From))
	})
	for i, g := range gaps {
		of, r := recalls[g.subject].of, memoOf(g).Range
		if i > 0 {
			before := memoOf(gaps[i-1])
			if gaps[i-1].subject == g.subject && before.Step == r.Step && before.Until == r.From {
				params.Untils[len(params.Untils)-1] = time.Unix(r.Until, 0)
				continue
			}
		}
		params.Numbers = append(params.Numbers, int32(i)) // the first gap that it is about
		params.Scopes = append(params.Scopes, string(of.Scope))
		params.Keys = append(params.Keys, of.Key)
		params.Steps = append(params.Steps, r.Step)
		params.Froms = append(params.Froms, time.Unix(r.From, 0))
		params.Untils = append(params.Untils, time.Unix(r.Until, 0))
	}
	rows, err := u.Read().VelocityUsed(ctx, params)
	if err != nil {
		return fmt.Errorf("read what is used: %w", err)
	}
	buckets := make([][]velocity.Bucket, len(gaps))
	for _, row := range rows {
		place := row.Number
		for row.StartsAt.Unix() >= memoOf(gaps[place]).Until {
			place++
		}
		buckets[place] = append(buckets[place], velocity.Bucket{From: row.StartsAt.Unix(), KindSum: velocity.KindSum{
			Kind: velocity.Kind{Currency: row.Currency, Country: row.Country, Method: string(row.Method), BeneficiaryType: string(row.BeneficiaryType)},
			Sum:  velocity.Sum{Payouts: row.Payouts, NewBeneficiaries: row.NewBeneficiaries, Amount: row.Amount},
		}})
	}
	for i, g := range gaps {
		if memoOf(g).totals, err = velocity.AddUp(buckets[i]); err != nil {
			return err
		}
	}
	return nil
}
