package accounts

import (
	"testing"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/bankdetails"
)

// What the sandbox invents passes the checks that a customer's form would make.
func TestInventedAccountsLookRight(t *testing.T) {
	t.Parallel()
	for _, currency := range []string{"USD", "EUR", "GBP"} {
		a := invented(currency)
		_, wrong := bankdetails.Check(a.Country, currency, &antonv1.BankAccount{
			AccountNumber: a.AccountNumber, RoutingNumber: a.RoutingNumber, SortCode: a.SortCode, Iban: a.Iban, Bic: a.Bic,
		})
		if len(wrong) > 0 {
			t.Errorf("%s: %v", currency, wrong)
		}
	}
	// Yen are reached by BIC and account number, which is what a Japanese account in foreign hands has as well.
	a := invented("JPY")
	if _, wrong := bankdetails.Check("CA", "JPY", &antonv1.BankAccount{AccountNumber: a.AccountNumber, Bic: a.Bic}); len(wrong) > 0 {
		t.Errorf("JPY: %v", wrong)
	}
}
