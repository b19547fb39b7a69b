package files

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
)

// mostItems is how many payments that do not fit a reconciliation names.
const mostItems = 500

// GetRailReconciliation compares what went out on a banking day with what the bank said of it.
func (s *Service) GetRailReconciliation(ctx context.Context, req *opsv1.GetRailReconciliationRequest) (*opsv1.GetRailReconciliationResponse, error) {
	r, err := s.named(req.GetRail())
	if err != nil {
		return nil, err
	}
	day, err := time.Parse(time.DateOnly, req.GetDay())
	if err != nil {
		return nil, apierr.InvalidField("day", "is no date of the calendar")
	}
	data, err := r.Reconcile(ctx, call.Reads(ctx), day, s.Clock())
	if err != nil {
		return nil, err
	}
	return &opsv1.GetRailReconciliationResponse{Data: data}, nil
}

// Reconcile compares what went out on a banking day with what the bank has said of it by now.
func (r *Rail) Reconcile(ctx context.Context, q *db.Queries, day, now time.Time) (*opsv1.RailReconciliation, error) {
	out := &opsv1.RailReconciliation{Rail: r.Name(), Day: day.Format(time.DateOnly)}
	rows, err := q.RailReconciliation(ctx, db.RailReconciliationParams{Rail: r.Name(), Day: day, RowLimit: mostItems})
	if err != nil {
		return nil, fmt.Errorf("compare the payments of a day: %w", err)
	}
	for _, row := range rows {
		if err := r.addPayment(out, row, now); err != nil {
			return nil, err
		}
	}
	out.Payments = out.GetMatched() + out.GetSilent() + out.GetMissing() + out.GetDifferent()
	extras, err := q.RailExtras(ctx, db.RailExtrasParams{Rail: r.Name(), Day: day, RowLimit: mostItems})
	if err != nil {
		return nil, fmt.Errorf("look for payments that are not ours: %w", err)
	}
	for _, row := range extras {
		out.Extra = int32(row.Many)
		amount, err := amountText(row.Amount, row.Currency)
		if err != nil {
			return nil, err
		}
		out.Items = append(out.Items, &opsv1.RailReconciliationItem{
			Status: "extra", Reference: row.BankReference, Amount: amount, Currency: row.Currency, FileId: row.FileID, CaseId: &row.CaseID,
			Since: timestamppb.New(row.OpenedAt), AgeSeconds: age(row.OpenedAt, now),
		})
	}
	out.Items = out.GetItems()[:min(len(out.GetItems()), mostItems)]
	return out, nil
}

// addPayment counts a payment with all of its status, and names it if it does not fit.
func (r *Rail) addPayment(out *opsv1.RailReconciliation, row db.RailReconciliationRow, now time.Time) error {
	status := row.Status
	switch {
	case status == "matched":
		out.Matched = int32(row.Many)
		return nil
	case status == "different":
		out.Different = int32(row.Many)
	case !r.Confirms:
		out.Silent = int32(row.Many)
		return nil
	default:
		status, out.Missing = "missing", int32(row.Many)
	}
	amount, err := amountText(&row.Amount, &row.Currency)
	if err != nil {
		return err
	}
	since := now // its file was not delivered yet
	if row.DeliveredAt != nil {
		since = *row.DeliveredAt
	}
	item := &opsv1.RailReconciliationItem{
		Status: status, Reference: row.BankReference, Amount: amount, Currency: &row.Currency, MerchantId: &row.MerchantID, PayoutId: &row.PayoutID,
		FileId: row.FileID, Since: timestamppb.New(since), AgeSeconds: age(since, now),
	}
	if row.CaseID != "" {
		item.CaseId = &row.CaseID
	}
	out.Items = append(out.Items, item)
	return nil
}
