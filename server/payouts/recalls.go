package payouts

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cockroachdb/apd/v3"
	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/types/known/timestamppb"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/page"
	"github.com/antonpayments/anton/server/rails"
	"github.com/antonpayments/anton/server/rails/files"
	"github.com/antonpayments/anton/server/unit"
)

// Recalls is anton.ops.v1.RecallsService. A recall's life; the database holds every arrow in recall_arrow_exists:
//
//	waiting ─▶ sent ─▶ accepted      any of them ─▶ returned, when the money is back, or closed
//	              └──▶ rejected
type Recalls struct {
	Rails *rails.Registry
	Clock func() time.Time
}

// CreateRecall asks for the money of a payout back. The recall waits for its rail's next cut-off; if we stop here, it waits as well.
func (s *Recalls) CreateRecall(ctx context.Context, req *opsv1.CreateRecallRequest) (*opsv1.CreateRecallResponse, error) {
	tx := call.Tx(ctx)
	payout, err := tx.Read().PayoutGetForUpdate(ctx, req.GetMerchantId(), req.GetPayoutId())
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, apierr.NotFound("payout of this merchant", req.GetPayoutId())
	}
	if err != nil {
		return nil, fmt.Errorf("lock the payout: %w", err)
	}
	cutAt, err := s.allow(ctx, tx, &payout, req.GetReasonCode())
	if err != nil {
		return nil, err
	}
	row := db.RailRecall{
		MerchantID: payout.MerchantID, ID: ids.New(ids.Recall, tx.Now), PayoutID: payout.ID, Rail: payout.Rail, ReasonCode: req.GetReasonCode(),
		Text: req.GetText(), Status: opsv1.RecallStatus_waiting.String(), Seq: 1, RequestedBy: tx.Actor, CreatedAt: tx.Now, CutAt: &cutAt,
	}
	err = tx.Queue(unit.Rows).RecallInsert(ctx, db.RecallInsertParams{
		MerchantID: row.MerchantID, ID: row.ID, PayoutID: row.PayoutID, Rail: row.Rail, ReasonCode: row.ReasonCode, Text: row.Text,
		RequestedBy: row.RequestedBy, CreatedAt: row.CreatedAt, CutAt: row.CutAt,
	})
	if err != nil {
		return nil, err
	}
	tx.About(row.MerchantID, row.ID)
	data, err := recallToProto(row, recalled{amount: payout.DestAmount, currency: payout.DestCurrency}, tx.Now)
	return &opsv1.CreateRecallResponse{Data: data}, err
}

// allow says when a recall of the payout leaves that is asked for now, or why it cannot be recalled for the reason.
func (s *Recalls) allow(ctx context.Context, tx *unit.Unit, p *db.Payout, reason string) (cutAt time.Time, err error) {
	rail, ok := s.Rails.Named(p.Rail).(*files.Rail)
	if !ok || rail.Recalls() == nil {
		return cutAt, apierr.Conflict("Payout %s is on the rail %s, which sends no recalls: ask its bank for the money.", p.ID, p.Rail)
	}
	scheme := rail.Recalls()
	if !slices.Contains(scheme.Reasons, reason) {
		return cutAt, apierr.InvalidField("reason_code", "must be one of those that the rail %s has: %s", p.Rail, strings.Join(scheme.Reasons, ", "))
	}
	if p.Status != db.PayoutStatusSent && p.Status != db.PayoutStatusCompleted {
		return cutAt, apierr.Conflict("Payout %s is %s; only one that is sent or completed can be recalled.", p.ID, p.Status)
	}
	payment, err := tx.Read().RecallSubject(ctx, p.MerchantID, p.ID)
	if err != nil {
		return cutAt, fmt.Errorf("read what was paid: %w", err)
	}
	cutAt = rail.Windows().Next(tx.Now).UTC()
	switch until := scheme.Until(reason, *payment.SettlesOn); {
	case payment.CameBack:
		return cutAt, apierr.Conflict("The money of payout %s is back already.", p.ID)
	case payment.OpenRecall != "":
		return cutAt, apierr.Conflict("Recall %s of payout %s is open already.", payment.OpenRecall, p.ID)
	case !cutAt.Before(until): // the bank must have sent it by then, not only have been asked
		return cutAt, apierr.Conflict("For %s a recall of payout %s must leave by %s; the rail's next file leaves on %s.",
			reason, p.ID, until.Add(-1).Format(time.DateOnly), rail.Windows().Day(cutAt).Format(time.DateOnly))
	}
	return cutAt, nil
}

// GetRecall shows one recall.
func (s *Recalls) GetRecall(ctx context.Context, req *opsv1.GetRecallRequest) (*opsv1.GetRecallResponse, error) {
	row, err := findRecall(ctx, call.Reads(ctx), req.GetId())
	if err != nil {
		return nil, err
	}
	data, err := recallToProto(row.RailRecall, recalled{row.Amount, row.Currency, row.FileID, row.DeliveredAt}, s.Clock())
	return &opsv1.GetRecallResponse{Data: data}, err
}

