package pricing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/cockroachdb/apd/v3"
	"github.com/jackc/pgx/v5"

	"github.com/antonpayments/anton/gen/db"
)

// A Book remembers the rules of versions. They never change, so creating a payout reads which version is in force and no rules; any number of
// servers remember the same.
type Book struct {
	mu    sync.Mutex
	rules map[edition][]Rule
}

// An edition is a plan in a version.
type edition struct {
	plan    string
	version int32
}

// remembered is how many versions a Book knows at most; then it begins anew.
const remembered = 1000

// rulesOf are the rules of a version that is committed.
func (b *Book) rulesOf(ctx context.Context, q *db.Queries, v db.PricingPlanVersion) ([]Rule, error) {
	key := edition{v.PlanID, v.Version}
	b.mu.Lock()
	rules, known := b.rules[key]
	b.mu.Unlock()
	if known {
		return rules, nil
	}
	plan := &Plan{PricingPlanVersion: v}
	if err := loadRules(ctx, q, []*Plan{plan}); err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.rules == nil || len(b.rules) >= remembered {
		b.rules = map[edition][]Rule{}
	}
	b.rules[key] = plan.Rules
	return plan.Rules, nil
}

// load makes the plan of a version: its rules, and what the merchant sent this month where one of them asks for that.
func (b *Book) load(ctx context.Context, q *db.Queries, merchant string, at time.Time, version db.PricingPlanVersion) (*Plan, error) {
	p := &Plan{PricingPlanVersion: version, volumes: map[string]apd.Decimal{}}
	var err error
	if p.Rules, err = b.rulesOf(ctx, q, version); err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(p.Rules, func(r Rule) bool { return len(r.Tiers) > 0 }) {
		return p, nil
	}
	rows, err := q.PricingVolumes(ctx, merchant, Month(at))
	if err != nil {
		return nil, fmt.Errorf("read the volumes: %w", err)
	}
	for _, row := range rows {
		p.volumes[row.Currency] = row.Volume
	}
	return p, nil
}

// loadRules gives every plan its rules.
func loadRules(ctx context.Context, q *db.Queries, plans []*Plan) error {
	byID, ids, versions := map[string]*Plan{}, []string{}, []int32{}
	for _, p := range plans {
		byID[p.PlanID] = p
		ids, versions = append(ids, p.PlanID), append(versions, p.Version)
	}
	rules, err := q.PricingRulesOf(ctx, ids, versions)
	if err != nil {
		return fmt.Errorf("read the rules of prices: %w", err)
	}
	tiers, err := q.PricingTiersOf(ctx, ids, versions)
	if err != nil {
		return fmt.Errorf("read the tiers of prices: %w", err)
	}
	for _, row := range rules {
		rule := Rule{PricingRule: row}
		for len(tiers) > 0 && tiers[0].PlanID == row.PlanID && tiers[0].RuleNumber == row.Number { // both come in one order
			rule.Tiers, tiers = append(rule.Tiers, tiers[0]), tiers[1:]
		}
		byID[row.PlanID].Rules = append(byID[row.PlanID].Rules, rule)
	}
	return nil
}

// Of reads what a merchant's payouts cost at a moment; nil where it is on no plan and there is no default one.
func (b *Book) Of(ctx context.Context, q *db.Queries, merchant string, at time.Time) (*Plan, error) {
	found, err := q.MerchantPricingGet(ctx, merchant)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the merchant's plan: %w", err)
	}
	plan, err := b.load(ctx, q, merchant, at, found.PricingPlanVersion)
	if err != nil {
		return nil, err
	}
	plan.isDefault = found.IsDefault
	return plan, nil
}
