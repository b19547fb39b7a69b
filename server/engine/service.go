package engine

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/types/known/timestamppb"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/risk"
)

// Service is anton.v1.EngineService: verdicts as merchants may read them. What screening found, which rule of the operator's was met and
// what other merchants have to do with it are staff's alone, so that everything shown here is named here; nothing is passed on as it is.
type Service struct{ Clock func() time.Time }

// GetPayoutVerdict shows the last verdict on one of the caller's payouts.
func (*Service) GetPayoutVerdict(ctx context.Context, req *antonv1.GetPayoutVerdictRequest) (*antonv1.GetPayoutVerdictResponse, error) {
	row, err := call.Reads(ctx).VerdictOfPayout(ctx, call.Merchant(ctx), req.GetPayoutId())
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, apierr.NotFound("judged payout", req.GetPayoutId())
	}
	if err != nil {
		return nil, fmt.Errorf("read the verdict: %w", err)
	}
	data, err := toProto(row)
	return &antonv1.GetPayoutVerdictResponse{Data: data}, err
}

// GetBeneficiaryVerdict shows how the caller's payouts to one of its beneficiaries were judged.
func (*Service) GetBeneficiaryVerdict(ctx context.Context, req *antonv1.GetBeneficiaryVerdictRequest) (*antonv1.GetBeneficiaryVerdictResponse, error) {
	q, merchant, id := call.Reads(ctx), call.Merchant(ctx), req.GetBeneficiaryId()
	if _, err := q.BeneficiaryGet(ctx, merchant, id); errors.Is(err, pgx.ErrNoRows) {
		return nil, apierr.NotFound("beneficiary", id)
	} else if err != nil {
		return nil, fmt.Errorf("read the beneficiary: %w", err)
	}
	counts, err := q.VerdictsOfBeneficiary(ctx, merchant, id)
	if err != nil {
		return nil, fmt.Errorf("count the verdicts: %w", err)
	}
	data := &antonv1.BeneficiaryVerdict{BeneficiaryId: id}
	for _, c := range counts {
		switch Outcome(c.Outcome) {
		case Clear:
			data.Cleared = c.Payouts
		case Review:
			data.Reviewed = c.Payouts
		case VelocityBlock:
			data.VelocityBlocked = c.Payouts
		case ScreeningHit:
			data.ScreeningFailed = c.Payouts
		}
	}
	last, err := q.VerdictLastOfBeneficiary(ctx, merchant, id)
	if err == nil {
		data.Last, err = toProto(last)
	} else if errors.Is(err, pgx.ErrNoRows) {
		err = nil
	}
	return &antonv1.GetBeneficiaryVerdictResponse{Data: data}, err
}

func toProto(row db.Verdict) (*antonv1.PayoutVerdict, error) {
	var stages struct {
		Risk risk.Result `json:"risk"`
	}
	if err := json.Unmarshal(row.Stages, &stages); err != nil {
		return nil, fmt.Errorf("read the verdict %s: %w", row.ID, err)
	}
	screening := &antonv1.VerdictStage{Stage: antonv1.EngineStage_screening, Outcome: antonv1.StageOutcome_passed}
	velocity := &antonv1.VerdictStage{Stage: antonv1.EngineStage_velocity, Outcome: antonv1.StageOutcome_passed}
	scored := &antonv1.VerdictStage{Stage: antonv1.EngineStage_risk, Outcome: antonv1.StageOutcome_passed}
	out := &antonv1.PayoutVerdict{
		Id: row.ID, PayoutId: row.PayoutID, Model: stages.Risk.Model, CreatedAt: timestamppb.New(row.CreatedAt),
		Stages: []*antonv1.VerdictStage{screening, velocity, scored},
	}
	switch Outcome(row.Outcome) {
	case ScreeningHit:
		out.Outcome, screening.Outcome = antonv1.VerdictOutcome_screening_failed, antonv1.StageOutcome_blocked
		velocity.Outcome, scored.Outcome = antonv1.StageOutcome_skipped, antonv1.StageOutcome_skipped
		screening.Reasons = []*antonv1.VerdictReason{{Code: "compliance_block", Message: "The payout was stopped by compliance. Check the beneficiary's details."}}
	case VelocityBlock:
		out.Outcome, velocity.Outcome = antonv1.VerdictOutcome_velocity_blocked, antonv1.StageOutcome_blocked
		scored.Outcome = antonv1.StageOutcome_skipped
		velocity.Reasons = []*antonv1.VerdictReason{{Code: "velocity_limit", Message: "A velocity limit is reached. The payout's status_reason says until when."}}
	case Review:
		out.Outcome = antonv1.VerdictOutcome_review
	case Clear:
		out.Outcome = antonv1.VerdictOutcome_cleared
	}
	if scored.GetOutcome() == antonv1.StageOutcome_skipped {
		return out, nil
	}
	out.Score, out.Band = row.Score, band(row.Score)
	if stages.Risk.Review() {
		scored.Outcome = antonv1.StageOutcome_review
	}
	for _, s := range stages.Risk.Signals {
		if s.Own() {
			scored.Reasons = append(scored.Reasons, &antonv1.VerdictReason{Code: s.Code, Message: s.Says, Points: int32(s.Points)})
		}
	}
	return out, nil
}

// band says how high a score is, in quarters of the scale.
func band(score int32) antonv1.RiskBand_Value {
	return antonv1.RiskBand_Value(min(score/250, 3) + 1)
}
