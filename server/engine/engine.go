// Package engine judges payouts: screening, then velocity, then risk. It runs on every payout and nothing skips it. It moves neither
// money nor states; it says what should happen, stores why, and reserves what the velocity rules count, all in the caller's unit.
package engine

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/observe"
	"github.com/antonpayments/anton/server/risk"
	"github.com/antonpayments/anton/server/sanctions"
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
	Limit    *velocity.Hit // of a velocity block: the first rule that stops the payout
	ResetsAt *time.Time    // of a velocity block: when there will be room again, at the latest; nil when waiting does not help
	Review   string        // of a review: what a person has to look at, for staff
}

// Engine judges. Force, of the sandbox alone, gives certain amounts an outcome, so that integrations can be tried; it is nil in live.
type Engine struct {
	// Lists knows the sanctions lists in force; its Prepare must be the engine's.
	Lists *sanctions.Watcher
	// Keys open what is known of a beneficiary besides its name.
	Keys  *crypto.Keys
	Force func(amount string) Outcome
	// Model is what scores are made by.
	Model *risk.Model

	// Filler is asked to fill buckets; without one, evaluations do it when there is much to fill.
	Filler *Filler

	Metrics *observe.Metrics
	Tracer  *observe.Tracer

	rules  rulebook
	series keptSeries
	memory memory
	book   atomic.Pointer[book]
}

// a judgement is a verdict on its way, with everything that is stored of it.
type judgement struct {
	payout    db.Payout
	screening screened
	velocity  velocity.Decision
	rulebook  revision
	risk      risk.Result
	facts     risk.Facts
	country   string  // of the account
	cap       float64 // the cap on single payouts that it stays just below; zero where there is none
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
	if err := u.Ahead(nil).EnginePlansOnce(ctx); err != nil {
		return nil, err
	}
	for _, s := range []stage{{"screening", e.screen}, {"velocity", e.checkVelocity}, {"risk", e.scoreRisk}} {
		if err := e.run(ctx, s, u, merchant, judgements); err != nil {
			return nil, err
		}
	}
	verdicts := make([]Verdict, len(judgements))
	for i, j := range judgements {
		verdicts[i] = Verdict{ID: ids.New(ids.Verdict, u.Now), Outcome: j.outcome(), Review: j.toReview()}
		if j.velocity.Blocked() {
			verdicts[i].Limit, verdicts[i].ResetsAt = j.velocity.Blocker(), j.velocity.ResetsAt()
		}
		if err := j.store(ctx, u, merchant, verdicts[i]); err != nil {
			return nil, err
		}
	}
	return verdicts, remember(ctx, u, merchant, judgements)
}

// A stage is a part of the judgement, under the name that metrics and traces give it.
type stage struct {
	name  string
	judge func(ctx context.Context, u *unit.Unit, merchant string, judgements []judgement) error
}

func (e *Engine) run(ctx context.Context, s stage, u *unit.Unit, merchant string, judgements []judgement) error {
	ctx, span := e.Tracer.Start(ctx, "engine."+s.name, trace.SpanKindInternal)
	began := time.Now()
	err := s.judge(ctx, u, merchant, judgements)
	e.Metrics.Staged(s.name, began)
	span.End(err)
	return err
}

func (j *judgement) outcome() Outcome {
	switch {
	case j.screening.decision == screening.Certain:
		return ScreeningHit
	case j.velocity.Blocked():
		return VelocityBlock
	case j.screening.decision == screening.Possible, j.forced == Review || j.velocity.Review() || j.risk.Review():
		return Review
	}
	return Clear
}

// store queues the verdict with every stage's result and the facts that the score was made of.
func (j *judgement) store(ctx context.Context, u *unit.Unit, merchant string, v Verdict) error {
	stages, err := json.Marshal(map[string]any{
		"screening": j.screening,
		"velocity":  map[string]any{"hits": j.velocity.Hits, "shadow": j.velocity.Shadow, "rules": j.rulebook},
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
	err = u.Queue(unit.Rows).VerdictInsert(ctx, db.VerdictInsertParams{
		MerchantID: merchant, ID: v.ID, PayoutID: j.payout.ID, Outcome: string(v.Outcome), Score: int32(j.risk.Score),
		Stages: stages, Inputs: inputs, Lists: j.screening.book.names, BeneficiarySequence: &j.screening.sequence, CreatedAt: u.Now,
	})
	if err != nil {
		return err
	}
	return j.screening.alert(ctx, u, source{merchant: merchant, beneficiary: j.payout.BeneficiaryID, payout: &j.payout.ID, verdict: &v.ID}, nil)
}

// toReview is what a person has to look at, if anyone has to.
func (j *judgement) toReview() string {
	switch {
	case j.screening.decision == screening.Possible:
		return "screening"
	case j.forced == Review:
		return "sandbox"
	case j.velocity.Review():
		return "velocity"
	}
	return "risk"
}

func payoutIDs(judgements []judgement) []string {
	var all []string
	for _, j := range judgements {
		all = append(all, j.payout.ID)
	}
	return all
}
