package pricing

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/money"
)

// free is the name of what merchants without a plan are on.
const free = "Free"

// pricingToProto is the plan as its merchant sees it.
func pricingToProto(p *Plan) (*antonv1.Pricing, error) {
	if p == nil {
		return &antonv1.Pricing{Name: free}, nil
	}
	out := &antonv1.Pricing{PlanId: &p.PlanID, PlanVersion: &p.Version, Name: p.Name, IsDefault: p.isDefault}
	var err error
	if out.Rules, err = rulesToProto(p.Rules); err != nil {
		return nil, err
	}
	for _, currency := range slices.Sorted(maps.Keys(p.volumes)) {
		volume, err := money.Of(currency, p.volumes[currency])
		if err != nil {
			return nil, fmt.Errorf("volume of a month: %w", err)
		}
		out.Volumes = append(out.Volumes, &antonv1.PricingVolume{Currency: currency, Volume: volume.String()})
	}
	return out, nil
}

// defaultToProto is the default plan in its newest version; nil is none.
func defaultToProto(ctx context.Context, q *db.Queries, row *db.PricingDefault) (*opsv1.DefaultPricing, error) {
	if row == nil {
		return &opsv1.DefaultPricing{Name: free}, nil
	}
	v, err := version(ctx, q, row.PlanID, nil)
	return &opsv1.DefaultPricing{
		PlanId: &row.PlanID, PlanVersion: &v.Version, Name: v.Name, SetBy: &row.SetBy, SetAt: timestamppb.New(row.SetAt),
	}, err
}

// planToProto is the plan as operators see it.
func planToProto(p *Plan) (*opsv1.PricingPlan, error) {
	rules, err := rulesToProto(p.Rules)
	return &opsv1.PricingPlan{
		Id: p.PlanID, Version: p.Version, Name: p.Name, Rules: rules, CreatedBy: p.CreatedBy, CreatedAt: timestamppb.New(p.CreatedAt),
	}, err
}

func rulesToProto(rules []Rule) (out []*antonv1.PricingRule, err error) {
	for i := range rules {
		rule, err := ruleToProto(&rules[i])
		if err != nil {
			return nil, fmt.Errorf("plan %s, rule %d: %w", rules[i].PlanID, rules[i].Number, err)
		}
		out = append(out, rule)
	}
	return out, nil
}

func ruleToProto(r *Rule) (*antonv1.PricingRule, error) {
	out := &antonv1.PricingRule{
		SourceCurrency: r.SourceCurrency, DestCurrency: r.DestCurrency, Country: r.Country, PercentageBps: r.PercentageBps,
	}
	if r.Method != "" {
		method := methodOf(r.Method)
		out.Method = &method
	}
	if r.SourceCurrency == "" {
		return out, nil // it has no sums
	}
	fixed, err := money.Of(r.SourceCurrency, r.FixedFee)
	if err != nil {
		return nil, err
	}
	out.FixedFee = fixed.String()
	if r.MinFee != nil {
		least, err := money.Of(r.SourceCurrency, *r.MinFee)
		if err != nil {
			return nil, err
		}
		text := least.String()
		out.MinFee = &text
	}
	if r.MaxFee != nil {
		most, err := money.Of(r.SourceCurrency, *r.MaxFee)
		if err != nil {
			return nil, err
		}
		text := most.String()
		out.MaxFee = &text
	}
	for _, t := range r.Tiers {
		tier, err := tierToProto(t)
		if err != nil {
			return nil, err
		}
		out.Tiers = append(out.Tiers, tier)
	}
	return out, nil
}

func tierToProto(t db.PricingTier) (*antonv1.PricingTier, error) {
	volume, err := money.Of(t.SourceCurrency, t.MinVolume)
	if err != nil {
		return nil, err
	}
	fixed, err := money.Of(t.SourceCurrency, t.FixedFee)
	return &antonv1.PricingTier{MinVolume: volume.String(), FixedFee: fixed.String(), PercentageBps: t.PercentageBps}, err
}

func quoteToProto(q *Quote, now time.Time) (*antonv1.PricingQuote, error) {
	out := &antonv1.PricingQuote{
		Id: q.ID, Status: antonv1.PricingQuoteStatus_open, FixedSide: antonv1.FixedSide_Value(antonv1.FixedSide_Value_value[q.FixedSide]),
		SourceCurrency: q.SourceCurrency, DestCurrency: q.DestCurrency, Country: q.Country, Method: methodOf(q.Method),
		FeeCurrency: q.SourceCurrency, PlanId: q.PlanID, PayoutId: q.PayoutID,
		CreatedAt: timestamppb.New(q.CreatedAt), ExpiresAt: timestamppb.New(q.ExpiresAt),
	}
	switch {
	case q.PayoutID != nil:
		out.Status = antonv1.PricingQuoteStatus_used
	case !now.Before(q.ExpiresAt):
		out.Status = antonv1.PricingQuoteStatus_expired
	}
	currency := q.DestCurrency
	if out.FixedSide == antonv1.FixedSide_source {
		currency = q.SourceCurrency
	}
	amount, err := money.Of(currency, q.Amount)
	if err != nil {
		return nil, fmt.Errorf("quote %s: %w", q.ID, err)
	}
	source, err := money.Of(q.SourceCurrency, q.SourceAmount)
	if err != nil {
		return nil, fmt.Errorf("quote %s: %w", q.ID, err)
	}
	fee, err := money.Of(q.SourceCurrency, q.Fee)
	if err != nil {
		return nil, fmt.Errorf("quote %s: %w", q.ID, err)
	}
	out.Amount, out.SourceAmount, out.Fee = amount.String(), source.String(), fee.String()
	return out, nil
}

func methodOf(name string) antonv1.PaymentMethod_Value {
	return antonv1.PaymentMethod_Value(antonv1.PaymentMethod_Value_value[name])
}
