package engine

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
	"google.golang.org/protobuf/types/known/timestamppb"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/velocity"
)

const (
	// mostReplayed is how many checks a simulation reads, and mostCounted how far it counts what there would be.
	mostReplayed, mostCounted = 100_000, 1_000_000
	// mostAffected is how many payouts an answer names.
	mostAffected = 1000
)

// SimulateVelocityRule replays a draft over what velocity looked at in a period. It reads only.
func (v *Velocity) SimulateVelocityRule(ctx context.Context, req *antonv1.SimulateVelocityRuleRequest) (*antonv1.SimulateVelocityRuleResponse, error) {
	merchant, q := call.Merchant(ctx), call.Reads(ctx)
	draft, wrong := ruleFrom(req.GetRule())
	for i := range wrong {
		wrong[i].Path = "rule." + wrong[i].Path
	}
	from, to := req.GetFrom().AsTime(), v.Clock().UTC()
	if req.GetTo() != nil {
		to = req.GetTo().AsTime()
	}
	if !from.Before(to) {
		wrong = append(wrong, apierr.Field{Path: "from", Message: "must be before to"})
	}
	if len(wrong) > 0 {
		return nil, apierr.Invalid(wrong...)
	}
	draft.Merchant, draft.ID, draft.Version = merchant, "draft", 1
	since := from
	if draft.Window != nil {
		since = draft.Window.Start(from)
	}
	rows, err := q.VelocityChecks(ctx, db.VelocityChecksParams{MerchantID: merchant, Since: since, Until: to, RowLimit: mostReplayed + 1})
	if err != nil {
		return nil, fmt.Errorf("read what to replay: %w", err)
	}
	rates, err := ratesUntil(ctx, q, draft, rows, since, to)
	if err != nil {
		return nil, err
	}
	s := newSimulation(draft, rates)
	if err := s.run(rows[:min(len(rows), mostReplayed)], from); err != nil {
		return nil, err
	}
	if s.out.Progress.Total = int32(len(rows)); len(rows) > mostReplayed {
		s.truncate(rows[mostReplayed-1].VelocityCheck.At)
		s.out.Progress.Total, err = q.VelocityChecksCount(ctx, db.VelocityChecksCountParams{
			MerchantID: merchant, Since: since, Until: to, RowLimit: mostCounted,
		})
	}
	return &antonv1.SimulateVelocityRuleResponse{Data: s.finish()}, err
}

// ratesUntil reads the mid rates that were known in the time, between the draft's currency and those of the payouts.
func ratesUntil(ctx context.Context, q *db.Queries, draft *velocity.Rule, rows []db.VelocityChecksRow, since, until time.Time) ([]velocity.Rate, error) {
	if draft.Currency == "" {
		return nil, nil
	}
	currencies := []string{draft.Currency, velocity.Through}
	for _, row := range rows {
		if !slices.Contains(currencies, row.VelocityCheck.Currency) {
			currencies = append(currencies, row.VelocityCheck.Currency)
		}
	}
	found, err := q.ReferenceRates(ctx, db.ReferenceRatesParams{Currencies: currencies, Since: since, Until: until})
	if err != nil {
		return nil, fmt.Errorf("read the mid rates: %w", err)
	}
	var rates []velocity.Rate
	for _, r := range found {
		rates = append(rates, velocity.Rate{Pair: velocity.Pair{Base: r.Base, Quote: r.Quote}, AsOf: r.AsOf, Value: r.Rate})
	}
	return rates, nil
}

// A simulation collects what a replay says.
type simulation struct {
	replay         *velocity.Replay
	out            *antonv1.VelocitySimulation
	first, knockOn tally
	outcomes       map[db.PayoutStatus]int32
}

func newSimulation(draft *velocity.Rule, rates []velocity.Rate) *simulation {
	return &simulation{
		replay: velocity.NewReplay(*draft, rates), out: &antonv1.VelocitySimulation{Progress: &antonv1.VelocityProgress{}},
		first: newTally(), knockOn: newTally(), outcomes: map[db.PayoutStatus]int32{},
	}
}

// run replays the checks; those before from only count.
func (s *simulation) run(rows []db.VelocityChecksRow, from time.Time) error {
	for _, row := range rows {
		check := checkOf(row.VelocityCheck)
		s.out.Progress.Scanned++
		if check.At.Before(from) {
			if err := s.replay.Warm(check); err != nil {
				return err
			}
			continue
		}
		effect, err := s.replay.Ask(check)
		if err != nil {
			return err
		}
		s.out.Progress.Evaluated++
		if err := s.note(row, effect); err != nil {
			return err
		}
	}
	return nil
}

