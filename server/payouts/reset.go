package payouts

import (
	"context"
	"fmt"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/beneficiaries"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/merchants"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/rails"
	"github.com/antonpayments/anton/server/rails/sandbox"
	"github.com/antonpayments/anton/server/unit"
)

// resetAtOnce is how many payouts, and how many beneficiaries, one call of ResetSandbox takes: each is a handful of rows, all of which
// are locked until the call ends.
const resetAtOnce = 100

// ResetSandbox puts the sandbox back to where it began, by the ways that everything else takes. It deletes nothing.
func (s *Service) ResetSandbox(ctx context.Context, req *antonv1.ResetSandboxRequest) (*antonv1.ResetSandboxResponse, error) {
	tx, merchant, scope := call.Tx(ctx), call.Merchant(ctx), req.GetScope()
	all := scope == antonv1.ResetScope_all
	data := &antonv1.SandboxReset{}
	var releasing map[string]money.Amount
	var err error
	if all || scope == antonv1.ResetScope_payouts {
		if releasing, err = s.endPayouts(ctx, tx, merchant, data); err != nil {
			return nil, err
		}
	}
	if all || scope == antonv1.ResetScope_beneficiaries {
		archived, more, err := beneficiaries.ArchiveOldest(ctx, tx, merchant, resetAtOnce)
		if err != nil {
			return nil, err
		}
		data.BeneficiariesArchived, data.HasMore = archived, data.GetHasMore() || more
	}
	if all || scope == antonv1.ResetScope_balances {
		if data.Adjustments, err = merchants.ResetBalances(ctx, tx, merchant, releasing); err != nil {
			return nil, err
		}
	}
	tx.About(merchant, merchant)
	return &antonv1.ResetSandboxResponse{Data: data}, nil
}

// endPayouts brings the oldest payouts in progress to their end: cancelled where no bank has them, completed where one has. It tells what
// the cancelled ones give back, by currency.
func (s *Service) endPayouts(ctx context.Context, tx *unit.Unit, merchant string, done *antonv1.SandboxReset) (map[string]money.Amount, error) {
	payouts, err := tx.Read().PayoutsResetForUpdate(ctx, db.PayoutsResetForUpdateParams{MerchantID: merchant, Rail: sandbox.Name, RowLimit: resetAtOnce + 1})
	if err != nil {
		return nil, fmt.Errorf("look for payouts in progress: %w", err)
	}
	if done.HasMore = len(payouts) > resetAtOnce; done.HasMore {
		payouts = payouts[:resetAtOnce]
	}
	releasing := map[string]money.Amount{}
	var cancelled []step
	var completed []report
	for i := range payouts {
		p := &payouts[i]
		if !leads(p.Status, db.PayoutStatusCancelled) {
			if err := silenceBank(ctx, tx, p); err != nil {
				return nil, err
			}
			completed = append(completed, report{p, rails.Status{
				Known: true, Reference: sandbox.Reference(p.ID), Events: []rails.Event{sandbox.Event(p.ID, rails.Settled)},
			}})
			continue
		}
		held, err := money.Of(p.SourceCurrency, p.TotalDebited)
		if err != nil {
			return nil, err
		}
		if before, ok := releasing[held.Currency()]; ok {
			held = held.Plus(before)
		}
		releasing[held.Currency()] = held
		why := reason{"cancelled_by_reset", "The sandbox was reset."}
		cancelled = append(cancelled, step{payout: p, to: db.PayoutStatusCancelled, reason: why, note: why.text})
	}
	done.PayoutsCancelled, done.PayoutsCompleted = int32(len(cancelled)), int32(len(completed))
	if len(cancelled) > 0 {
		if err := s.Worker.mover.move(ctx, tx, merchant, bySandbox, cancelled...); err != nil {
			return nil, err
		}
	}
	if len(completed) > 0 {
		return releasing, s.Worker.applyReports(ctx, tx, merchant, bySandbox, completed)
	}
	return releasing, nil
}
