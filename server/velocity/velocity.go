// Package velocity decides whether payouts fit under a merchant's caps. It is pure: rules, what is used already, and payouts in their
// order in; a decision for each out. The caller holds the usage rows locked from reading them until its transaction commits, so two
// evaluations can never pass a cap together.
//
// A payout counts when it passes. One that is blocked counts nowhere. Exactly the cap passes.
package velocity

import (
	"fmt"
	"maps"
	"time"

	"github.com/cockroachdb/apd/v3"

	"github.com/antonpayments/anton/gen/db"
)

// A Payout is what the rules look at: the amount that leaves the balance, without the fee.
type Payout struct {
	ID       string
	Amount   apd.Decimal
	Currency string
}

// A Reservation is what a payout takes of a rule's window.
type Reservation struct {
	RuleID string
	Amount apd.Decimal
}

// A Broken rule is one that a payout did not fit under.
type Broken struct {
	RuleID    string    `json:"rule_id"`
	Rule      string    `json:"rule"`
	Threshold string    `json:"threshold"`
	Used      string    `json:"used"`
	ResetsAt  time.Time `json:"resets_at"`
}

// A Decision is what the rules say of one payout: what it reserves when it passes, or which rules it broke.
type Decision struct {
	Broken       []Broken
	Reservations []Reservation
}

// Window is the day that counts at the moment: the calendar day in UTC. It ends at resets.
func Window(now time.Time) (day, resets time.Time) {
	day = now.UTC().Truncate(24 * time.Hour)
	return day, day.Add(24 * time.Hour)
}

// Evaluate decides on the payouts in their order; each that passes counts for those after it. used is changed accordingly.
func Evaluate(rules []db.VelocityRule, used map[string]apd.Decimal, payouts []Payout, now time.Time) ([]Decision, error) {
	_, resets := Window(now)
	decisions := make([]Decision, len(payouts))
	for i, payout := range payouts {
		d := &decisions[i]
		after := map[string]apd.Decimal{}
		for _, rule := range rules {
			amount, counts := measure(rule, payout)
			if !counts {
				continue
			}
			before, sum := used[rule.ID], apd.Decimal{}
			if _, err := apd.BaseContext.WithPrecision(60).Add(&sum, &before, &amount); err != nil {
				return nil, fmt.Errorf("add up %s: %w", rule.ID, err)
			}
			if sum.Cmp(&rule.Threshold) > 0 {
				d.Broken = append(d.Broken, Broken{rule.ID, rule.Name, rule.Threshold.Text('f'), before.Text('f'), resets})
			}
			after[rule.ID] = sum
			d.Reservations = append(d.Reservations, Reservation{rule.ID, amount})
		}
		if len(d.Broken) > 0 {
			d.Reservations = nil
			continue
		}
		maps.Copy(used, after)
	}
	return decisions, nil
}

// measure is how much of the rule's window the payout takes, and whether the rule looks at it at all.
func measure(rule db.VelocityRule, payout Payout) (apd.Decimal, bool) {
	switch rule.Type {
	case db.VelocityRuleTypeCountPerWindow:
		return *apd.New(1, 0), true
	case db.VelocityRuleTypeAmountPerWindow:
		return payout.Amount, rule.Currency != nil && *rule.Currency == payout.Currency
	}
	return apd.Decimal{}, false
}
