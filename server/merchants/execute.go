package merchants

import (
	"context"
	"fmt"
	"time"

	"github.com/cockroachdb/apd/v3"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	opsv1 "github.com/antonpayments/anton/gen/anton/ops/v1"
	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/events"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/ledger"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/unit"
)

// approvalWithin is how long an adjustment waits for a second person.
const approvalWithin = 72 * time.Hour

// newAdjustment is an adjustment that the caller asks for now.
func newAdjustment(tx *unit.Unit, kind db.AdjustmentType, merchant string, amount money.Amount, reason string) db.Adjustment {
	return db.Adjustment{
		MerchantID: merchant, ID: ids.New(ids.Adjustment, tx.Now), Type: kind, Status: db.AdjustmentStatusPendingApproval,
		Currency: amount.Currency(), Amount: amount.Decimal(), TransactionID: ids.New(ids.Transaction, tx.Now), Reason: reason,
		RequestedBy: tx.Actor, RequestedAt: tx.Now, ExpiresAt: tx.Now.Add(approvalWithin),
	}
}

// request records the adjustment. In test, where one operator suffices, it is approved by whoever asks, and executed.
func request(ctx context.Context, tx *unit.Unit, environment string, row *db.Adjustment) error {
	row.Environment = environment
	if environment == "test" {
		row.Status, row.DecidedBy, row.DecidedAt = db.AdjustmentStatusExecuted, &tx.Actor, &tx.Now
	}
	if err := tx.Queue(unit.Rows).AdjustmentInsert(ctx, db.AdjustmentInsertParams(*row)); err != nil {
		return err
	}
	if row.Status != db.AdjustmentStatusExecuted {
		return nil
	}
	return execute(ctx, tx, *row)
}

// decide ends the wait of a locked adjustment, in the caller's name.
func decide(ctx context.Context, tx *unit.Unit, row *db.Adjustment, status db.AdjustmentStatus) error {
	row.Status, row.DecidedBy, row.DecidedAt = status, &tx.Actor, &tx.Now
	return tx.Queue(unit.Rows).AdjustmentDecide(ctx, db.AdjustmentDecideParams{
		MerchantID: row.MerchantID, ID: row.ID, Status: status, DecidedBy: row.DecidedBy, DecidedAt: row.DecidedAt,
	})
}

// execute moves an adjustment's money, counts it against what it reverses, tells the merchant, and says in the audit log who asked for
// it and who approved it.
func execute(ctx context.Context, tx *unit.Unit, row db.Adjustment) error {
	amount, err := money.Of(row.Currency, row.Amount)
	if err != nil {
		return err
	}
	if row.Reverses != nil {
		err := tx.Queue(unit.Rows).ReversalAdd(ctx, db.ReversalAddParams{
			MerchantID: row.MerchantID, TransactionID: *row.Reverses, Amount: row.Amount,
		})
		if err != nil {
			return err
		}
	}
	booked, err := bookings(ctx, tx, row, amount)
	if err != nil {
		return err
	}
	booked[0].ID = row.TransactionID
	if err := ledger.Post(ctx, tx, row.MerchantID, booked...); err != nil {
		return err
	}
	if err := tellAdjustment(ctx, tx, row, amount); err != nil {
		return err
	}
	return audit.Record(ctx, tx, audit.Row{Merchant: row.MerchantID, Action: "adjustment.executed", Object: row.ID, Detail: map[string]string{
		"type": string(row.Type), "amount": amount.String(), "currency": row.Currency, "transaction_id": row.TransactionID,
		"requested_by": row.RequestedBy, "approved_by": *row.DecidedBy,
	}})
}

// bookings are the ledger transactions of an adjustment; the first is the adjustment itself.
func bookings(ctx context.Context, tx *unit.Unit, row db.Adjustment, amount money.Amount) ([]ledger.Transaction, error) {
	switch row.Type {
	case db.AdjustmentTypeDeposit:
		return []ledger.Transaction{ledger.Deposit(amount, row.Reason)}, nil
	case db.AdjustmentTypeDepositReversal:
		return []ledger.Transaction{ledger.ReverseDeposit(amount, row.Reason)}, nil
	case db.AdjustmentTypeReturnReversal:
		return reverseReturn(ctx, tx, row, amount)
	case db.AdjustmentTypeCredit:
		return []ledger.Transaction{ledger.Credit(amount, row.Reason)}, nil
	case db.AdjustmentTypeDebit:
		return []ledger.Transaction{ledger.Debit(amount, row.Reason)}, nil
	}
	panic("merchants: no booking for an adjustment of type " + string(row.Type))
}

