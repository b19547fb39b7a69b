package fx_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/testserver"
)

func quote(t *testing.T, m *testserver.Client, body string) map[string]any {
	t.Helper()
	got := m.Post(t, "/v1/fx/quote", "", body)
	if got.Status != http.StatusCreated {
		t.Fatalf("quote %s: %d %s", body, got.Status, got.Raw)
	}
	return got.Data()
}

func exchange(t *testing.T, m *testserver.Client, key string, quote any) testserver.Answer {
	t.Helper()
	return m.Post(t, "/v1/fx/exchange", key, fmt.Sprintf(`{"quote_id":%q}`, quote))
}

func available(t *testing.T, m *testserver.Client, currency string) string {
	t.Helper()
	return m.Get(t, "/v1/balances/"+currency).Data()["available"].(string)
}

// TestExchange follows an exchange from the rate to the transactions: what was shown is what is moved.
func TestExchange(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	rate := m.Get(t, "/v1/fx/rate?sell_currency=USD&buy_currency=EUR&sell_amount=1000.00")
	want := map[string]any{
		"sell_currency": "USD", "buy_currency": "EUR", "mid_market_rate": "0.9214891264", "customer_rate": "0.9173424253",
		"fx_markup_bps": 45.0, "sell_amount": "1000.00", "buy_amount": "917.34", "as_of": "2026-02-08T15:00:00Z",
	}
	for field, value := range want {
		if rate.Data()[field] != value {
			t.Errorf("the rate's %s is %v, want %v", field, rate.Data()[field], value)
		}
	}
	q := quote(t, m, `{"sell_currency":"USD","buy_currency":"EUR","sell_amount":"1000.00"}`)
	for field, value := range want {
		if q[field] != value {
			t.Errorf("the quote's %s is %v, want %v", field, q[field], value)
		}
	}
	if q["status"] != "open" || q["expires_at"] != "2026-02-14T10:01:00Z" || !strings.HasPrefix(q["id"].(string), "fxq_") {
		t.Errorf("%v", q)
	}
	done := exchange(t, m, "eur", q["id"])
	if done.Status != http.StatusCreated || done.Data()["buy_amount"] != "917.34" || done.Data()["customer_rate"] != "0.9173424253" {
		t.Fatalf("%d %s", done.Status, done.Raw)
	}
	if usd, eur := available(t, m, "USD"), available(t, m, "EUR"); usd != "49000.00" || eur != "30917.34" {
		t.Errorf("USD %s and EUR %s are available", usd, eur)
	}
	id := done.Data()["id"]
	for _, leg := range []struct{ currency, delta string }{{"USD", "-1000.00"}, {"EUR", "917.34"}} {
		list := m.Get(t, "/v1/transactions?type=fx_exchange&currency="+leg.currency).List()
		if len(list) != 1 || list[0]["exchange_id"] != id || list[0]["available_delta"] != leg.delta || list[0]["payout_id"] != nil {
			t.Errorf("%s: %v", leg.currency, list)
		}
	}
	if got := m.Get(t, "/v1/fx/quotes/"+q["id"].(string)).Data(); got["status"] != "used" || got["exchange_id"] != id || got["customer_rate"] != "0.9173424253" {
		t.Errorf("%v", got)
	}
	if list := m.Get(t, "/v1/fx/exchanges?currency=EUR").List(); len(list) != 1 || fmt.Sprint(list[0]) != fmt.Sprint(done.Data()) {
		t.Errorf("%v is not %v", list, done.Data())
	}
	if list := m.Get(t, "/v1/fx/exchanges?currency=GBP").List(); len(list) != 0 {
		t.Errorf("%v", list)
	}
	events := m.Get(t, "/v1/events?type=fx.exchange.completed").List()
	if len(events) != 1 || fmt.Sprint(events[0]["data"]) != fmt.Sprint(done.Data()) || events[0]["sequence"] != 1.0 {
		t.Errorf("%v", events)
	}
	if again := exchange(t, m, "eur", q["id"]); string(again.Raw) != string(done.Raw) {
		t.Errorf("the same key answers %d %s", again.Status, again.Raw)
	}
	if again := exchange(t, m, "eur, once more", q["id"]); again.Status != 422 || again.Code() != "quote_already_used" {
		t.Errorf("another key answers %d %s", again.Status, again.Raw)
	}
}

