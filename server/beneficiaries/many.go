package beneficiaries

import (
	"context"
	"fmt"
	"time"

	"google.golang.org/protobuf/proto"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/audit"
	"github.com/antonpayments/anton/server/bankdetails"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/ids"
	"github.com/antonpayments/anton/server/unit"
)

// A Newcomer is a beneficiary with an account that was checked and does not exist yet. Fingerprint is what it will be known by: the same
// name and account give the same bytes.
type Newcomer struct {
	Fingerprint []byte
	Account     *bankdetails.Account

	req *antonv1.CreateBeneficiaryRequest
}

// Meet checks a beneficiary that may be created later, as CreateBeneficiary would, and gives every field that is wrong. Its fields must
// be within the bounds of the contract already, and it must have an account.
func (s *Service) Meet(req *antonv1.CreateBeneficiaryRequest, now time.Time) (*Newcomer, []apierr.Field, error) {
	account, wrong := check(req, now)
	if len(wrong) > 0 {
		return nil, wrong, nil
	}
	row := newRow("", req, now)
	if err := s.fill(&row, req); err != nil {
		return nil, nil, err
	}
	if err := s.fingerprint(&row, account); err != nil {
		return nil, nil, err
	}
	return &Newcomer{Fingerprint: row.Fingerprint, Account: account, req: req}, nil, nil
}

// newRow is a new beneficiary as far as it needs no encryption.
func newRow(merchant string, req *antonv1.CreateBeneficiaryRequest, now time.Time) db.Beneficiary {
	return db.Beneficiary{
		MerchantID: merchant, ID: ids.New(ids.Beneficiary, now), Type: db.PartyType(req.GetType().String()),
		Country: req.GetCountry(), Currency: req.GetCurrency(), Status: db.BeneficiaryStatusActive,
		EventSequence: 1, CreatedAt: now, UpdatedAt: now,
	}
}

// CreateMany creates the newcomers, and gives their ids in their places. No two may be alike. They and their accounts are written at
// once, not with the flush: what follows in the unit pays them, and must be able to lock them. A twin that somebody created meanwhile
// fails the unit with beneficiary_is_not_a_duplicate or external_ref_is_unique, and it is run again.
func (s *Service) CreateMany(ctx context.Context, u *unit.Unit, merchant string, newcomers []*Newcomer) ([]string, error) {
	if len(newcomers) == 0 {
		return nil, nil
	}
	created := make([]string, len(newcomers))
	b := db.BeneficiariesInsertParams{MerchantID: merchant, At: u.Now}
	i := db.InstrumentsInsertParams{MerchantID: merchant, At: u.Now}
	for n, newcomer := range newcomers {
		row := newRow(merchant, newcomer.req, u.Now)
		if err := s.fill(&row, newcomer.req); err != nil {
			return nil, err
		}
		instrument := ids.New(ids.Instrument, u.Now)
		row.DefaultInstrumentID, row.Fingerprint, created[n] = &instrument, newcomer.Fingerprint, row.ID
		addBeneficiary(&b, row)
		if err := s.addInstrument(&i, row, newcomer.Account); err != nil {
			return nil, err
		}
		if err := emit(ctx, u, row, "beneficiary.created", ""); err != nil {
			return nil, err
		}
		if err := audit.Record(ctx, u, audit.Row{Merchant: merchant, Action: "beneficiary.create", Object: row.ID}); err != nil {
			return nil, err
		}
	}
	if err := u.Read().BeneficiariesInsert(ctx, b); err != nil {
		return nil, fmt.Errorf("create the beneficiaries: %w", err)
	}
	if err := u.Read().InstrumentsInsert(ctx, i); err != nil {
		return nil, fmt.Errorf("create their instruments: %w", err)
	}
	return created, nil
}

func addBeneficiary(p *db.BeneficiariesInsertParams, row db.Beneficiary) {
	p.Ids = append(p.Ids, row.ID)
	p.Types = append(p.Types, string(row.Type))
	p.FirstNames = append(p.FirstNames, orBlank(row.FirstName))
	p.MiddleNames = append(p.MiddleNames, orBlank(row.MiddleName))
	p.LastNames = append(p.LastNames, orBlank(row.LastName))
	p.CompanyNames = append(p.CompanyNames, orBlank(row.CompanyName))
	p.Countries = append(p.Countries, row.Country)
	p.Currencies = append(p.Currencies, row.Currency)
	p.ExternalRefs = append(p.ExternalRefs, orBlank(row.ExternalRef))
	p.DefaultInstrumentIds = append(p.DefaultInstrumentIds, *row.DefaultInstrumentID)
	p.PrivateData = append(p.PrivateData, row.PrivateData)
	p.Fingerprints = append(p.Fingerprints, row.Fingerprint)
}

func (s *Service) addInstrument(p *db.InstrumentsInsertParams, owner db.Beneficiary, account *bankdetails.Account) error {
	row, err := s.newInstrument(owner.MerchantID, db.Instrument{ID: *owner.DefaultInstrumentID, BeneficiaryID: owner.ID, Currency: owner.Currency}, account)
	if err != nil {
		return err
	}
	p.Ids = append(p.Ids, row.ID)
	p.BeneficiaryIds = append(p.BeneficiaryIds, row.BeneficiaryID)
	p.Methods = append(p.Methods, string(row.Method))
	p.Currencies = append(p.Currencies, row.Currency)
	p.Countries = append(p.Countries, row.Country)
	p.BankNames = append(p.BankNames, row.BankName)
	p.Last4s = append(p.Last4s, row.Last4)
	p.Masks = append(p.Masks, row.Masked)
	p.Details = append(p.Details, row.Details)
	p.Fingerprints = append(p.Fingerprints, row.Fingerprint)
	p.BankFingerprints = append(p.BankFingerprints, row.BankFingerprint)
	return nil
}

// newInstrument completes the row from the account, and encrypts the account's details.
func (s *Service) newInstrument(merchant string, row db.Instrument, account *bankdetails.Account) (db.Instrument, error) {
	details, err := proto.Marshal(account.Details)
	if err != nil {
		return row, fmt.Errorf("write the account's details: %w", err)
	}
	if row.Details, err = s.Keys.Seal(crypto.Place{Merchant: merchant, Object: row.ID, Field: "instruments.details"}, details); err != nil {
		return row, err
	}
	if row.Fingerprint, err = s.Keys.Fingerprint("account", account.FingerprintText()); err != nil {
		return row, err
	}
	if row.BankFingerprint, err = s.Keys.Fingerprint("bank", account.BankText()); err != nil {
		return row, err
	}
	row.MerchantID, row.Method, row.Country = merchant, db.PaymentMethod(account.Method.String()), account.Country
	row.BankName, row.Last4, row.Masked = account.Details.GetBankName(), account.Last4(), account.Masked()
	row.Status, row.Verification = db.InstrumentStatusActive, db.InstrumentVerificationUnverified
	return row, nil
}
