package beneficiaries

import (
	"strings"
	"time"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/bankdetails"
	"github.com/antonpayments/anton/server/money"
	"github.com/antonpayments/anton/server/screening"
)

// check holds a new beneficiary to the rules that its .proto file cannot say, and gives every field that breaks one. The account is
// nil when the request has none.
func check(req *antonv1.CreateBeneficiaryRequest, now time.Time) (*bankdetails.Account, []apierr.Field) {
	var fields []apierr.Field
	refuse := func(path, message string) { fields = append(fields, apierr.Field{Path: path, Message: message}) }

	person := req.GetType() == antonv1.PartyType_individual
	for _, name := range []struct {
		field, value string
		of, required bool
	}{
		{"first_name", req.GetFirstName(), person, true},
		{"middle_name", req.GetMiddleName(), person, false},
		{"last_name", req.GetLastName(), person, true},
		{"date_of_birth", req.GetDateOfBirth(), person, false},
		{"nationality", req.GetNationality(), person, false},
		{"company_name", req.GetCompanyName(), !person, true},
		{"registration_number", req.GetRegistrationNumber(), !person, false},
	} {
		switch {
		case name.of && name.required && strings.TrimSpace(name.value) == "":
			refuse(name.field, "is required for "+kind(person))
		case !name.of && name.value != "":
			refuse(name.field, "is not used for "+kind(person))
		}
	}
	if born := req.GetDateOfBirth(); born != "" {
		if day, err := time.Parse(time.DateOnly, born); err != nil || day.After(now) || day.Year() < 1850 {
			refuse("date_of_birth", "must be a date in the past such as 1985-04-12")
		}
	}
	for _, c := range []struct{ field, code string }{
		{"country", req.GetCountry()}, {"nationality", req.GetNationality()}, {"address.country", req.GetAddress().GetCountry()},
	} {
		if c.code != "" && !bankdetails.KnownCountry(c.code) {
			refuse(c.field, "is not an ISO 3166-1 country")
		}
	}
	if !money.Known(req.GetCurrency()) {
		refuse("currency", money.ErrCurrency.Error())
	}
	if req.GetBankAccount() == nil || !bankdetails.KnownCountry(req.GetCountry()) {
		return nil, fields // without a country there are no rules for an account
	}
	account, wrong := checkAccount(req.GetCountry(), req.GetCurrency(), req.GetBankAccount())
	return account, append(fields, wrong...)
}

func kind(person bool) string {
	if person {
		return "an individual"
	}
	return "a business"
}

// checkAccount checks a bank account by the rules of its country: its own when it says one, else the beneficiary's.
func checkAccount(country, currency string, in *antonv1.BankAccount) (*bankdetails.Account, []apierr.Field) {
	account, wrong := bankdetails.Check(country, currency, in)
	for i := range wrong {
		wrong[i].Path = "bank_account." + wrong[i].Path
	}
	return &account, wrong
}

// fullName is the beneficiary's name in one form, however it was written.
func fullName(b db.Beneficiary) string {
	var parts []string
	for _, part := range []*string{b.FirstName, b.MiddleName, b.LastName, b.CompanyName} {
		if part != nil {
			parts = append(parts, *part)
		}
	}
	return screening.Fold(strings.Join(parts, " "))
}
