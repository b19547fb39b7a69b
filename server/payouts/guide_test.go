package payouts_test

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/antonpayments/anton/server/testserver"
)

// TestGuide follows the public guide "Send a payout" over HTTP, request by request and field by field.
func TestGuide(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)

	// 1. Check your balance
	balance := m.Get(t, "/v1/balances/USD")
	want(t, balance, http.StatusOK, `{"data":{"currency":"USD","available":"50000.00","held":"0.00","total":"50000.00"}}`)

	// 2. Create a beneficiary
	created := m.Post(t, "/v1/beneficiaries", "", testserver.Maria)
	if created.Status != http.StatusCreated {
		t.Fatalf("beneficiary: %d %s", created.Status, created.Raw)
	}
	maria := created.Data()
	for field, value := range map[string]any{
		"type": "individual", "first_name": "Maria", "last_name": "Garcia", "country": "US", "currency": "USD", "status": "active",
		"created_at": "2026-02-14T10:00:00Z",
	} {
		if maria[field] != value {
			t.Errorf("beneficiary.%s is %v, the guide says %v", field, maria[field], value)
		}
	}
	for _, hidden := range []string{"email", "bank_account", "account_number"} {
		if _, shown := maria[hidden]; shown {
			t.Errorf("the beneficiary shows %s", hidden)
		}
	}

	// 3. Send the payout
	order := fmt.Sprintf(`{
		"beneficiary_id": %q,
		"amount": "2500.00",
		"currency": "USD",
		"description": "Consulting fee - January 2026",
		"reference": "INV-1042"
	}`, maria["id"])
	sent := m.Post(t, "/v1/payouts", "invoice-1042-maria", order)
	if sent.Status != http.StatusCreated {
		t.Fatalf("payout: %d %s", sent.Status, sent.Raw)
	}
	payout := sent.Data()
	wantPayout := map[string]any{
		"id": payout["id"], "status": "created", "beneficiary_id": maria["id"], "instrument_id": maria["default_instrument_id"],
		"amount": "2500.00", "currency": "USD", "source_amount": "2500.00", "source_currency": "USD", "dest_amount": "2500.00",
		"dest_currency": "USD", "fee": "0.00", "fee_currency": "USD", "fee_bearer": "merchant", "total_debited": "2500.00",
		"method": "us_bank", "description": "Consulting fee - January 2026", "reference": "INV-1042", "purpose": "",
		"metadata": map[string]any{}, "rfi_ids": []any{}, "estimated_arrival": "2026-02-19T22:00:00Z",
		"created_at": "2026-02-14T10:00:00Z", "updated_at": "2026-02-14T10:00:00Z",
	}
	if diff := cmp.Diff(wantPayout, payout); diff != "" {
		t.Errorf("payout (-want +got):\n%s", diff)
	}
	held := m.Get(t, "/v1/balances/USD")
	want(t, held, http.StatusOK, `{"data":{"currency":"USD","available":"47500.00","held":"2500.00","total":"50000.00"}}`)

	// 4. Track the payout
	id := payout["id"].(string)
	s.Work()
	if status := m.Status(t, id); status != "processing" {
		t.Fatalf("evaluated and handed over, the payout is %s", status)
	}
	s.Clock.Advance(300 * time.Millisecond)
	s.Work()
	if status := m.Status(t, id); status != "sent" {
		t.Fatalf("dispatched, the payout is %s", status)
	}
	s.Clock.Advance(700 * time.Millisecond)
	s.Work()
	if status := m.Status(t, id); status != "completed" {
		t.Fatalf("settled, the payout is %s", status)
	}
	gone := m.Get(t, "/v1/balances/USD")
	want(t, gone, http.StatusOK, `{"data":{"currency":"USD","available":"47500.00","held":"0.00","total":"47500.00"}}`)

	steps := []string{"created", "pending_screening", "pending_approval", "approved", "processing", "sent", "completed"}
	wantTimeline(t, m, id, steps)
	wantEvents(t, m, id, []string{
		"payout.created", "payout.screening", "payout.pending_approval", "payout.approved", "payout.processing", "payout.sent", "payout.completed",
	})
	wantAudit(t, s, id, steps)
}

