package beneficiaries

import (
	"context"
	"fmt"
	"time"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/bankdetails"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/page"
	"github.com/antonpayments/anton/server/unit"
)

// CreateInstrument adds an account to one of the caller's beneficiaries. The first one becomes the default.
func (s *Service) CreateInstrument(ctx context.Context, req *antonv1.CreateInstrumentRequest) (*antonv1.CreateInstrumentResponse, error) {
	tx, merchant := call.Tx(ctx), call.Merchant(ctx)
	owner, err := lock(ctx, tx, merchant, req.GetBeneficiaryId())
	if err != nil {
		return nil, err
	}
	if owner.Status != db.BeneficiaryStatusActive {
		return nil, apierr.New(antonv1.ErrorCode_beneficiary_not_active, "Beneficiary %s is %s.", owner.ID, owner.Status)
	}
	if err := refuseTooMany(ctx, tx, owner); err != nil {
		return nil, err
	}
	row := db.Instrument{
		ID: ids.New(ids.Instrument, tx.Now), BeneficiaryID: owner.ID, Currency: owner.Currency, Label: req.GetLabel(), Metadata: req.GetMetadata(),
	}
	if req.GetCurrency() != "" {
		row.Currency = req.GetCurrency()
	}
	account, fields := checkAccount(owner.Country, row.Currency, req.GetBankAccount())
	if !money.Known(row.Currency) {
		fields = append(fields, apierr.Field{Path: "currency", Message: money.ErrCurrency.Error()})
	}
	if len(fields) > 0 {
		return nil, apierr.Invalid(fields...)
	}
	if row, err = s.insertInstrument(ctx, tx, merchant, row, account); err != nil {
		return nil, err
	}
	isDefault := req.GetMakeDefault() || owner.DefaultInstrumentID == nil
	if isDefault {
		if err := s.setDefault(ctx, tx, owner, &row.ID, account); err != nil {
			return nil, err
		}
	}
	tx.About(merchant, row.ID)
	return &antonv1.CreateInstrumentResponse{Data: instrumentToProto(row, isDefault)}, nil
}

// refuseTooMany keeps a beneficiary's instruments to what one answer can show.
func refuseTooMany(ctx context.Context, tx *unit.Unit, owner db.Beneficiary) error {
	count, err := tx.Read().InstrumentCount(ctx, owner.MerchantID, owner.ID)
	if err != nil {
		return fmt.Errorf("count the instruments: %w", err)
	}
	if count >= maxInstruments {
		return apierr.Conflict("Beneficiary %s has %d instruments, which is the most it can have. Delete one first.", owner.ID, count)
	}
	return nil
}

// setDefault makes the instrument the one that payouts use when they name none; nil leaves the beneficiary without one. What it is known
// by follows.
func (s *Service) setDefault(ctx context.Context, tx *unit.Unit, owner db.Beneficiary, instrument *string, account *bankdetails.Account) error {
	is := owner
	is.DefaultInstrumentID = instrument
	if err := s.fingerprint(&is, account); err != nil {
		return err
	}
	return change(ctx, tx, owner, &is, "beneficiary.updated")
}

// insertInstrument completes the row from the account, encrypts the account's details and queues the row.
func (s *Service) insertInstrument(ctx context.Context, tx *unit.Unit, merchant string, row db.Instrument, account *bankdetails.Account) (db.Instrument, error) {
	row, err := s.newInstrument(merchant, row, account)
	if err != nil {
		return row, err
	}
	row.Metadata, row.CreatedAt, row.UpdatedAt = orEmpty(row.Metadata), tx.Now, tx.Now
	return row, tx.Queue(unit.Rows).InstrumentInsert(ctx, db.InstrumentInsertParams{
		MerchantID: row.MerchantID, ID: row.ID, BeneficiaryID: row.BeneficiaryID, Method: row.Method, Currency: row.Currency,
		Country: row.Country, BankName: row.BankName, Last4: row.Last4, Masked: row.Masked, Label: row.Label, Details: row.Details,
		Fingerprint: row.Fingerprint, BankFingerprint: row.BankFingerprint, Metadata: row.Metadata, CreatedAt: row.CreatedAt,
	})
}

// ListBeneficiaryInstruments lists the accounts of one of the caller's beneficiaries, newest first.
func (s *Service) ListBeneficiaryInstruments(ctx context.Context, req *antonv1.ListBeneficiaryInstrumentsRequest) (*antonv1.ListBeneficiaryInstrumentsResponse, error) {
	merchant := call.Merchant(ctx)
	p, err := page.Of(merchant, req)
	if err != nil {
		return nil, err
	}
	owner, err := call.Reads(ctx).BeneficiaryGet(ctx, merchant, req.GetBeneficiaryId())
	if err != nil {
		return nil, notFound(err, "beneficiary", req.GetBeneficiaryId())
	}
	rows, err := call.Reads(ctx).InstrumentList(ctx, db.InstrumentListParams{
		MerchantID: merchant, BeneficiaryID: &owner.ID, BeforeAt: p.At, BeforeID: p.ID, RowLimit: p.Fetch(),
	})
	if err != nil {
		return nil, fmt.Errorf("list instruments: %w", err)
	}
	resp := &antonv1.ListBeneficiaryInstrumentsResponse{}
	rows, resp.HasMore, resp.NextCursor = page.Cut(p, rows, instrumentPlace)
	for _, row := range rows {
		resp.Data = append(resp.Data, instrumentToProto(row.Instrument, row.IsDefault))
	}
	return resp, nil
}

func instrumentPlace(row db.InstrumentListRow) (time.Time, string) {
	return row.Instrument.CreatedAt, row.Instrument.ID
}

// GetInstrument shows one of the caller's instruments.
func (s *Service) GetInstrument(ctx context.Context, req *antonv1.GetInstrumentRequest) (*antonv1.GetInstrumentResponse, error) {
	row, err := call.Reads(ctx).InstrumentGet(ctx, call.Merchant(ctx), req.GetId())
	if err != nil {
		return nil, notFound(err, "instrument", req.GetId())
	}
	return &antonv1.GetInstrumentResponse{Data: instrumentToProto(row.Instrument, row.IsDefault)}, nil
}

// ListInstruments lists the caller's instruments, newest first.
func (s *Service) ListInstruments(ctx context.Context, req *antonv1.ListInstrumentsRequest) (*antonv1.ListInstrumentsResponse, error) {
	merchant := call.Merchant(ctx)
	p, err := page.Of(merchant, req)
	if err != nil {
		return nil, err
	}
	rows, err := call.Reads(ctx).InstrumentList(ctx, db.InstrumentListParams{
		MerchantID:    merchant,
		BeneficiaryID: page.Text(req.GetBeneficiaryId()),
		Status:        page.Word(req.GetStatus()),
		Method:        page.Word(req.GetMethod()),
		Currency:      page.Text(req.GetCurrency()),
		CreatedAfter:  page.Time(req.GetCreatedAfter()),
		CreatedBefore: page.Time(req.GetCreatedBefore()),
		BeforeAt:      p.At,
		BeforeID:      p.ID,
		RowLimit:      p.Fetch(),
	})
	if err != nil {
		return nil, fmt.Errorf("list instruments: %w", err)
	}
	resp := &antonv1.ListInstrumentsResponse{}
	rows, resp.HasMore, resp.NextCursor = page.Cut(p, rows, instrumentPlace)
	for _, row := range rows {
		resp.Data = append(resp.Data, instrumentToProto(row.Instrument, row.IsDefault))
	}
	return resp, nil
}
