package pricing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/apd/v3"
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
	if err := tx.Queue(unit.Rows).PricingVersionWrite(ctx, written(v, rules)); err != nil {
		return nil, err
	}
	tx.About("", v.PlanID)
	return planToProto(&Plan{PricingPlanVersion: v, Rules: rules})
}

// written is a version as the database's door takes it.
func written(v db.PricingPlanVersion, rules []Rule) db.PricingVersionWriteParams {
	p := db.PricingVersionWriteParams{PlanID: v.PlanID, Version: v.Version, Name: v.Name, CreatedBy: v.CreatedBy, CreatedAt: v.CreatedAt}
	for _, r := range rules {
		p.Sources, p.Dests = append(p.Sources, r.SourceCurrency), append(p.Dests, r.DestCurrency)
		p.Countries, p.Methods = append(p.Countries, r.Country), append(p.Methods, r.Method)
		p.FixedFees, p.Bps = append(p.FixedFees, r.FixedFee), append(p.Bps, r.PercentageBps)
		p.MinFees, p.MaxFees = append(p.MinFees, sumOrNone(r.MinFee)), append(p.MaxFees, sumOrNone(r.MaxFee))
		for _, t := range r.Tiers {
			p.TierRules, p.TierVolumes = append(p.TierRules, r.Number), append(p.TierVolumes, t.MinVolume)
			p.TierFixedFees, p.TierBps = append(p.TierFixedFees, t.FixedFee), append(p.TierBps, t.PercentageBps)
		}
	}
	return p
}

func sumOrNone(sum *apd.Decimal) string {
	if sum == nil {
		return ""
	}
	return sum.Text('f')
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

// SetMerchantPricing puts a merchant on a plan, or on none of its own.
func (o *Operator) SetMerchantPricing(ctx context.Context, req *opsv1.SetMerchantPricingRequest) (*opsv1.SetMerchantPricingResponse, error) {
	tx, merchant := call.Tx(ctx), req.GetMerchantId()
	if err := merchantExists(ctx, tx.Read(), merchant); err != nil {
		return nil, err
	}
	before, err := tx.Read().MerchantPricingAssigned(ctx, merchant)
	if err != nil {
		return nil, fmt.Errorf("read the merchant's plan: %w", err)
	}
	tx.About(merchant, cmp.Or(req.GetPlanId(), merchant)) // the audit log says which plan
	tx.Detail = map[string]string{"plan.before": before, "plan.after": req.GetPlanId()}
	plan, err := o.assign(ctx, tx, merchant, req.GetPlanId())
	if err != nil {
		return nil, err
	}
	data, err := pricingToProto(plan)
	return &opsv1.SetMerchantPricingResponse{Data: data}, err
}

// assign queues that the merchant is on the plan, and gives the one that prices its payouts then: the default one where it is on none.
func (o *Operator) assign(ctx context.Context, tx *unit.Unit, merchant, id string) (*Plan, error) {
	isDefault := id == ""
	if isDefault {
		if err := tx.Queue(unit.Rows).MerchantPricingClear(ctx, merchant); err != nil {
			return nil, err
		}
		row, err := defaultPlan(ctx, tx.Read())
		if err != nil || row == nil {
			return nil, err
		}
		id = row.PlanID
	}
	v, err := version(ctx, tx.Read(), id, nil)
	if err != nil {
		return nil, err
	}
	plan, err := o.Book.load(ctx, tx.Read(), merchant, tx.Now, v)
	if err != nil {
		return nil, err
	}
	if plan.isDefault = isDefault; isDefault {
		return plan, nil
	}
	return plan, tx.Queue(unit.Rows).MerchantPricingSet(ctx, db.MerchantPricingSetParams{
		MerchantID: merchant, PlanID: v.PlanID, AssignedBy: tx.Actor, AssignedAt: tx.Now,
	})
}

// defaultPlan is what merchants are on that were put on no plan; nil where there is no default.
func defaultPlan(ctx context.Context, q *db.Queries) (*db.PricingDefault, error) {
	row, err := q.PricingDefaultGet(ctx)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the default plan: %w", err)
	}
	return &row, nil
}

// GetDefaultPricing shows the default plan.
func (*Operator) GetDefaultPricing(ctx context.Context, _ *opsv1.GetDefaultPricingRequest) (*opsv1.GetDefaultPricingResponse, error) {
	q := call.Reads(ctx)
	row, err := defaultPlan(ctx, q)
	if err != nil {
		return nil, err
	}
	data, err := defaultToProto(ctx, q, row)
	return &opsv1.GetDefaultPricingResponse{Data: data}, err
}

// SetDefaultPricing makes a plan the default, or has none.
func (*Operator) SetDefaultPricing(ctx context.Context, req *opsv1.SetDefaultPricingRequest) (*opsv1.SetDefaultPricingResponse, error) {
	tx := call.Tx(ctx)
	before, err := defaultPlan(ctx, tx.Read())
	if err != nil {
		return nil, err
	}
	tx.About("", req.GetPlanId())
	tx.Detail = map[string]string{"plan.before": "", "plan.after": req.GetPlanId()}
	if before != nil {
		tx.Detail["plan.before"] = before.PlanID
	}
	q := tx.Queue(unit.Rows)
	if req.GetPlanId() == "" {
		data, err := defaultToProto(ctx, tx.Read(), nil)
		if err != nil {
			return nil, err
		}
		return &opsv1.SetDefaultPricingResponse{Data: data}, q.PricingDefaultClear(ctx)
	}
	data, err := defaultToProto(ctx, tx.Read(), &db.PricingDefault{PlanID: req.GetPlanId(), SetBy: tx.Actor, SetAt: tx.Now})
	if err != nil {
		return nil, err
	}
	return &opsv1.SetDefaultPricingResponse{Data: data}, q.PricingDefaultSet(ctx, db.PricingDefaultSetParams{
		PlanID: req.GetPlanId(), SetBy: tx.Actor, SetAt: tx.Now,
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
