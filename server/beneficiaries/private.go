package beneficiaries

import (
	"encoding/json"
	"fmt"

	"google.golang.org/protobuf/proto"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/bankdetails"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/page"
)

// private is the personal data of a beneficiary, as it is encrypted.
type private struct {
	Email              string           `json:"email,omitempty"`
	Phone              string           `json:"phone,omitempty"`
	DateOfBirth        string           `json:"date_of_birth,omitempty"`
	Nationality        string           `json:"nationality,omitempty"`
	Address            *antonv1.Address `json:"address,omitempty"`
	RegistrationNumber string           `json:"registration_number,omitempty"`
	TaxID              string           `json:"tax_id,omitempty"`
}

func placeOf(row db.Beneficiary) crypto.Place {
	return crypto.Place{Merchant: row.MerchantID, Object: row.ID, Field: "beneficiaries.private_data"}
}

// fill writes into the row all that a merchant says of a beneficiary and may change later, the personal data encrypted.
func (s *Service) fill(row *db.Beneficiary, req *antonv1.CreateBeneficiaryRequest) error {
	row.FirstName, row.MiddleName, row.LastName = page.Text(req.GetFirstName()), page.Text(req.GetMiddleName()), page.Text(req.GetLastName())
	row.CompanyName, row.ExternalRef = page.Text(req.GetCompanyName()), page.Text(req.GetExternalRef())
	row.AllowDuplicate, row.Metadata = req.GetAllowDuplicate(), orEmpty(req.GetMetadata())
	text, err := json.Marshal(private{
		Email: req.GetEmail(), Phone: req.GetPhone(), DateOfBirth: req.GetDateOfBirth(), Nationality: req.GetNationality(),
		Address: req.GetAddress(), RegistrationNumber: req.GetRegistrationNumber(), TaxID: req.GetTaxId(),
	})
	if err != nil {
		return fmt.Errorf("write the private data: %w", err)
	}
	row.PrivateData, err = s.Keys.Seal(placeOf(*row), text)
	return err
}

// asRequest is what a merchant would have to send to create the beneficiary as it is, without its account.
func (s *Service) asRequest(row db.Beneficiary) (*antonv1.CreateBeneficiaryRequest, error) {
	text, err := s.Keys.Open(placeOf(row), row.PrivateData)
	if err != nil {
		return nil, err
	}
	var p private
	if err := json.Unmarshal(text, &p); err != nil {
		return nil, fmt.Errorf("read the private data of %s: %w", row.ID, err)
	}
	return &antonv1.CreateBeneficiaryRequest{
		Type:      antonv1.PartyType_Value(antonv1.PartyType_Value_value[string(row.Type)]),
		FirstName: orBlank(row.FirstName), MiddleName: orBlank(row.MiddleName), LastName: orBlank(row.LastName),
		CompanyName: orBlank(row.CompanyName), Country: row.Country, Currency: row.Currency, ExternalRef: orBlank(row.ExternalRef),
		AllowDuplicate: row.AllowDuplicate, Metadata: row.Metadata,
		Email: p.Email, Phone: p.Phone, DateOfBirth: p.DateOfBirth, Nationality: p.Nationality, Address: p.Address,
		RegistrationNumber: p.RegistrationNumber, TaxId: p.TaxID,
	}, nil
}

// openAccount decrypts an instrument's details into the message given: a BankAccount, or the BankDetails that has the same fields.
func (s *Service) openAccount(row db.Instrument, into proto.Message) error {
	text, err := s.Keys.Open(crypto.Place{Merchant: row.MerchantID, Object: row.ID, Field: "instruments.details"}, row.Details)
	if err != nil {
		return err
	}
	if err := proto.Unmarshal(text, into); err != nil {
		return fmt.Errorf("read the account of %s: %w", row.ID, err)
	}
	return nil
}

// account is an instrument's account as it was checked. What was found right once stays in its normal form when it is checked again.
func (s *Service) account(row db.Instrument) (*bankdetails.Account, error) {
	details := &antonv1.BankAccount{}
	if err := s.openAccount(row, details); err != nil {
		return nil, err
	}
	account, wrong := bankdetails.Check(row.Country, row.Currency, details)
	if len(wrong) > 0 {
		return nil, fmt.Errorf("the account of %s was right once and is not any more: %s %s", row.ID, wrong[0].Path, wrong[0].Message)
	}
	return &account, nil
}

// fingerprint makes the beneficiary known by its name and its default account; by nothing when it has none.
func (s *Service) fingerprint(row *db.Beneficiary, account *bankdetails.Account) (err error) {
	if account == nil {
		row.Fingerprint = nil
		return nil
	}
	row.Fingerprint, err = s.Keys.Fingerprint("beneficiary", fullName(*row)+"\x00"+account.FingerprintText())
	return err
}
