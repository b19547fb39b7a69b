package beneficiaries

import (
	"context"

	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/unit"
)

// Block blocks an active or archived beneficiary that the caller holds locked. The block, the status, the event and the audit row are one
// transaction: why it is blocked is never missing. alert is the certain match that is the cause; nil where a person is.
func Block(ctx context.Context, tx *unit.Unit, was db.Beneficiary, alert *string, reason string) (db.Beneficiary, db.BeneficiaryBlock, error) {
	block := db.BeneficiaryBlock{
		MerchantID: was.MerchantID, ID: ids.New(ids.Block, tx.Now), BeneficiaryID: was.ID, Cause: db.BlockCauseOperator, AlertID: alert,
		Reason: reason, BlockedBy: tx.Actor, BlockedAt: tx.Now,
	}
	if alert != nil {
		block.Cause = db.BlockCauseScreening
	}
	err := tx.Queue(unit.Rows).BlockInsert(ctx, db.BlockInsertParams{
		MerchantID: block.MerchantID, ID: block.ID, BeneficiaryID: block.BeneficiaryID, Cause: block.Cause, AlertID: alert, Reason: reason,
		BlockedBy: block.BlockedBy, BlockedAt: block.BlockedAt,
	})
	if err != nil {
		return was, block, err
	}
	is := was
	is.Status, is.BlockID = db.BeneficiaryStatusBlocked, &block.ID
	if err := change(ctx, tx, was, &is, "beneficiary.blocked"); err != nil {
		return was, block, err
	}
	return is, block, recordStatus(ctx, tx, was, is, block.ID)
}

// Unblock makes a blocked beneficiary, locked by the caller, active again. Whether it may be is the caller's to know.
func Unblock(ctx context.Context, tx *unit.Unit, was db.Beneficiary, block *db.BeneficiaryBlock, reason string) (db.Beneficiary, error) {
	block.LiftedBy, block.LiftedAt, block.LiftReason = &tx.Actor, &tx.Now, &reason
	err := tx.Queue(unit.Rows).BlockLift(ctx, db.BlockLiftParams{
		MerchantID: block.MerchantID, ID: block.ID, LiftedBy: block.LiftedBy, LiftedAt: block.LiftedAt, LiftReason: block.LiftReason,
	})
	if err != nil {
		return was, err
	}
	is := was
	is.Status, is.BlockID = db.BeneficiaryStatusActive, nil
	if err := change(ctx, tx, was, &is, "beneficiary.updated"); err != nil {
		return was, err
	}
	return is, recordStatus(ctx, tx, was, is, block.ID)
}

func recordStatus(ctx context.Context, tx *unit.Unit, was, is db.Beneficiary, block string) error {
	return audit.Record(ctx, tx, audit.Row{Merchant: is.MerchantID, Action: "beneficiary.status", Object: is.ID, Detail: map[string]string{
		"from": string(was.Status), "to": string(is.Status), "block": block,
	}})
}
