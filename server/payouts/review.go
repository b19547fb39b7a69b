package payouts

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/cockroachdb/apd/v3"
	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/types/known/timestamppb"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/page"
	"github.com/antonpayments/anton/server/unit"
)

// Reviews is anton.ops.v1.ReviewService: the payouts that a person must look at.
type Reviews struct {
	Worker *Worker
	Keys   *crypto.Keys
	Clock  func() time.Time
}

// claimFor is how long a claim lasts.
const claimFor = 15 * time.Minute

// ListReviews lists the payouts in review, those that wait longest first.
func (r *Reviews) ListReviews(ctx context.Context, req *opsv1.ListReviewsRequest) (*opsv1.ListReviewsResponse, error) {
	p, err := page.Of("", req)
	if err != nil {
		return nil, err
	}
	params := db.ReviewListParams{
		Reason:     page.Word(req.GetReason()),
		MerchantID: page.Text(req.GetMerchantId()),
		Currency:   page.Text(req.GetCurrency()),
		ClaimedBy:  page.Text(req.GetClaimedBy()),
		Unclaimed:  req.GetUnclaimed(),
		Now:        r.Clock(),
		AfterAt:    p.At,
		AfterID:    p.ID,
		RowLimit:   p.Fetch(),
	}
	if params.MinAmount, err = bound("min_amount", req.GetCurrency(), req.GetMinAmount()); err != nil {
		return nil, err
	}
	if params.MaxAmount, err = bound("max_amount", req.GetCurrency(), req.GetMaxAmount()); err != nil {
		return nil, err
	}
	rows, err := call.Reads(ctx).ReviewList(ctx, params)
	if err != nil {
		return nil, fmt.Errorf("list the reviews: %w", err)
	}
	resp := &opsv1.ListReviewsResponse{}
	rows, resp.HasMore, resp.NextCursor = page.Cut(p, rows, func(row db.ReviewListRow) (time.Time, string) {
		return row.PayoutReview.EnteredAt, row.PayoutReview.PayoutID
	})
	for _, row := range rows {
		data, err := toReview(row.PayoutReview, row.Payout, r.Clock())
		if err != nil {
			return nil, err
		}
		resp.Data = append(resp.Data, data)
	}
	return resp, nil
}

// bound reads an amount to filter by; nil where there is none. Amounts of different currencies cannot be compared.
func bound(field, currency, text string) (*apd.Decimal, error) {
	if text == "" {
		return nil, nil
	}
	if currency == "" {
		return nil, apierr.InvalidField("currency", "is required with %s", field)
	}
	amount, err := money.Parse(currency, text)
	if errors.Is(err, money.ErrCurrency) {
		return nil, apierr.InvalidField("currency", "%v", err)
	}
	if err != nil {
		return nil, apierr.InvalidField(field, "%v", err)
	}
	if !amount.Positive() {
		return nil, apierr.InvalidField(field, "must be greater than zero")
	}
	value := amount.Decimal()
	return &value, nil
}

// ClaimReview takes a payout for the caller alone, for a while.
func (r *Reviews) ClaimReview(ctx context.Context, req *opsv1.ClaimReviewRequest) (*opsv1.ClaimReviewResponse, error) {
	tx := call.Tx(ctx)
	row, err := inReview(ctx, tx, req.GetPayoutId())
	if err != nil {
		return nil, err
	}
	until := tx.Now.Add(claimFor)
	data, err := claim(ctx, tx, row, &tx.Actor, &until)
	return &opsv1.ClaimReviewResponse{Data: data}, err
}

// ReleaseReview gives the caller's claim back.
func (r *Reviews) ReleaseReview(ctx context.Context, req *opsv1.ReleaseReviewRequest) (*opsv1.ReleaseReviewResponse, error) {
	tx := call.Tx(ctx)
	row, err := inReview(ctx, tx, req.GetPayoutId())
	if err != nil {
		return nil, err
	}
	data, err := claim(ctx, tx, row, nil, nil)
	return &opsv1.ReleaseReviewResponse{Data: data}, err
}

// claim changes who has the payout.
func claim(ctx context.Context, tx *unit.Unit, row db.ReviewFindForUpdateRow, by *string, until *time.Time) (*opsv1.Review, error) {
	review, detail := row.PayoutReview, map[string]string{}
	if who := claimant(review, tx.Now); who != "" {
		detail["from"] = who
	}
	review.ClaimedBy, review.ClaimedAt, review.ClaimedUntil = by, nil, until
	if by != nil {
		review.ClaimedAt, detail["to"] = &tx.Now, *by
	}
	err := tx.Queue(unit.Rows).ReviewClaim(ctx, db.ReviewClaimParams{
		MerchantID: review.MerchantID, PayoutID: review.PayoutID, ClaimedBy: by, ClaimedAt: review.ClaimedAt, ClaimedUntil: until,
	})
	if err != nil {
		return nil, err
	}
	if err := audit.Record(ctx, tx, audit.Row{Merchant: review.MerchantID, Action: "review.claimant", Object: review.PayoutID, Detail: detail}); err != nil {
		return nil, err
	}
	tx.About(review.MerchantID, review.PayoutID)
	return toReview(review, row.Payout, tx.Now)
}

// claimant is who has claimed the payout; empty when nobody has, or the claim is over.
func claimant(review db.PayoutReview, now time.Time) string {
	if review.ClaimedBy == nil || !now.Before(*review.ClaimedUntil) {
		return ""
	}
	return *review.ClaimedBy
}

