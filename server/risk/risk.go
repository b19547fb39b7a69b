// Package risk scores payouts from 0 to 1000. It is pure: facts in, a score and the signals that made it out. Every signal says in a
// sentence what it saw. Nationality, age and names as such are never signals.
package risk

import (
	"fmt"
	"time"

	"github.com/cockroachdb/apd/v3"
)

// Model names the points and bands below; a verdict keeps it, so that it can be recomputed after they change.
const Model = "2026-11"

// ReviewFrom is the score from which a person decides.
const ReviewFrom = 600

// Facts are what the signals look at. They are stored with the verdict.
type Facts struct {
	Amount            apd.Decimal   `json:"amount"`
	BeneficiaryAge    time.Duration `json:"beneficiary_age"`
	CompletedBefore   int64         `json:"completed_before"`    // payouts to this beneficiary
	ReturnedBefore    int64         `json:"returned_before"`     // payouts to this beneficiary
	CreatedLastMinute int64         `json:"created_last_minute"` // payouts of this merchant
	MedianAmount      apd.Decimal   `json:"median_amount"`       // of this merchant's last 100 in the currency; zero without any
}

// A Signal is something that speaks for looking twice.
type Signal struct {
	Code   string `json:"code"`
	Points int    `json:"points"`
	Says   string `json:"says"`
}

// A Result is the score and what made it.
type Result struct {
	Score   int      `json:"score"`
	Signals []Signal `json:"signals,omitempty"`
	Model   string   `json:"model"`
}

// Review says whether a person must decide.
func (r Result) Review() bool { return r.Score >= ReviewFrom }

// Score evaluates the facts.
func Score(f Facts) Result {
	r := Result{Model: Model}
	add := func(code string, points int, says string, args ...any) {
		r.Signals = append(r.Signals, Signal{code, points, fmt.Sprintf(says, args...)})
		r.Score += points
	}
	isNew := f.CompletedBefore == 0
	if isNew {
		add("first_payout_to_beneficiary", 100, "No payout to this beneficiary was completed before.")
	}
	if isNew && f.BeneficiaryAge < time.Hour {
		add("new_beneficiary", 50, "The beneficiary was created %s ago.", f.BeneficiaryAge.Round(time.Second))
	}
	if f.ReturnedBefore > 0 {
		add("returns_from_beneficiary", min(400, int(200*f.ReturnedBefore)), "%d payouts to this beneficiary came back before.", f.ReturnedBefore)
	}
	if factor := times(f.Amount, f.MedianAmount); factor >= 20 {
		add("amount_far_above_usual", 300, "The amount is %.0f times the median of the last payouts in this currency.", factor)
	}
	if isNew && round(f.Amount) {
		add("round_amount_to_new_beneficiary", 100, "The amount is a round number, and the beneficiary is new.")
	}
	if f.CreatedLastMinute >= 500 {
		add("burst", 150, "%d payouts were created in the last minute.", f.CreatedLastMinute)
	}
	r.Score = min(1000, r.Score)
	return r
}

// times is how many times the usual amount this one is; zero where nothing is usual yet. A ratio for a threshold needs no exactness.
func times(amount, usual apd.Decimal) float64 {
	a, errA := amount.Float64()
	u, errU := usual.Float64()
	if errA != nil || errU != nil || u == 0 {
		return 0
	}
	return a / u
}

// round says whether the amount is a multiple of ten thousand.
func round(amount apd.Decimal) bool {
	var rest apd.Decimal
	_, err := apd.BaseContext.WithPrecision(60).Rem(&rest, &amount, apd.New(10_000, 0))
	return err == nil && rest.IsZero() && !amount.IsZero()
}
