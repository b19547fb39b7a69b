package engine

import (
	"context"
	"fmt"
	"time"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/unit"
	"github.com/antonpayments/anton/server/velocity"
)

// A look is everything that velocity decides on, read under the lock of the merchant's book: until the unit commits, nobody else counts
// or gives back anything of this merchant.
type look struct {
	book     standing
	rules    *velocity.Rulebook
	rates    velocity.Rates
	used     *velocity.Used
	payouts  []velocity.Payout
	tail     tail
	filled   []velocity.Recent // what was put into buckets since this server looked
	unfilled []velocity.Recent // what counts and is in no bucket yet
}

// checkVelocity decides on the payouts in their order, and queues what was looked at, what counts, and which rules were broken.
func (e *Engine) checkVelocity(ctx context.Context, u *unit.Unit, merchant string, judgements []judgement) error {
	var payouts []db.Payout
	var open []*judgement
	for i := range judgements {
		j := &judgements[i]
		if j.outcome() == ScreeningHit {
			continue // stopped already: it must not use up anyone's window
		}
		if j.forced == VelocityBlock {
			tomorrow := u.Now.Truncate(24 * time.Hour).Add(24 * time.Hour)
			j.velocity.Hits = []velocity.Hit{{RuleID: "sandbox", Rule: "Sandbox amount", Effect: velocity.Block, ResetsAt: &tomorrow}}
			continue
		}
		open = append(open, j)
		payouts = append(payouts, j.payout)
	}
	if len(open) == 0 {
		return nil
	}
	l, err := e.lookAt(ctx, u, merchant, payouts)
	if err != nil {
		return err
	}
	decisions, err := velocity.Evaluate(l.rules, l.used, l.rates, l.payouts, u.Now)
	if err != nil {
		return err
	}
	for i, d := range decisions {
		open[i].velocity, open[i].rulebook = d, l.book.revision
		if open[i].cap, err = l.rules.CapJustAbove(&l.payouts[i]); err != nil {
			return err
		}
	}
	return l.record(ctx, u, merchant, decisions, 0)
}

// lastPlace orders a payout that is released from review behind those that were evaluated at the same moment.
const lastPlace = 1<<15 - 1

// Recheck asks the rules again about a payout that a person releases from review: what it counted is given back to its window, and where
// it fits now it counts from now on. The error is a state_conflict when it does not fit; then the whole release must not happen. Rules
// that want a review were answered by the person.
//
// Screening is asked again first, with the lists that are in force now and what is known of the parties now.
func (e *Engine) Recheck(ctx context.Context, u *unit.Unit, merchant string, payout db.Payout) error {
	if err := e.screenAgain(ctx, u, merchant, payout); err != nil {
		return err
	}
	if _, err := lockBook(ctx, u, merchant); err != nil {
		return err
	}
	err := u.Read().VelocityRelease(ctx, db.VelocityReleaseParams{ReleasedAt: &u.Now, MerchantID: merchant, PayoutIds: []string{payout.ID}})
	if err != nil {
		return fmt.Errorf("give back what the payout counted: %w", err)
	}
	l, err := e.lookAt(ctx, u, merchant, []db.Payout{payout})
	if err != nil {
		return err
	}
	decisions, err := velocity.Evaluate(l.rules.OnlyBlocks(), l.used, l.rates, l.payouts, u.Now)
	if err != nil {
		return err
	}
	if d := decisions[0]; d.Blocked() {
		return cannotRelease(payout.ID, d)
	}
	return l.record(ctx, u, merchant, decisions, lastPlace)
}

func cannotRelease(id string, d velocity.Decision) error {
	limit := "a velocity limit"
	if b := d.Blocker(); b.Owner != "" {
		limit = fmt.Sprintf("the velocity rule %q (%s)", b.Rule, b.RuleID)
	}
	if at := d.ResetsAt(); at != nil {
		return apierr.Conflict("Payout %s cannot be released now: %s is reached. It resets at %s.", id, limit, at.Format(time.RFC3339))
	}
	return apierr.Conflict("Payout %s cannot be released: %s does not allow it.", id, limit)
}

