// Package velocity decides whether payouts fit under rules. It is pure: rules, what is used of their windows, and payouts in their order
// in; a decision for each out. The caller holds the merchant's book locked from reading what is used until its transaction commits, so
// two evaluations can never pass a cap together.
//
// A payout counts when it passes. One that is blocked counts nowhere. Exactly the cap passes. All rules are asked, and the strictest
// answer wins.
package velocity

import (
	"cmp"
	"slices"
	"time"

	"github.com/cockroachdb/apd/v3"
)

// A Type says what a rule looks at.
type Type string

// The types, in the words of the database.
const (
	MaxAmount        Type = "max_amount_per_payout"
	AmountPerWindow  Type = "amount_per_window"
	CountPerWindow   Type = "count_per_window"
	NewBeneficiaries Type = "new_beneficiaries_per_window"
	BlockedCountry   Type = "blocked_country"
	AllowedCountries Type = "allowed_countries"
)

// A Scope says whose payouts are counted together.
type Scope string

// The scopes, in the words of the database.
const (
	ByMerchant    Scope = "merchant"
	ByBeneficiary Scope = "beneficiary"
	ByInstrument  Scope = "instrument"
	ByCountry     Scope = "country"
	ByMethod      Scope = "method"
)

// What becomes of a payout that breaks a rule, and whether anything does.
const (
	Block   = "block"
	Review  = "review"
	Enforce = "enforce"
	Shadow  = "shadow"
)

// A Rule is one version of a rule.
type Rule struct {
	Merchant    string // empty for the operator's rules
	ID          string
	Version     int32
	Name        string
	Description string
	Type        Type
	Scope       Scope
	Window      *Window      // of the types that count in a window
	Threshold   *apd.Decimal // of all types but the two about countries
	Currency    string       // of the types about amounts
	Filter      Filter
	Action      string
	Mode        string
	Priority    int32
	Enabled     bool

	// The places of its window and its filter in its rulebook; the window's is -1 where there is none.
	ask, filter int
}

// A Filter says which payouts a rule looks at: those that are in each of its lists. An empty list has every payout. The countries of a
// rule of the types about countries are its own subject and filter nothing.
type Filter struct {
	Countries, Methods, Currencies, BeneficiaryTypes []string
}

// A Kind of payouts: what filters tell apart.
type Kind struct {
	Currency, Country, Method, BeneficiaryType string
}

// A Payout is what the rules look at. Its amount is what leaves the balance, without the fee.
type Payout struct {
	ID          string
	Kind        Kind
	Amount      apd.Decimal
	Beneficiary string
	Account     string // the account's fingerprint
	New         bool   // no other payout to the beneficiary counts
}

// key is the subject that the payout belongs to in the scope.
func (p *Payout) key(s Scope) string {
	switch s {
	case ByBeneficiary:
		return p.Beneficiary
	case ByInstrument:
		return p.Account
	case ByCountry:
		return p.Kind.Country
	case ByMethod:
		return p.Kind.Method
	}
	return ""
}

// A Hit is a rule that a payout broke, with the state of the rule at that moment.
type Hit struct {
	RuleID    string     `json:"rule_id"`
	Version   int32      `json:"version"`
	Owner     string     `json:"owner,omitempty"` // the merchant, or empty for the operator's rules
	Rule      string     `json:"rule"`
	Type      Type       `json:"type"`
	Effect    string     `json:"effect"` // block or review
	Threshold string     `json:"threshold,omitempty"`
	Currency  string     `json:"currency,omitempty"`
	Used      string     `json:"used,omitempty"` // of the window, before the payout
	Adds      string     `json:"adds,omitempty"` // what the payout adds to it
	ResetsAt  *time.Time `json:"resets_at,omitempty"`
	// NoRate is the currency for which no mid rate is stored, so that the rule could not be evaluated. That is never a block.
	NoRate string `json:"no_rate,omitempty"`

	priority int32
}

// A Decision is what the rules say of one payout.
type Decision struct {
	Hits   []Hit `json:"hits"`
	Shadow []Hit `json:"shadow"`
}

// Blocked says whether a rule stops the payout.
func (d Decision) Blocked() bool { return slices.ContainsFunc(d.Hits, blocks) }

// Review says whether a person must look at the payout.
func (d Decision) Review() bool { return !d.Blocked() && len(d.Hits) > 0 }

// Blocker is the first rule that stops the payout, in the order in which reasons are told.
func (d Decision) Blocker() *Hit {
	if i := slices.IndexFunc(d.Hits, blocks); i >= 0 {
		return &d.Hits[i]
	}
	return nil
}

// ResetsAt is when every window that stops the payout is over at the latest; nil when waiting does not help.
func (d Decision) ResetsAt() *time.Time {
	var last *time.Time
	for _, h := range d.Hits {
		if !blocks(h) {
			continue
		}
		if h.ResetsAt == nil {
			return nil
		}
		if last == nil || h.ResetsAt.After(*last) {
			last = h.ResetsAt
		}
	}
	return last
}

func blocks(h Hit) bool { return h.Effect == Block }

// Evaluate decides on the payouts in their order; each that passes counts for those after it. used is changed accordingly.
func Evaluate(book *Rulebook, used *Used, rates Rates, payouts []Payout, now time.Time) ([]Decision, error) {
	decisions := make([]Decision, len(payouts))
	newly := map[string]bool{} // beneficiaries that a payout before in this slice was the first to
	for i := range payouts {
		p := &payouts[i]
		p.New = p.New && !newly[p.Beneficiary]
		tallies, looks := used.tallies(p), book.looks(&p.Kind)
		for k := range book.questions {
			q := &book.questions[k]
			if !looks[q.filter] {
				continue
			}
			w := q.weigh(p, tallies, rates)
			if q.fits(p, &w) {
				continue
			}
			if err := decisions[i].judge(p, q.rules, &w, now); err != nil {
				return nil, err
			}
		}
		order(decisions[i].Hits)
		order(decisions[i].Shadow)
		if decisions[i].Blocked() {
			continue
		}
		if p.New {
			newly[p.Beneficiary] = true
		}
		if err := used.count(p, now.Unix()); err != nil {
			return nil, err
		}
	}
	return decisions, nil
}

// judge adds the hits of rules that ask the same.
func (d *Decision) judge(p *Payout, rules []*Rule, w *weight, now time.Time) error {
	for _, rule := range rules {
		hit, err := rule.judge(p, w, now)
		switch {
		case err != nil:
			return err
		case hit == nil:
		case rule.Mode == Shadow:
			d.Shadow = append(d.Shadow, *hit)
		default:
			d.Hits = append(d.Hits, *hit)
		}
	}
	return nil
}

// order sorts reasons as they are told: by priority, the operator's rules before the merchant's, older rules first.
func order(hits []Hit) {
	slices.SortFunc(hits, func(a, b Hit) int {
		return cmp.Or(cmp.Compare(a.priority, b.priority), cmp.Compare(a.Owner, b.Owner), cmp.Compare(a.RuleID, b.RuleID))
	})
}
