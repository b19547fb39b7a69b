package beneficiaries

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/events"
	"github.com/antonpayments/anton/server/unit"
)

// lock gives the beneficiary for a change. Until the unit ends nobody else changes it, and no payout to it begins.
func lock(ctx context.Context, tx *unit.Unit, merchant, id string) (db.Beneficiary, error) {
	row, err := tx.Read().BeneficiaryGetForUpdate(ctx, merchant, id)
	if err != nil {
		return row, notFound(err, "beneficiary", id)
	}
	return row, nil
}

// refuseBlocked keeps what compliance blocked as it is: whoever could rename, restore or delete it could undo the block.
func refuseBlocked(row db.Beneficiary) error {
	if row.Status != db.BeneficiaryStatusBlocked {
		return nil
	}
	return apierr.Conflict("Beneficiary %s is blocked by compliance and cannot be changed. Contact support.", row.ID)
}

// refuseInProgress refuses while a payout to the beneficiary is on its way, or, where an instrument is given, one that uses it.
func refuseInProgress(ctx context.Context, tx *unit.Unit, owner db.Beneficiary, instrument *string) error {
	payout, err := tx.Read().BeneficiaryPayoutInProgress(ctx, db.BeneficiaryPayoutInProgressParams{
		MerchantID: owner.MerchantID, BeneficiaryID: owner.ID, InstrumentID: instrument,
	})
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for a payout in progress: %w", err)
	}
	what := "Beneficiary " + owner.ID
	if instrument != nil {
		what = "Instrument " + *instrument
	}
	return apierr.Conflict("%s cannot be deleted: payout %s is in progress. Cancel it, or wait until it ends.", what, payout)
}

// change writes the beneficiary as it now is and tells it. The caller holds its lock, and gives it as it was.
func change(ctx context.Context, tx *unit.Unit, was db.Beneficiary, is *db.Beneficiary, event string) error {
	if err := refuseTwin(ctx, tx, was, *is); err != nil {
		return err
	}
	is.EventSequence, is.UpdatedAt = was.EventSequence+1, tx.Now
	if fullName(was) != fullName(*is) {
		is.RenamedAt = &tx.Now
	}
	err := tx.Queue(unit.Rows).BeneficiaryUpdate(ctx, db.BeneficiaryUpdateParams{
		MerchantID: is.MerchantID, ID: is.ID, FirstName: is.FirstName, MiddleName: is.MiddleName, LastName: is.LastName,
		CompanyName: is.CompanyName, Status: is.Status, ExternalRef: is.ExternalRef, DefaultInstrumentID: is.DefaultInstrumentID,
		PrivateData: is.PrivateData, Fingerprint: is.Fingerprint, AllowDuplicate: is.AllowDuplicate, Metadata: is.Metadata,
		EventSequence: is.EventSequence, UpdatedAt: is.UpdatedAt, RenamedAt: is.RenamedAt, BlockID: is.BlockID,
	})
	if err != nil {
		return err
	}
	previous := ""
	if was.Status != is.Status {
		previous = string(was.Status)
	}
	return emit(ctx, tx, *is, event, previous)
}

// refuseTwin answers duplicate_beneficiary with the id of the first, when the beneficiary comes to claim a reference or a name and
// account that it did not claim before; a new one claimed nothing. Two requests at once can both pass it: the unique index lets one
// through, and the other is run again and answered here.
func refuseTwin(ctx context.Context, tx *unit.Unit, was, is db.Beneficiary) error {
	look := db.BeneficiaryTwinParams{MerchantID: is.MerchantID, ID: is.ID}
	if is.ExternalRef != nil && orBlank(is.ExternalRef) != orBlank(was.ExternalRef) {
		look.ExternalRef = is.ExternalRef
	}
	if claims(is) && !(claims(was) && bytes.Equal(was.Fingerprint, is.Fingerprint)) {
		look.Fingerprint = is.Fingerprint
	}
	if look.ExternalRef == nil && look.Fingerprint == nil {
		return nil
	}
	twin, err := tx.Read().BeneficiaryTwin(ctx, look)
	if errors.Is(err, pgx.ErrNoRows) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look for a duplicate: %w", err)
	}
	if twin.SameRef {
		return apierr.InvalidField("external_ref", "is used already, by beneficiary %s", twin.ID)
	}
	if was.ID == "" {
		return apierr.New(antonv1.ErrorCode_duplicate_beneficiary, "Beneficiary %s has the same name and account. Use it, or set allow_duplicate.", twin.ID)
	}
	return apierr.New(antonv1.ErrorCode_duplicate_beneficiary, "Beneficiary %s has the same name and account. Use it, or set allow_duplicate of beneficiary %s.", twin.ID, is.ID)
}

// claims says whether no other beneficiary may have the same name and account.
func claims(row db.Beneficiary) bool {
	return row.Fingerprint != nil && row.Status == db.BeneficiaryStatusActive && !row.AllowDuplicate
}

func emit(ctx context.Context, tx *unit.Unit, row db.Beneficiary, kind, previousStatus string) error {
	return events.Emit(ctx, tx, events.Event{
		Merchant: row.MerchantID, Type: kind, ObjectType: "beneficiary", ObjectID: row.ID, Sequence: row.EventSequence,
		PreviousStatus: previousStatus, Object: toProto(row),
	})
}
