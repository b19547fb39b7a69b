package merchants_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/testserver"
)

// fund books a deposit and gives its id.
func fund(t *testing.T, s *testserver.Server, m *testserver.Client, amount, currency string) string {
	t.Helper()
	got := s.Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/deposits", "fund "+m.Merchant+amount+currency, `{"amount":"`+amount+`","currency":"`+currency+`","reference":"Wire"}`)
	expect(t, "deposit", got, http.StatusCreated, "")
	return got.Data()["id"].(string)
}

// reversal is where a deposit of the merchant is taken back.
func reversal(m *testserver.Client, deposit string) string {
	return "/ops/v1/merchants/" + m.Merchant + "/deposits/" + deposit + "/reverse"
}

// holds fails unless the merchant's balance reads so, to the letter.
func holds(t *testing.T, what string, m *testserver.Client, currency, want string) {
	t.Helper()
	if got := m.Get(t, "/v1/balances/"+currency); string(got.Raw) != `{"data":{"currency":"`+currency+`",`+want+`}}` {
		t.Errorf("%s: the balance is %s, want %s", what, got.Raw, want)
	}
}

// TestARecalledDepositIsOwedAndRepaidFirst tells the story of the reference: 300 are left, a deposit of 1000 is recalled, 500 come in.
func TestARecalledDepositIsOwedAndRepaidFirst(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	deposit := fund(t, s, m, "1000.00", "CAD")
	holds(t, "who owes nothing", m, "CAD", `"available":"1000.00","held":"0.00","total":"1000.00"`)
	adjust := "/ops/v1/merchants/" + m.Merchant + "/adjustments"
	expect(t, "debit", s.Ops().Post(t, adjust, "spent", `{"type":"debit","amount":"700.00","currency":"CAD","reason":"Spent"}`), http.StatusCreated, "")

	recalled := s.Ops().Post(t, reversal(m, deposit), "recall", `{"reason":"Recalled by the bank"}`)
	expect(t, "recall", recalled, http.StatusOK, "")
	got := recalled.Data()
	if got["type"] != "deposit_reversal" || got["status"] != "executed" || got["amount"] != "1000.00" || got["deposit_id"] != deposit ||
		got["requested_by"] != got["decided_by"] || got["transaction_id"] == nil || got["payout_id"] != nil {
		t.Errorf("the reversal is %s", recalled.Raw)
	}
	holds(t, "who owes", m, "CAD", `"available":"0.00","held":"0.00","total":"0.00","receivable":"700.00"`)
	second := fund(t, s, m, "500.00", "CAD")
	holds(t, "who still owes", m, "CAD", `"available":"0.00","held":"0.00","total":"0.00","receivable":"200.00"`)
	fund(t, s, m, "201.00", "CAD")
	holds(t, "who has repaid", m, "CAD", `"available":"1.00","held":"0.00","total":"1.00"`)
	fund(t, s, m, "9.00", "CAD")
	holds(t, "who owes nothing any more", m, "CAD", `"available":"10.00","held":"0.00","total":"10.00"`)
	if balance := m.Get(t, "/v1/balances/EUR").Data(); balance["available"] != "30000.00" {
		t.Errorf("another currency paid for it: %v", balance)
	}

	var lines []string
	for _, txn := range m.Get(t, "/v1/balances/CAD/transactions").List() {
		lines = append(lines, fmt.Sprint(txn["type"], " ", txn["available_delta"], " ", txn["receivable_delta"], " ", txn["available_after"], " ", txn["receivable_after"]))
	}
	slices.Reverse(lines)
	want := []string{
		"deposit 1000.00 <nil> 1000.00 <nil>", "adjustment -700.00 <nil> 300.00 <nil>", "deposit_reversal -300.00 700.00 0.00 700.00",
		"deposit 500.00 0.00 500.00 700.00", "receivable_repayment -500.00 -500.00 0.00 200.00",
		"deposit 201.00 0.00 201.00 200.00", "receivable_repayment -200.00 -200.00 1.00 0.00", "deposit 9.00 <nil> 10.00 <nil>",
	}
	if !slices.Equal(lines, want) {
		t.Errorf("the transactions are\n%s\nwant\n%s", strings.Join(lines, "\n"), strings.Join(want, "\n"))
	}
	repaid := m.Get(t, "/v1/transactions?type=receivable_repayment&currency=CAD&limit=100").List()
	if len(repaid) != 2 || repaid[1]["description"] != "Repays what you owe, from "+second || len(repaid[1]["id"].(string)) != len(second) {
		t.Errorf("the repayments are %v", repaid)
	}
	told(t, s, m, got)
}

