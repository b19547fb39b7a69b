// Package engine judges payouts: screening, then velocity, then risk. It runs on every payout and nothing skips it. It moves neither
// money nor states; it says what should happen, stores why, and reserves what the velocity rules count, all in the caller's unit.
package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/risk"
	"github.com/antonpayments/anton/server/screening"
	"github.com/antonpayments/anton/server/unit"
	"github.com/antonpayments/anton/server/velocity"
)

// An Outcome is what should happen to a payout.
type Outcome string

// The outcomes, in the words of the verdicts table.
const (
	Clear         Outcome = "clear"
	ScreeningHit  Outcome = "screening_hit"
	VelocityBlock Outcome = "velocity_block"
	Review        Outcome = "review"
)

// A Verdict is the engine's judgement of one payout.
type Verdict struct {
	ID       string
	Outcome  Outcome
	ResetsAt time.Time // of a velocity block: when the window that is full ends
}

// Engine judges. Force, of the sandbox alone, gives certain amounts an outcome, so that integrations can be tried; it is nil in live.
type Engine struct {
	Lists []*screening.List
	Force func(amount string) Outcome
	Keys  *crypto.Keys
	// Model is what scores are made by.
	Model *risk.Model
}

// a judgement is a verdict on its way, with everything that is stored of it.
type judgement struct {
	payout    db.Payout
	screening screening.Result
	velocity  velocity.Decision
	risk      risk.Result
	facts     risk.Facts
	country   string // of the account
	forced    Outcome
}

// Evaluate judges payouts of one merchant, in their order, and queues the verdicts and the velocity reservations of those that pass.
// The payouts are locked by the caller.
func (e *Engine) Evaluate(ctx context.Context, u *unit.Unit, merchant string, payouts []db.Payout) ([]Verdict, error) {
	judgements := make([]judgement, len(payouts))
	for i, p := range payouts {
		judgements[i].payout = p
		if e.Force != nil {
			judgements[i].forced = e.Force(p.Amount.Text('f'))
		}
	}
	if err := e.screen(ctx, u, merchant, judgements); err != nil {
		return nil, err
	}
	if err := e.checkVelocity(ctx, u, merchant, judgements); err != nil {
		return nil, err
	}
	if err := e.scoreRisk(ctx, u, merchant, judgements); err != nil {
		return nil, err
	}
	verdicts := make([]Verdict, len(judgements))
	for i, j := range judgements {
		verdicts[i] = Verdict{ID: ids.New(ids.Verdict, u.Now), Outcome: j.outcome()}
		if len(j.velocity.Broken) > 0 {
			verdicts[i].ResetsAt = j.velocity.Broken[0].ResetsAt
		}
		if err := j.store(ctx, u, merchant, verdicts[i]); err != nil {
			return nil, err
		}
	}
	return verdicts, remember(ctx, u, merchant, judgements)
}

func (j *judgement) outcome() Outcome {
	switch {
	case j.screening.Certain:
		return ScreeningHit
	case len(j.velocity.Broken) > 0:
		return VelocityBlock
	case j.forced == Review || j.risk.Review():
		return Review
	}
	return Clear
}

// screen looks up everyone the payouts concern: the beneficiary, the merchant, and the party paid for where there is one.
func (e *Engine) screen(ctx context.Context, u *unit.Unit, merchant string, judgements []judgement) error {
	rows, err := u.Read().EngineParties(ctx, merchant, payoutIDs(judgements))
	if err != nil {
		return fmt.Errorf("read whom to screen: %w", err)
	}
	parties := map[string][]screening.Party{}
	for _, row := range rows {
		all := []screening.Party{{Role: "beneficiary", Name: fullName(row)}, {Role: "merchant", Name: row.MerchantName}}
		if row.MiddleName != nil {
			// Lists often know a person without the middle name.
			all = append(all, screening.Party{Role: "beneficiary", Name: *row.FirstName + " " + *row.LastName})
		}
		if row.OnBehalfOf != nil {
			var sender struct{ Name string }
			if err := json.Unmarshal(row.OnBehalfOf, &sender); err != nil {
				return fmt.Errorf("read whom %s is paid for: %w", row.PayoutID, err)
			}
			all = append(all, screening.Party{Role: "sender", Name: sender.Name})
		}
		parties[row.PayoutID] = all
	}
	for i := range judgements {
		j := &judgements[i]
		if j.screening, err = screening.Screen(e.Lists, parties[j.payout.ID]); err != nil {
			return fmt.Errorf("screen %s: %w", j.payout.ID, err)
		}
	}
	return nil
}

