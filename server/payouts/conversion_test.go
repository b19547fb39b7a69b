package payouts_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/testserver"
)

// german makes a beneficiary whose account takes euros; the last digits of the IBAN decide what the sandbox's bank does.
func german(t *testing.T, m *testserver.Client, iban string) string {
	t.Helper()
	created := m.Post(t, "/v1/beneficiaries", "", `{"type":"individual","first_name":"Anna","last_name":"Schmidt","country":"DE","currency":"EUR","bank_account":{"iban":"`+iban+`"}}`)
	if created.Status != http.StatusCreated {
		t.Fatalf("%d %s", created.Status, created.Raw)
	}
	return created.Data()["id"].(string)
}

const someIBAN = "DE89370400440532013000"

// shows fails the test where the object has not these fields.
func shows(t *testing.T, got testserver.Answer, status int, want map[string]any) {
	t.Helper()
	if got.Status != status {
		t.Fatalf("%d %s", got.Status, got.Raw)
	}
	for field, value := range want {
		if got.Data()[field] != value {
			t.Errorf("%s is %v, want %v", field, got.Data()[field], value)
		}
	}
}

// finish works payouts until the bank has settled them.
func finish(s *testserver.Server) {
	for range 3 {
		s.Work()
		s.Clock.Advance(time.Second)
	}
}

// TestPayoutAcrossCurrencies pays euros from dollars, in each way there is: the sums and the balances at every step.
func TestPayoutAcrossCurrencies(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	anna := german(t, m, someIBAN)
	tried := m.Post(t, "/v1/payouts", "", `{"beneficiary_id":"`+anna+`","amount":"1000.00","currency":"EUR","source_currency":"USD","validate_only":true}`)
	want := map[string]any{
		"amount": "1000.00", "currency": "EUR", "source_amount": "1090.11", "source_currency": "USD", "dest_amount": "1000.00", "dest_currency": "EUR",
		"exchange_rate": "0.9173424253", "fee": "0.00", "fee_currency": "USD", "total_debited": "1090.11", "method": "iban", "quote_id": nil,
	}
	shows(t, tried, http.StatusOK, want)
	dest := m.Post(t, "/v1/payouts", "dest", `{"beneficiary_id":"`+anna+`","amount":"1000.00","currency":"EUR","source_currency":"USD"}`)
	shows(t, dest, http.StatusCreated, want)
	want["amount"], want["currency"], want["source_amount"], want["total_debited"], want["dest_amount"] = "1000.00", "USD", "1000.00", "1000.00", "917.34"
	// What the beneficiary receives and what the amount is in are both good names of it.
	shows(t, m.Post(t, "/v1/payouts", "source", `{"beneficiary_id":"`+anna+`","amount":"1000.00","currency":"EUR","source_currency":"USD","fixed_side":"source"}`), http.StatusCreated, want)
	shows(t, m.Post(t, "/v1/payouts", "source 2", `{"beneficiary_id":"`+anna+`","amount":"1000.00","currency":"USD","fixed_side":"source","fee_bearer":"beneficiary"}`), http.StatusCreated, want)
	cancelled := m.Post(t, "/v1/payouts", "cancelled", `{"beneficiary_id":"`+anna+`","amount":"10.00","currency":"EUR","source_currency":"USD"}`)
	shows(t, m.Get(t, "/v1/balances/USD"), http.StatusOK, map[string]any{"available": "46898.99", "held": "3101.01"})
	m.Post(t, "/v1/payouts/"+cancelled.Data()["id"].(string)+"/cancel", "", "{}")
	shows(t, m.Get(t, "/v1/balances/USD"), http.StatusOK, map[string]any{"available": "46909.89", "held": "3090.11"})

	finish(s)
	shows(t, m.Get(t, "/v1/payouts/"+dest.Data()["id"].(string)), http.StatusOK, map[string]any{"status": "completed", "exchange_rate": "0.9173424253"})
	shows(t, m.Get(t, "/v1/balances/USD"), http.StatusOK, map[string]any{"available": "46909.89", "held": "0.00"})
	shows(t, m.Get(t, "/v1/balances/EUR"), http.StatusOK, map[string]any{"available": "30000.00", "held": "0.00"})
	// The euros were never the merchant's: its history has the dollars alone.
	for _, row := range m.Get(t, "/v1/transactions?payout_id="+dest.Data()["id"].(string)).List() {
		if row["currency"] != "USD" {
			t.Errorf("%v", row)
		}
	}
	var accounts string
	err := s.Owner.QueryRow(t.Context(), `select string_agg(account || ' ' || currency || ' ' || total, ', ' order by account, currency) from (
		select account, currency, sum(moved) as total from ledger_postings p
		cross join lateral (values (p.credit, p.amount), (p.debit, -p.amount)) entries(account, moved)
		where merchant_id = $1 and account in ('fx_position', 'fx_spread', 'rounding', 'rail_clearing') group by 1, 2) sums`, m.Merchant).Scan(&accounts)
	// 1090.11 and twice 1000.00 dollars at mid are 1004.52 and twice 921.49 euros.
	if want := "rail_clearing EUR 2834.68, fx_position EUR -2847.50, fx_position USD 3090.11, fx_spread EUR 12.82"; err != nil || accounts != want {
		t.Errorf("the accounts are %s, %v; want %s", accounts, err, want)
	}
}

