package batches

import (
	"context"
	"fmt"
	"slices"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/events"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/unit"
)

// A batch's life. Every arrow is here, and again in the database's constraint batch_arrow_exists.
//
//	uploaded ─▶ validating ─▶ validated ─▶ confirmed ─▶ processing ─▶ completed
//	                 │                                      ├──▶ partial
//	                 └──▶ validation_failed                 └──▶ failed
//
// Until it is processing, it can be cancelled.
var arrows = map[db.BatchStatus][]db.BatchStatus{
	db.BatchStatusUploaded:         {db.BatchStatusValidating, db.BatchStatusCancelled},
	db.BatchStatusValidating:       {db.BatchStatusValidated, db.BatchStatusValidationFailed, db.BatchStatusCancelled},
	db.BatchStatusValidated:        {db.BatchStatusConfirmed, db.BatchStatusCancelled},
	db.BatchStatusValidationFailed: {db.BatchStatusCancelled},
	db.BatchStatusConfirmed:        {db.BatchStatusProcessing, db.BatchStatusCancelled},
	db.BatchStatusProcessing:       {db.BatchStatusCompleted, db.BatchStatusPartial, db.BatchStatusFailed},
}

// move is the only function that changes a batch's state: the arrow is checked, the step and the batch as it now is are written, the
// event tells it, the audit row says who. What else changed in the row is written with it; the caller holds its lock. Work that was due
// is done: the caller sets DueAt where more is to do.
func move(ctx context.Context, u *unit.Unit, row *db.Batch, to db.BatchStatus) error {
	from := row.Status
	if !slices.Contains(arrows[from], to) {
		return apierr.Conflict("Batch %s is %s and cannot become %s.", row.ID, from, to)
	}
	row.Status, row.Seq, row.UpdatedAt, row.Attempt = to, row.Seq+1, u.Now, 0
	switch to {
	case db.BatchStatusConfirmed:
		row.ConfirmedAt = &u.Now
	case db.BatchStatusProcessing:
		row.ProcessingAt = &u.Now
	case db.BatchStatusValidated:
		row.ValidatedAt = &u.Now
	case db.BatchStatusValidationFailed, db.BatchStatusCompleted, db.BatchStatusPartial, db.BatchStatusFailed, db.BatchStatusCancelled:
		row.EndedAt, row.DueAt = &u.Now, nil
		if to == db.BatchStatusValidationFailed {
			row.ValidatedAt = &u.Now
		}
	}
	eventID := ids.New(ids.Event, u.Now)
	err := u.Queue(unit.Rows).BatchMove(ctx, db.BatchMoveParams{
		MerchantID: row.MerchantID, ID: row.ID, FromStatus: &from, Status: to, Seq: row.Seq, UpdatedAt: row.UpdatedAt, Actor: u.Actor, EventID: eventID,
		ValidRows: row.ValidRows, InvalidRows: row.InvalidRows, CreatedRows: row.CreatedRows, FailedRows: row.FailedRows,
		NewBeneficiaries: row.NewBeneficiaries, KnownBeneficiaries: row.KnownBeneficiaries, ConfirmedBy: row.ConfirmedBy,
		CancelReason: row.CancelReason, ValidatedAt: row.ValidatedAt, ExpiresAt: row.ExpiresAt, ConfirmedAt: row.ConfirmedAt,
		ProcessingAt: row.ProcessingAt, EndedAt: row.EndedAt, DueAt: row.DueAt,
	})
	if err != nil {
		return err
	}
	return tell(ctx, u, *row, eventID, from)
}

// tell queues the event and the audit row of the step that led to the batch's present state.
func tell(ctx context.Context, u *unit.Unit, row db.Batch, eventID string, from db.BatchStatus) error {
	err := events.Emit(ctx, u, events.Event{
		ID: eventID, Merchant: row.MerchantID, Type: "batch." + string(row.Status), ObjectType: "batch", ObjectID: row.ID, Sequence: row.Seq,
		PreviousStatus: string(from), Object: toProto(row),
	})
	if err != nil {
		return err
	}
	detail := map[string]string{"to": string(row.Status), "sequence": fmt.Sprint(row.Seq), "rows": fmt.Sprint(row.TotalRows)}
	if from != "" {
		detail["from"] = string(from)
	}
	return audit.Record(ctx, u, audit.Row{Merchant: row.MerchantID, Action: "batch.transition", Object: row.ID, Detail: detail})
}