func (e *Engine) lookAt(ctx context.Context, u *unit.Unit, merchant string, payouts []db.Payout) (*look, error) {
	l, err := e.lookInto(ctx, u, merchant, payouts)
	if err != nil {
		return nil, err
	}
	if l.rules, err = e.rules.inForce(ctx, u, merchant, l.book.revision); err != nil {
		return nil, err
	}
	changed, err := e.series.keep(ctx, u, merchant, l.book.past, l.rules)
	if err != nil {
		return nil, err
	}
	if changed {
		rules := l.rules
		if l, err = e.lookInto(ctx, u, merchant, payouts); err != nil {
			return nil, err
		}
		l.rules = rules
	}
	l.used = velocity.NewUsed(l.rules, l.payouts, u.Now, l.book.settled)
	if err := e.memory.fill(ctx, u, merchant, l); err != nil {
		return nil, err
	}
	if err := l.used.Add(l.unfilled); err != nil {
		return nil, err
	}
	if len(l.unfilled)+len(payouts) > fillAfter {
		u.AfterCommit(func() { e.Filler.ask(merchant) })
	}
	currencies := velocity.Foreign(l.rules, l.used, l.payouts)
	if len(currencies) == 0 {
		return l, nil
	}
	l.rates, err = ratesOf(ctx, u.Read(), currencies, u.Now)
	return l, err
}

// ratesOf reads the newest mid rates between the currencies.
func ratesOf(ctx context.Context, q *db.Queries, currencies []string, at time.Time) (velocity.Rates, error) {
	rows, err := q.ReferenceRates(ctx, db.ReferenceRatesParams{Currencies: currencies, Until: at, Since: at})
	if err != nil {
		return nil, fmt.Errorf("read the mid rates: %w", err)
	}
	rates := velocity.Rates{}
	for _, row := range rows {
		rates[velocity.Pair{Base: row.Base, Quote: row.Quote}] = row.Rate
	}
	return rates, nil
}

// record queues the checks, what counts of them, and the rules that were broken. place is the first payout's place in the moment.
func (l *look) record(ctx context.Context, u *unit.Unit, merchant string, decisions []velocity.Decision, place int) error {
	var counted []string
	for i, d := range decisions {
		p, passed := &l.payouts[i], !d.Blocked()
		err := u.Queue(unit.Rows).VelocityCheckInsert(ctx, db.VelocityCheckInsertParams{
			MerchantID: merchant, At: u.Now, Place: int16(place + i), PayoutID: p.ID, Passed: passed, FirstToBeneficiary: passed && p.New, WasNew: p.New,
			Amount: p.Amount, Currency: p.Kind.Currency, BeneficiaryID: p.Beneficiary, BeneficiaryType: db.PartyType(p.Kind.BeneficiaryType),
			Account: p.Account, Country: p.Kind.Country, Method: db.PaymentMethod(p.Kind.Method),
		})
		if err != nil {
			return err
		}
		if passed {
			counted = append(counted, p.ID)
		}
	}
	if err := recordHits(ctx, u, merchant, decisions); err != nil {
		return err
	}
	return l.book.countLate(ctx, u, merchant, counted)
}

// recordHits counts which rules were broken, and which would have been.
func recordHits(ctx context.Context, u *unit.Unit, merchant string, decisions []velocity.Decision) error {
	type line struct {
		rule, effect string
		version      int32
	}
	counts := map[line]int64{}
	for _, d := range decisions {
		for _, h := range d.Hits {
			counts[line{h.RuleID, h.Effect, h.Version}]++
		}
		for _, h := range d.Shadow {
			counts[line{h.RuleID, "would_" + h.Effect, h.Version}]++
		}
	}
	if len(counts) == 0 {
		return nil
	}
	p := db.VelocityHitsAddParams{MerchantID: merchant, At: u.Now}
	for l, n := range counts {
		p.RuleIds = append(p.RuleIds, l.rule)
		p.Versions = append(p.Versions, l.version)
		p.Effects = append(p.Effects, l.effect)
		p.Payouts = append(p.Payouts, n)
	}
	return u.Queue(unit.Rows).VelocityHitsAdd(ctx, p)
}
