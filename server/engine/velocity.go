package engine

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/unit"
	"github.com/antonpayments/anton/server/velocity"
)

// A look is everything that velocity decides on, read under the lock of the merchant's book: until the unit commits, nobody else counts
// or gives back anything of this merchant.
type look struct {
	revision revision
	settled  time.Time
	rules    *velocity.Rulebook
	series   map[string]time.Time
	rates    velocity.Rates
	used     *velocity.Used
	payouts  []velocity.Payout
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
		open[i].velocity, open[i].rulebook = d, l.revision
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

func lockBook(ctx context.Context, u *unit.Unit, merchant string) (db.VelocityBookLockRow, error) {
	book, err := u.Read().VelocityBookLock(ctx, merchant)
	if errors.Is(err, pgx.ErrNoRows) {
		if err = u.Read().VelocityBookOpen(ctx, merchant); err == nil {
			book, err = u.Read().VelocityBookLock(ctx, merchant)
		}
	}
	if err != nil {
		return book, fmt.Errorf("lock the velocity book: %w", err)
	}
	return book, nil
}

func (e *Engine) lookAt(ctx context.Context, u *unit.Unit, merchant string, payouts []db.Payout) (*look, error) {
	book, err := lockBook(ctx, u, merchant)
	if err != nil {
		return nil, err
	}
	l := &look{revision: revision{book.Revision, book.OperatorRevision}, settled: book.Settled}
	if l.rules, err = e.rules.inForce(ctx, u, merchant, l.revision); err != nil {
		return nil, err
	}
	var filled bool
	if l.series, filled, err = keepSeries(ctx, u, merchant, book.Series, velocity.Needed(l.rules, u.Now)); err != nil {
		return nil, err
	}
	if filled {
		if err := u.Read().VelocityBookPast(ctx, merchant); err != nil {
			return nil, fmt.Errorf("say that the past changed: %w", err)
		}
		if book, err = lockBook(ctx, u, merchant); err != nil {
			return nil, err
		}
	}
	if l.payouts, err = velocityPayouts(ctx, u, merchant, payouts); err != nil {
		return nil, err
	}
	l.used = velocity.NewUsed(l.rules, l.payouts, u.Now)
	if err := e.settled.read(ctx, u, merchant, book, l.used); err != nil {
		return nil, err
	}
	currencies := velocity.Foreign(l.rules, l.used, l.payouts)
	if len(currencies) == 0 {
		return l, nil
	}
	l.rates, err = ratesOf(ctx, u.Read(), currencies, u.Now)
	return l, err
}

func velocityPayouts(ctx context.Context, u *unit.Unit, merchant string, payouts []db.Payout) ([]velocity.Payout, error) {
	var ids []string
	for _, p := range payouts {
		ids = append(ids, p.ID)
	}
	rows, err := u.Read().VelocityPayouts(ctx, merchant, ids)
	if err != nil {
		return nil, fmt.Errorf("read what velocity asks about: %w", err)
	}
	byID := map[string]db.VelocityPayoutsRow{}
	for _, row := range rows {
		byID[row.ID] = row
	}
	all := make([]velocity.Payout, len(payouts))
	for i, p := range payouts {
		row := byID[p.ID]
		all[i] = velocity.Payout{
			ID: p.ID, Amount: p.SourceAmount, Beneficiary: p.BeneficiaryID, Account: row.Account, New: !row.Known,
			Kind: velocity.Kind{
				Currency: p.SourceCurrency, Country: row.Country, Method: string(p.Method), BeneficiaryType: string(row.BeneficiaryType),
			},
		}
	}
	return all, nil
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
	checks := db.VelocityCheckInsertParams{MerchantID: merchant, At: u.Now}
	var counted []*velocity.Payout
	for i, d := range decisions {
		p, passed := &l.payouts[i], !d.Blocked()
		checks.Places = append(checks.Places, int16(place+i))
		checks.PayoutIds = append(checks.PayoutIds, p.ID)
		checks.Passed = append(checks.Passed, passed)
		checks.Firsts = append(checks.Firsts, passed && p.New)
		checks.News = append(checks.News, p.New)
		checks.Amounts = append(checks.Amounts, p.Amount)
		checks.Currencies = append(checks.Currencies, p.Kind.Currency)
		checks.BeneficiaryIds = append(checks.BeneficiaryIds, p.Beneficiary)
		checks.BeneficiaryTypes = append(checks.BeneficiaryTypes, p.Kind.BeneficiaryType)
		checks.Accounts = append(checks.Accounts, p.Account)
		checks.Countries = append(checks.Countries, p.Kind.Country)
		checks.Methods = append(checks.Methods, p.Kind.Method)
		if passed {
			counted = append(counted, p)
		}
	}
	if err := u.Queue(unit.Rows).VelocityCheckInsert(ctx, checks); err != nil {
		return err
	}
	if err := recordHits(ctx, u, merchant, decisions); err != nil {
		return err
	}
	if len(counted) == 0 || len(l.series) == 0 {
		return nil
	}
	if err := l.count(ctx, u, merchant, counted); err != nil {
		return err
	}
	return settle(ctx, u, merchant, l.settled)
}

// count queues what the payouts add to the buckets that are kept.
func (l *look) count(ctx context.Context, u *unit.Unit, merchant string, payouts []*velocity.Payout) error {
	var series []velocity.Series
	for name := range l.series {
		series = append(series, seriesNamed(name))
	}
	counts, err := velocity.Counts(payouts, series, u.Now)
	if err != nil {
		return err
	}
	add := db.VelocityUsageAddParams{MerchantID: merchant}
	for _, c := range counts {
		add.Scopes = append(add.Scopes, string(c.Scope))
		add.Keys = append(add.Keys, c.Key)
		add.Steps = append(add.Steps, c.Step)
		add.Starts = append(add.Starts, time.Unix(c.From, 0))
		add.Currencies = append(add.Currencies, c.Kind.Currency)
		add.Countries = append(add.Countries, c.Kind.Country)
		add.Methods = append(add.Methods, c.Kind.Method)
		add.BeneficiaryTypes = append(add.BeneficiaryTypes, c.Kind.BeneficiaryType)
		add.Payouts = append(add.Payouts, c.Sum.Payouts)
		add.Amounts = append(add.Amounts, c.Sum.Amount)
		add.NewBeneficiaries = append(add.NewBeneficiaries, c.Sum.NewBeneficiaries)
	}
	return u.Queue(unit.Rows).VelocityUsageAdd(ctx, add)
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

// keepSeries sees to it that the buckets which the rules ask about are there: a series that is new, or that must reach further back, is
// added up from the checks. What no rule asks about any more is left off. It gives what is kept from now on, and whether anything was
// added up.
func keepSeries(
	ctx context.Context, u *unit.Unit, merchant string, kept map[string]time.Time, needed map[velocity.Series]time.Time,
) (next map[string]time.Time, filled bool, err error) {
	next = map[string]time.Time{}
	for series, since := range needed {
		name := seriesName(series)
		was, ok := kept[name]
		if ok && !since.Before(was) {
			next[name] = was
			continue
		}
		if !ok {
			was = endOfTime
		}
		if err := fillSeries(ctx, u, merchant, series, since, was); err != nil {
			return nil, false, err
		}
		next[name], filled = since, true
	}
	if filled || len(next) != len(kept) {
		err = u.Queue(unit.Rows).VelocityBookSeries(ctx, next, merchant)
	}
	return next, filled, err
}

// endOfTime is after everything.
var endOfTime = time.Date(9999, 12, 31, 0, 0, 0, 0, time.UTC)

func fillSeries(ctx context.Context, u *unit.Unit, merchant string, s velocity.Series, since, until time.Time) error {
	err := u.Read().VelocityUsageClear(ctx, db.VelocityUsageClearParams{
		MerchantID: merchant, Scope: db.VelocityScope(s.Scope), Step: s.Step, Until: until,
	})
	if err != nil {
		return fmt.Errorf("clear a series: %w", err)
	}
	err = u.Read().VelocityUsageFill(ctx, db.VelocityUsageFillParams{
		MerchantID: merchant, Scope: db.VelocityScope(s.Scope), Step: s.Step, Since: since, Until: until,
	})
	if err != nil {
		return fmt.Errorf("add up a series: %w", err)
	}
	return nil
}

func seriesName(s velocity.Series) string { return string(s.Scope) + "/" + strconv.Itoa(int(s.Step)) }
