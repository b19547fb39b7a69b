package pricing

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/apd/v3"
	"github.com/jackc/pgx/v5"

	"github.com/antonpayments/anton/gen/db"
)

// Load reads the rules of a plan's version, and what the merchant sent this month where one of them asks for that.
func Load(ctx context.Context, q *db.Queries, merchant string, at time.Time, version db.PricingPlanVersion) (*Plan, error) {
	plans := []*Plan{{PricingPlanVersion: version}}
	if err := loadRules(ctx, q, plans); err != nil {
		return nil, err
	}
	p := plans[0]
	p.volumes = map[string]apd.Decimal{}
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

// Of reads what a merchant's payouts cost at a moment; nil where it is on no plan.
func Of(ctx context.Context, q *db.Queries, merchant string, at time.Time) (*Plan, error) {
	version, err := q.MerchantPricingGet(ctx, merchant)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the merchant's plan: %w", err)
	}
	return Load(ctx, q, merchant, at, version)
}