// TestQuotes: the other side, the other scales, what is refused.
func TestQuotes(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, other := s.Merchant(t), s.Merchant(t)
	for _, tt := range []struct{ body, sell, buy string }{
		{`{"sell_currency":"USD","buy_currency":"JPY","sell_amount":"10"}`, "10.00", "1490"},
		{`{"sell_currency":"JPY","buy_currency":"USD","buy_amount":"10"}`, "1504", "10.00"},
		{`{"sell_currency":"EUR","buy_currency":"GBP","sell_amount":"100.00"}`, "100.00", "83.14"},
		{`{"sell_currency":"GBP","buy_currency":"EUR","buy_amount":"100.00"}`, "83.90", "100.00"},
	} {
		q := quote(t, m, tt.body)
		if q["sell_amount"] != tt.sell || q["buy_amount"] != tt.buy {
			t.Errorf("%s sells %v and buys %v, want %s and %s", tt.body, q["sell_amount"], q["buy_amount"], tt.sell, tt.buy)
		}
		for _, field := range []string{"mid_market_rate", "customer_rate"} {
			if digits := strings.TrimLeft(strings.ReplaceAll(q[field].(string), ".", ""), "0"); len(digits) != 10 {
				t.Errorf("%s of %s is %v, which has not ten significant digits", field, tt.body, q[field])
			}
		}
	}
	for _, tt := range []struct{ name, body, code, field string }{
		{"neither side", `{"sell_currency":"USD","buy_currency":"EUR"}`, "validation_error", "sell_amount"},
		{"both sides", `{"sell_currency":"USD","buy_currency":"EUR","sell_amount":"1","buy_amount":"1"}`, "validation_error", "sell_amount"},
		{"one currency", `{"sell_currency":"USD","buy_currency":"USD","sell_amount":"1"}`, "validation_error", "buy_currency"},
		{"a wrong scale", `{"sell_currency":"USD","buy_currency":"JPY","buy_amount":"1.5"}`, "validation_error", "buy_amount"},
		{"nothing", `{"sell_currency":"USD","buy_currency":"EUR","sell_amount":"0.00"}`, "validation_error", "sell_amount"},
		{"less than nothing", `{"sell_currency":"USD","buy_currency":"EUR","sell_amount":"-1"}`, "validation_error", "sell_amount"},
		{"no currency", `{"sell_currency":"USD","buy_currency":"XXX","sell_amount":"1"}`, "validation_error", "buy_currency"},
		{"one that nobody quotes", `{"sell_currency":"USD","buy_currency":"KWD","sell_amount":"1"}`, "validation_error", "buy_currency"},
		{"one that nobody quotes, sold", `{"sell_currency":"KWD","buy_currency":"USD","sell_amount":"1"}`, "validation_error", "sell_currency"},
		{"little, rounded down", `{"sell_currency":"USD","buy_currency":"EUR","sell_amount":"0.35"}`, "", ""},
		{"worth less than it buys", `{"sell_currency":"JPY","buy_currency":"GBP","sell_amount":"1"}`, "amount_out_of_range", ""},
		{"a cent for a cent that is dearer", `{"sell_currency":"USD","buy_currency":"EUR","buy_amount":"0.01"}`, "amount_out_of_range", ""},
		{"too little to buy anything", `{"sell_currency":"IDR","buy_currency":"USD","sell_amount":"1.00"}`, "amount_out_of_range", ""},
		{"too much", `{"sell_currency":"USD","buy_currency":"IDR","sell_amount":"999999999999.99"}`, "amount_out_of_range", ""},
	} {
		got := m.Post(t, "/v1/fx/quote", "", tt.body)
		if tt.code == "" {
			if got.Status != http.StatusCreated {
				t.Errorf("%s: %d %s", tt.name, got.Status, got.Raw)
			}
			continue
		}
		if got.Status != 422 || got.Code() != tt.code || tt.field != "" && (len(got.Fields()) != 1 || got.Fields()[0] != tt.field) {
			t.Errorf("%s: %d %s", tt.name, got.Status, got.Raw)
		}
	}

	for query, field := range map[string]string{
		"sell_currency=USD":                                     "buy_currency",
		"sell_currency=USD&buy_currency=USD":                    "buy_currency",
		"sell_currency=USD&buy_currency=XXX":                    "buy_currency",
		"sell_currency=usd&buy_currency=EUR":                    "sell_currency",
		"sell_currency=KWD&buy_currency=EUR":                    "sell_currency",
		"sell_currency=USD&buy_currency=EUR&sell_amount=0":      "sell_amount",
		"sell_currency=USD&buy_currency=EUR&sell_amount=-1":     "sell_amount",
		"sell_currency=USD&buy_currency=EUR&sell_amount=0.001":  "sell_amount",
		"sell_currency=USD&buy_currency=EUR&sell_amount=1e3":    "sell_amount",
		"sell_currency=JPY&buy_currency=EUR&sell_amount=100.50": "sell_amount",
		"sell_currency=USD&buy_currency=EUR&buy_amount=1":       "buy_amount",
	} {
		if got := m.Get(t, "/v1/fx/rate?"+query); got.Status != 422 || !slices.Equal(got.Fields(), []string{field}) {
			t.Errorf("%s: %d %s", query, got.Status, got.Raw)
		}
	}

	q := quote(t, m, `{"sell_currency":"USD","buy_currency":"EUR","sell_amount":"60000.00"}`)
	if got := exchange(t, m, "too much", q["id"]); got.Status != 400 || got.Code() != "insufficient_balance" ||
		got.Message() != "Insufficient balance: available USD 50000.00, required USD 60000.00" {
		t.Errorf("%d %s", got.Status, got.Raw)
	}
	if got := m.Post(t, "/v1/fx/exchange", "", fmt.Sprintf(`{"quote_id":%q}`, q["id"])); got.Status != 400 || got.Code() != "missing_idempotency_key" {
		t.Errorf("%d %s", got.Status, got.Raw)
	}
	if got := exchange(t, other, "theirs", q["id"]); got.Status != http.StatusNotFound {
		t.Errorf("another merchant's quote: %d %s", got.Status, got.Raw)
	}
	s.Clock.Advance(time.Minute)
	if got := exchange(t, m, "late", q["id"]); got.Status != 422 || got.Code() != "quote_expired" {
		t.Errorf("%d %s", got.Status, got.Raw)
	}
	if got := m.Get(t, "/v1/fx/quotes/"+q["id"].(string)).Data()["status"]; got != "expired" {
		t.Errorf("the quote is %v", got)
	}
}

