// Package beneficiaries keeps whom merchants pay and the accounts the money goes to. Bank details and personal data are checked when
// they come in, stored encrypted, and never leave this package in the clear except to a rail.
package beneficiaries

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/page"
	"github.com/antonpayments/anton/server/unit"
)

// Service is anton.v1.BeneficiariesService.
type Service struct {
	Keys *crypto.Keys
}

// CreateBeneficiary creates a beneficiary, and its first instrument when the request has a bank account.
func (s *Service) CreateBeneficiary(ctx context.Context, req *antonv1.CreateBeneficiaryRequest) (*antonv1.CreateBeneficiaryResponse, error) {
	tx, merchant := call.Tx(ctx), call.Merchant(ctx)
	row, _, err := s.Create(ctx, tx, merchant, req)
	if err != nil {
		return nil, err
	}
	tx.About(merchant, row.ID)
	return &antonv1.CreateBeneficiaryResponse{Data: toProto(row)}, nil
}

// Create queues a beneficiary with its event, and its first instrument when the request has a bank account; nil where it has none. The
// audit row is the caller's to write.
func (s *Service) Create(ctx context.Context, tx *unit.Unit, merchant string, req *antonv1.CreateBeneficiaryRequest) (db.Beneficiary, *db.Instrument, error) {
	account, fields := check(req, tx.Now)
	if len(fields) > 0 {
		return db.Beneficiary{}, nil, apierr.Invalid(fields...)
	}
	row := newRow(merchant, req, tx.Now)
	if err := s.fill(&row, req); err != nil {
		return row, nil, err
	}
	if account != nil {
		if err := s.fingerprint(&row, account); err != nil {
			return row, nil, err
		}
		id := ids.New(ids.Instrument, tx.Now)
		row.DefaultInstrumentID = &id
	}
	if err := refuseTwin(ctx, tx, db.Beneficiary{}, row); err != nil {
		return row, nil, err
	}
	if err := insert(ctx, tx, row); err != nil {
		return row, nil, err
	}
	var instrument *db.Instrument
	if account != nil {
		first := db.Instrument{ID: *row.DefaultInstrumentID, BeneficiaryID: row.ID, Currency: row.Currency}
		first, err := s.insertInstrument(ctx, tx, merchant, first, account)
		if err != nil {
			return row, nil, err
		}
		instrument = &first
	}
	return row, instrument, emit(ctx, tx, row, "beneficiary.created", "")
}

// GetBeneficiary shows one of the caller's beneficiaries.
func (s *Service) GetBeneficiary(ctx context.Context, req *antonv1.GetBeneficiaryRequest) (*antonv1.GetBeneficiaryResponse, error) {
	row, err := call.Reads(ctx).BeneficiaryGet(ctx, call.Merchant(ctx), req.GetId())
	if err != nil {
		return nil, notFound(err, "beneficiary", req.GetId())
	}
	return &antonv1.GetBeneficiaryResponse{Data: toProto(row)}, nil
}

// ListBeneficiaries lists the caller's beneficiaries, newest first.
func (s *Service) ListBeneficiaries(ctx context.Context, req *antonv1.ListBeneficiariesRequest) (*antonv1.ListBeneficiariesResponse, error) {
	merchant := call.Merchant(ctx)
	p, err := page.Of(merchant, req)
	if err != nil {
		return nil, err
	}
	rows, err := call.Reads(ctx).BeneficiaryList(ctx, db.BeneficiaryListParams{
		MerchantID:    merchant,
		Status:        page.Word(req.GetStatus()),
		Type:          page.Word(req.GetType()),
		Country:       page.Text(req.GetCountry()),
		ExternalRef:   page.Text(req.GetExternalRef()),
		CreatedAfter:  page.Time(req.GetCreatedAfter()),
		CreatedBefore: page.Time(req.GetCreatedBefore()),
		BeforeAt:      p.At,
		BeforeID:      p.ID,
		RowLimit:      p.Fetch(),
	})
	if err != nil {
		return nil, fmt.Errorf("list beneficiaries: %w", err)
	}
	resp := &antonv1.ListBeneficiariesResponse{}
	rows, resp.HasMore, resp.NextCursor = page.Cut(p, rows, func(b db.Beneficiary) (time.Time, string) { return b.CreatedAt, b.ID })
	for _, row := range rows {
		resp.Data = append(resp.Data, toProto(row))
	}
	return resp, nil
}

func insert(ctx context.Context, tx *unit.Unit, row db.Beneficiary) error {
	return tx.Queue(unit.Rows).BeneficiaryInsert(ctx, db.BeneficiaryInsertParams{
		MerchantID: row.MerchantID, ID: row.ID, Type: row.Type, FirstName: row.FirstName, MiddleName: row.MiddleName,
		LastName: row.LastName, CompanyName: row.CompanyName, Country: row.Country, Currency: row.Currency, ExternalRef: row.ExternalRef,
		DefaultInstrumentID: row.DefaultInstrumentID, PrivateData: row.PrivateData, Fingerprint: row.Fingerprint,
		AllowDuplicate: row.AllowDuplicate, Metadata: row.Metadata, CreatedAt: row.CreatedAt,
	})
}

func notFound(err error, what, id string) error {
	if errors.Is(err, pgx.ErrNoRows) {
		return apierr.NotFound(what, id)
	}
	return fmt.Errorf("read %s: %w", what, err)
}