func findRecall(ctx context.Context, q *db.Queries, id string) (db.RecallGetRow, error) {
	row, err := q.RecallGet(ctx, id)
	if errors.Is(err, pgx.ErrNoRows) {
		return row, apierr.NotFound("recall", id)
	}
	if err != nil {
		return row, fmt.Errorf("read the recall: %w", err)
	}
	return row, nil
}

// ListRecalls lists recalls, newest first.
func (s *Recalls) ListRecalls(ctx context.Context, req *opsv1.ListRecallsRequest) (*opsv1.ListRecallsResponse, error) {
	p, err := page.Of("", req)
	if err != nil {
		return nil, err
	}
	rows, err := call.Reads(ctx).RecallList(ctx, db.RecallListParams{
		Rail: page.Text(req.GetRail()), MerchantID: page.Text(req.GetMerchantId()), PayoutID: page.Text(req.GetPayoutId()),
		Status: page.Word(req.GetStatus()), Open: req.Open, CreatedAfter: page.Time(req.GetCreatedAfter()), CreatedBefore: page.Time(req.GetCreatedBefore()),
		BeforeAt: p.At, BeforeID: p.ID, RowLimit: p.Fetch(),
	})
	if err != nil {
		return nil, fmt.Errorf("list recalls: %w", err)
	}
	resp := &opsv1.ListRecallsResponse{}
	rows, resp.HasMore, resp.NextCursor = page.Cut(p, rows, func(r db.RecallListRow) (time.Time, string) { return r.RailRecall.CreatedAt, r.RailRecall.ID })
	now := s.Clock()
	for _, row := range rows {
		data, err := recallToProto(row.RailRecall, recalled{row.Amount, row.Currency, row.FileID, row.DeliveredAt}, now)
		if err != nil {
			return nil, err
		}
		resp.Data = append(resp.Data, data)
	}
	return resp, nil
}

// CloseRecall ends a recall that nothing more is expected of.
func (s *Recalls) CloseRecall(ctx context.Context, req *opsv1.CloseRecallRequest) (*opsv1.CloseRecallResponse, error) {
	tx := call.Tx(ctx)
	found, err := findRecall(ctx, tx.Read(), req.GetId())
	if err != nil {
		return nil, err
	}
	row, err := tx.Read().RecallLock(ctx, found.RailRecall.MerchantID, found.RailRecall.ID)
	if err != nil {
		return nil, fmt.Errorf("lock the recall: %w", err)
	}
	switch {
	case row.EndedAt != nil && row.Status != opsv1.RecallStatus_closed.String():
		return nil, apierr.Conflict("Recall %s is %s.", row.ID, row.Status)
	case row.EndedAt == nil:
		if err := closeRecall(ctx, tx, &row, tx.Actor, req.GetNote()); err != nil {
			return nil, err
		}
	}
	tx.About(row.MerchantID, row.ID)
	data, err := recallToProto(row, recalled{found.Amount, found.Currency, found.FileID, found.DeliveredAt}, tx.Now)
	return &opsv1.CloseRecallResponse{Data: data}, err
}

func closeRecall(ctx context.Context, u *unit.Unit, row *db.RailRecall, by, note string) error {
	from := row.Status
	row.Seq++
	row.Status, row.CutAt, row.EndedAt, row.ClosedBy, row.Note = opsv1.RecallStatus_closed.String(), nil, &u.Now, &by, &note
	return u.Queue(unit.Rows).RecallClose(ctx, db.RecallCloseParams{
		MerchantID: row.MerchantID, ID: row.ID, Seq: row.Seq, FromStatus: &from, At: row.EndedAt, ClosedBy: row.ClosedBy, Note: row.Note,
	})
}

// What was recalled: the payment, and the file that the recall is in.
type recalled struct {
	amount      apd.Decimal
	currency    string
	file        *string
	deliveredAt *time.Time
}

func recallToProto(row db.RailRecall, of recalled, now time.Time) (*opsv1.Recall, error) {
	amount, err := money.Of(of.currency, of.amount)
	if err != nil {
		return nil, err
	}
	until := now
	if row.EndedAt != nil {
		until = *row.EndedAt
	}
	return &opsv1.Recall{
		Id: row.ID, MerchantId: row.MerchantID, PayoutId: row.PayoutID, Rail: row.Rail, ReasonCode: row.ReasonCode, Text: row.Text,
		Status: opsv1.RecallStatus_Value(opsv1.RecallStatus_Value_value[row.Status]), Amount: amount.String(), Currency: of.currency,
		RequestedBy: row.RequestedBy, CreatedAt: timestamppb.New(row.CreatedAt), AgeSeconds: int32(max(0, until.Sub(row.CreatedAt)/time.Second)),
		CutAt: optionalTime(row.CutAt), FileId: of.file, SentAt: optionalTime(of.deliveredAt), AnswerCode: row.AnswerCode, AnsweredAt: optionalTime(row.AnsweredAt),
		EndedAt: optionalTime(row.EndedAt), ClosedBy: row.ClosedBy, Note: row.Note,
	}, nil
}
