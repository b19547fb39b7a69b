package rescreen_test

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/antonpayments/anton/server/screening/lists"
	"github.com/antonpayments/anton/server/testserver"
)

// operator is a further operator with a role.
func operator(t *testing.T, s *testserver.Server, role string) *testserver.Client {
	t.Helper()
	return s.With(wantOK(t, s.Ops().Post(t, "/ops/v1/operator-keys", "", `{"name":"Dana","role":"`+role+`"}`)).Data()["key"].(string))
}

// Compliance blocks and unblocks; the merchant hears of it, and cannot undo it.
func TestComplianceBlocksAndUnblocks(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, other := s.Merchant(t), s.Merchant(t)
	beneficiary := m.Beneficiary(t, "Gomez", "9876543210")
	wantRefused(t, "an operator's block", blocks(t, operator(t, s, "operator"), m, beneficiary, "block"), http.StatusForbidden, "insufficient_scope", "")
	wantRefused(t, "of another merchant's", blocks(t, s.Ops(), other, beneficiary, "block"), http.StatusNotFound, "not_found", "")
	wantRefused(t, "lifting what is not there", blocks(t, s.Ops(), m, beneficiary, "unblock"), http.StatusConflict, "state_conflict", "never blocked")

	block := wantOK(t, blocks(t, operator(t, s, "compliance"), m, beneficiary, "block")).Data()
	again := wantOK(t, blocks(t, s.Ops(), m, beneficiary, "block")).Data()
	if block["cause"] != "operator" || block["reason"] != "A court said so" || again["id"] != block["id"] || again["blocked_by"] != block["blocked_by"] {
		t.Errorf("blocked as %v, and again as %v", block, again)
	}
	for _, call := range []struct{ method, path, body string }{
		{http.MethodPatch, "", `{"first_name":"Mario"}`},
		{http.MethodPost, "/archive", ""},
		{http.MethodPost, "/restore", ""},
		{http.MethodDelete, "", ""},
	} {
		wantRefused(t, call.method+call.path, m.Do(t, call.method, "/v1/beneficiaries/"+beneficiary+call.path, nil, call.body), http.StatusConflict, "state_conflict", "blocked")
	}
	lifted := wantOK(t, blocks(t, s.Ops(), m, beneficiary, "unblock")).Data()
	if lifted["id"] != block["id"] || lifted["lift_reason"] != "A court said so" || lifted["beneficiary"].(map[string]any)["status"] != "active" {
		t.Errorf("lifted as %v", lifted)
	}
	if twice := wantOK(t, blocks(t, s.Ops(), m, beneficiary, "unblock")).Data(); twice["lifted_at"] != lifted["lifted_at"] {
		t.Errorf("lifted twice: %v", twice)
	}
	var told []any
	for _, e := range m.Get(t, "/v1/events?object_id="+beneficiary).List() {
		told = append(told, e["type"])
		if strings.Contains(string(must(t, e)), "court") {
			t.Errorf("the merchant reads why: %v", e)
		}
	}
	if !cmp.Equal(told, []any{"beneficiary.updated", "beneficiary.blocked", "beneficiary.created"}) {
		t.Errorf("the merchant is told %v", told)
	}
	var changes []string
	for _, row := range s.Ops().Get(t, "/ops/v1/audit?limit=100&object_id="+beneficiary).List() {
		if row["action"] == "beneficiary.status" {
			detail := row["detail"].(map[string]any)
			changes = append(changes, detail["from"].(string)+" to "+detail["to"].(string))
		}
	}
	if !cmp.Equal(changes, []string{"blocked to active", "active to blocked"}) {
		t.Errorf("audited: %v", changes)
	}
	_, err := s.Pool.Exec(t.Context(), "update beneficiaries set status = 'blocked' where id = $1", beneficiary)
	if err == nil || !strings.Contains(err.Error(), "blocked_beneficiary_has_its_block") {
		t.Errorf("the database lets a beneficiary be blocked without a decision: %v", err)
	}
}

// Whom the lists in force certainly name stays blocked until its alert is resolved as a false positive.
func TestTheListedStayBlocked(t *testing.T) {
	t.Parallel()
	s := testserver.Screening(t, lists.UN)
	m := s.Merchant(t)
	before := person(t, m, "Zoltrazar", "Quimbwell", "")
	take(t, s, 10, zoltrazar)
	rescreened(t, s)
	after := person(t, m, "Zoltrazar", "Quimbwell", "") // no run has seen it, and no payout
	wantOK(t, blocks(t, s.Ops(), m, after, "block"))

	for beneficiary, cause := range map[string]string{before: "rescreen_id", after: "block_id"} {
		refused := blocks(t, s.Ops(), m, beneficiary, "unblock")
		found := alerts(t, s, "beneficiary_id="+beneficiary)
		if len(found) != 1 || found[0][cause] == nil || found[0]["finding"] != "certain" {
			t.Fatalf("the alerts are %v", found)
		}
		alert := found[0]["id"].(string)
		wantRefused(t, "unblock a listed one", refused, http.StatusConflict, "state_conflict", alert)
		wantRefused(t, "and again", blocks(t, s.Ops(), m, beneficiary, "unblock"), http.StatusConflict, "state_conflict", alert)
		wantOK(t, resolve(t, s.Ops(), alert, "false_positive"))
		wantOK(t, blocks(t, s.Ops(), m, beneficiary, "unblock"))
		if status := statusOf(t, m, beneficiary); status != "active" {
			t.Errorf("it is %v", status)
		}
	}
}

