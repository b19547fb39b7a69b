package merchants

import (
	"context"
	"fmt"
	"slices"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/unit"
)

// GrantEntitlement lets a merchant use what not every merchant may. Every server knows within a second.
func (*Service) GrantEntitlement(ctx context.Context, req *opsv1.GrantEntitlementRequest) (*opsv1.GrantEntitlementResponse, error) {
	tx := call.Tx(ctx)
	data, err := withEntitlements(ctx, tx, req.GetId())
	if err != nil {
		return nil, err
	}
	if !slices.Contains(data.Entitlements, req.GetEntitlement()) {
		data.Entitlements = append(data.Entitlements, req.GetEntitlement())
	}
	return &opsv1.GrantEntitlementResponse{Data: data}, tx.Queue(unit.Rows).EntitlementGrant(ctx, db.EntitlementGrantParams{
		MerchantID: req.GetId(), Entitlement: req.GetEntitlement().String(), GrantedAt: tx.Now,
	})
}

// RevokeEntitlement takes an entitlement away. What the merchant set up with it stays in force.
func (*Service) RevokeEntitlement(ctx context.Context, req *opsv1.RevokeEntitlementRequest) (*opsv1.RevokeEntitlementResponse, error) {
	tx := call.Tx(ctx)
	data, err := withEntitlements(ctx, tx, req.GetId())
	if err != nil {
		return nil, err
	}
	data.Entitlements = slices.DeleteFunc(data.Entitlements, func(e opsv1.Entitlement_Value) bool { return e == req.GetEntitlement() })
	return &opsv1.RevokeEntitlementResponse{Data: data}, tx.Queue(unit.Rows).EntitlementRevoke(ctx, req.GetId(), req.GetEntitlement().String())
}

func withEntitlements(ctx context.Context, tx *unit.Unit, id string) (*opsv1.Merchant, error) {
	row, err := find(ctx, tx.Read(), id)
	if err != nil {
		return nil, err
	}
	tx.About(id, id)
	data := toProto(row)
	return data, addEntitlements(ctx, tx.Read(), data)
}

// addEntitlements says what each of the merchants is entitled to.
func addEntitlements(ctx context.Context, q *db.Queries, all ...*opsv1.Merchant) error {
	byID := map[string]*opsv1.Merchant{}
	var ids []string
	for _, m := range all {
		byID[m.GetId()] = m
		ids = append(ids, m.GetId())
	}
	rows, err := q.EntitlementsOf(ctx, ids)
	if err != nil {
		return fmt.Errorf("read the entitlements: %w", err)
	}
	for _, row := range rows {
		m := byID[row.MerchantID]
		m.Entitlements = append(m.Entitlements, opsv1.Entitlement_Value(opsv1.Entitlement_Value_value[row.Entitlement]))
	}
	return nil
}