// TestBalancesGuide holds the examples of the public page "Balances".
func TestBalancesGuide(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")

	var currencies []string
	for _, b := range m.Get(t, "/v1/balances").List() {
		currencies = append(currencies, b["currency"].(string))
		if !slices.Equal(slices.Sorted(keys(b)), []string{"available", "currency", "held", "total"}) {
			t.Errorf("a balance has the fields %v", slices.Sorted(keys(b)))
		}
	}
	if !slices.Equal(currencies, []string{"USD", "GBP", "EUR", "JPY", "KWD"}) {
		t.Errorf("balances in the order %v", currencies)
	}

	m.Payout(t, maria, "45000.00", "leaves 5000")
	refused := m.Post(t, "/v1/payouts", "too much", `{"beneficiary_id":"`+maria+`","amount":"10000.00","currency":"USD"}`)
	if refused.Status != http.StatusBadRequest || refused.Code() != "insufficient_balance" ||
		refused.Message() != "Insufficient balance: available USD 5000.00, required USD 10000.00" {
		t.Errorf("insufficient balance: %d %s", refused.Status, refused.Raw)
	}
	exact := m.Post(t, "/v1/payouts", "too much", `{"beneficiary_id":"`+maria+`","amount":"5000.00","currency":"USD"}`)
	if exact.Status != http.StatusCreated {
		t.Errorf("after a refusal the key may be used again, and all of the balance may be spent: %d %s", exact.Status, exact.Raw)
	}
}

func TestCommonIssues(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, other := s.Merchant(t), s.Merchant(t)
	theirs := other.Beneficiary(t, "Garcia", "9876543210")

	foreign := m.Post(t, "/v1/payouts", "foreign", `{"beneficiary_id":"`+theirs+`","amount":"1.00","currency":"USD"}`)
	if foreign.Status != http.StatusNotFound || foreign.Code() != "not_found" {
		t.Errorf("another merchant's beneficiary: %d %s", foreign.Status, foreign.Raw)
	}
	live := s.With("ak_live_0123456789abcdef").Get(t, "/v1/balances/USD")
	if live.Status != http.StatusUnauthorized || live.Code() != "wrong_environment" {
		t.Errorf("a live key in test: %d %s", live.Status, live.Raw)
	}
	keyless := m.Post(t, "/v1/payouts", "", `{"beneficiary_id":"`+theirs+`","amount":"1.00","currency":"USD"}`)
	if keyless.Status != http.StatusBadRequest || keyless.Code() != "missing_idempotency_key" {
		t.Errorf("no Idempotency-Key: %d %s", keyless.Status, keyless.Raw)
	}
}

func want(t *testing.T, got testserver.Answer, status int, body string) {
	t.Helper()
	if got.Status != status || string(got.Raw) != body {
		t.Errorf("got %d %s\nwant %d %s", got.Status, got.Raw, status, body)
	}
}

func keys(m map[string]any) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

func wantTimeline(t *testing.T, m *testserver.Client, payout string, steps []string) {
	t.Helper()
	timeline := m.Get(t, "/v1/payouts/"+payout+"/timeline").List()
	var got []string
	for i, step := range timeline {
		got = append(got, step["to"].(string))
		if step["sequence"] != float64(i+1) || step["event_id"] == "" || step["actor"] == "" {
			t.Errorf("step %d is %v", i+1, step)
		}
		if i > 0 && step["from"] != timeline[i-1]["to"] {
			t.Errorf("step %d starts at %v, the one before ended at %v", i+1, step["from"], timeline[i-1]["to"])
		}
	}
	if !slices.Equal(got, steps) {
		t.Errorf("timeline %v, want %v", got, steps)
	}
}

func wantEvents(t *testing.T, m *testserver.Client, object string, types []string) {
	t.Helper()
	events := m.Get(t, "/v1/events?limit=100&object_id="+object).List()
	slices.SortFunc(events, func(a, b map[string]any) int { return int(a["sequence"].(float64) - b["sequence"].(float64)) })
	var got []string
	for i, e := range events {
		got = append(got, e["type"].(string))
		if e["sequence"] != float64(i+1) {
			t.Errorf("event %d has the sequence %v", i+1, e["sequence"])
		}
		if one := m.Get(t, "/v1/events/"+e["id"].(string)); !cmp.Equal(one.Data(), e) {
			t.Errorf("the event alone is not the event in the list: %s", cmp.Diff(e, one.Data()))
		}
	}
	if !slices.Equal(got, types) {
		t.Errorf("events %v, want %v", got, types)
	}
}

func wantAudit(t *testing.T, s *testserver.Server, object string, steps []string) {
	t.Helper()
	var got []string
	for _, row := range s.Ops().Get(t, "/ops/v1/audit?limit=100&action=payout.transition&object_id="+object).List() {
		got = append(got, row["detail"].(map[string]any)["to"].(string))
	}
	slices.Sort(got)
	if !slices.Equal(got, slices.Sorted(slices.Values(steps))) {
		t.Errorf("audited transitions %v, want %v", got, steps)
	}
}