// inReview holds a payout that waits for a decision and that nobody else has claimed.
func inReview(ctx context.Context, tx *unit.Unit, payout string) (db.ReviewFindForUpdateRow, error) {
	row, err := tx.Read().ReviewFindForUpdate(ctx, payout)
	if errors.Is(err, pgx.ErrNoRows) {
		return row, apierr.NotFound("payout in review", payout)
	}
	if err != nil {
		return row, fmt.Errorf("read the review: %w", err)
	}
	if row.Payout.Status != db.PayoutStatusManualReview {
		return row, apierr.Conflict("Payout %s is %s; its review is over.", payout, row.Payout.Status)
	}
	if who := claimant(row.PayoutReview, tx.Now); who != "" && who != tx.Actor {
		return row, apierr.Conflict("Payout %s is claimed by %s until %s.", payout, who, row.PayoutReview.ClaimedUntil.Format(time.RFC3339))
	}
	return row, nil
}

// ApproveReview lets a payout go to its rail.
func (r *Reviews) ApproveReview(ctx context.Context, req *opsv1.ApproveReviewRequest) (*opsv1.ApproveReviewResponse, error) {
	tx := call.Tx(ctx)
	row, err := inReview(ctx, tx, req.GetPayoutId())
	if err != nil {
		return nil, err
	}
	if row.PayoutReview.CreatedBy == tx.Actor {
		return nil, apierr.Conflict("You created payout %s; somebody else must approve it.", req.GetPayoutId())
	}
	if row.PayoutReview.Reason == "screening" && call.CallerOf(ctx).Role < antonv1.OperatorRole_compliance {
		return nil, apierr.New(antonv1.ErrorCode_insufficient_scope, "Screening found a possible match; only compliance approves the payout.")
	}
	if err := r.Worker.release(ctx, tx, byOperations, &row.Payout, req.GetReason()); err != nil {
		return nil, err
	}
	data, err := decided(tx, row, opsv1.ReviewDecision_approved, req.GetReason())
	return &opsv1.ApproveReviewResponse{Data: data}, err
}

// CancelReview cancels a payout and gives its money back.
func (r *Reviews) CancelReview(ctx context.Context, req *opsv1.CancelReviewRequest) (*opsv1.CancelReviewResponse, error) {
	tx := call.Tx(ctx)
	row, err := inReview(ctx, tx, req.GetPayoutId())
	if err != nil {
		return nil, err
	}
	if err := r.Worker.decline(ctx, tx, byOperations, &row.Payout, req.GetReason()); err != nil {
		return nil, err
	}
	data, err := decided(tx, row, opsv1.ReviewDecision_cancelled, req.GetReason())
	return &opsv1.CancelReviewResponse{Data: data}, err
}

// release approves a payout in review: an operator's decision, or the sandbox that plays one. What stands in the way is refused here
// with a sentence, and by payouts_move in any case.
func (w *Worker) release(ctx context.Context, tx *unit.Unit, actor string, p *db.Payout, note string) error {
	if err := w.recheck(ctx, tx, p); err != nil {
		return err
	}
	tx.AfterCommit(w.Wake)
	return w.mover.move(ctx, tx, p.MerchantID, actor, step{payout: p, to: db.PayoutStatusApproved, verdict: *p.VerdictID, due: &tx.Now, note: note})
}

// recheck holds an approval to what may have changed since the payout was judged, and counts it in the velocity windows of now. It runs
// in the transaction that approves, with the payout locked. A new check belongs into payout_obstacles, and here only if it must write.
func (w *Worker) recheck(ctx context.Context, tx *unit.Unit, p *db.Payout) error {
	obstacles, err := tx.Read().PayoutObstacles(ctx, db.PayoutObstaclesParams{
		MerchantID: p.MerchantID, PayoutIds: []string{p.ID}, VerdictIds: []string{*p.VerdictID},
	})
	if err != nil {
		return fmt.Errorf("look for what keeps the payout from being approved: %w", err)
	}
	if len(obstacles) == 0 {
		return w.Engine.Recheck(ctx, tx, p.MerchantID, *p)
	}
	return apierr.New(apierr.Code(antonv1.ErrorCode_Value_value[obstacles[0].Obstacle]), "Payout %s cannot be approved. %s", p.ID, obstacleText(obstacles[0]))
}

// openRFI is the obstacle of a request for information that is not cleared.
const openRFI = "open_rfi"

// obstacleText is the sentence for an obstacle, for staff.
func obstacleText(o db.PayoutObstaclesRow) string {
	switch o.Obstacle {
	case openRFI:
		return "RFI " + o.Subject + " is not resolved as cleared."
	case "screening_not_clear":
		return "Its screening is not clear."
	}
	return "The velocity rules do not count it any more."
}

// decline cancels a payout in review. The merchant reads that the review ended, and not why.
func (w *Worker) decline(ctx context.Context, tx *unit.Unit, actor string, p *db.Payout, note string) error {
	return w.mover.move(ctx, tx, p.MerchantID, actor, step{
		payout: p, to: db.PayoutStatusCancelled, reason: reason{"review_declined", "The review ended without a release."}, note: note,
	})
}

// decided is the answer to a decision.
func decided(tx *unit.Unit, row db.ReviewFindForUpdateRow, decision opsv1.ReviewDecision_Value, why string) (*opsv1.Review, error) {
	tx.About(row.Payout.MerchantID, row.Payout.ID)
	data, err := toReview(row.PayoutReview, row.Payout, tx.Now)
	if err != nil {
		return nil, err
	}
	data.Decision, data.DecidedBy, data.DecidedAt, data.DecisionReason = &decision, &tx.Actor, timestamppb.New(tx.Now), why
	return data, nil
}
