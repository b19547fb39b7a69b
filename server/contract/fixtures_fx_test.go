package contract_test

import (
	"fmt"
	"maps"
	"net/http"
	"testing"
)

// newQuotes gives the tenant's beneficiary an account in euros, and the tenant quotes to pay to it.
func newQuotes(t *testing.T, tn *tenant) {
	t.Helper()
	tn.euros = made(t, tn.Client, "/v1/beneficiaries/"+tn.beneficiary+"/instruments", `{"currency":"EUR","bank_account":{"iban":"FR1420041010050500013M02606"}}`)
	newQuote := func() string {
		return made(t, tn.Client, "/v1/fx/quote", `{"sell_currency":"USD","buy_currency":"EUR","buy_amount":"12.50"}`)
	}
	tn.quote, tn.spareQuote = newQuote(), newQuote()
	for i := range 2 { // so that the list has a second page
		done := tn.Post(t, "/v1/fx/exchange", fmt.Sprint("exchange ", i), fmt.Sprintf(`{"quote_id":%q}`, newQuote()))
		if done.Status != http.StatusCreated {
			t.Fatalf("exchange: %d %s", done.Status, done.Raw)
		}
	}
}

func init() {
	maps.Copy(fixtures, map[string]func(tn tenant) fields{
		"/anton.v1.ReferenceService/ListCurrencies": func(tenant) fields { return fields{} },
		"/anton.v1.ReferenceService/ListCountries":  func(tenant) fields { return fields{} },

		"/anton.v1.FxService/GetFxRate": func(tenant) fields {
			return fields{"sell_currency": "USD", "buy_currency": "EUR", "sell_amount": "1000.00"}
		},
		"/anton.v1.FxService/CreateFxQuote": func(tenant) fields {
			return fields{"sell_currency": "USD", "buy_currency": "EUR", "sell_amount": "1000.00"}
		},
		"/anton.v1.FxService/GetFxQuote":       func(tn tenant) fields { return fields{"id": tn.quote} },
		"/anton.v1.FxService/CreateFxExchange": func(tn tenant) fields { return fields{"quote_id": tn.spareQuote} },
		"/anton.v1.FxService/ListFxExchanges": func(tenant) fields {
			return fields{"limit": 10, "currency": "EUR", "created_after": "2026-02-13T00:00:00Z"}
		},

		"/anton.ops.v1.FxService/GetFxRates":     func(tenant) fields { return fields{} },
		"/anton.ops.v1.FxService/RefreshFxRates": func(tenant) fields { return fields{"accept_reason": "Confirmed with treasury"} },
		"/anton.ops.v1.FxService/ListFxMarkups":  func(tn tenant) fields { return fields{"merchant_id": tn.Merchant} },
		"/anton.ops.v1.FxService/SetFxMarkup": func(tn tenant) fields {
			return fields{"merchant_id": tn.Merchant, "sell_currency": "USD", "buy_currency": "EUR", "bps": 30}
		},
	})
}
