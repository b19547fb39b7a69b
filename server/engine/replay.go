package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/risk"
	"github.com/antonpayments/anton/server/velocity"
)

// A Recomputed is a stored verdict's score, and the one that its stored facts give now.
type Recomputed struct {
	Verdict       string
	Outcome       Outcome
	CreatedAt     time.Time
	Stored, Again risk.Result
}

// Same says whether score, threshold and every signal came out as they are stored.
func (r Recomputed) Same() bool {
	return r.Stored.Score == r.Again.Score && r.Stored.ReviewFrom == r.Again.ReviewFrom && slices.Equal(r.Stored.Signals, r.Again.Signals)
}

// Recompute scores the verdicts of a payout again from what is stored, by the models that they name.
func Recompute(ctx context.Context, pool *pgxpool.Pool, payout string) ([]Recomputed, error) {
	rows, err := db.New(pool).RiskVerdictsOfPayout(ctx, payout)
	if err != nil {
		return nil, fmt.Errorf("read the verdicts of %s: %w", payout, err)
	}
	var all []Recomputed
	for _, row := range rows {
		p, err := pastOf(db.RiskVerdictsRow(row))
		if err != nil {
			return nil, err
		}
		model, err := risk.Find(p.stages.Risk.Model)
		if err != nil {
			return nil, fmt.Errorf("verdict %s: %w", row.ID, err)
		}
		all = append(all, Recomputed{row.ID, Outcome(row.Outcome), row.CreatedAt, p.stages.Risk, risk.Score(model, p.inputs.Risk)})
	}
	return all, nil
}

// A past verdict, as far as a replay looks at it.
type past struct {
	stages struct {
		Risk     risk.Result                   `json:"risk"`
		Velocity struct{ Hits []velocity.Hit } `json:"velocity"`
		Forced   Outcome                       `json:"forced"`
	}
	inputs struct {
		Risk risk.Facts `json:"risk"`
	}
}

func pastOf(row db.RiskVerdictsRow) (p past, err error) {
	if err = json.Unmarshal(row.Stages, &p.stages); err == nil {
		err = json.Unmarshal(row.Inputs, &p.inputs)
	}
	if err != nil {
		err = fmt.Errorf("read the verdict %s: %w", row.ID, err)
	}
	return p, err
}

// onlyRisk says whether nothing but the score sent the payout to review.
func (p past) onlyRisk() bool {
	return p.stages.Risk.Review() && p.stages.Forced != Review &&
		!slices.ContainsFunc(p.stages.Velocity.Hits, func(h velocity.Hit) bool { return h.Effect == velocity.Review })
}

// A Replay tries a model on the facts of past verdicts. Nothing is changed.
type Replay struct {
	Pool     *pgxpool.Pool
	Model    *risk.Model
	From, To time.Time
	Merchant *string              // nil for all merchants
	Most     int64                // verdicts that are looked at; the rest is left
	Progress func(done, of int64) // may be nil
	Changed  func(Change)         // is told every payout that would fare otherwise
}

// A Change is a payout that the model would have sent elsewhere.
type Change struct {
	Merchant, Payout string
	Was, Becomes     Outcome
	WasScore, Score  int
}

// A Move is from where a payout went to where the model would have sent it.
type Move struct{ Was, Becomes Outcome }

// Tried is what a replay found: how many payouts make each move, and those that stay. Skipped are verdicts from before facts were kept, Left
// those beyond the most that were to be looked at.
type Tried struct {
	Verdicts, Skipped, Left int64
	Moves                   map[Move]int64
}

const replayAtOnce = 1000

// Run goes through the verdicts. When ctx ends it stops with what it found so far and ctx's error.
func (r *Replay) Run(ctx context.Context) (Tried, error) {
	tried := Tried{Moves: map[Move]int64{}}
	q := db.New(r.Pool)
	total, err := q.RiskVerdictCount(ctx, db.RiskVerdictCountParams{MerchantID: r.Merchant, Since: r.From, Until: r.To})
	if err != nil {
		return tried, fmt.Errorf("count the verdicts: %w", err)
	}
	total, tried.Left = min(total, r.Most), max(0, total-r.Most)
	next := db.RiskVerdictsParams{MerchantID: r.Merchant, Since: r.From, Until: r.To}
	for {
		next.RowLimit = int32(min(replayAtOnce, r.Most-tried.Verdicts))
		rows, err := q.RiskVerdicts(ctx, next)
		if err != nil {
			return tried, errors.Join(ctx.Err(), fmt.Errorf("read the verdicts: %w", err))
		}
		for _, row := range rows {
			if err := r.try(row, &tried); err != nil {
				return tried, err
			}
			next.AfterMerchant, next.AfterID = row.MerchantID, row.ID
		}
		if r.Progress != nil {
			r.Progress(tried.Verdicts, max(total, tried.Verdicts))
		}
		if len(rows) < replayAtOnce || tried.Verdicts == r.Most {
			return tried, nil
		}
	}
}

func (r *Replay) try(row db.RiskVerdictsRow, tried *Tried) error {
	tried.Verdicts++
	p, err := pastOf(row)
	if err != nil {
		return err
	}
	was := Outcome(row.Outcome)
	if !slices.Contains(risk.Versions(), p.stages.Risk.Model) {
		tried.Skipped++
		return nil
	}
	result, becomes := risk.Score(r.Model, p.inputs.Risk), was
	switch {
	case was == Clear && result.Review():
		becomes = Review
	case was == Review && p.onlyRisk() && !result.Review():
		becomes = Clear
	}
	tried.Moves[Move{was, becomes}]++
	if was != becomes {
		r.Changed(Change{row.MerchantID, row.PayoutID, was, becomes, p.stages.Risk.Score, result.Score})
	}
	return nil
}
