package merchants

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/page"
	"github.com/antonpayments/anton/server/unit"
)

// Adjustments is anton.ops.v1.AdjustmentsService.
type Adjustments struct {
	// Environment is "test", where one operator suffices, or "live", where another one must approve.
	Environment string
	Clock       func() time.Time
}

// ReverseDeposit takes back a deposit or a part of it.
func (a *Adjustments) ReverseDeposit(ctx context.Context, req *opsv1.ReverseDepositRequest) (*opsv1.ReverseDepositResponse, error) {
	tx := call.Tx(ctx)
	credited, err := lockCredited(ctx, tx, req.GetMerchantId(), req.GetDepositId(), db.LedgerTransactionTypeDeposit)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, apierr.NotFound("deposit of this merchant", req.GetDepositId())
	}
	if err != nil {
		return nil, err
	}
	amount, err := credited.part(req.Amount, req.Currency)
	if err != nil {
		return nil, err
	}
	row := newAdjustment(tx, db.AdjustmentTypeDepositReversal, req.GetMerchantId(), amount, req.GetReason())
	row.Reverses = &credited.row.TransactionID
	data, err := a.ask(ctx, tx, &row)
	return &opsv1.ReverseDepositResponse{Data: data}, err
}

// ReverseReturn takes back what a bank had sent back of a payout, or a part of it.
func (a *Adjustments) ReverseReturn(ctx context.Context, req *opsv1.ReverseReturnRequest) (*opsv1.ReverseReturnResponse, error) {
	tx := call.Tx(ctx)
	returned, err := tx.Read().ReturnOfPayout(ctx, req.GetMerchantId(), req.GetPayoutId())
	if errors.Is(err, pgx.ErrNoRows) {
		return nil, a.notReturned(ctx, tx, req)
	}
	if err != nil {
		return nil, fmt.Errorf("look for the return: %w", err)
	}
	credited, err := lockCredited(ctx, tx, req.GetMerchantId(), returned, db.LedgerTransactionTypeReturn)
	if err != nil {
		return nil, err
	}
	amount, err := credited.part(req.Amount, req.Currency)
	if err != nil {
		return nil, err
	}
	row := newAdjustment(tx, db.AdjustmentTypeReturnReversal, req.GetMerchantId(), amount, req.GetReason())
	row.Reverses, row.PayoutID = &credited.row.TransactionID, &req.PayoutId
	data, err := a.ask(ctx, tx, &row)
	return &opsv1.ReverseReturnResponse{Data: data}, err
}

// notReturned says why there is nothing to take back: the merchant has no such payout, or it did not come back.
func (*Adjustments) notReturned(ctx context.Context, tx *unit.Unit, req *opsv1.ReverseReturnRequest) error {
	payout, err := tx.Read().PayoutGet(ctx, req.GetMerchantId(), req.GetPayoutId())
	if errors.Is(err, pgx.ErrNoRows) {
		return apierr.NotFound("payout of this merchant", req.GetPayoutId())
	}
	if err != nil {
		return fmt.Errorf("read the payout: %w", err)
	}
	return apierr.Conflict("Payout %s is %s, and no bank sent its money back.", payout.ID, payout.Status)
}

// CreateAdjustment corrects a balance.
func (a *Adjustments) CreateAdjustment(ctx context.Context, req *opsv1.CreateAdjustmentRequest) (*opsv1.CreateAdjustmentResponse, error) {
	tx := call.Tx(ctx)
	amount, err := parseAmount(req.GetCurrency(), req.GetAmount())
	if err != nil {
		return nil, err
	}
	if _, err := find(ctx, tx.Read(), req.GetMerchantId()); err != nil {
		return nil, err
	}
	row := newAdjustment(tx, db.AdjustmentType(req.GetType().String()), req.GetMerchantId(), amount, req.GetReason())
	data, err := a.ask(ctx, tx, &row)
	return &opsv1.CreateAdjustmentResponse{Data: data}, err
}