func checkOf(c db.VelocityCheck) velocity.Check {
	return velocity.Check{
		At: c.At, Passed: c.Passed, ReleasedAt: c.ReleasedAt, Again: c.Place == lastPlace,
		Payout: velocity.Payout{
			ID: c.PayoutID, Amount: c.Amount, Beneficiary: c.BeneficiaryID, Account: c.Account, New: c.WasNew,
			Kind: velocity.Kind{Currency: c.Currency, Country: c.Country, Method: string(c.Method), BeneficiaryType: string(c.BeneficiaryType)},
		},
	}
}

// note counts one payout's effects, and names the payout where there are any.
func (s *simulation) note(row db.VelocityChecksRow, e velocity.Effect) error {
	c := row.VelocityCheck
	if e.KnockOn == nil {
		s.out.Passed++
	} else {
		s.outcomes[row.Status]++
	}
	for _, t := range []struct {
		tally tally
		hit   *velocity.Hit
	}{{s.first, e.First}, {s.knockOn, e.KnockOn}} {
		if err := t.tally.add(c, t.hit); err != nil {
			return err
		}
	}
	if e.First == nil && e.KnockOn == nil {
		return nil
	}
	if len(s.out.Affected) == mostAffected {
		s.out.AffectedTruncated = true
		return nil
	}
	amount, err := money.Of(c.Currency, c.Amount)
	if err != nil {
		return err
	}
	a := &antonv1.VelocityAffected{
		PayoutId: c.PayoutID, At: timestamppb.New(c.At), Amount: amount.String(), Currency: c.Currency,
		FirstEffect: effectWord(e.First), KnockOn: effectWord(e.KnockOn), Happened: antonv1.VelocityHappened_passed,
		Status: antonv1.PayoutStatus_Value(antonv1.PayoutStatus_Value_value[string(row.Status)]),
	}
	if !c.Passed {
		a.Happened = antonv1.VelocityHappened_blocked
	}
	state := e.KnockOn
	if state == nil {
		state = e.First
	}
	a.Used, a.Adds, a.Threshold = said(state.Used), said(state.Adds), said(state.Threshold)
	if state.ResetsAt != nil {
		a.ResetsAt = timestamppb.New(*state.ResetsAt)
	}
	s.out.Affected = append(s.out.Affected, a)
	return nil
}

func effectWord(h *velocity.Hit) antonv1.VelocityRuleEffect_Value {
	if h == nil {
		return antonv1.VelocityRuleEffect_pass
	}
	return antonv1.VelocityRuleEffect_Value(antonv1.VelocityRuleEffect_Value_value[h.Effect])
}

// said is a text that may be absent.
func said(text string) *string {
	if text == "" {
		return nil
	}
	return &text
}

// truncate says that the replay ended early. Figures are complete until the last moment that was read, which may have more checks.
func (s *simulation) truncate(last time.Time) {
	s.out.Progress.Truncated = true
	s.out.Progress.CompleteUntil = timestamppb.New(last)
}

func (s *simulation) finish() *antonv1.VelocitySimulation {
	s.out.FirstEffect, s.out.KnockOn = s.first.effect(), s.knockOn.effect()
	for _, status := range db.AllPayoutStatusValues() {
		if n := s.outcomes[status]; n > 0 {
			word := antonv1.PayoutStatus_Value(antonv1.PayoutStatus_Value_value[string(status)])
			s.out.Outcomes = append(s.out.Outcomes, &antonv1.VelocityOutcome{Status: word, Payouts: n})
		}
	}
	return s.out
}

// A tally counts the effects of one course.
type tally struct {
	counts  map[string]int32 // by effect
	amounts map[string]*antonv1.VelocityAmount
	sums    map[string]*apd.Decimal
}

func newTally() tally {
	return tally{map[string]int32{}, map[string]*antonv1.VelocityAmount{}, map[string]*apd.Decimal{}}
}

func (t tally) add(c db.VelocityCheck, h *velocity.Hit) error {
	if h == nil {
		return nil
	}
	t.counts[h.Effect]++
	if t.amounts[c.Currency] == nil {
		t.amounts[c.Currency], t.sums[c.Currency] = &antonv1.VelocityAmount{Currency: c.Currency}, &apd.Decimal{}
	}
	t.amounts[c.Currency].Payouts++
	sum := t.sums[c.Currency]
	if _, err := apd.BaseContext.WithPrecision(60).Add(sum, sum, &c.Amount); err != nil {
		return fmt.Errorf("add up what is affected: %w", err)
	}
	t.amounts[c.Currency].Amount = sum.Text('f')
	return nil
}

func (t tally) effect() *antonv1.VelocityEffect {
	e := &antonv1.VelocityEffect{Blocked: t.counts[velocity.Block], Reviewed: t.counts[velocity.Review]}
	for _, a := range t.amounts {
		e.Amounts = append(e.Amounts, a)
	}
	slices.SortFunc(e.Amounts, func(a, b *antonv1.VelocityAmount) int { return strings.Compare(a.GetCurrency(), b.GetCurrency()) })
	return e
}
