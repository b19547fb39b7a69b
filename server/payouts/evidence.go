package payouts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/beneficiaries"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/documents"
	"github.com/antonpayments/anton/server/rfis"
)

// GetReview shows everything that a decision needs. The answer has an audit row, because it shows what screening found.
func (r *Reviews) GetReview(ctx context.Context, req *opsv1.GetReviewRequest) (*opsv1.GetReviewResponse, error) {
	q := call.Reads(ctx)
	row, err := q.ReviewFind(ctx, req.GetPayoutId())
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, apierr.NotFound("payout in review", req.GetPayoutId())
	}
	if err != nil {
		return nil, fmt.Errorf("read the review: %w", err)
	}
	call.ReadAbout(ctx, row.Payout.ID)
	evidence := &opsv1.ReviewEvidence{}
	if evidence.Review, err = toReview(row.PayoutReview, row.Payout, r.Clock()); err != nil {
		return nil, err
	}
	if row.Decision != nil {
		decision := opsv1.ReviewDecision_Value(opsv1.ReviewDecision_Value_value[string(*row.Decision)])
		evidence.Review.Decision, evidence.Review.DecidedBy = &decision, row.DecidedBy
		evidence.Review.DecidedAt, evidence.Review.DecisionReason = optionalTime(row.DecidedAt), row.DecisionReason
	}
	for _, part := range []func(context.Context, *db.Queries, db.Payout, *opsv1.ReviewEvidence) error{
		addVerdict, addBeneficiary, addHistory, r.addRequests, addTimeline,
	} {
		if err := part(ctx, q, row.Payout, evidence); err != nil {
			return nil, err
		}
	}
	return &opsv1.GetReviewResponse{Data: evidence}, nil
}

func toReview(review db.PayoutReview, p db.Payout, now time.Time) (*opsv1.Review, error) {
	payout, err := toProto(p)
	if err != nil {
		return nil, err
	}
	out := &opsv1.Review{
		Payout: payout, MerchantId: review.MerchantID, EnteredAt: timestamppb.New(review.EnteredAt),
		Reason: opsv1.ReviewReason_Value(opsv1.ReviewReason_Value_value[review.Reason]),
	}
	if p.Status == db.PayoutStatusManualReview {
		out.ExpiresAt = optionalTime(p.DueAt)
		if who := claimant(review, now); who != "" {
			out.ClaimedBy, out.ClaimedUntil = &who, optionalTime(review.ClaimedUntil)
		}
	}
	return out, nil
}

// addVerdict adds the engine's verdict, and what keeps the payout from being approved on it.
func addVerdict(ctx context.Context, q *db.Queries, p db.Payout, to *opsv1.ReviewEvidence) error {
	v, err := q.VerdictGet(ctx, p.MerchantID, *p.VerdictID)
	if err != nil {
		return fmt.Errorf("read the verdict: %w", err)
	}
	to.Verdict = &opsv1.ReviewVerdict{
		Id: v.ID, Outcome: v.Outcome, Score: v.Score, Stages: &structpb.Struct{}, Inputs: &structpb.Struct{}, CreatedAt: timestamppb.New(v.CreatedAt),
	}
	if err := errors.Join(protojson.Unmarshal(v.Stages, to.GetVerdict().GetStages()), protojson.Unmarshal(v.Inputs, to.GetVerdict().GetInputs())); err != nil {
		return fmt.Errorf("read the verdict %s: %w", v.ID, err)
	}
	if p.Status != db.PayoutStatusManualReview {
		return nil
	}
	obstacles, err := q.PayoutObstacles(ctx, db.PayoutObstaclesParams{MerchantID: p.MerchantID, PayoutIds: []string{p.ID}, VerdictIds: []string{v.ID}})
	if err != nil {
		return fmt.Errorf("look for obstacles: %w", err)
	}
	for _, o := range obstacles[:min(len(obstacles), 100)] {
		to.Obstacles = append(to.Obstacles, &opsv1.ReviewObstacle{Code: o.Obstacle, Message: obstacleText(o)})
	}
	return nil
}

func addBeneficiary(ctx context.Context, q *db.Queries, p db.Payout, to *opsv1.ReviewEvidence) error {
	row, err := q.ReviewBeneficiary(ctx, p.MerchantID, p.BeneficiaryID)
	if err != nil {
		return fmt.Errorf("read the beneficiary: %w", err)
	}
	to.Beneficiary = beneficiaries.ToProto(row)
	return nil
}

func addHistory(ctx context.Context, q *db.Queries, p db.Payout, to *opsv1.ReviewEvidence) error {
	counts, err := q.ReviewHistory(ctx, db.ReviewHistoryParams{MerchantID: p.MerchantID, BeneficiaryID: p.BeneficiaryID, PayoutID: p.ID})
	if err != nil {
		return fmt.Errorf("count the payouts to the beneficiary: %w", err)
	}
	to.History = &opsv1.ReviewHistory{}
	for _, c := range counts {
		count := map[db.PayoutStatus]*int32{
			db.PayoutStatusCompleted: &to.History.Completed, db.PayoutStatusReturned: &to.History.Returned,
			db.PayoutStatusFailed: &to.History.Failed, db.PayoutStatusCancelled: &to.History.Cancelled,
		}[c.Status]
		if count == nil {
			count = &to.History.Others
		}
		*count += c.Payouts
	}
	recent, err := q.ReviewRecent(ctx, db.ReviewRecentParams{MerchantID: p.MerchantID, BeneficiaryID: p.BeneficiaryID, PayoutID: p.ID})
	if err != nil {
		return fmt.Errorf("read the payouts to the beneficiary: %w", err)
	}
	for _, row := range recent {
		payout, err := toProto(row)
		if err != nil {
			return err
		}
		to.History.Recent = append(to.History.Recent, payout)
	}
	return nil
}

// addRequests adds the requests for information that concern the payout, and the documents that answered them.
func (r *Reviews) addRequests(ctx context.Context, q *db.Queries, p db.Payout, to *opsv1.ReviewEvidence) error {
	rows, err := q.RfiListAbout(ctx, p.MerchantID, []string{p.ID, p.BeneficiaryID, p.MerchantID})
	if err != nil {
		return fmt.Errorf("read the RFIs: %w", err)
	}
	var sent []string
	for _, row := range rows {
		rfi, err := rfis.ToProto(r.Keys, row)
		if err != nil {
			return err
		}
		to.Rfis = append(to.Rfis, &opsv1.RfiCaseSummary{Rfi: rfi, Note: row.Note})
		sent = append(sent, row.DocumentIds...)
	}
	files, err := q.DocumentsGet(ctx, p.MerchantID, sent)
	if err != nil {
		return fmt.Errorf("read the documents: %w", err)
	}
	for _, row := range files[:min(len(files), 100)] {
		to.Documents = append(to.Documents, documents.ToProto(row))
	}
	return nil
}

func addTimeline(ctx context.Context, q *db.Queries, p db.Payout, to *opsv1.ReviewEvidence) error {
	rows, err := q.PayoutTimeline(ctx, p.MerchantID, p.ID)
	if err != nil {
		return fmt.Errorf("read the timeline: %w", err)
	}
	for _, row := range rows {
		to.Timeline = append(to.Timeline, toTransition(row))
	}
	return nil
}
