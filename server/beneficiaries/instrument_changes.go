package beneficiaries

import (
	"context"

	"google.golang.org/protobuf/types/known/timestamppb"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/patch"
	"github.com/antonpayments/anton/server/unit"
)

// UpdateInstrument changes what the request names. The account itself never changes: what was screened is what is paid.
func (s *Service) UpdateInstrument(ctx context.Context, req *antonv1.UpdateInstrumentRequest) (*antonv1.UpdateInstrumentResponse, error) {
	tx, merchant := call.Tx(ctx), call.Merchant(ctx)
	changes, err := patch.Of(req)
	if err != nil {
		return nil, err
	}
	owner, row, err := lockInstrument(ctx, tx, merchant, req.GetId())
	if err != nil {
		return nil, err
	}
	tx.About(merchant, row.ID)
	isDefault := orBlank(owner.DefaultInstrumentID) == row.ID
	if len(changes) == 0 {
		return &antonv1.UpdateInstrumentResponse{Data: instrumentToProto(row, isDefault)}, nil
	}
	if err := refuseBlocked(owner); err != nil {
		return nil, err
	}
	if changes["status"] && req.GetStatus() == antonv1.InstrumentStatus_unspecified {
		return nil, apierr.InvalidField("status", "cannot be cleared: it is active or disabled")
	}
	patch.Set(changes, "label", &row.Label, req.GetLabel())
	patch.Set(changes, "metadata", &row.Metadata, orEmpty(req.GetMetadata()))
	patch.Set(changes, "status", &row.Status, db.InstrumentStatus(req.GetStatus().String()))
	if req.GetMakeDefault() && changes["make_default"] && !isDefault {
		if isDefault, err = true, s.makeDefault(ctx, tx, owner, row); err != nil {
			return nil, err
		}
	}
	row.UpdatedAt = tx.Now
	err = tx.Queue(unit.Rows).InstrumentUpdate(ctx, db.InstrumentUpdateParams{
		MerchantID: merchant, ID: row.ID, Label: row.Label, Status: row.Status, Metadata: row.Metadata, UpdatedAt: row.UpdatedAt,
	})
	if err != nil {
		return nil, err
	}
	return &antonv1.UpdateInstrumentResponse{Data: instrumentToProto(row, isDefault)}, nil
}

// makeDefault makes the instrument its beneficiary's default one. One that is off would have every payout that names none refused.
func (s *Service) makeDefault(ctx context.Context, tx *unit.Unit, owner db.Beneficiary, row db.Instrument) error {
	if row.Status != db.InstrumentStatusActive {
		return apierr.Conflict("Instrument %s is %s and cannot be the default one. Set its status to active as well.", row.ID, row.Status)
	}
	account, err := s.account(row)
	if err != nil {
		return err
	}
	return s.setDefault(ctx, tx, owner, &row.ID, account)
}

// DeleteInstrument hides an instrument for good. The row stays for the payouts that point at it.
func (s *Service) DeleteInstrument(ctx context.Context, req *antonv1.DeleteInstrumentRequest) (*antonv1.DeleteInstrumentResponse, error) {
	tx, merchant := call.Tx(ctx), call.Merchant(ctx)
	owner, row, err := lockInstrument(ctx, tx, merchant, req.GetId())
	if err != nil {
		return nil, err
	}
	if err := refuseBlocked(owner); err != nil {
		return nil, err
	}
	if err := refuseInProgress(ctx, tx, owner, &row.ID); err != nil {
		return nil, err
	}
	err = tx.Queue(unit.Rows).InstrumentDelete(ctx, db.InstrumentDeleteParams{MerchantID: merchant, ID: row.ID, DeletedAt: &tx.Now})
	if err != nil {
		return nil, err
	}
	if orBlank(owner.DefaultInstrumentID) == row.ID {
		if err := s.setDefault(ctx, tx, owner, nil, nil); err != nil {
			return nil, err
		}
	}
	tx.About(merchant, row.ID)
	return &antonv1.DeleteInstrumentResponse{Data: &antonv1.Deletion{Id: row.ID, DeletedAt: timestamppb.New(tx.Now)}}, nil
}

// lockInstrument gives the instrument and its beneficiary for a change.
func lockInstrument(ctx context.Context, tx *unit.Unit, merchant, id string) (db.Beneficiary, db.Instrument, error) {
	row, err := tx.Read().InstrumentLock(ctx, merchant, id)
	if err != nil {
		return db.Beneficiary{}, db.Instrument{}, notFound(err, "instrument", id)
	}
	return row.Beneficiary, row.Instrument, nil
}