// reverseReturn takes back what a bank had sent back. Across currencies the bank takes the same part of what it sent as we take of what that
// gave the merchant.
func reverseReturn(ctx context.Context, tx *unit.Unit, row db.Adjustment, amount money.Amount) ([]ledger.Transaction, error) {
	back, err := tx.Read().ReturnConverted(ctx, row.MerchantID, *row.Reverses)
	if err != nil {
		return nil, fmt.Errorf("read what came back: %w", err)
	}
	if back.SourceCurrency == back.DestCurrency {
		return []ledger.Transaction{ledger.ReverseReturn(*row.PayoutID, amount, row.Reason)}, nil
	}
	var part apd.Decimal
	c := apd.BaseContext.WithPrecision(60)
	if _, err := c.Mul(&part, &back.DestAmount, &row.Amount); err != nil {
		return nil, fmt.Errorf("compute what the bank took: %w", err)
	}
	if _, err := c.Quo(&part, &part, &back.Credited); err != nil {
		return nil, fmt.Errorf("compute what the bank took: %w", err)
	}
	taken, err := money.Rounded(back.DestCurrency, part)
	if err != nil {
		return nil, err
	}
	return ledger.ReverseConverted(*row.PayoutID, amount, taken, row.Reason), nil
}

// adjustmentEvents are the events by which merchants hear of adjustments.
var adjustmentEvents = map[db.AdjustmentType]string{
	db.AdjustmentTypeDepositReversal: "balance.deposit_reversed",
	db.AdjustmentTypeReturnReversal:  "balance.return_reversed",
	db.AdjustmentTypeCredit:          "balance.adjusted",
	db.AdjustmentTypeDebit:           "balance.adjusted",
}

// tellAdjustment queues the one event of an adjustment. Who asked for it and who approved it is not the merchant's to know.
func tellAdjustment(ctx context.Context, tx *unit.Unit, row db.Adjustment, amount money.Amount) error {
	e := events.Event{Merchant: row.MerchantID, Sequence: 1}
	var object proto.Message
	if row.Type == db.AdjustmentTypeDeposit {
		e.Type, e.ObjectType, e.ObjectID = "balance.deposit", "deposit", row.TransactionID
		object = depositOf(row, amount, tx.Now)
	} else {
		e.Type, e.ObjectType, e.ObjectID = adjustmentEvents[row.Type], "adjustment", row.ID
		object = tellable(row, amount, tx.Now)
	}
	e.Object = object
	return events.Emit(ctx, tx, e)
}

// tellable is an executed adjustment as its merchant reads it.
func tellable(row db.Adjustment, amount money.Amount, at time.Time) *antonv1.Adjustment {
	return &antonv1.Adjustment{
		Id: row.ID, Type: typeOf(row), Currency: row.Currency, Amount: amount.String(), TransactionId: row.TransactionID,
		DepositId: depositID(row), PayoutId: row.PayoutID, Reason: row.Reason, CreatedAt: timestamppb.New(at),
	}
}

// depositOf is the deposit that an adjustment records, as it is booked.
func depositOf(row db.Adjustment, amount money.Amount, at time.Time) *opsv1.Deposit {
	return &opsv1.Deposit{
		Id: row.TransactionID, MerchantId: row.MerchantID, Amount: amount.String(), Currency: amount.Currency(), Reference: row.Reason,
		CreatedAt: timestamppb.New(at),
	}
}

// A credit is a transaction that gave money and may be reversed: locked, with what is left of it to take back.
type credit struct {
	row  db.Reversal
	left money.Amount
}

// lockCredited locks the transaction's reversals until the end of the unit; pgx.ErrNoRows where the merchant has no such transaction.
func lockCredited(ctx context.Context, tx *unit.Unit, merchant, transaction string, kind db.LedgerTransactionType) (credit, error) {
	row, err := tx.Read().ReversalLock(ctx, db.ReversalLockParams{MerchantID: merchant, TransactionID: transaction, Type: kind})
	if err != nil {
		return credit{}, fmt.Errorf("lock what was credited: %w", err)
	}
	credited, err := money.Of(row.Currency, row.Credited)
	if err != nil {
		return credit{}, err
	}
	reversed, err := money.Of(row.Currency, row.Reversed)
	if err != nil {
		return credit{}, err
	}
	return credit{row, credited.Minus(reversed)}, nil
}

// part is how much of the credit a request takes back: what it says, or all that is left.
func (c credit) part(amount, currency *string) (money.Amount, error) {
	if currency != nil && *currency != c.row.Currency {
		return money.Amount{}, apierr.InvalidField("currency", "must be %s, the currency of %s", c.row.Currency, c.row.TransactionID)
	}
	if !c.left.Positive() {
		return money.Amount{}, apierr.Conflict("All of %s was taken back already.", c.row.TransactionID)
	}
	if amount == nil {
		return c.left, nil
	}
	part, err := parseAmount(c.row.Currency, *amount)
	if err != nil {
		return part, err
	}
	if c.left.Less(part) {
		return part, apierr.InvalidField("amount", "must be at most %s %s: no more of %s can be taken back", c.row.Currency, c.left, c.row.TransactionID)
	}
	return part, nil
}
