// Package payouts is the orchestrator: it creates payouts, cancels them, has them judged, hands them to their rail and records what
// became of them. Every RPC that moves a payout lives here, whichever service of the contract it belongs to.
//
// It never moves money but through the ledger, never changes a state but through move, and never calls a rail inside a transaction.
package payouts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/beneficiaries"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/fx"
	"github.com/antonpayments/anton/server/page"
	"github.com/antonpayments/anton/server/pricing"
	"github.com/antonpayments/anton/server/rails"
)

// Service is anton.v1.PayoutsService and anton.v1.SandboxService.
type Service struct {
	Rails  *rails.Registry
	Worker *Worker
	Desk   fx.Desk
	Prices *pricing.Book
	// Beneficiaries creates those of the sandbox's seed.
	Beneficiaries *beneficiaries.Service
}

// GetPayout shows one of the caller's payouts.
func (s *Service) GetPayout(ctx context.Context, req *antonv1.GetPayoutRequest) (*antonv1.GetPayoutResponse, error) {
	row, err := call.Reads(ctx).PayoutGet(ctx, call.Merchant(ctx), req.GetId())
	if err != nil {
		return nil, notFound(err, req.GetId())
	}
	data, err := toProto(row)
	if err != nil {
		return nil, err
	}
	return &antonv1.GetPayoutResponse{Data: data}, nil
}

// ListPayouts lists the caller's payouts, newest first.
func (s *Service) ListPayouts(ctx context.Context, req *antonv1.ListPayoutsRequest) (*antonv1.ListPayoutsResponse, error) {
	merchant := call.Merchant(ctx)
	p, err := page.Of(merchant, req)
	if err != nil {
		return nil, err
	}
	rows, err := call.Reads(ctx).PayoutList(ctx, db.PayoutListParams{
		MerchantID:    merchant,
		Status:        page.Word(req.GetStatus()),
		BeneficiaryID: page.Text(req.GetBeneficiaryId()),
		Currency:      page.Text(req.GetCurrency()),
		Reference:     page.Text(req.GetReference()),
		BatchID:       page.Text(req.GetBatchId()),
		CreatedAfter:  page.Time(req.GetCreatedAfter()),
		CreatedBefore: page.Time(req.GetCreatedBefore()),
		BeforeAt:      p.At,
		BeforeID:      p.ID,
		RowLimit:      p.Fetch(),
	})
	if err != nil {
		return nil, fmt.Errorf("list payouts: %w", err)
	}
	resp := &antonv1.ListPayoutsResponse{}
	rows, resp.HasMore, resp.NextCursor = page.Cut(p, rows, func(p db.Payout) (time.Time, string) { return p.CreatedAt, p.ID })
	for _, row := range rows {
		data, err := toProto(row)
		if err != nil {
			return nil, err
		}
		resp.Data = append(resp.Data, data)
	}
	return resp, nil
}

// CancelPayout cancels a payout that was not handed to its rail, and gives its money back. Against a worker that is about to approve
// it, one of the two wins; the other sees it.
func (s *Service) CancelPayout(ctx context.Context, req *antonv1.CancelPayoutRequest) (*antonv1.CancelPayoutResponse, error) {
	tx, merchant := call.Tx(ctx), call.Merchant(ctx)
	payout, err := tx.Read().PayoutGetForUpdate(ctx, merchant, req.GetId())
	if err != nil {
		return nil, notFound(err, req.GetId())
	}
	if !leads(payout.Status, db.PayoutStatusCancelled) {
		return nil, apierr.Conflict("Payout %s is %s and cannot be cancelled.", payout.ID, payout.Status)
	}
	why := reason{"cancelled_by_merchant", req.GetReason()}
	if why.text == "" {
		why.text = "You cancelled the payout."
	}
	err = s.Worker.mover.move(ctx, tx, merchant, byMerchant, step{payout: &payout, to: db.PayoutStatusCancelled, reason: why, note: why.text})
	if err != nil {
		return nil, err
	}
	tx.About(merchant, payout.ID)
	data, err := toProto(payout)
	if err != nil {
		return nil, err
	}
	return &antonv1.CancelPayoutResponse{Data: data}, nil
}

// GetPayoutTimeline shows every transition of one of the caller's payouts, oldest first.
func (s *Service) GetPayoutTimeline(ctx context.Context, req *antonv1.GetPayoutTimelineRequest) (*antonv1.GetPayoutTimelineResponse, error) {
	rows, err := call.Reads(ctx).PayoutTimeline(ctx, call.Merchant(ctx), req.GetId())
	if err != nil {
		return nil, fmt.Errorf("read the timeline: %w", err)
	}
	if len(rows) == 0 {
		return nil, apierr.NotFound("payout", req.GetId())
	}
	resp := &antonv1.GetPayoutTimelineResponse{}
	for _, row := range rows {
		resp.Data = append(resp.Data, toTransition(row))
	}
	return resp, nil
}

func notFound(err error, id string) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return apierr.NotFound("payout", id)
	}
	return fmt.Errorf("read payout: %w", err)
}