// TestPayoutByQuote: a payout takes the rate and both sums of its quote, and uses it up; what does not match is refused.
func TestPayoutByQuote(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, other := s.Merchant(t), s.Merchant(t)
	anna := german(t, m, someIBAN)
	quote := func(body string) string {
		t.Helper()
		got := m.Post(t, "/v1/fx/quote", "", body)
		if got.Status != http.StatusCreated {
			t.Fatalf("%d %s", got.Status, got.Raw)
		}
		return got.Data()["id"].(string)
	}
	pay := func(c *testserver.Client, key, more string) testserver.Answer {
		return c.Post(t, "/v1/payouts", key, `{"beneficiary_id":"`+anna+`",`+more+`}`)
	}
	used := quote(`{"sell_currency":"USD","buy_currency":"EUR","sell_amount":"1000.00"}`)
	changed := s.Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/fx-markups", "", `{"bps":500}`)
	if changed.Status != http.StatusOK {
		t.Fatalf("%d %s", changed.Status, changed.Raw)
	}
	paid := pay(m, "by quote", `"amount":"917.34","currency":"EUR","quote_id":"`+used+`"`)
	shows(t, paid, http.StatusCreated, map[string]any{
		"source_amount": "1000.00", "source_currency": "USD", "total_debited": "1000.00", "dest_amount": "917.34", "exchange_rate": "0.9173424253", "quote_id": used,
	})
	shows(t, m.Get(t, "/v1/fx/quotes/"+used), http.StatusOK, map[string]any{"status": "used", "payout_id": paid.Data()["id"], "exchange_id": nil})

	fresh := quote(`{"sell_currency":"USD","buy_currency":"EUR","sell_amount":"1000.00"}`)
	pounds := quote(`{"sell_currency":"USD","buy_currency":"GBP","buy_amount":"100.00"}`)
	for _, tt := range []struct{ name, more, code string }{
		{"used", `"amount":"917.34","currency":"EUR","quote_id":"` + used + `"`, "quote_already_used"},
		{"another amount", `"amount":"100.00","currency":"EUR","quote_id":"` + fresh + `"`, "quote_mismatch"},
		{"the other side's amount", `"amount":"1000.00","currency":"EUR","quote_id":"` + fresh + `"`, "quote_mismatch"},
		{"another balance", `"amount":"1000.00","currency":"EUR","source_currency":"GBP","fixed_side":"source","quote_id":"` + fresh + `"`, "quote_mismatch"},
		{"another currency", `"amount":"100.00","currency":"EUR","quote_id":"` + pounds + `"`, "quote_mismatch"},
		{"no such quote", `"amount":"100.00","currency":"EUR","quote_id":"fxq_x"`, "not_found"},
		{"what the account does not take", `"amount":"100.00","currency":"GBP","source_currency":"USD"`, "corridor_not_enabled"},
		{"a balance that nobody quotes", `"amount":"100.00","currency":"EUR","source_currency":"KWD"`, "corridor_not_enabled"},
		{"no currency", `"amount":"100.00","currency":"EUR","source_currency":"XXX"`, "validation_error"},
		{"more than there is", `"amount":"50000.00","currency":"EUR","source_currency":"USD"`, "insufficient_balance"},
		{"too little", `"amount":"0.01","currency":"EUR","source_currency":"JPY","fixed_side":"source"`, "validation_error"},
	} {
		if got := pay(m, tt.name, tt.more); got.Code() != tt.code {
			t.Errorf("%s: %d %s", tt.name, got.Status, got.Raw)
		}
	}
	theirs := german(t, other, someIBAN)
	if got := other.Post(t, "/v1/payouts", "theirs", `{"beneficiary_id":"`+theirs+`","amount":"1000.00","currency":"USD","fixed_side":"source","quote_id":"`+fresh+`"}`); got.Code() != "not_found" {
		t.Errorf("another merchant's quote: %d %s", got.Status, got.Raw)
	}
	// One quote, a payout and an exchange at once: one of them has it.
	answers := make(chan testserver.Answer, 2)
	go func() { answers <- m.Post(t, "/v1/fx/exchange", "race", fmt.Sprintf(`{"quote_id":%q}`, fresh)) }()
	go func() {
		answers <- pay(m, "race too", `"amount":"1000.00","currency":"USD","fixed_side":"source","quote_id":"`+fresh+`"`)
	}()
	codes := map[string]int{(<-answers).Code(): 1}
	codes[(<-answers).Code()]++
	if codes[""] != 1 || codes["quote_already_used"] != 1 {
		t.Errorf("%v", codes)
	}
	s.Clock.Advance(time.Minute)
	if got := pay(m, "late", `"amount":"100.00","currency":"GBP","quote_id":"`+pounds+`"`); got.Code() != "corridor_not_enabled" {
		t.Errorf("%d %s", got.Status, got.Raw)
	}
	late := quote(`{"sell_currency":"USD","buy_currency":"EUR","buy_amount":"100.00"}`)
	s.Clock.Advance(time.Minute)
	if got := pay(m, "too late", `"amount":"100.00","currency":"EUR","quote_id":"`+late+`"`); got.Code() != "quote_expired" {
		t.Errorf("%d %s", got.Status, got.Raw)
	}
}

