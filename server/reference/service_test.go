package reference_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"testing"

	"github.com/antonpayments/anton/server/testserver"
)

func TestMain(m *testing.M) { testserver.Main(m) }

func TestPaymentMethods(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	methods := func(country string) (names []string) {
		for _, way := range m.Get(t, "/v1/payment-methods?country="+country).List() {
			names = append(names, way["method"].(string))
		}
		return names
	}
	for country, want := range map[string][]string{
		"US": {"us_bank"}, "DE": {"iban"}, "GB": {"uk_bank", "iban"}, "CA": {"ca_bank", "swift"}, "AU": {"au_bank", "swift"},
		"IN": {"in_bank", "swift"}, "MX": {"clabe", "swift"}, "JP": {"jp_bank", "swift"}, "NG": {"swift"},
	} {
		if got := methods(country); !slices.Equal(got, want) {
			t.Errorf("%s has %v, want %v", country, got, want)
		}
	}
	answer := m.Get(t, "/v1/payment-methods?country=US")
	if _, paged := answer.Body["has_more"]; answer.Status != http.StatusOK || paged {
		t.Errorf("%d %s", answer.Status, answer.Raw)
	}
	for country, field := range map[string]string{"XX": "country", "us": "country", "USA": "country", "": "country", "Q1": "country"} {
		if got := m.Get(t, "/v1/payment-methods?country="+country); got.Status != http.StatusUnprocessableEntity || !slices.Equal(got.Fields(), []string{field}) {
			t.Errorf("%q: %d %s", country, got.Status, got.Raw)
		}
	}
	if got := m.Get(t, "/v1/payment-methods"); got.Status != http.StatusUnprocessableEntity || !slices.Equal(got.Fields(), []string{"country"}) {
		t.Errorf("no country: %d %s", got.Status, got.Raw)
	}
	if got := s.KeyFor(t, m.Merchant, "balances:read").Get(t, "/v1/payment-methods?country=US"); got.Code() != "insufficient_scope" {
		t.Errorf("without the scope: %d %s", got.Status, got.Raw)
	}
}

// A form that is built from the answer, filled in with the answer's own examples, makes a beneficiary.
func TestAFormBuiltFromTheAnswerIsAccepted(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	for _, country := range []string{"US", "DE", "GB", "CA", "AU", "IN", "MX", "JP", "NG", "FR", "CH", "BR"} {
		for _, way := range m.Get(t, "/v1/payment-methods?country="+country).List() {
			method := way["method"].(string)
			account := ""
			for _, field := range way["fields"].([]any) {
				f := field.(map[string]any)
				example := f["example"].(string)
				if f["label"] == "" {
					t.Errorf("%s by %s: %v has no label", country, method, f["name"])
				}
				if pattern := f["pattern"].(string); example != "" && pattern != "" && !regexp.MustCompile(pattern).MatchString(example) {
					t.Errorf("%s by %s: the example of %v does not match its own pattern", country, method, f["name"])
				}
				if f["required"] == true {
					account += `,"` + f["name"].(string) + `":"` + example + `"`
				}
			}
			body := `{"type":"business","company_name":"` + country + method + `","country":"` + country + `","currency":"USD","bank_account":{` + account[1:] + `}}`
			created := m.Post(t, "/v1/beneficiaries", "", body)
			if created.Status != http.StatusCreated {
				t.Errorf("%s by %s: %d %s", country, method, created.Status, created.Raw)
				continue
			}
			id := created.Data()["default_instrument_id"].(string)
			if got := m.Get(t, "/v1/instruments/"+id).Data()["method"]; got != method {
				t.Errorf("%s: a form for %s made an instrument of %v", country, method, got)
			}
		}
	}
}

// TestCurrenciesAndCountries: both lists are whole, and say of each country what its accounts are checked by.
func TestCurrenciesAndCountries(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t, "beneficiaries:read")
	currencies := map[string]map[string]any{}
	for _, c := range m.Get(t, "/v1/currencies").List() {
		currencies[c["code"].(string)] = c
	}
	if len(currencies) != 155 || currencies["USD"]["minor_units"] != 2.0 || currencies["JPY"]["minor_units"] != 0.0 || currencies["USD"]["symbol"] != "$" {
		t.Errorf("%d currencies; the dollar is %v, the yen %v", len(currencies), currencies["USD"], currencies["JPY"])
	}
	if symbol, shown := currencies["KWD"]["symbol"]; shown {
		t.Errorf("the dinar's sign is %v", symbol)
	}
	countries := map[string]map[string]any{}
	for _, c := range m.Get(t, "/v1/countries").List() {
		countries[c["code"].(string)] = c
		for _, currency := range c["currencies"].([]any) {
			if currencies[currency.(string)] == nil {
				t.Errorf("%v has %v, which is no currency", c["name"], currency)
			}
		}
		if len(c["methods"].([]any)) == 0 && c["code"] != "AQ" {
			t.Errorf("no account in %v has a name", c["name"])
		}
	}
	if len(countries) != 250 || countries["XK"]["name"] != "Kosovo" || countries["PR"] == nil || countries["US"]["name"] != "United States" {
		t.Errorf("%d countries; XK is %v, US is %v", len(countries), countries["XK"], countries["US"])
	}
	if got := fmt.Sprint(countries["CH"]["currencies"], countries["US"]["methods"], countries["PA"]["currencies"]); got != "[CHF] [us_bank] [PAB USD]" {
		t.Error(got)
	}
}

// TestCorridors: by country, by currency, by both, by method; and neither is too much to ask.
func TestCorridors(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t, "beneficiaries:read")
	both := m.Get(t, "/v1/corridors?country=GB&currency=GBP").List()
	want := "[map[country:GB currency:GBP max_amount:1000000.00 max_business_days:0 method:uk_bank min_amount:0.01 min_business_days:0] " +
		"map[country:GB currency:GBP max_amount:1000000.00 max_business_days:0 method:iban min_amount:0.01 min_business_days:0]]"
	if fmt.Sprint(both) != want {
		t.Errorf("%v", both)
	}
	for query, count := range map[string]int{
		"country=GB": 310, "country=US": 155, "country=GB&method=iban": 155, "country=US&method=iban": 0,
		"country=US&currency=USD&method=us_bank": 1,
	} {
		if list := m.Get(t, "/v1/corridors?"+query).List(); len(list) != count {
			t.Errorf("%s has %d corridors, want %d", query, len(list), count)
		}
	}
	euros := m.Get(t, "/v1/corridors?currency=EUR").List()
	if len(euros) < 250 || euros[0]["country"] != "AD" || euros[0]["cut_off"] != "15:00" || euros[0]["cut_off_time_zone"] != "Europe/Brussels" {
		t.Errorf("%d corridors of euros, first %v", len(euros), euros[0])
	}
	for query, field := range map[string]string{"": "country", "method=iban": "country", "country=XX": "country", "currency=XXX": "currency", "currency=usd": "currency"} {
		if got := m.Get(t, "/v1/corridors?"+query); got.Status != 422 || !slices.Equal(got.Fields(), []string{field}) {
			t.Errorf("%q: %d %s", query, got.Status, got.Raw)
		}
	}
}
