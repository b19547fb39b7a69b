package velocity

import (
	"container/heap"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/apd/v3"
)

// A Check is what velocity looked at once, and what became of it. Payout.New is as it was then.
type Check struct {
	Payout     Payout
	At         time.Time
	Passed     bool
	ReleasedAt *time.Time // when it was given back
	Again      bool       // a person released the payout from review
}

// A Rate became known at a moment.
type Rate struct {
	Pair
	AsOf  time.Time
	Value apd.Decimal
}

// An Effect is what a draft does to a check: if everything else had happened as it did, and if what the draft blocks had been blocked.
type Effect struct{ First, KnockOn *Hit }

// A Replay asks a draft about checks, in their order.
type Replay struct {
	draft    Rule
	rates    Rates
	upcoming []Rate // in the order of their time
	first    *course
	knockOn  *course
}

// NewReplay begins a replay. The rates are ordered by their time.
func NewReplay(draft Rule, rates []Rate) *Replay {
	draft.Mode, draft.ask = Enforce, -1
	if draft.Window != nil {
		draft.ask = 0 // alone, it is the first
	}
	return &Replay{draft: draft, rates: Rates{}, upcoming: rates, first: newCourse(&draft), knockOn: newCourse(&draft)}
}

// Warm counts a check of the time before the period, without asking the draft.
func (r *Replay) Warm(c Check) error { return r.step(c, nil) }

// Ask gives the draft's effect on the next check.
func (r *Replay) Ask(c Check) (Effect, error) {
	var e Effect
	err := r.step(c, &e)
	return e, err
}

func (r *Replay) step(c Check, e *Effect) error {
	for len(r.upcoming) > 0 && !r.upcoming[0].AsOf.After(c.At) {
		r.rates[r.upcoming[0].Pair] = r.upcoming[0].Value
		r.upcoming = r.upcoming[1:]
	}
	var since int64
	if r.draft.Window != nil {
		since = r.draft.Window.Start(c.At).Unix()
	}
	r.first.observe(c)
	r.knockOn.observe(c)
	var err error
	if e == nil {
		err = r.first.count(c, since)
		if err == nil {
			err = r.knockOn.count(c, since)
		}
		return err
	}
	if e.First, err = r.first.ask(c, since, r.rates); err != nil {
		return err
	}
	if err := r.first.count(c, since); err != nil {
		return err
	}
	if r.knockOn.gone[c.Payout.ID] {
		return nil // the draft blocked it before it came to a person
	}
	if e.KnockOn, err = r.knockOn.ask(c, since, r.rates); err != nil {
		return err
	}
	if e.KnockOn != nil && e.KnockOn.Effect == Block {
		r.knockOn.gone[c.Payout.ID] = true
		return nil
	}
	return r.knockOn.count(c, since)
}

// A course is one way in which things went: what counts at each moment.
type course struct {
	draft    *Rule
	question question
	used     map[string]*tally   // by subject
	queue    []*entry            // in the window, oldest first; those that were given back are still in it
	waits    returns             // what will be given back
	known    map[string]bool     // beneficiaries met so far: whether they were paid before the replay began
	counts   map[string][]*entry // what counts for a beneficiary, oldest first
	gone     map[string]bool     // payouts that the draft blocked
}

// An entry is a payout that counts.
type entry struct {
	payout     Payout
	at         time.Time
	releasedAt *time.Time
	inWindow   bool
}

func newCourse(draft *Rule) *course {
	return &course{
		draft: draft, question: newQuestion(draft), used: map[string]*tally{}, known: map[string]bool{}, counts: map[string][]*entry{}, gone: map[string]bool{},
	}
}

// ask judges the check by what counts at its moment, with the same code that judges payouts.
func (c *course) ask(check Check, since int64, rates Rates) (*Hit, error) {
	if err := c.giveBack(check.At); err != nil {
		return nil, err
	}
	if check.Again && c.draft.Action != Block {
		return nil, nil // the person's release is the answer to a rule that wants a review
	}
	p := check.Payout
	p.New = c.isNew(check)
	if !c.draft.looksAt(&p.Kind) {
		return nil, nil
	}
	var used []*tally
	if c.draft.Window != nil {
		if err := c.forget(since); err != nil {
			return nil, err
		}
		used = []*tally{c.tally(&p)}
	}
	w := c.question.weigh(&p, used, rates)
	return c.draft.judge(&p, &w, check.At)
}

