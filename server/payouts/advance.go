package payouts

import (
	"context"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/rails"
	"github.com/antonpayments/anton/server/rails/sandbox"
	"github.com/antonpayments/anton/server/unit"
)

// AdvancePayout plays the rail or the reviewer in the sandbox. It takes the same ways that a rail's events and a reviewer's decisions
// take; the engine's stages it cannot skip.
func (s *Service) AdvancePayout(ctx context.Context, req *antonv1.AdvancePayoutRequest) (*antonv1.AdvancePayoutResponse, error) {
	tx, merchant := call.Tx(ctx), call.Merchant(ctx)
	payout, err := tx.Read().PayoutGetForUpdate(ctx, merchant, req.GetId())
	if err != nil {
		return nil, notFound(err, req.GetId())
	}
	switch outcome := req.GetOutcome(); outcome {
	case antonv1.AdvanceOutcome_approved, antonv1.AdvanceOutcome_cancelled:
		err = s.playReviewer(ctx, tx, &payout, outcome)
	default:
		err = s.playRail(ctx, tx, &payout, outcome)
	}
	if err != nil {
		return nil, err
	}
	tx.About(merchant, payout.ID)
	data, err := toProto(payout)
	if err != nil {
		return nil, err
	}
	return &antonv1.AdvancePayoutResponse{Data: data}, nil
}

func (s *Service) playReviewer(ctx context.Context, tx *unit.Unit, p *db.Payout, outcome antonv1.AdvanceOutcome_Value) error {
	if p.Status != db.PayoutStatusManualReview {
		return cannotAdvance(p, outcome)
	}
	if outcome == antonv1.AdvanceOutcome_approved {
		return s.Worker.release(ctx, tx, bySandbox, p, "Played in the sandbox.")
	}
	return s.Worker.decline(ctx, tx, bySandbox, p, "Played in the sandbox.")
}

// railKinds are the events of a rail that an outcome stands for; `processing` is the hand-over itself.
var railKinds = map[antonv1.AdvanceOutcome_Value]rails.Kind{
	antonv1.AdvanceOutcome_sent:      rails.Sent,
	antonv1.AdvanceOutcome_completed: rails.Settled,
	antonv1.AdvanceOutcome_failed:    rails.Failed,
	antonv1.AdvanceOutcome_returned:  rails.Returned,
}

// playRail takes the payout to the outcome as if the sandbox's bank had said so. From then on the bank is silent about it: the caller
// plays its part.
func (s *Service) playRail(ctx context.Context, tx *unit.Unit, p *db.Payout, outcome antonv1.AdvanceOutcome_Value) error {
	if p.Rail != sandbox.Name {
		return apierr.Conflict("Payout %s is on the rail %s; only the sandbox's own can be played.", p.ID, p.Rail)
	}
	if p.Status == db.PayoutStatusApproved {
		// The sandbox's bank takes what the worker would hand over, and nothing else.
		stopped, err := s.Worker.Engine.ScreenAtClaim(ctx, tx, p.MerchantID, []db.Payout{*p})
		if err != nil {
			return err
		}
		if stopped[p.ID] {
			return s.Worker.mover.move(ctx, tx, p.MerchantID, byEngine, stop(p)...)
		}
	}
	status := rails.Status{Known: true, Reference: sandbox.Reference(p.ID)}
	if err := silenceBank(ctx, tx, p); err != nil {
		return err
	}
	if outcome == antonv1.AdvanceOutcome_processing {
		if p.Status != db.PayoutStatusApproved {
			return cannotAdvance(p, outcome)
		}
		if err := s.Worker.accept(ctx, tx, report{p, status}); err != nil {
			return err
		}
		return s.Worker.mover.move(ctx, tx, p.MerchantID, bySandbox, step{payout: p, to: db.PayoutStatusProcessing})
	}
	kind := railKinds[outcome]
	if _, ok := railWays[kind][p.Status]; !ok && !(kind == rails.Returned && p.Status == db.PayoutStatusCompleted) {
		return cannotAdvance(p, outcome)
	}
	status.Events = []rails.Event{sandbox.Event(p.ID, kind)}
	return s.Worker.applyReports(ctx, tx, p.MerchantID, bySandbox, []report{{p, status}})
}

func silenceBank(ctx context.Context, tx *unit.Unit, p *db.Payout) error {
	q := tx.Queue(unit.Rows)
	err := q.SandboxBankAccept(ctx, db.SandboxBankAcceptParams{
		MerchantID: p.MerchantID, Key: p.ID, Reference: sandbox.Reference(p.ID), Outcome: sandbox.Silent, AcceptedAt: tx.Now,
	})
	if err != nil {
		return err
	}
	return q.SandboxBankSetOutcome(ctx, db.SandboxBankSetOutcomeParams{MerchantID: p.MerchantID, Key: p.ID, Outcome: sandbox.Silent})
}

func cannotAdvance(p *db.Payout, outcome antonv1.AdvanceOutcome_Value) error {
	return apierr.Conflict("Payout %s is %s; the sandbox cannot take it to %s from there.", p.ID, p.Status, outcome)
}