// TestReturnAcrossCurrencies: what the bank sends back is worth what it is worth on that day, and may be reversed in turn.
func TestReturnAcrossCurrencies(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	anna := german(t, m, someIBAN)
	sent := m.Post(t, "/v1/payouts", "returned", `{"beneficiary_id":"`+anna+`","amount":"1000.00","currency":"EUR","source_currency":"USD"}`)
	late := m.Post(t, "/v1/payouts", "late return", `{"beneficiary_id":"`+anna+`","amount":"1000.00","currency":"EUR","source_currency":"USD"}`)
	shows(t, late, http.StatusCreated, nil)
	s.Work()
	_, err := s.Pool.Exec(t.Context(), `insert into reference_rates (base, quote, as_of, rate, source) values ('EUR', 'USD', $1, 1.2, 'test')`, s.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	advance := func(id any, outcome string) {
		t.Helper()
		shows(t, m.Post(t, fmt.Sprint("/v1/sandbox/payouts/", id, "/advance"), "", `{"outcome":"`+outcome+`"}`), http.StatusOK, nil)
	}
	advance(sent.Data()["id"], "returned")
	// 50000.00 less two holds of 1090.11, and 1200.00 came back.
	shows(t, m.Get(t, "/v1/balances/USD"), http.StatusOK, map[string]any{"available": "49019.78", "held": "1090.11"})
	advance(late.Data()["id"], "completed")
	advance(late.Data()["id"], "returned")
	shows(t, m.Get(t, "/v1/balances/USD"), http.StatusOK, map[string]any{"available": "50219.78", "held": "0.00"})
	back := m.Get(t, "/v1/transactions?type=return&currency=USD").List()
	if len(back) != 2 || back[0]["available_delta"] != "1200.00" || back[0]["description"] != "EUR 1000.00 came back, at 1.200000000" {
		t.Errorf("%v", back)
	}
	reversed := s.Ops().Post(t, fmt.Sprint("/ops/v1/merchants/", m.Merchant, "/payouts/", sent.Data()["id"], "/reverse-return"), "reversed",
		`{"amount":"600.00","reason":"The bank took half of it back"}`)
	if reversed.Status != http.StatusOK || reversed.Data()["status"] != "executed" {
		t.Fatalf("%d %s", reversed.Status, reversed.Raw)
	}
	var clearing string
	err = s.Owner.QueryRow(t.Context(), `select sum(case 'rail_clearing'::ledger_account when credit then amount when debit then -amount else 0 end)::text
		from ledger_postings where merchant_id = $1 and currency = 'EUR'`, m.Merchant).Scan(&clearing)
	if err != nil || clearing != "500.00" {
		t.Errorf("the bank has EUR %s of ours, %v", clearing, err)
	}
}

// TestRoundingIsNotPaidOut asks for payouts so small that rounding would deliver more than they cost: a yen is half a cent.
func TestRoundingIsNotPaidOut(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	anna := german(t, m, someIBAN)
	for _, tt := range []struct {
		amount, side, code string
	}{
		{"1", `"currency":"JPY","fixed_side":"source"`, "amount_out_of_range"},
		{"0.01", `"currency":"EUR"`, ""}, // two yen, of which rounding keeps a little
		{"100", `"currency":"JPY","fixed_side":"source"`, ""},
	} {
		got := m.Post(t, "/v1/payouts", "yen "+tt.amount, `{"beneficiary_id":"`+anna+`","amount":"`+tt.amount+`","source_currency":"JPY",`+tt.side+`}`)
		if got.Code() != tt.code {
			t.Errorf("%s of %s: %d %s", tt.amount, tt.side, got.Status, got.Raw)
		}
	}
}