// tally is what the window of the payout's subject has used.
func (c *course) tally(p *Payout) *tally {
	key := p.key(c.draft.Scope)
	if c.used[key] == nil {
		c.used[key] = &tally{}
	}
	return c.used[key]
}

// observe learns from what velocity saw whether anything of the time before the replay counts for the check's beneficiary.
func (c *course) observe(check Check) {
	if _, met := c.known[check.Payout.Beneficiary]; !met || check.Payout.New {
		c.known[check.Payout.Beneficiary] = !check.Payout.New
	}
}

// isNew says whether nothing counts for the check's beneficiary.
func (c *course) isNew(check Check) bool {
	return !c.known[check.Payout.Beneficiary] && len(c.counts[check.Payout.Beneficiary]) == 0
}

// count adds a check that really passed.
func (c *course) count(check Check, since int64) error {
	if err := c.giveBack(check.At); err != nil {
		return err
	}
	if !check.Passed {
		return nil
	}
	e := &entry{payout: check.Payout, at: check.At, releasedAt: check.ReleasedAt}
	e.payout.New = c.isNew(check)
	c.counts[check.Payout.Beneficiary] = append(c.counts[check.Payout.Beneficiary], e)
	if e.releasedAt != nil {
		heap.Push(&c.waits, e)
	}
	if c.draft.Window == nil {
		return nil
	}
	if err := c.forget(since); err != nil {
		return err
	}
	e.inWindow = true
	c.queue = append(c.queue, e)
	return c.change(e, 1)
}

// forget takes out what is older than the window.
func (c *course) forget(since int64) error {
	for len(c.queue) > 0 && c.queue[0].at.Unix() < since {
		e := c.queue[0]
		c.queue = c.queue[1:]
		if !e.inWindow {
			continue
		}
		e.inWindow = false
		if err := c.change(e, -1); err != nil {
			return err
		}
	}
	return nil
}

// giveBack takes out what was given back until now. Where it was the first to its beneficiary, the oldest that counts is the first then.
func (c *course) giveBack(now time.Time) error {
	for len(c.waits) > 0 && !c.waits[0].releasedAt.After(now) {
		e := heap.Pop(&c.waits).(*entry)
		b := e.payout.Beneficiary
		c.counts[b] = slices.DeleteFunc(c.counts[b], func(o *entry) bool { return o == e })
		if e.inWindow {
			e.inWindow = false
			if err := c.change(e, -1); err != nil {
				return err
			}
		}
		if !e.payout.New || len(c.counts[b]) == 0 {
			continue
		}
		heir := c.counts[b][0]
		heir.payout.New = true
		if heir.inWindow {
			c.tally(&heir.payout).of(heir.payout.Kind).NewBeneficiaries++
		}
	}
	return nil
}

// change adds an entry to what is used, or takes it out.
func (c *course) change(e *entry, sign int64) error {
	sum := c.tally(&e.payout).of(e.payout.Kind)
	sum.Payouts += sign
	if e.payout.New {
		sum.NewBeneficiaries += sign
	}
	amount := e.payout.Amount
	if sign < 0 {
		amount.Neg(&amount)
	}
	if _, err := exact.Add(&sum.Amount, &sum.Amount, &amount); err != nil {
		return fmt.Errorf("count %s: %w", e.payout.ID, err)
	}
	return nil
}

// returns is a heap of what will be given back, the next one first.
type returns []*entry

func (r returns) Len() int           { return len(r) }
func (r returns) Less(i, j int) bool { return r[i].releasedAt.Before(*r[j].releasedAt) }
func (r returns) Swap(i, j int)      { r[i], r[j] = r[j], r[i] }

// Push is for the heap.
func (r *returns) Push(e any) { *r = append(*r, e.(*entry)) }

// Pop is for the heap.
func (r *returns) Pop() any {
	old := *r
	e := old[len(old)-1]
	*r = old[:len(old)-1]
	return e
}