// TestOneQuoteIsUsedOnce: of 64 callers at once one exchanges, the others hear that the quote was used; and the money moved once.
func TestOneQuoteIsUsedOnce(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	q := quote(t, m, `{"sell_currency":"USD","buy_currency":"EUR","sell_amount":"100.00"}`)
	answers := make([]testserver.Answer, 64)
	var callers sync.WaitGroup
	for i := range answers {
		callers.Go(func() { answers[i] = exchange(t, m, fmt.Sprint("caller ", i), q["id"]) })
	}
	callers.Wait()
	done := 0
	for _, a := range answers {
		switch {
		case a.Status == http.StatusCreated:
			done++
		case a.Status != 422 || a.Code() != "quote_already_used":
			t.Errorf("%d %s", a.Status, a.Raw)
		}
	}
	if usd := available(t, m, "USD"); done != 1 || usd != "49900.00" {
		t.Errorf("%d exchanges; USD %s are left", done, usd)
	}
}

// TestMarkups: the pair's, else the merchant's own, else the platform's.
func TestMarkups(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	markup := func(sell, buy string) any {
		return m.Get(t, "/v1/fx/rate?sell_currency="+sell+"&buy_currency="+buy).Data()["fx_markup_bps"]
	}
	set := func(body string) testserver.Answer {
		return s.Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/fx-markups", "", body)
	}
	old := quote(t, m, `{"sell_currency":"USD","buy_currency":"EUR","sell_amount":"100.00"}`)
	for _, body := range []string{`{"bps":80}`, `{"sell_currency":"USD","buy_currency":"EUR","bps":10}`, `{"sell_currency":"USD","buy_currency":"EUR","bps":0}`} {
		if got := set(body); got.Status != http.StatusOK {
			t.Fatalf("%d %s", got.Status, got.Raw)
		}
	}
	if a, b, c := markup("USD", "EUR"), markup("EUR", "USD"), old["fx_markup_bps"]; a != 0.0 || b != 80.0 || c != 45.0 {
		t.Errorf("the pair has %v, others have %v, the quote had %v", a, b, c)
	}
	rate := m.Get(t, "/v1/fx/rate?sell_currency=USD&buy_currency=EUR").Data()
	if rate["mid_market_rate"] != rate["customer_rate"] || rate["buy_amount"] != nil {
		t.Errorf("%v", rate)
	}
	if done := exchange(t, m, "as promised", old["id"]); done.Data()["buy_amount"] != old["buy_amount"] {
		t.Errorf("%d %s", done.Status, done.Raw)
	}
	for _, body := range []string{`{"bps":1001}`, `{"bps":-1}`, `{"sell_currency":"USD","bps":1}`, `{"sell_currency":"USD","buy_currency":"USD","bps":1}`} {
		if got := set(body); got.Status != 422 {
			t.Errorf("%s: %d %s", body, got.Status, got.Raw)
		}
	}
	var changes []string
	for _, row := range s.Ops().Get(t, "/ops/v1/audit?action=fx.markup.set").List() {
		changes = append(changes, fmt.Sprint(row["detail"]))
	}
	if want := []string{ // the newest first
		"map[bps.after:0 bps.before:10 buy_currency:EUR sell_currency:USD]",
		"map[bps.after:10 buy_currency:EUR sell_currency:USD]",
		"map[bps.after:80 buy_currency: sell_currency:]",
	}; !slices.Equal(changes, want) {
		t.Errorf("the audit log says %v, not %v", changes, want)
	}
	if got := s.Ops().Post(t, "/ops/v1/merchants/mer_nobody/fx-markups", "", `{"bps":1}`); got.Status != http.StatusNotFound {
		t.Errorf("%d %s", got.Status, got.Raw)
	}
	if list := s.Ops().Get(t, "/ops/v1/merchants/"+m.Merchant+"/fx-markups").List(); len(list) != 2 || list[0]["bps"] != 80.0 || list[0]["sell_currency"] != "" {
		t.Errorf("%v", list)
	}
}