// told checks the event and the audit row of an executed reversal, which the sandbox's operator asked for and approved.
func told(t *testing.T, s *testserver.Server, m *testserver.Client, adjustment map[string]any) {
	t.Helper()
	events := m.Get(t, "/v1/events?object_id="+adjustment["id"].(string)).List()
	if len(events) != 1 || events[0]["type"] != "balance.deposit_reversed" || events[0]["sequence"] != 1.0 {
		t.Fatalf("the events are %v", events)
	}
	data := events[0]["data"].(map[string]any)
	for field, want := range map[string]any{
		"id": adjustment["id"], "type": "deposit_reversal", "amount": "1000.00", "currency": "CAD", "deposit_id": adjustment["deposit_id"],
		"transaction_id": adjustment["transaction_id"], "reason": "Recalled by the bank",
	} {
		if data[field] != want {
			t.Errorf("the event's %s is %v, want %v", field, data[field], want)
		}
	}
	if text := fmt.Sprint(data); strings.Contains(text, adjustment["requested_by"].(string)) {
		t.Errorf("the merchant reads which operator it was: %s", text)
	}
	actions := map[any]map[string]any{}
	for _, row := range s.Ops().Get(t, "/ops/v1/audit?object_id="+adjustment["id"].(string)).List() {
		actions[row["action"]], _ = row["detail"].(map[string]any)
	}
	detail := actions["adjustment.executed"]
	if _, called := actions["deposit.reverse"]; len(actions) != 2 || !called || detail["requested_by"] != adjustment["requested_by"] ||
		detail["approved_by"] != adjustment["decided_by"] || detail["amount"] != "1000.00" {
		t.Errorf("the audit log has %v", actions)
	}
}

func TestReversalsThatAreRefused(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, other := s.Merchant(t), s.Merchant(t)
	viewer, _ := makeOperator(t, s, "Vera", "viewer")
	deposit := fund(t, s, m, "100.00", "CAD")
	payout := m.Payout(t, m.Beneficiary(t, "Garcia", "9876543210"), "10.00", "never came back")
	back := "/ops/v1/merchants/" + m.Merchant + "/payouts/" + payout + "/reverse-return"
	adjust := "/ops/v1/merchants/" + m.Merchant + "/adjustments"
	for what, tt := range map[string]struct {
		by         *testserver.Client
		path, body string
		status     int
		code       string
		field      string
	}{
		"more than was deposited":       {s.Ops(), reversal(m, deposit), `{"amount":"100.01","reason":"x"}`, 422, "validation_error", "amount"},
		"finer than a cent":             {s.Ops(), reversal(m, deposit), `{"amount":"1.001","reason":"x"}`, 422, "validation_error", "amount"},
		"nothing":                       {s.Ops(), reversal(m, deposit), `{"amount":"0.00","reason":"x"}`, 422, "validation_error", "amount"},
		"less than nothing":             {s.Ops(), reversal(m, deposit), `{"amount":"-1.00","reason":"x"}`, 422, "validation_error", "amount"},
		"another currency":              {s.Ops(), reversal(m, deposit), `{"amount":"1.00","currency":"USD","reason":"x"}`, 422, "validation_error", "currency"},
		"without a reason":              {s.Ops(), reversal(m, deposit), `{}`, 422, "validation_error", "reason"},
		"another merchant's":            {s.Ops(), reversal(other, deposit), `{"reason":"x"}`, 404, "not_found", ""},
		"a deposit that is not there":   {s.Ops(), reversal(m, "txn_none"), `{"reason":"x"}`, 404, "not_found", ""},
		"a hold":                        {s.Ops(), reversal(m, m.Get(t, "/v1/transactions?payout_id="+payout).List()[0]["id"].(string)), `{"reason":"x"}`, 404, "not_found", ""},
		"by a viewer":                   {viewer, reversal(m, deposit), `{"reason":"x"}`, 403, "insufficient_scope", ""},
		"by the merchant":               {m, reversal(m, deposit), `{"reason":"x"}`, 403, "insufficient_scope", ""},
		"a payout that did not return":  {s.Ops(), back, `{"reason":"x"}`, 409, "state_conflict", ""},
		"another merchant's payout":     {s.Ops(), strings.Replace(back, m.Merchant, other.Merchant, 1), `{"reason":"x"}`, 404, "not_found", ""},
		"a return, by a viewer":         {viewer, back, `{"reason":"x"}`, 403, "insufficient_scope", ""},
		"a correction by a viewer":      {viewer, adjust, `{"type":"credit","amount":"1.00","currency":"CAD","reason":"x"}`, 403, "insufficient_scope", ""},
		"a correction of another type":  {s.Ops(), adjust, `{"type":"deposit","amount":"1.00","currency":"CAD","reason":"x"}`, 422, "validation_error", "type"},
		"a correction in no currency":   {s.Ops(), adjust, `{"type":"credit","amount":"1.00","currency":"ZZZ","reason":"x"}`, 422, "validation_error", "currency"},
		"a correction of nobody's":      {s.Ops(), "/ops/v1/merchants/mer_none/adjustments", `{"type":"credit","amount":"1.00","currency":"CAD","reason":"x"}`, 404, "not_found", ""},
		"approving what is not there":   {s.Ops(), "/ops/v1/adjustments/adj_none/approve", `{}`, 404, "not_found", ""},
		"rejecting what is not there":   {s.Ops(), "/ops/v1/adjustments/adj_none/reject", `{}`, 404, "not_found", ""},
		"approving by a viewer":         {viewer, "/ops/v1/adjustments/adj_none/approve", `{}`, 403, "insufficient_scope", ""},
		"a sum in yen with a fraction":  {s.Ops(), adjust, `{"type":"credit","amount":"1.5","currency":"JPY","reason":"x"}`, 422, "validation_error", "amount"},
		"a correction of a huge amount": {s.Ops(), adjust, `{"type":"credit","amount":"1234567890123.00","currency":"CAD","reason":"x"}`, 422, "validation_error", "amount"},
	} {
		got := tt.by.Post(t, tt.path, what, tt.body)
		expect(t, what, got, tt.status, tt.code)
		if tt.field != "" && !slices.Contains(got.Fields(), tt.field) {
			t.Errorf("%s names %v, want %s", what, got.Fields(), tt.field)
		}
	}
	holds(t, "after all refusals", m, "CAD", `"available":"100.00","held":"0.00","total":"100.00"`)
	var left int
	if err := s.Owner.QueryRow(t.Context(), "select count(*) from reversals").Scan(&left); err != nil || left != 0 {
		t.Errorf("refused reversals left %d rows: %v", left, err)
	}

	first := s.Ops().Post(t, reversal(m, deposit), "the recall", `{"reason":"Recalled"}`)
	expect(t, "the reversal", first, http.StatusOK, "")
	again := s.Ops().Post(t, reversal(m, deposit), "the recall", `{"reason":"Recalled"}`)
	if string(again.Raw) != string(first.Raw) || again.Header.Get("X-Idempotent-Replayed") != "true" {
		t.Errorf("the same key again: %d %s", again.Status, again.Raw)
	}
	expect(t, "another key", s.Ops().Post(t, reversal(m, deposit), "another recall", `{"reason":"Recalled"}`), http.StatusConflict, "state_conflict")
	holds(t, "after one reversal", m, "CAD", `"available":"0.00","held":"0.00","total":"0.00"`)
}

