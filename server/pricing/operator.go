package pricing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/page"
	"github.com/antonpayments/anton/server/unit"
)

// Operator is anton.ops.v1.PricingService.
type Operator struct {
	Book  *Book
	Clock func() time.Time
}

// CreatePricingPlan writes a new plan.
func (*Operator) CreatePricingPlan(ctx context.Context, req *opsv1.CreatePricingPlanRequest) (*opsv1.CreatePricingPlanResponse, error) {
	tx := call.Tx(ctx)
	id := ids.New(ids.PricingPlan, tx.Now)
	err := tx.Queue(unit.Rows).PricingPlanInsert(ctx, db.PricingPlanInsertParams{ID: id, CreatedBy: tx.Actor, CreatedAt: tx.Now})
	if err != nil {
		return nil, err
	}
	plan, err := write(ctx, tx, db.PricingPlanVersion{PlanID: id, Version: 1, Name: req.GetName()}, req.GetRules())
	return &opsv1.CreatePricingPlanResponse{Data: plan}, err
}

// ChangePricingPlan writes a plan's next version. Whoever creates a payout reads the newest one that is committed.
func (*Operator) ChangePricingPlan(ctx context.Context, req *opsv1.ChangePricingPlanRequest) (*opsv1.ChangePricingPlanResponse, error) {
	tx := call.Tx(ctx)
	newest, err := version(ctx, tx.Read(), req.GetId(), nil)
	if err != nil {
		return nil, err
	}
	plan, err := write(ctx, tx, db.PricingPlanVersion{PlanID: newest.PlanID, Version: newest.Version + 1, Name: req.GetName()}, req.GetRules())
	return &opsv1.ChangePricingPlanResponse{Data: plan}, err
}

// write queues a version with its rules.
func write(ctx context.Context, tx *unit.Unit, v db.PricingPlanVersion, in []*antonv1.PricingRule) (*opsv1.PricingPlan, error) {
	v.CreatedBy, v.CreatedAt = tx.Actor, tx.Now
	rules, err := readRules(v, in)
	if err != nil {
		return nil, err
	}
	q := tx.Queue(unit.Rows)
	if err := q.PricingVersionInsert(ctx, db.PricingVersionInsertParams(v)); err != nil {
		return nil, err
	}
	for _, rule := range rules {
		if err := q.PricingRuleInsert(ctx, db.PricingRuleInsertParams(rule.PricingRule)); err != nil {
			return nil, err
		}
		for _, tier := range rule.Tiers {
			if err := q.PricingTierInsert(ctx, db.PricingTierInsertParams(tier)); err != nil {
				return nil, err
			}
		}
	}
	tx.About("", v.PlanID)
	return planToProto(&Plan{PricingPlanVersion: v, Rules: rules})
}

// GetPricingPlan shows a version of a plan.
func (*Operator) GetPricingPlan(ctx context.Context, req *opsv1.GetPricingPlanRequest) (*opsv1.GetPricingPlanResponse, error) {
	q := call.Reads(ctx)
	v, err := version(ctx, q, req.GetId(), req.Version)
	if err != nil {
		return nil, err
	}
	plan := &Plan{PricingPlanVersion: v}
	if err := loadRules(ctx, q, []*Plan{plan}); err != nil {
		return nil, err
	}
	data, err := planToProto(plan)
	return &opsv1.GetPricingPlanResponse{Data: data}, err
}

func version(ctx context.Context, q *db.Queries, id string, number *int32) (db.PricingPlanVersion, error) {
	v, err := q.PricingPlanGet(ctx, id, number)
	if errors.Is(err, pgx.ErrNoRows) {
		return v, apierr.NotFound("pricing plan", id)
	}
	if err != nil {
		return v, fmt.Errorf("read the plan: %w", err)
	}
	return v, nil
}

// ListPricingPlans lists the plans in their newest versions.
func (*Operator) ListPricingPlans(ctx context.Context, req *opsv1.ListPricingPlansRequest) (*opsv1.ListPricingPlansResponse, error) {
	p, err := page.Of("", req)
	if err != nil {
		return nil, err
	}
	q := call.Reads(ctx)
	rows, err := q.PricingPlanList(ctx, db.PricingPlanListParams{BeforeAt: p.At, BeforeID: p.ID, RowLimit: p.Fetch()})
	if err != nil {
		return nil, fmt.Errorf("list the plans: %w", err)
	}
	resp := &opsv1.ListPricingPlansResponse{}
	rows, resp.HasMore, resp.NextCursor = page.Cut(p, rows, func(r db.PricingPlanListRow) (time.Time, string) {
		return r.PlanCreatedAt, r.PricingPlanVersion.PlanID
	})
	plans := make([]*Plan, len(rows))
	for i, row := range rows {
		plans[i] = &Plan{PricingPlanVersion: row.PricingPlanVersion}
	}
	if err := loadRules(ctx, q, plans); err != nil {
		return nil, err
	}
	for _, plan := range plans {
		data, err := planToProto(plan)
		if err != nil {
			return nil, err
		}
		resp.Data = append(resp.Data, data)
	}
	return resp, nil
}

// GetMerchantPricing shows what a merchant's payouts cost.
func (o *Operator) GetMerchantPricing(ctx context.Context, req *opsv1.GetMerchantPricingRequest) (*opsv1.GetMerchantPricingResponse, error) {
	q := call.Reads(ctx)
	if err := merchantExists(ctx, q, req.GetMerchantId()); err != nil {
		return nil, err
	}
	data, err := o.Book.shown(ctx, q, req.GetMerchantId(), o.Clock())
	return &opsv1.GetMerchantPricingResponse{Data: data}, err
}

// SetMerchantPricing puts a merchant on a plan, or on none.
func (o *Operator) SetMerchantPricing(ctx context.Context, req *opsv1.SetMerchantPricingRequest) (*opsv1.SetMerchantPricingResponse, error) {
	tx, merchant := call.Tx(ctx), req.GetMerchantId()
	if err := merchantExists(ctx, tx.Read(), merchant); err != nil {
		return nil, err
	}
	tx.About(merchant, cmp.Or(req.GetPlanId(), merchant)) // the audit log says which plan
	if req.GetPlanId() == "" {
		data, err := pricingToProto(nil)
		if err != nil {
			return nil, err
		}
		return &opsv1.SetMerchantPricingResponse{Data: data}, tx.Queue(unit.Rows).MerchantPricingClear(ctx, merchant)
	}
	v, err := version(ctx, tx.Read(), req.GetPlanId(), nil)
	if err != nil {
		return nil, err
	}
	plan, err := o.Book.load(ctx, tx.Read(), merchant, tx.Now, v)
	if err != nil {
		return nil, err
	}
	data, err := pricingToProto(plan)
	if err != nil {
		return nil, err
	}
	return &opsv1.SetMerchantPricingResponse{Data: data}, tx.Queue(unit.Rows).MerchantPricingSet(ctx, db.MerchantPricingSetParams{
		MerchantID: merchant, PlanID: v.PlanID, AssignedBy: tx.Actor, AssignedAt: tx.Now,
	})
}

func merchantExists(ctx context.Context, q *db.Queries, id string) error {
	_, err := q.MerchantGet(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return apierr.NotFound("merchant", id)
	}
	if err != nil {
		return fmt.Errorf("read the merchant: %w", err)
	}
	return nil
}