// ask requests the adjustment and shows what became of it.
func (a *Adjustments) ask(ctx context.Context, tx *unit.Unit, row *db.Adjustment) (*opsv1.Adjustment, error) {
	if err := request(ctx, tx, a.Environment, row); err != nil {
		return nil, err
	}
	tx.About(row.MerchantID, row.ID)
	return adjustmentToProto(*row, tx.Now)
}

// GetAdjustment shows one adjustment.
func (a *Adjustments) GetAdjustment(ctx context.Context, req *opsv1.GetAdjustmentRequest) (*opsv1.GetAdjustmentResponse, error) {
	row, err := call.Reads(ctx).AdjustmentGet(ctx, req.GetId())
	if err != nil {
		return nil, noAdjustment(err, req.GetId())
	}
	data, err := adjustmentToProto(row, a.Clock())
	return &opsv1.GetAdjustmentResponse{Data: data}, err
}

// ListAdjustments lists the adjustments of all merchants, newest first.
func (a *Adjustments) ListAdjustments(ctx context.Context, req *opsv1.ListAdjustmentsRequest) (*opsv1.ListAdjustmentsResponse, error) {
	p, err := page.Of("", req)
	if err != nil {
		return nil, err
	}
	now := a.Clock()
	rows, err := call.Reads(ctx).AdjustmentList(ctx, db.AdjustmentListParams{
		MerchantID:    page.Text(req.GetMerchantId()),
		Status:        page.Word(req.GetStatus()),
		Type:          page.Word(req.GetType()),
		CreatedAfter:  page.Time(req.GetCreatedAfter()),
		CreatedBefore: page.Time(req.GetCreatedBefore()),
		Now:           now,
		BeforeAt:      p.At,
		BeforeID:      p.ID,
		RowLimit:      p.Fetch(),
	})
	if err != nil {
		return nil, fmt.Errorf("list adjustments: %w", err)
	}
	resp := &opsv1.ListAdjustmentsResponse{}
	rows, resp.HasMore, resp.NextCursor = page.Cut(p, rows, func(a db.Adjustment) (time.Time, string) { return a.RequestedAt, a.ID })
	for _, row := range rows {
		data, err := adjustmentToProto(row, now)
		if err != nil {
			return nil, err
		}
		resp.Data = append(resp.Data, data)
	}
	return resp, nil
}

// ApproveAdjustment executes what another operator asked for, exactly as it was asked for.
func (a *Adjustments) ApproveAdjustment(ctx context.Context, req *opsv1.ApproveAdjustmentRequest) (*opsv1.ApproveAdjustmentResponse, error) {
	tx := call.Tx(ctx)
	row, err := tx.Read().AdjustmentGetForUpdate(ctx, req.GetId())
	if err != nil {
		return nil, noAdjustment(err, req.GetId())
	}
	tx.About(row.MerchantID, row.ID)
	switch status := statusOf(row, tx.Now); {
	case status == opsv1.AdjustmentStatus_executed:
	case status != opsv1.AdjustmentStatus_pending_approval:
		return nil, apierr.Conflict("Adjustment %s is %s and cannot be approved.", row.ID, status)
	case a.Environment == "live" && row.RequestedBy == tx.Actor:
		return nil, apierr.Conflict("You asked for adjustment %s yourself: another operator must approve it.", row.ID)
	default:
		if err := approve(ctx, tx, &row); err != nil {
			return nil, err
		}
	}
	data, err := adjustmentToProto(row, tx.Now)
	return &opsv1.ApproveAdjustmentResponse{Data: data}, err
}