// TestAnotherOperatorApprovesInLive has a deposit, its reversal and a correction wait for a second person.
func TestAnotherOperatorApprovesInLive(t *testing.T) {
	t.Parallel()
	s := testserver.Live(t)
	m := s.Merchant(t)
	asking, askingID := makeOperator(t, s, "Asks", "operator")
	second, secondID := makeOperator(t, s, "Approves", "operator")
	viewer, _ := makeOperator(t, s, "Vera", "viewer")
	approve := func(by *testserver.Client, id any) testserver.Answer {
		return by.Post(t, "/ops/v1/adjustments/"+id.(string)+"/approve", "", `{}`)
	}

	deposit := asking.Post(t, "/ops/v1/merchants/"+m.Merchant+"/deposits", "wire", `{"amount":"100.00","currency":"USD"}`)
	expect(t, "the deposit waits", deposit, http.StatusCreated, "")
	expect(t, "nothing was booked", m.Get(t, "/v1/balances/USD"), http.StatusNotFound, "not_found")
	expect(t, "reversing what was not booked", asking.Post(t, reversal(m, deposit.Data()["id"].(string)), "early", `{"reason":"x"}`), http.StatusNotFound, "not_found")
	id := deposit.Data()["adjustment_id"]
	expect(t, "approved by a viewer", approve(viewer, id), http.StatusForbidden, "insufficient_scope")
	expect(t, "approved by whoever asked", approve(asking, id), http.StatusConflict, "state_conflict")
	done := approve(second, id)
	expect(t, "approved by another", done, http.StatusOK, "")
	got := done.Data()
	if got["status"] != "executed" || got["type"] != "deposit" || got["requested_by"] != askingID || got["decided_by"] != secondID || got["transaction_id"] != deposit.Data()["id"] {
		t.Errorf("the approved deposit is %s", done.Raw)
	}
	if again := approve(second, id); again.Status != http.StatusOK || again.Data()["decided_at"] != got["decided_at"] {
		t.Errorf("approved again: %d %s", again.Status, again.Raw)
	}
	expect(t, "rejected after all", second.Post(t, "/ops/v1/adjustments/"+id.(string)+"/reject", "", `{}`), http.StatusConflict, "state_conflict")
	holds(t, "the deposit is booked once", m, "USD", `"available":"100.00","held":"0.00","total":"100.00"`)
	if events := m.Get(t, "/v1/events?type=balance.deposit").List(); len(events) != 1 || events[0]["object_id"] != deposit.Data()["id"] {
		t.Errorf("the deposit was told as %v", events)
	}

	// Two reversals of all of it may be asked for; one can be executed.
	recall := func(key string) any {
		got := asking.Post(t, reversal(m, deposit.Data()["id"].(string)), key, `{"reason":"Recalled"}`)
		if got.Data()["status"] != "pending_approval" || got.Data()["transaction_id"] != nil {
			t.Errorf("the reversal does not wait: %d %s", got.Status, got.Raw)
		}
		return got.Data()["id"]
	}
	one, two, late := recall("one"), recall("two"), recall("late")
	if list := viewer.Get(t, "/ops/v1/adjustments?status=pending_approval&type=deposit_reversal&merchant_id="+m.Merchant).List(); len(list) != 3 || list[0]["id"] != late {
		t.Errorf("what waits is %v", list)
	}
	expect(t, "the first reversal", approve(second, one), http.StatusOK, "")
	expect(t, "the second reversal", approve(second, two), http.StatusConflict, "state_conflict")
	expect(t, "withdrawn by whoever asked", asking.Post(t, "/ops/v1/adjustments/"+two.(string)+"/reject", "", `{}`), http.StatusOK, "")
	expect(t, "approved after it was withdrawn", approve(second, two), http.StatusConflict, "state_conflict")
	holds(t, "it was taken back once", m, "USD", `"available":"0.00","held":"0.00","total":"0.00"`)

	s.Clock.Advance(72*time.Hour + time.Microsecond)
	if got := approve(second, late); got.Code() != "state_conflict" || !strings.Contains(got.Message(), "expired") {
		t.Errorf("approved too late: %d %s", got.Status, got.Raw)
	}
	if list := viewer.Get(t, "/ops/v1/adjustments?status=expired").List(); len(list) != 1 || list[0]["status"] != "expired" || list[0]["id"] != late {
		t.Errorf("what is expired is %v", list)
	}
	if got := viewer.Get(t, "/ops/v1/adjustments/"+late.(string)); got.Data()["status"] != "expired" {
		t.Errorf("it reads %s", got.Raw)
	}
}

