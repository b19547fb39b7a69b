package merchants

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/unit"
)

// UpdateMerchant changes what the request sends. A new name is screened with the merchant's next payout, which is also the first that a
// new tier counts for.
func (*Service) UpdateMerchant(ctx context.Context, req *opsv1.UpdateMerchantRequest) (*opsv1.UpdateMerchantResponse, error) {
	row, err := change(ctx, req.GetId(), func(m *db.Merchant) {
		if req.Name != nil {
			m.Name = req.GetName()
		}
		if req.RateLimitMultiplier != nil {
			m.RateLimitMultiplier = req.GetRateLimitMultiplier()
		}
		if req.Tier != nil {
			m.Tier = db.MerchantTier(req.GetTier().String())
		}
	})
	return &opsv1.UpdateMerchantResponse{Data: row}, err
}

// SuspendMerchant lets a merchant read and change nothing. Every server knows within a second; what the merchant's payouts in progress
// need is the platform's doing and goes on.
func (*Service) SuspendMerchant(ctx context.Context, req *opsv1.SuspendMerchantRequest) (*opsv1.SuspendMerchantResponse, error) {
	row, err := change(ctx, req.GetId(), func(m *db.Merchant) {
		if m.SuspendedAt == nil {
			now := call.Tx(ctx).Now
			m.SuspendedAt = &now
		}
		m.Status, m.SuspensionReason = db.MerchantStatusSuspended, req.GetReason()
	})
	return &opsv1.SuspendMerchantResponse{Data: row}, err
}

// ActivateMerchant ends a suspension.
func (*Service) ActivateMerchant(ctx context.Context, req *opsv1.ActivateMerchantRequest) (*opsv1.ActivateMerchantResponse, error) {
	row, err := change(ctx, req.GetId(), func(m *db.Merchant) {
		m.Status, m.SuspendedAt, m.SuspensionReason = db.MerchantStatusActive, nil, ""
	})
	return &opsv1.ActivateMerchantResponse{Data: row}, err
}

// change locks the merchant, applies the edit and queues the result.
func change(ctx context.Context, id string, edit func(*db.Merchant)) (*opsv1.Merchant, error) {
	tx := call.Tx(ctx)
	row, err := tx.Read().MerchantGetForUpdate(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, apierr.NotFound("merchant", id)
	}
	if err != nil {
		return nil, fmt.Errorf("read merchant: %w", err)
	}
	was := row.Tier
	edit(&row)
	tx.About(row.ID, row.ID)
	if row.Tier != was {
		err := audit.Record(ctx, tx, audit.Row{
			Merchant: row.ID, Action: "merchant.tier", Object: row.ID, Detail: map[string]string{"from": string(was), "to": string(row.Tier)},
		})
		if err != nil {
			return nil, err
		}
	}
	data := toProto(row)
	if err := addEntitlements(ctx, tx.Read(), data); err != nil {
		return nil, err
	}
	return data, tx.Queue(unit.Rows).MerchantUpdate(ctx, db.MerchantUpdateParams{
		Name: row.Name, RateLimitMultiplier: row.RateLimitMultiplier, Status: row.Status, SuspendedAt: row.SuspendedAt,
		SuspensionReason: row.SuspensionReason, Tier: row.Tier, ID: row.ID,
	})
}