// approve executes a pending adjustment. What it reverses may have been reversed otherwise since it was asked for.
func approve(ctx context.Context, tx *unit.Unit, row *db.Adjustment) error {
	if row.Reverses != nil {
		kind := db.LedgerTransactionTypeDeposit
		if row.Type == db.AdjustmentTypeReturnReversal {
			kind = db.LedgerTransactionTypeReturn
		}
		credited, err := lockCredited(ctx, tx, row.MerchantID, *row.Reverses, kind)
		if err != nil {
			return err
		}
		amount, err := money.Of(row.Currency, row.Amount)
		if err != nil {
			return err
		}
		if credited.left.Less(amount) {
			return apierr.Conflict("Of %s %s %s can still be taken back, and adjustment %s asks for %s.", *row.Reverses, row.Currency, credited.left, row.ID, amount)
		}
	}
	if err := decide(ctx, tx, row, db.AdjustmentStatusExecuted); err != nil {
		return err
	}
	return execute(ctx, tx, *row)
}

// RejectAdjustment ends an adjustment that waits.
func (*Adjustments) RejectAdjustment(ctx context.Context, req *opsv1.RejectAdjustmentRequest) (*opsv1.RejectAdjustmentResponse, error) {
	tx := call.Tx(ctx)
	row, err := tx.Read().AdjustmentGetForUpdate(ctx, req.GetId())
	if err != nil {
		return nil, noAdjustment(err, req.GetId())
	}
	tx.About(row.MerchantID, row.ID)
	switch status := statusOf(row, tx.Now); status {
	case opsv1.AdjustmentStatus_rejected:
	case opsv1.AdjustmentStatus_pending_approval:
		if err := decide(ctx, tx, &row, db.AdjustmentStatusRejected); err != nil {
			return nil, err
		}
	default:
		return nil, apierr.Conflict("Adjustment %s is %s and cannot be rejected.", row.ID, status)
	}
	data, err := adjustmentToProto(row, tx.Now)
	return &opsv1.RejectAdjustmentResponse{Data: data}, err
}

func noAdjustment(err error, id string) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return apierr.NotFound("adjustment", id)
	}
	return fmt.Errorf("read adjustment: %w", err)
}

// statusOf is the adjustment's status at the moment: one that nobody decided in time is expired, though no row says so.
func statusOf(row db.Adjustment, now time.Time) opsv1.AdjustmentStatus_Value {
	switch {
	case row.Status == db.AdjustmentStatusExecuted:
		return opsv1.AdjustmentStatus_executed
	case row.Status == db.AdjustmentStatusRejected:
		return opsv1.AdjustmentStatus_rejected
	case now.After(row.ExpiresAt):
		return opsv1.AdjustmentStatus_expired
	}
	return opsv1.AdjustmentStatus_pending_approval
}

// adjustmentToProto shows the adjustment as it is at the moment. Its transaction is named once there is one.
func adjustmentToProto(row db.Adjustment, now time.Time) (*opsv1.Adjustment, error) {
	amount, err := money.Of(row.Currency, row.Amount)
	if err != nil {
		return nil, err
	}
	a := &opsv1.Adjustment{
		Id: row.ID, MerchantId: row.MerchantID, Type: typeOf(row), Status: statusOf(row, now), Amount: amount.String(), Currency: row.Currency,
		DepositId: depositID(row), PayoutId: row.PayoutID, Reason: row.Reason,
		RequestedBy: row.RequestedBy, CreatedAt: moment(&row.RequestedAt), ExpiresAt: moment(&row.ExpiresAt),
		DecidedBy: row.DecidedBy, DecidedAt: moment(row.DecidedAt),
	}
	if row.Status == db.AdjustmentStatusExecuted {
		a.TransactionId = &row.TransactionID
	}
	return a, nil
}

func typeOf(row db.Adjustment) antonv1.AdjustmentType_Value {
	return antonv1.AdjustmentType_Value(antonv1.AdjustmentType_Value_value[string(row.Type)])
}

// depositID is the deposit that the adjustment takes back; nil where it takes back none.
func depositID(row db.Adjustment) *string {
	if row.Type != db.AdjustmentTypeDepositReversal {
		return nil
	}
	return row.Reverses
}