// TestFourEyesAreInTheDatabaseToo tries as the role that serves what the server never does.
func TestFourEyesAreInTheDatabaseToo(t *testing.T) {
	t.Parallel()
	s := testserver.Live(t)
	m := s.Merchant(t)
	got := s.Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/deposits", "wire", `{"amount":"100.00","currency":"USD"}`)
	expect(t, "the deposit waits", got, http.StatusCreated, "")
	for what, tt := range map[string]struct{ sql, mentions string }{
		"approving what one asked for": {"update adjustments set status = 'executed', decided_by = requested_by, decided_at = requested_at", "live_adjustment_is_approved_by_another"},
		"approving too late":           {"update adjustments set status = 'executed', decided_by = 'key_other', decided_at = expires_at + interval '1 second'", "adjustment_is_executed_in_time"},
		"a decision without a person":  {"update adjustments set status = 'rejected'", "decision_has_its_person_and_time"},
		"another amount":               {"update adjustments set amount = 1000", "permission denied"},
		"another environment":          {"update adjustments set environment = 'test'", "permission denied"},
		"asking in another one":        {"insert into adjustments select merchant_id, 'adj_x', type, status, currency, amount, reverses, payout_id, transaction_id, reason, 'test', requested_by, requested_at, expires_at from adjustments", "adjustments_environment_fkey"},
		"forgetting it":                {"delete from adjustments", "permission denied"},
		"forgetting what was reversed": {"delete from reversals", "permission denied"},
		"owing less":                   {"update balances set receivable = 0", "permission denied"},
		"booking past the door":        {"select ledger_post_owed('m', now(), '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}', '{}')", "permission denied"},
	} {
		if _, err := s.Pool.Exec(t.Context(), tt.sql); err == nil || !strings.Contains(err.Error(), tt.mentions) {
			t.Errorf("%s: %v, want %s", what, err, tt.mentions)
		}
	}
}
