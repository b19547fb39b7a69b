package corridors_test

import (
	"testing"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/bankdetails"
	"github.com/antonpayments/anton/server/corridors"
	"github.com/antonpayments/anton/server/money"
)

// TestEveryAccountHasACorridor: whatever account a beneficiary may have, in whatever currency, there is a way to it.
func TestEveryAccountHasACorridor(t *testing.T) {
	t.Parallel()
	for _, country := range bankdetails.Countries() {
		for _, schema := range bankdetails.Schemas(country) {
			for _, currency := range money.Currencies() {
				c, ok := corridors.Of(currency.Code, country, schema.Method)
				if !ok || c.Currency != currency.Code || c.Country != country || c.Method != schema.Method {
					t.Fatalf("%s to %s by %s: %+v, %t", currency.Code, country, schema.Method, c, ok)
				}
				if !c.Least.Positive() || c.Most.Less(c.Least) || c.Slowest < c.Fastest || (c.CutOff == "") != (c.Zone == "") {
					t.Errorf("%s to %s by %s: %+v", currency.Code, country, schema.Method, c)
				}
			}
		}
	}
}

func TestCorridors(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		currency, country string
		method            antonv1.PaymentMethod_Value
		least, most       string
	}{
		{"USD", "US", antonv1.PaymentMethod_us_bank, "0.01", "99999999.99"},
		{"USD", "PR", antonv1.PaymentMethod_us_bank, "0.01", "99999999.99"},
		{"EUR", "US", antonv1.PaymentMethod_us_bank, "0.01", "999999999999.99"},
		{"EUR", "DE", antonv1.PaymentMethod_iban, "0.01", "999999999.99"},
		{"USD", "DE", antonv1.PaymentMethod_iban, "0.01", "999999999999.99"},
		{"GBP", "GB", antonv1.PaymentMethod_uk_bank, "0.01", "1000000.00"},
		{"JPY", "JP", antonv1.PaymentMethod_jp_bank, "1", "9999999999"},
		{"JPY", "JP", antonv1.PaymentMethod_swift, "1", "999999999999"},
		{"KWD", "KW", antonv1.PaymentMethod_iban, "0.001", "999999999999.999"},
	} {
		c, ok := corridors.Of(tt.currency, tt.country, tt.method)
		if !ok || c.Least.String() != tt.least || c.Most.String() != tt.most {
			t.Errorf("%s to %s by %s: %s to %s, %t", tt.currency, tt.country, tt.method, c.Least, c.Most, ok)
		}
		if !c.Takes(c.Least) || !c.Takes(c.Most) || c.Takes(c.Most.Plus(c.Least)) || c.Takes(money.Zero(tt.currency)) {
			t.Errorf("%s to %s by %s does not keep its own bounds", tt.currency, tt.country, tt.method)
		}
	}
	for _, tt := range []struct {
		currency, country string
		method            antonv1.PaymentMethod_Value
	}{
		{"XXX", "US", antonv1.PaymentMethod_us_bank},
		{"USD", "XX", antonv1.PaymentMethod_swift},
		{"USD", "US", antonv1.PaymentMethod_swift},
		{"USD", "US", antonv1.PaymentMethod_unspecified},
	} {
		if c, ok := corridors.Of(tt.currency, tt.country, tt.method); ok {
			t.Errorf("%+v is a corridor", c)
		}
	}
}
