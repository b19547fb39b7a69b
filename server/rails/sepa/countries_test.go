package sepa_test

import (
	"testing"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/gen/db"
	"github.com/antonpayments/anton/server/bankdetails"
	"github.com/antonpayments/anton/server/corridors"
	"github.com/antonpayments/anton/server/rails"
)

// TestTheCorridorsAreTheScheme: what the corridors say of euros to IBANs is what the scheme carries, in its countries and in no others. The
// list is in both, because a deployment has corridors whether or not it runs this rail.
func TestTheCorridorsAreTheScheme(t *testing.T) {
	t.Parallel()
	f := format(t)
	n := 0
	for _, country := range bankdetails.Countries() {
		c, ok := corridors.Of("EUR", country, antonv1.PaymentMethod_iban)
		if !ok {
			continue
		}
		bounds, reached := f.Serves(rails.Corridor{Method: db.PaymentMethodIban, Country: country, Currency: "EUR"})
		if inScheme := c.Slowest == 1; inScheme != reached {
			t.Errorf("%s is in the scheme: the corridors say %t, the rail %t", country, inScheme, reached)
		}
		if reached {
			n++
			if bounds.Least.String() != c.Least.String() || bounds.Most.String() != c.Most.String() {
				t.Errorf("%s: the corridor carries %s to %s, the rail %s", country, c.Least, c.Most, bounds)
			}
		}
	}
	if n < 41 { // the countries of EPC409-09, besides territories
		t.Errorf("the scheme reaches %d countries", n)
	}
}
