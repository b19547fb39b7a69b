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

// UpdateBeneficiary changes what the request names. The outcome is held to the rules of a creation, so that no sequence of changes
// leads to a beneficiary that could not have been created.
func (s *Service) UpdateBeneficiary(ctx context.Context, req *antonv1.UpdateBeneficiaryRequest) (*antonv1.UpdateBeneficiaryResponse, error) {
	tx, merchant := call.Tx(ctx), call.Merchant(ctx)
	changes, err := patch.Of(req)
	if err != nil {
		return nil, err
	}
	was, err := lock(ctx, tx, merchant, req.GetId())
	if err != nil {
		return nil, err
	}
	tx.About(merchant, was.ID)
	if len(changes) == 0 {
		return &antonv1.UpdateBeneficiaryResponse{Data: toProto(was)}, nil
	}
	if err := refuseBlocked(was); err != nil {
		return nil, err
	}
	wanted, err := s.asRequest(was)
	if err != nil {
		return nil, err
	}
	apply(changes, req, wanted)
	if _, wrong := check(wanted, tx.Now); len(wrong) > 0 {
		return nil, apierr.Invalid(wrong...)
	}
	is := was
	if err := s.fill(&is, wanted); err != nil {
		return nil, err
	}
	if err := s.follow(ctx, tx, &is); err != nil {
		return nil, err
	}
	if err := change(ctx, tx, was, &is, "beneficiary.updated"); err != nil {
		return nil, err
	}
	return &antonv1.UpdateBeneficiaryResponse{Data: toProto(is)}, nil
}

func apply(c patch.Changes, from *antonv1.UpdateBeneficiaryRequest, to *antonv1.CreateBeneficiaryRequest) {
	patch.Set(c, "first_name", &to.FirstName, from.GetFirstName())
	patch.Set(c, "middle_name", &to.MiddleName, from.GetMiddleName())
	patch.Set(c, "last_name", &to.LastName, from.GetLastName())
	patch.Set(c, "company_name", &to.CompanyName, from.GetCompanyName())
	patch.Set(c, "email", &to.Email, from.GetEmail())
	patch.Set(c, "phone", &to.Phone, from.GetPhone())
	patch.Set(c, "date_of_birth", &to.DateOfBirth, from.GetDateOfBirth())
	patch.Set(c, "nationality", &to.Nationality, from.GetNationality())
	patch.Set(c, "address", &to.Address, from.GetAddress())
	patch.Set(c, "registration_number", &to.RegistrationNumber, from.GetRegistrationNumber())
	patch.Set(c, "tax_id", &to.TaxId, from.GetTaxId())
	patch.Set(c, "external_ref", &to.ExternalRef, from.GetExternalRef())
	patch.Set(c, "metadata", &to.Metadata, from.GetMetadata())
	patch.Set(c, "allow_duplicate", &to.AllowDuplicate, from.GetAllowDuplicate())
}

// follow has the fingerprint follow the name, with the default account as it is.
func (s *Service) follow(ctx context.Context, tx *unit.Unit, row *db.Beneficiary) error {
	if row.DefaultInstrumentID == nil {
		return s.fingerprint(row, nil)
	}
	instrument, err := tx.Read().InstrumentGet(ctx, row.MerchantID, *row.DefaultInstrumentID)
	if err != nil {
		return notFound(err, "instrument", *row.DefaultInstrumentID)
	}
	account, err := s.account(instrument.Instrument)
	if err != nil {
		return err
	}
	return s.fingerprint(row, account)
}

// ArchiveBeneficiary puts an active beneficiary away. Payouts to it that exist go on; new ones are refused.
func (s *Service) ArchiveBeneficiary(ctx context.Context, req *antonv1.ArchiveBeneficiaryRequest) (*antonv1.ArchiveBeneficiaryResponse, error) {
	data, err := setStatus(ctx, req.GetId(), db.BeneficiaryStatusArchived, "beneficiary.archived")
	if err != nil {
		return nil, err
	}
	return &antonv1.ArchiveBeneficiaryResponse{Data: data}, nil
}

// RestoreBeneficiary makes an archived beneficiary active again, unless another one took its name and account meanwhile.
func (s *Service) RestoreBeneficiary(ctx context.Context, req *antonv1.RestoreBeneficiaryRequest) (*antonv1.RestoreBeneficiaryResponse, error) {
	data, err := setStatus(ctx, req.GetId(), db.BeneficiaryStatusActive, "beneficiary.updated")
	if err != nil {
		return nil, err
	}
	return &antonv1.RestoreBeneficiaryResponse{Data: data}, nil
}

// setStatus takes the beneficiary from active to archived or back. A block is compliance's to lift.
func setStatus(ctx context.Context, id string, to db.BeneficiaryStatus, event string) (*antonv1.Beneficiary, error) {
	tx, merchant := call.Tx(ctx), call.Merchant(ctx)
	was, err := lock(ctx, tx, merchant, id)
	if err != nil {
		return nil, err
	}
	if err := refuseBlocked(was); err != nil {
		return nil, err
	}
	if was.Status == to {
		return nil, apierr.Conflict("Beneficiary %s is %s already.", was.ID, to)
	}
	is := was
	is.Status = to
	if err := change(ctx, tx, was, &is, event); err != nil {
		return nil, err
	}
	tx.About(merchant, is.ID)
	return toProto(is), nil
}

// DeleteBeneficiary hides a beneficiary and its instruments for good. The rows stay for the payouts that point at them.
func (s *Service) DeleteBeneficiary(ctx context.Context, req *antonv1.DeleteBeneficiaryRequest) (*antonv1.DeleteBeneficiaryResponse, error) {
	tx, merchant := call.Tx(ctx), call.Merchant(ctx)
	row, err := lock(ctx, tx, merchant, req.GetId())
	if err != nil {
		return nil, err
	}
	if err := refuseBlocked(row); err != nil {
		return nil, err
	}
	if err := refuseInProgress(ctx, tx, row, nil); err != nil {
		return nil, err
	}
	err = tx.Queue(unit.Rows).BeneficiaryDelete(ctx, db.BeneficiaryDeleteParams{MerchantID: merchant, ID: row.ID, DeletedAt: &tx.Now})
	if err != nil {
		return nil, err
	}
	tx.About(merchant, row.ID)
	return &antonv1.DeleteBeneficiaryResponse{Data: &antonv1.Deletion{Id: row.ID, DeletedAt: timestamppb.New(tx.Now)}}, nil
}
