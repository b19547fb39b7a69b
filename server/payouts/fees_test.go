package payouts_test

import (
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/testserver"
)

// priced puts the merchant on a new plan with these rules, and gives the plan's id.
func priced(t *testing.T, s *testserver.Server, m *testserver.Client, rules string) string {
	t.Helper()
	plan := s.Ops().Post(t, "/ops/v1/pricing/plans", "", `{"name":"Standard","rules":[`+rules+`]}`)
	if plan.Status != http.StatusCreated {
		t.Fatalf("%d %s", plan.Status, plan.Raw)
	}
	id := plan.Data()["id"].(string)
	shows(t, s.Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/pricing", "", `{"plan_id":"`+id+`"}`), http.StatusOK, map[string]any{"plan_id": id})
	return id
}

const fiveDollars = `{"source_currency":"USD","fixed_fee":"5.00"}`

// at0_9173 makes dollars buy 0.9173 euros, without a markup.
func at0_9173(t *testing.T, s *testserver.Server, m *testserver.Client) {
	t.Helper()
	_, err := s.Pool.Exec(t.Context(), `insert into reference_rates (base, quote, as_of, rate, source) values ('EUR', 'USD', $1, 1 / 0.9173, 'test')`, s.Clock.Now())
	if err != nil {
		t.Fatal(err)
	}
	shows(t, s.Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/fx-markups", "", `{"bps":0}`), http.StatusOK, nil)
}

// TestFees is the contract's table, to the letter, with a fee of USD 5.00 and a rate of 0.9173: each sum, each balance, each entry.
func TestFees(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	at0_9173(t, s, m)
	priced(t, s, m, fiveDollars)
	anna, maria := german(t, m, someIBAN), m.Beneficiary(t, "Garcia", "9876543210")
	euros := `"beneficiary_id":"` + anna + `","source_currency":"USD",`
	for _, tt := range []struct{ name, body, debit, source, delivered string }{
		{"dest, merchant", euros + `"amount":"1000.00","currency":"EUR"`, "1095.16", "1090.16", "1000.00"},
		{"dest, beneficiary", euros + `"amount":"1000.00","currency":"EUR","fee_bearer":"beneficiary"`, "1090.16", "1090.16", "995.41"},
		{"source, merchant", euros + `"amount":"1000.00","currency":"USD","fixed_side":"source"`, "1005.00", "1000.00", "917.30"},
		{"source, beneficiary", euros + `"amount":"1000.00","currency":"USD","fixed_side":"source","fee_bearer":"beneficiary"`, "1000.00", "1000.00", "912.71"},
		{"one currency", `"beneficiary_id":"` + maria + `","amount":"100.00","currency":"USD"`, "105.00", "100.00", "100.00"},
		{"one currency, beneficiary", `"beneficiary_id":"` + maria + `","amount":"100.00","currency":"USD","fee_bearer":"beneficiary"`, "100.00", "100.00", "95.00"},
	} {
		got := m.Post(t, "/v1/payouts", tt.name, `{`+tt.body+`}`)
		shows(t, got, http.StatusCreated, map[string]any{
			"total_debited": tt.debit, "source_amount": tt.source, "dest_amount": tt.delivered, "fee": "5.00", "fee_currency": "USD",
		})
	}
	for name, body := range map[string]string{
		"no more than the fee": `"beneficiary_id":"` + maria + `","amount":"5.00","currency":"USD","fee_bearer":"beneficiary"`,
		"less than the fee":    euros + `"amount":"4.00","currency":"EUR","fee_bearer":"beneficiary"`,
	} {
		if got := m.Post(t, "/v1/payouts", name, `{`+body+`}`); got.Status != 422 || got.Code() != "amount_out_of_range" {
			t.Errorf("%s: %d %s", name, got.Status, got.Raw)
		}
	}
	shows(t, m.Get(t, "/v1/balances/USD"), http.StatusOK, map[string]any{"available": "45604.68", "held": "4395.32"})
	short := m.Post(t, "/v1/payouts", "short", `{"beneficiary_id":"`+maria+`","amount":"45604.68","currency":"USD"}`)
	if want := "Insufficient balance: available USD 45604.68, required USD 45609.68"; short.Message() != want {
		t.Errorf("%s, want %s", short.Message(), want)
	}
	finish(s)
	shows(t, m.Get(t, "/v1/balances/USD"), http.StatusOK, map[string]any{"available": "45604.68", "held": "0.00"})
	fees := m.Get(t, "/v1/transactions?type=fee").List()
	if len(fees) != 6 || fees[0]["held_delta"] != "-5.00" || fees[0]["available_delta"] != "0.00" || fees[0]["payout_id"] == nil {
		t.Errorf("%d fees: %v", len(fees), fees)
	}
}

// TestFeesOfPayoutsThatDoNotArrive: what is cancelled or fails costs nothing; what is sent back, now or later, stays charged.
func TestFeesOfPayoutsThatDoNotArrive(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	priced(t, s, m, fiveDollars)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	pay := func(key string) string {
		t.Helper()
		got := m.Post(t, "/v1/payouts", key, `{"beneficiary_id":"`+maria+`","amount":"100.00","currency":"USD"}`)
		shows(t, got, http.StatusCreated, map[string]any{"total_debited": "105.00"})
		return got.Data()["id"].(string)
	}
	balance := func(available, held string) {
		t.Helper()
		shows(t, m.Get(t, "/v1/balances/USD"), http.StatusOK, map[string]any{"available": available, "held": held})
	}
	cancelled := pay("cancelled")
	balance("49895.00", "105.00")
	shows(t, m.Post(t, "/v1/payouts/"+cancelled+"/cancel", "", "{}"), http.StatusOK, nil)
	balance("50000.00", "0.00")
	failed, returned, late := pay("failed"), pay("returned"), pay("late")
	s.Work()
	for _, step := range []struct{ id, outcome, available, held string }{
		{failed, "failed", "49790.00", "210.00"},
		{returned, "returned", "49890.00", "105.00"}, // 100.00 came back
		{late, "completed", "49890.00", "0.00"},
		{late, "returned", "49990.00", "0.00"},
	} {
		shows(t, m.Post(t, "/v1/sandbox/payouts/"+step.id+"/advance", "", `{"outcome":"`+step.outcome+`"}`), http.StatusOK, nil)
		balance(step.available, step.held)
	}
	borne := m.Post(t, "/v1/payouts", "borne", `{"beneficiary_id":"`+maria+`","amount":"100.00","currency":"USD","fee_bearer":"beneficiary"}`)
	shows(t, borne, http.StatusCreated, map[string]any{"total_debited": "100.00", "dest_amount": "95.00"})
	if fees := m.Get(t, "/v1/transactions?type=fee").List(); len(fees) != 2 || fees[0]["payout_id"] != late || fees[1]["payout_id"] != returned {
		t.Errorf("%v", fees)
	}
	s.Work()
	shows(t, m.Post(t, fmt.Sprint("/v1/sandbox/payouts/", borne.Data()["id"], "/advance"), "", `{"outcome":"returned"}`), http.StatusOK, nil)
	balance("49985.00", "0.00") // what was delivered came back
}

// TestPricingQuotes: a fee that was promised is charged whatever the plan says by then, once, to the payout that was quoted.
func TestPricingQuotes(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, other := s.Merchant(t), s.Merchant(t)
	plan := priced(t, s, m, fiveDollars)
	maria, anna := m.Beneficiary(t, "Garcia", "9876543210"), german(t, m, someIBAN)
	quote := func(body string) string {
		t.Helper()
		got := m.Post(t, "/v1/pricing/quote", "", body)
		shows(t, got, http.StatusCreated, map[string]any{"status": "open", "fee": "5.00", "fee_currency": "USD", "plan_id": plan, "payout_id": nil})
		return got.Data()["id"].(string)
	}
	pay := func(key, id, more string) testserver.Answer {
		return m.Post(t, "/v1/payouts", key, `{"pricing_quote_id":"`+id+`",`+more+`}`)
	}
	hundred := `"beneficiary_id":"` + maria + `","amount":"100.00","currency":"USD"`
	used, raced := quote(`{"amount":"100","source_currency":"USD","country":"US"}`), quote(`{"amount":"100.00","source_currency":"USD","country":"US"}`)
	changed := s.Ops().Post(t, "/ops/v1/pricing/plans/"+plan+"/versions", "", `{"name":"Dearer","rules":[{"source_currency":"USD","fixed_fee":"7.00"}]}`)
	shows(t, changed, http.StatusOK, map[string]any{"version": 2.0})
	shows(t, m.Post(t, "/v1/payouts", "without", `{`+hundred+`}`), http.StatusCreated, map[string]any{"fee": "7.00", "pricing_quote_id": nil})
	tried := pay("", used, `"validate_only":true,`+hundred)
	shows(t, tried, http.StatusOK, map[string]any{"fee": "5.00"})
	paid := pay("paid", used, hundred)
	shows(t, paid, http.StatusCreated, map[string]any{"fee": "5.00", "total_debited": "105.00", "pricing_quote_id": used})
	shows(t, m.Get(t, "/v1/pricing/quotes/"+used), http.StatusOK, map[string]any{"status": "used", "payout_id": paid.Data()["id"]})
	for _, tt := range []struct{ name, id, more, code string }{
		{"used", used, hundred, "quote_already_used"},
		{"another amount", raced, `"beneficiary_id":"` + maria + `","amount":"100.01","currency":"USD"`, "quote_mismatch"},
		{"another side", raced, hundred + `,"fixed_side":"source"`, "quote_mismatch"},
		{"another account", raced, `"beneficiary_id":"` + anna + `","amount":"100.00","currency":"EUR","source_currency":"USD"`, "quote_mismatch"},
		{"no such quote", "pq_x", hundred, "not_found"},
	} {
		if got := pay(tt.name, tt.id, tt.more); got.Code() != tt.code {
			t.Errorf("%s: %d %s", tt.name, got.Status, got.Raw)
		}
	}
	theirs := other.Beneficiary(t, "Garcia", "9876543210")
	if got := other.Post(t, "/v1/payouts", "theirs", `{"pricing_quote_id":"`+raced+`","beneficiary_id":"`+theirs+`","amount":"100.00","currency":"USD"}`); got.Code() != "not_found" {
		t.Errorf("%d %s", got.Status, got.Raw)
	}
	if got := other.Get(t, "/v1/pricing/quotes/"+raced); got.Status != http.StatusNotFound {
		t.Errorf("%d %s", got.Status, got.Raw)
	}
	oneOfMany(t, func(i int) testserver.Answer { return pay(fmt.Sprint("caller ", i), raced, hundred) })
	late := m.Post(t, "/v1/pricing/quote", "", `{"amount":"100","source_currency":"USD","country":"US"}`).Data()["id"].(string)
	s.Clock.Advance(15 * time.Minute)
	if got := pay("late", late, hundred); got.Status != 422 || got.Code() != "quote_expired" {
		t.Errorf("%d %s", got.Status, got.Raw)
	}
	shows(t, m.Get(t, "/v1/pricing/quotes/"+late), http.StatusOK, map[string]any{"status": "expired"})
	finish(s)
}

// oneOfMany has 64 callers use one quote at once: one creates its payout, all others hear that the quote was used.
func oneOfMany(t *testing.T, pay func(i int) testserver.Answer) {
	t.Helper()
	answers := make([]testserver.Answer, 64)
	var callers sync.WaitGroup
	for i := range answers {
		callers.Go(func() { answers[i] = pay(i) })
	}
	callers.Wait()
	created := 0
	for _, a := range answers {
		switch {
		case a.Status == http.StatusCreated:
			created++
		case a.Status != 422 || a.Code() != "quote_already_used":
			t.Errorf("%d %s", a.Status, a.Raw)
		}
	}
	if created != 1 {
		t.Errorf("%d payouts used the quote", created)
	}
}

// TestTiers: a tier holds from its volume on, the payout itself not counted; what is given back counts no more; months are apart.
func TestTiers(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	pay := func(key, amount, fee string) string {
		t.Helper()
		got := m.Post(t, "/v1/payouts", key, `{"beneficiary_id":"`+maria+`","amount":"`+amount+`","currency":"USD"}`)
		shows(t, got, http.StatusCreated, map[string]any{"fee": fee})
		return got.Data()["id"].(string)
	}
	pay("before there was a plan", "5000.00", "0.00")
	priced(t, s, m, `{"source_currency":"USD","fixed_fee":"1.00","percentage_bps":100,"min_fee":"1.50","max_fee":"20.00","tiers":[
		{"min_volume":"1000.00","percentage_bps":50},{"min_volume":"3000.00","fixed_fee":"0.25"}]},
		{"source_currency":"USD","country":"DE","fixed_fee":"9.00"}`)
	pay("least", "10.00", "1.50")
	pay("below the border", "989.99", "10.90") // 999.99 so far
	pay("most", "2000.00", "20.00")            // still in the first tier; 2999.99 now
	last := pay("second tier", "0.01", "1.50") // 3000.00 now
	pay("third tier", "100.00", "1.50")
	pricing := m.Get(t, "/v1/pricing").Data()
	if got := fmt.Sprint(pricing["volumes"]); got != "[map[currency:USD volume:3100.00]]" {
		t.Error(got)
	}
	shows(t, m.Post(t, "/v1/payouts/"+last+"/cancel", "", "{}"), http.StatusOK, nil)
	if got := fmt.Sprint(m.Get(t, "/v1/pricing").Data()["volumes"]); got != "[map[currency:USD volume:3099.99]]" {
		t.Error(got)
	}
	s.Clock.Advance(15 * 24 * time.Hour) // the first of March
	if got := fmt.Sprint(m.Get(t, "/v1/pricing").Data()["volumes"]); got != "[]" {
		t.Error(got)
	}
	pay("a new month", "100.00", "2.00")
	finish(s)
}

// TestVolumesOfManyAtOnce: payouts that are created and cancelled at once are all counted, and taken back; the invariants count along.
func TestVolumesOfManyAtOnce(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	priced(t, s, m, `{"source_currency":"USD","fixed_fee":"1.00","tiers":[{"min_volume":"100.00","fixed_fee":"0.50"}]}`)
	var callers sync.WaitGroup
	for i := range 16 {
		callers.Go(func() {
			got := m.Post(t, "/v1/payouts", fmt.Sprint("caller ", i), `{"beneficiary_id":"`+maria+`","amount":"10.00","currency":"USD"}`)
			if fee := got.Data()["fee"]; got.Status != http.StatusCreated || fee != "1.00" && fee != "0.50" {
				t.Errorf("%d %s", got.Status, got.Raw)
				return
			}
			if i%2 == 0 {
				m.Post(t, fmt.Sprint("/v1/payouts/", got.Data()["id"], "/cancel"), "", "{}")
			}
		})
	}
	callers.Wait()
	if got := fmt.Sprint(m.Get(t, "/v1/pricing").Data()["volumes"]); got != "[map[currency:USD volume:80.00]]" {
		t.Error(got)
	}
	finish(s)
}

// TestPlansChangeWhilePayoutsRun: an operator writes version after version while payouts are created; each is charged what one of them says.
func TestPlansChangeWhilePayoutsRun(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	plan := priced(t, s, m, `{"source_currency":"USD","fixed_fee":"1.00"}`)
	var running sync.WaitGroup
	running.Go(func() {
		for fee := 2; fee <= 6; fee++ {
			got := s.Ops().Post(t, "/ops/v1/pricing/plans/"+plan+"/versions", "", fmt.Sprintf(`{"name":"Standard","rules":[{"source_currency":"USD","fixed_fee":"%d.00"}]}`, fee))
			if got.Status != http.StatusOK || got.Data()["version"] != float64(fee) {
				t.Errorf("%d %s", got.Status, got.Raw)
			}
		}
	})
	for i := range 4 {
		running.Go(func() {
			before := ""
			for j := range 5 {
				got := m.Post(t, "/v1/payouts", fmt.Sprint(i, " ", j), `{"beneficiary_id":"`+maria+`","amount":"10.00","currency":"USD"}`)
				fee, _ := got.Data()["fee"].(string)
				if got.Status != http.StatusCreated || fee < before || fee < "1.00" || fee > "6.00" {
					t.Errorf("after a fee of %s: %d %s", before, got.Status, got.Raw)
				}
				before = fee
			}
		})
	}
	running.Wait()
	shows(t, m.Post(t, "/v1/payouts", "last", `{"beneficiary_id":"`+maria+`","amount":"10.00","currency":"USD"}`), http.StatusCreated, map[string]any{"fee": "6.00"})
	finish(s)
	shows(t, s.Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/pricing", "", `{}`), http.StatusOK, map[string]any{"name": "Free", "plan_id": nil})
	shows(t, m.Post(t, "/v1/payouts", "free", `{"beneficiary_id":"`+maria+`","amount":"10.00","currency":"USD"}`), http.StatusCreated, map[string]any{"fee": "0.00"})
}

// TestCorridorBounds: what would arrive must be what the corridor carries.
func TestCorridorBounds(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	got := m.Post(t, "/v1/payouts", "too much", `{"beneficiary_id":"`+maria+`","amount":"100000000.00","currency":"USD"}`)
	if got.Status != 422 || got.Code() != "amount_out_of_range" || len(got.Fields()) != 1 || got.Fields()[0] != "amount" ||
		got.Message() != "A payout of USD to US by us_bank carries 0.01 to 99999999.99, and 100000000.00 would arrive." {
		t.Errorf("%d %s", got.Status, got.Raw)
	}
	most := m.Post(t, "/v1/payouts", "the most", `{"beneficiary_id":"`+maria+`","amount":"99999999.99","currency":"USD"}`)
	if most.Code() != "insufficient_balance" {
		t.Errorf("%d %s", most.Status, most.Raw)
	}
}
