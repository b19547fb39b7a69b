// Package risk scores payouts from 0 to 1000. It is pure: facts and a model in, a score and the signals that made it out, the same
// ones whenever it is asked. Every signal says in a sentence what it saw.
//
// Nationality, age and names as such are never signals. What other merchants know of an account counts in sums over many merchants and
// is shown to none of them.
package risk

import (
	"math"
)

// A Family is where a signal draws from.
type Family string

// The families. CrossMerchant and Counterparty signals rest on other merchants' payouts and are for the operator alone.
const (
	CrossMerchant Family = "cross_merchant_trust"
	Beneficiary   Family = "beneficiary_history"
	Counterparty  Family = "counterparty_reputation"
	Anomaly       Family = "real_time_anomaly"
)

// Own says that the family's signals are drawn from the merchant's own data, so that the merchant may read them.
func (f Family) Own() bool { return f == Beneficiary || f == Anomaly }

// A Signal is something that speaks for looking twice, or, with negative points, against.
type Signal struct {
	Code   string `json:"code"`
	Family Family `json:"family"`
	Points int    `json:"points"`
	Says   string `json:"says"`
}

// Own says that the merchant may read the signal: it is drawn from the merchant's own data, and names no limit of the operator's.
func (s Signal) Own() bool { return s.Family.Own() && s.Code != "just_below_a_cap" }

// A Result is the score, what made it, and from which score a person decides. Band is "approve" or "review".
type Result struct {
	Score      int      `json:"score"`
	ReviewFrom int      `json:"review_from"`
	Signals    []Signal `json:"signals,omitempty"`
	Model      string   `json:"model"`
}

// Review says whether a person must decide.
func (r Result) Review() bool { return r.Score >= r.ReviewFrom }

// Score evaluates the facts by the model. A merchant of no known tier is a standard one.
func Score(m *Model, f Facts) Result {
	r := Result{Model: m.Version, ReviewFrom: m.ReviewFrom[f.Tier]}
	if r.ReviewFrom == 0 {
		r.ReviewFrom = m.ReviewFrom[Standard]
	}
	for _, s := range signals {
		strength, says := s.look(f)
		points := int(math.Round(min(1, strength) * float64(m.Points[s.code])))
		if points == 0 {
			continue
		}
		r.Signals = append(r.Signals, Signal{Code: s.code, Family: s.family, Points: points, Says: says})
		r.Score += points
	}
	r.Score = max(0, min(1000, r.Score))
	return r
}
