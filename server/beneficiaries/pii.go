package beneficiaries

import (
	"context"
	"fmt"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/page"
)

// maxInstruments is how many instruments a beneficiary can have: as many as one answer of GetBeneficiaryPii holds.
const maxInstruments = 100

// GetBeneficiaryPii shows a beneficiary's personal data and its full bank details. It is the only answer that ever holds them, and each
// one leaves an audit row.
func (s *Service) GetBeneficiaryPii(ctx context.Context, req *antonv1.GetBeneficiaryPiiRequest) (*antonv1.GetBeneficiaryPiiResponse, error) {
	merchant := call.Merchant(ctx)
	row, err := call.Reads(ctx).BeneficiaryGet(ctx, merchant, req.GetId())
	if err != nil {
		return nil, notFound(err, "beneficiary", req.GetId())
	}
	call.ReadAbout(ctx, row.ID)
	given, err := s.asRequest(row)
	if err != nil {
		return nil, err
	}
	data := &antonv1.BeneficiaryPii{
		Id: row.ID, Type: given.GetType(), FirstName: row.FirstName, MiddleName: row.MiddleName, LastName: row.LastName,
		CompanyName: row.CompanyName, Email: page.Text(given.GetEmail()), Phone: page.Text(given.GetPhone()),
		DateOfBirth: page.Text(given.GetDateOfBirth()), Nationality: page.Text(given.GetNationality()), Address: given.GetAddress(),
		RegistrationNumber: page.Text(given.GetRegistrationNumber()), TaxId: page.Text(given.GetTaxId()),
	}
	instruments, err := call.Reads(ctx).InstrumentList(ctx, db.InstrumentListParams{
		MerchantID: merchant, BeneficiaryID: &row.ID, RowLimit: maxInstruments,
	})
	if err != nil {
		return nil, fmt.Errorf("list instruments: %w", err)
	}
	for _, i := range instruments {
		one := &antonv1.InstrumentPii{
			Id: i.Instrument.ID, Method: methodOf(i.Instrument), Currency: i.Instrument.Currency, BankAccount: &antonv1.BankDetails{},
		}
		if err := s.openAccount(i.Instrument, one.BankAccount); err != nil {
			return nil, err
		}
		data.Instruments = append(data.Instruments, one)
	}
	return &antonv1.GetBeneficiaryPiiResponse{Data: data}, nil
}
