package payouts_test

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/testserver"
)

var begin = map[string]string{"USD": "50000.00", "GBP": "25000.00", "EUR": "30000.00", "JPY": "5000000", "KWD": "10000.000"}

// atBeginning fails unless the merchant has what it began with, nothing held and nothing owed.
func atBeginning(t *testing.T, m *testserver.Client) {
	t.Helper()
	for _, b := range m.Get(t, "/v1/balances").List() {
		want := begin[b["currency"].(string)]
		if want == "" {
			want = "0.00"
		}
		if _, owes := b["receivable"]; owes || b["available"] != want || b["total"] != want {
			t.Errorf("after a reset %v, it began with %s", b, want)
		}
	}
}

func reset(t *testing.T, m *testserver.Client, scope, key string) map[string]any {
	t.Helper()
	got := m.Post(t, "/v1/sandbox/reset", key, `{"scope":"`+scope+`"}`)
	if got.Status != http.StatusOK {
		t.Fatalf("reset %s: %d %s", scope, got.Status, got.Raw)
	}
	return got.Data()
}

func TestSeedComesToWhatItSays(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	atBeginning(t, m)
	seed := m.Post(t, "/v1/sandbox/seed", "seed", `{}`)
	again := m.Post(t, "/v1/sandbox/seed", "seed", `{}`)
	if seed.Status != http.StatusOK || string(seed.Raw) != string(again.Raw) || again.Header.Get("X-Idempotent-Replayed") != "true" {
		t.Fatalf("the seed: %d %s, and again %d %s", seed.Status, seed.Raw, again.Status, again.Raw)
	}
	if listed := m.Get(t, "/v1/beneficiaries").List(); len(listed) != len(seed.Data()["beneficiary_ids"].([]any)) {
		t.Errorf("%d beneficiaries are there, %v were said", len(listed), seed.Data()["beneficiary_ids"])
	}
	for range 4 {
		s.Work()
		s.Clock.Advance(time.Second)
	}
	for _, p := range seed.Data()["payouts"].([]any) {
		p := p.(map[string]any)
		if got := m.Status(t, p["payout_id"].(string)); got != p["outcome"] {
			t.Errorf("payout %v is %s", p, got)
		}
	}

	// Everything is put back, by what it does: history stays.
	done := reset(t, m, "all", "reset")
	if done["payouts_cancelled"] != 1.0 || done["payouts_completed"] != 1.0 || done["beneficiaries_archived"] != 9.0 || done["has_more"] != false {
		t.Errorf("the reset did %v", done)
	}
	if replayed := reset(t, m, "all", "reset"); fmt.Sprint(replayed) != fmt.Sprint(done) {
		t.Errorf("the same key did %v", replayed)
	}
	atBeginning(t, m)
	if active := m.Get(t, "/v1/beneficiaries?status=active").List(); len(active) != 0 {
		t.Errorf("still active: %v", active)
	}
	if nothing := reset(t, m, "all", "once more"); nothing["payouts_cancelled"] != 0.0 || len(nothing["adjustments"].([]any)) != 0 {
		t.Errorf("a second reset did %v", nothing)
	}
	if got := m.Post(t, "/v1/sandbox/seed", "after the reset", `{}`); got.Status != http.StatusOK {
		t.Errorf("a seed after a reset: %d %s", got.Status, got.Raw)
	}
}

func TestResetOfEachScope(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, other := s.Merchant(t), s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	others := other.Payout(t, other.Beneficiary(t, "Garcia", "9876543210"), "10.00", "other")

	// Balances alone: what is held stays held, what is owed is settled.
	waiting := m.Payout(t, maria, "100.00", "waits")
	debit := s.Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/adjustments", "debit", `{"type":"debit","currency":"USD","amount":"60000.00","reason":"takes more"}`)
	if debit.Status != http.StatusCreated {
		t.Fatalf("debit: %d %s", debit.Status, debit.Raw)
	}
	reset(t, m, "balances", "")
	usd := m.Get(t, "/v1/balances/USD").Data()
	if _, owes := usd["receivable"]; owes || usd["available"] != "50000.00" || usd["held"] != "100.00" || m.Status(t, waiting) != "created" {
		t.Errorf("after a reset of balances: %v", usd)
	}

	// Payouts alone: their money comes back, or is gone, and is not evened out.
	approved := m.Payout(t, maria, "200.00", "approved")
	s.Work()
	fresh := m.Payout(t, maria, "300.00", "fresh")
	review := m.Payout(t, maria, "1313.13", "review")
	reset(t, m, "payouts", "")
	for id, want := range map[string]string{waiting: "completed", approved: "completed", fresh: "cancelled", review: "cancelled"} {
		if got := m.Status(t, id); got != want {
			t.Errorf("payout %s is %s, not %s", id, got, want)
		}
	}
	s.Clock.Advance(time.Minute)
	s.Work()
	if usd := m.Get(t, "/v1/balances/USD").Data(); usd["held"] != "0.00" || usd["available"] != "49800.00" {
		t.Errorf("after a reset of payouts: %v", usd)
	}
	if got := m.Get(t, "/v1/beneficiaries/"+maria).Data()["status"]; got != "active" {
		t.Errorf("the beneficiary is %v", got)
	}
	reset(t, m, "beneficiaries", "")
	if got := m.Get(t, "/v1/beneficiaries/"+maria).Data()["status"]; got != "archived" {
		t.Errorf("the beneficiary is %v", got)
	}
	if got := other.Status(t, others); got == "cancelled" {
		t.Errorf("another merchant's payout is %s", got)
	}
	if got := m.Post(t, "/v1/sandbox/reset", "", `{}`); got.Code() != "validation_error" {
		t.Errorf("no scope: %d %s", got.Status, got.Raw)
	}
}

// A call takes no more than its share; the next ones take the rest.
func TestResetTakesTurns(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	const count = 103
	for i := range count {
		m.Payout(t, maria, "1.00", fmt.Sprint("payout ", i))
	}
	first, second := reset(t, m, "all", "1"), reset(t, m, "all", "2")
	if first["payouts_cancelled"] != 100.0 || first["has_more"] != true || second["payouts_cancelled"] != 3.0 || second["has_more"] != false {
		t.Errorf("first %v, then %v", first, second)
	}
	atBeginning(t, m)
}