// checkVelocity locks the usage of every rule's window, decides in order, and queues what those that pass reserve.
func (e *Engine) checkVelocity(ctx context.Context, u *unit.Unit, merchant string, judgements []judgement) error {
	rules, err := u.Read().VelocityRules(ctx)
	if err != nil {
		return fmt.Errorf("read the velocity rules: %w", err)
	}
	day, _ := velocity.Window(u.Now)
	used, err := lockUsage(ctx, u, merchant, rules, day)
	if err != nil {
		return err
	}
	var payouts []velocity.Payout
	var open []*judgement
	for i := range judgements {
		j := &judgements[i]
		if j.screening.Certain {
			continue // stopped already: it must not use up anyone's window
		}
		if j.forced == VelocityBlock {
			j.velocity.Broken = []velocity.Broken{{RuleID: "sandbox", Rule: "Sandbox amount", ResetsAt: day.Add(24 * time.Hour)}}
			continue
		}
		open = append(open, j)
		payouts = append(payouts, velocity.Payout{ID: j.payout.ID, Amount: j.payout.SourceAmount, Currency: j.payout.SourceCurrency})
	}
	decisions, err := velocity.Evaluate(rules, used, payouts, u.Now)
	if err != nil {
		return err
	}
	reserve := db.VelocityReserveParams{MerchantID: merchant, WindowDay: day}
	for i, d := range decisions {
		open[i].velocity = d
		for _, r := range d.Reservations {
			reserve.PayoutIds = append(reserve.PayoutIds, open[i].payout.ID)
			reserve.RuleIds = append(reserve.RuleIds, r.RuleID)
			reserve.Amounts = append(reserve.Amounts, r.Amount)
		}
	}
	if len(reserve.PayoutIds) == 0 {
		return nil
	}
	return u.Queue(unit.Rows).VelocityReserve(ctx, reserve)
}

func lockUsage(ctx context.Context, u *unit.Unit, merchant string, rules []db.VelocityRule, day time.Time) (map[string]apd.Decimal, error) {
	var ruleIDs []string
	for _, r := range rules {
		ruleIDs = append(ruleIDs, r.ID)
	}
	// A row must exist before it can be locked.
	open := db.VelocityUsageOpenParams{MerchantID: merchant, RuleIds: ruleIDs, WindowDay: day}
	if err := u.Read().VelocityUsageOpen(ctx, open); err != nil {
		return nil, fmt.Errorf("open the velocity windows: %w", err)
	}
	rows, err := u.Read().VelocityUsageLock(ctx, db.VelocityUsageLockParams{MerchantID: merchant, WindowDay: day, RuleIds: ruleIDs})
	if err != nil {
		return nil, fmt.Errorf("lock the velocity windows: %w", err)
	}
	used := map[string]apd.Decimal{}
	for _, row := range rows {
		used[row.RuleID] = row.Used
	}
	return used, nil
}

// store queues the verdict with every stage's result and the facts that the score was made of.
func (j *judgement) store(ctx context.Context, u *unit.Unit, merchant string, v Verdict) error {
	stages, err := json.Marshal(map[string]any{
		"screening": j.screening,
		"velocity":  map[string]any{"broken": j.velocity.Broken},
		"risk":      j.risk,
		"forced":    j.forced,
	})
	if err != nil {
		return fmt.Errorf("write the verdict: %w", err)
	}
	inputs, err := json.Marshal(map[string]any{"risk": j.facts})
	if err != nil {
		return fmt.Errorf("write the verdict: %w", err)
	}
	return u.Queue(unit.Rows).VerdictInsert(ctx, db.VerdictInsertParams{
		MerchantID: merchant, ID: v.ID, PayoutID: j.payout.ID, Outcome: string(v.Outcome), Score: int32(j.risk.Score),
		Stages: stages, Inputs: inputs, CreatedAt: u.Now,
	})
}

func payoutIDs(judgements []judgement) []string {
	var all []string
	for _, j := range judgements {
		all = append(all, j.payout.ID)
	}
	return all
}

func fullName(row db.EnginePartiesRow) string {
	var parts []string
	for _, part := range []*string{row.FirstName, row.MiddleName, row.LastName, row.CompanyName} {
		if part != nil {
			parts = append(parts, *part)
		}
	}
	return strings.Join(parts, " ")
}