// Where two people release, one person's word changes nothing.
func TestAReleaseNeedsTwoPeopleInLive(t *testing.T) {
	t.Parallel()
	s := testserver.Live(t, lists.UN)
	m := s.Merchant(t)
	beneficiary := person(t, m, "Zoltrazar", "Quimbwell", "")
	take(t, s, 10, zoltrazar)
	rescreened(t, s)
	alert := alerts(t, s, "beneficiary_id="+beneficiary)[0]["id"].(string)
	first, second := operator(t, s, "compliance"), operator(t, s, "compliance")

	proposed := wantOK(t, resolve(t, first, alert, "false_positive")).Data()
	pair, _ := proposed["pair_id"].(string)
	if proposed["status"] != "open" || pair == "" {
		t.Fatalf("the first person's word: %v", proposed)
	}
	wait := s.Ops().Get(t, "/ops/v1/screening/pairs?status=proposed").List()
	if len(wait) != 1 || wait[0]["status"] != "proposed" || wait[0]["approved_by"] != nil {
		t.Errorf("what waits for a second person: %v", wait)
	}
	wantRefused(t, "on a proposal alone", blocks(t, s.Ops(), m, beneficiary, "unblock"), http.StatusConflict, "state_conflict", alert)
	path := "/ops/v1/screening/pairs/" + pair
	wantRefused(t, "one's own proposal", first.Post(t, path+"/approve", "", ""), http.StatusConflict, "state_conflict", "another operator")
	_, err := s.Pool.Exec(t.Context(), "update screening_reviewed_pairs set approved_by = reviewed_by, approved_at = now() where id = $1", pair)
	if err == nil || !strings.Contains(err.Error(), "release_is_approved_by_another") {
		t.Errorf("the database lets one person release: %v", err)
	}

	approved := wantOK(t, second.Post(t, path+"/approve", "", "")).Data()
	if approved["status"] != "in_force" || approved["approved_by"] == approved["reviewed_by"] || approved["approved_at"] == nil {
		t.Errorf("approved: %v", approved)
	}
	if got := wantOK(t, second.Post(t, path+"/approve", "", "")).Data(); !cmp.Equal(got, approved) {
		t.Errorf("approved again: %v", got)
	}
	if got := s.Ops().Get(t, "/ops/v1/screening/alerts/"+alert).Data(); got["status"] != "false_positive" {
		t.Errorf("the alert is %v", got)
	}
	wantOK(t, blocks(t, s.Ops(), m, beneficiary, "unblock"))

	revoked := wantOK(t, first.Post(t, path+"/revoke", "", `{"reason":"The passport was forged"}`)).Data()
	if revoked["status"] != "revoked" || s.Ops().Get(t, "/ops/v1/screening/alerts/"+alert).Data()["status"] != "open" {
		t.Errorf("revoked: %v", revoked)
	}
	wantRefused(t, "approve what was revoked", second.Post(t, path+"/approve", "", ""), http.StatusConflict, "state_conflict", "revoked")
	// A true match counts at one person's word.
	if got := wantOK(t, resolve(t, first, alert, "true_match")).Data(); got["status"] != "true_match" {
		t.Errorf("a true match: %v", got)
	}
}

// Every night one server of all looks each listed name up, and the metric says how many were missed.
func TestTheNightlyTestFindsWhatCannotBeFound(t *testing.T) {
	t.Parallel()
	s := testserver.Screening(t, lists.UN)
	take(t, s, 10)
	tested := func() bool {
		t.Helper()
		did, err := s.SelfTest.RunOnce(t.Context(), 0)
		if err != nil {
			t.Fatal(err)
		}
		return did
	}
	metric := func(want string) {
		t.Helper()
		if _, metrics := s.Admin(t, "/metrics"); !strings.Contains(metrics, "\nanton_screening_selftest_missed "+want+"\n") {
			t.Errorf("the metric does not say %s", want)
		}
	}
	metric("-1")
	if !tested() || tested() {
		t.Error("the night's test was not done once")
	}
	metric("0")
	// More parties of one name than are ever compared: some of them cannot be found by it.
	var many []lists.Entry
	for i := range 80 {
		many = append(many, lists.Entry{ID: "S." + string(rune('A'+i)), Kind: lists.Person, Names: []lists.Name{{Text: "Same Samename"}}})
	}
	take(t, s, 11, many...)
	s.Clock.Advance(24 * time.Hour)
	if !tested() {
		t.Error("the next night was not tested")
	}
	var missed int
	var example string
	if err := s.Owner.QueryRow(t.Context(), `select missed, example from screening_self_tests order by night desc limit 1`).Scan(&missed, &example); err != nil || missed == 0 || !strings.HasPrefix(example, "un S.") {
		t.Errorf("missed %d, such as %q: %v", missed, example, err)
	}
	if err := s.Sanctions.Usable(); err != nil {
		t.Errorf("a missed name stops payouts: %v", err)
	}
}
