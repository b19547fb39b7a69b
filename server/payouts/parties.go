package payouts

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/rails"
)

// parties opens who pays whom. It is the only place where account details leave their encryption for a rail, and nothing of it is
// logged.
func (w *Worker) parties(ctx context.Context, merchant, payout string) (rails.Parties, error) {
	row, err := db.New(w.Runner.Pool).RailDetails(ctx, merchant, payout)
	if err != nil {
		return rails.Parties{}, fmt.Errorf("read whom %s pays: %w", payout, err)
	}
	p := rails.Parties{
		Sender: row.MerchantName, Beneficiary: nameOf(row), Business: row.Type == db.PartyTypeBusiness, Country: row.BeneficiaryCountry,
		Account: &antonv1.BankAccount{},
	}
	text, err := w.Engine.Keys.Open(crypto.Place{Merchant: merchant, Object: row.InstrumentID, Field: "instruments.details"}, row.Details)
	if err != nil {
		return rails.Parties{}, err
	}
	if err := proto.Unmarshal(text, p.Account); err != nil {
		return rails.Parties{}, fmt.Errorf("read the account of %s: %w", row.InstrumentID, err)
	}
	p.Account.Country = row.InstrumentCountry
	text, err = w.Engine.Keys.Open(crypto.Place{Merchant: merchant, Object: row.BeneficiaryID, Field: "beneficiaries.private_data"}, row.PrivateData)
	if err != nil {
		return rails.Parties{}, err
	}
	var known struct {
		Address *antonv1.Address `json:"address"`
	}
	if err := json.Unmarshal(text, &known); err != nil {
		return rails.Parties{}, fmt.Errorf("read the address of %s: %w", row.BeneficiaryID, err)
	}
	p.Address = known.Address
	return p, nil
}

func nameOf(row db.RailDetailsRow) string {
	var parts []string
	for _, part := range []*string{row.FirstName, row.MiddleName, row.LastName, row.CompanyName} {
		if part != nil {
			parts = append(parts, *part)
		}
	}
	return strings.Join(parts, " ")
}
