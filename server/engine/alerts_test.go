package engine_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/antonpayments/anton/server/screening/lists"
	"github.com/antonpayments/anton/server/testserver"
)

// alertsOf are the alerts of a payout, as operators read them.
func alertsOf(t *testing.T, s *testserver.Server, payout string) []map[string]any {
	t.Helper()
	got := s.Ops().Get(t, "/ops/v1/screening/alerts?payout_id="+payout)
	if got.Status != http.StatusOK {
		t.Fatalf("%d %s", got.Status, got.Raw)
	}
	return got.List()
}

func resolve(t *testing.T, s *testserver.Server, alert any, decision string) testserver.Answer {
	t.Helper()
	return s.Ops().Post(t, "/ops/v1/screening/alerts/"+alert.(string)+"/resolve", "", `{"decision":"`+decision+`","reason":"Compared the passports"}`)
}

// pay pays a beneficiary and gives the payout and what became of it.
func pay(t *testing.T, s *testserver.Server, m *testserver.Client, beneficiary, key string) (id, status string) {
	t.Helper()
	id = m.Payout(t, beneficiary, "10.00", key)
	settle(s)
	return id, m.Status(t, id)
}

func approve(t *testing.T, m *testserver.Client, payout string) int {
	t.Helper()
	return m.Post(t, "/v1/sandbox/payouts/"+payout+"/advance", "", `{"outcome":"approved"}`).Status
}

func wantStatus(t *testing.T, what, is, want string) {
	t.Helper()
	if is != want {
		t.Errorf("%s: the payout is %s, want %s", what, is, want)
	}
}

// A false positive is released for this beneficiary and this entry, until either of them changes.
func TestAReleasedPairHoldsUntilEitherSideChanges(t *testing.T) {
	t.Parallel()
	s, version := screeningServer(t)
	m := s.Merchant(t)
	beneficiary := person(t, m, "Zoltrazar", "Quimbwel", "")
	first, status := pay(t, s, m, beneficiary, "first")
	wantStatus(t, "before anyone looked", status, "manual_review")

	alerts := alertsOf(t, s, first)
	if len(alerts) != 1 {
		t.Fatalf("%d alerts", len(alerts))
	}
	a := alerts[0]
	if a["role"] != "beneficiary" || a["subject_id"] != beneficiary || a["finding"] != "possible" || a["status"] != "open" || a["entry_id"] != "T.1" ||
		a["authority"] != "un" || a["list_version"] != version || a["party_name"] != "Zoltrazar Quimbwel" || a["entry_name"] != "Zoltrazar Quimbwell" ||
		a["score"].(float64) < 500 || len(a["parts"].([]any)) == 0 || len(a["words"].([]any)) != 2 || len(a["lists"].([]any)) != 2 {
		t.Errorf("the alert is %v", a)
	}
	if got := approve(t, m, first); got != http.StatusConflict {
		t.Errorf("a payout with an open alert was approved: %d", got)
	}
	done := resolve(t, s, a["id"], "false_positive")
	if again := resolve(t, s, a["id"], "false_positive"); done.Status != http.StatusOK || again.Status != http.StatusOK || again.Data()["status"] != "false_positive" {
		t.Fatalf("resolved: %s, and again: %s", done.Raw, again.Raw)
	}
	if other := resolve(t, s, a["id"], "true_match"); other.Status != http.StatusConflict {
		t.Errorf("resolved otherwise: %d %s", other.Status, other.Raw)
	}
	if got := approve(t, m, first); got != http.StatusOK {
		t.Errorf("a released payout was not approved: %d", got)
	}

	second, status := pay(t, s, m, beneficiary, "second")
	wantStatus(t, "with the pair released", status, "completed")
	if alerts := alertsOf(t, s, second); len(alerts) != 0 {
		t.Errorf("a released hit alerts: %v", alerts)
	}
	if v := verdict(t, s, second); v.Decision != "none" || len(v.Parties[0].Hits) != 1 || v.Parties[0].Hits[0].ReleasedBy != done.Data()["pair_id"] {
		t.Errorf("the verdict does not say what was released: %+v", v)
	}
	_, status = pay(t, s, m, person(t, m, "Zoltrazar", "Quimbwel", ""), "namesake")
	wantStatus(t, "another beneficiary of the name", status, "manual_review")

	changed := m.Do(t, http.MethodPatch, "/v1/beneficiaries/"+beneficiary, nil, `{"first_name":"Zoltrazara"}`)
	if changed.Status != http.StatusOK {
		t.Fatalf("%d %s", changed.Status, changed.Raw)
	}
	_, status = pay(t, s, m, beneficiary, "renamed")
	wantStatus(t, "under another name", status, "manual_review")
	m.Do(t, http.MethodPatch, "/v1/beneficiaries/"+beneficiary, nil, `{"first_name":"Zoltrazar"}`)
	_, status = pay(t, s, m, beneficiary, "named again")
	wantStatus(t, "under the name that was reviewed", status, "completed")

	entries := listed()
	entries[0].Births = []lists.Birth{{From: "1969"}}
	s.TakeList(t, asList("2026-02-14", entries...))
	s.LookForLists(t)
	_, status = pay(t, s, m, beneficiary, "relisted")
	wantStatus(t, "after the entry changed", status, "manual_review")
}

// A true match makes the pair certain, and a revoked pair is what screening finds again.
func TestATrueMatchIsRememberedUntilItIsRevoked(t *testing.T) {
	t.Parallel()
	s, _ := screeningServer(t)
	m := s.Merchant(t)
	beneficiary := person(t, m, "Zoltrazar", "Quimbwel", "")
	first, _ := pay(t, s, m, beneficiary, "first")
	waiting, _ := pay(t, s, m, beneficiary, "waiting")
	done := resolve(t, s, alertsOf(t, s, first)[0]["id"], "true_match")
	if other := resolve(t, s, alertsOf(t, s, waiting)[0]["id"], "false_positive"); other.Status != http.StatusConflict {
		t.Errorf("the same pair was decided otherwise: %d %s", other.Status, other.Raw)
	}
	_, status := pay(t, s, m, beneficiary, "matched")
	wantStatus(t, "after a true match", status, "screening_failed")
	if got := approve(t, m, first); got != http.StatusConflict {
		t.Errorf("a true match was approved: %d", got)
	}

	pair := done.Data()["pair_id"].(string)
	revoke := func() testserver.Answer {
		return s.Ops().Post(t, "/ops/v1/screening/pairs/"+pair+"/revoke", "", `{"reason":"It was another one"}`)
	}
	if got := revoke(); got.Status != http.StatusOK || got.Data()["revoke_reason"] != "It was another one" {
		t.Fatalf("%d %s", got.Status, got.Raw)
	}
	if got := revoke(); got.Status != http.StatusOK {
		t.Errorf("revoked twice: %d %s", got.Status, got.Raw)
	}
	if a := alertsOf(t, s, first)[0]; a["status"] != "open" || a["resolved_by"] != nil {
		t.Errorf("the alert of the payout in review is %v", a)
	}
	if got := s.Ops().Get(t, "/ops/v1/screening/pairs?subject_id="+beneficiary).List(); len(got) != 0 {
		t.Errorf("a revoked pair is in force: %v", got)
	}
	if got := s.Ops().Get(t, "/ops/v1/screening/pairs?include_revoked=true&subject_id="+beneficiary).List(); len(got) != 1 {
		t.Errorf("a revoked pair is not shown: %v", got)
	}
	for _, a := range []any{alertsOf(t, s, first)[0]["id"], alertsOf(t, s, waiting)[0]["id"]} {
		if got := resolve(t, s, a, "false_positive"); got.Status != http.StatusOK {
			t.Errorf("%d %s", got.Status, got.Raw)
		}
	}
	if got := approve(t, m, waiting); got != http.StatusOK {
		t.Errorf("a released payout was not approved: %d", got)
	}
	released := s.Ops().Get(t, "/ops/v1/screening/pairs?subject_id="+beneficiary).List()
	if len(released) != 1 {
		t.Fatalf("%d pairs are in force", len(released))
	}
	// What was released, and is not any more, is approved by nobody.
	pair = released[0]["id"].(string)
	revoke()
	if got := approve(t, m, first); got != http.StatusConflict {
		t.Errorf("approved on a pair that was revoked: %d", got)
	}
	var audited string
	err := s.Owner.QueryRow(t.Context(), `select string_agg(distinct action, ' ' order by action) from audit_log where action like 'screening%'`).Scan(&audited)
	if want := "screening_alert.resolve screening_alert.status screening_pair.revoke screening_pair.status"; err != nil || audited != want {
		t.Errorf("audited: %q, %v", audited, err)
	}
}

// A list that changed while a payout was in review is heeded by whoever approves it.
func TestAReleaseIsScreenedAgain(t *testing.T) {
	t.Parallel()
	s, _ := screeningServer(t)
	m := s.Merchant(t)
	beneficiary := person(t, m, "Yolanthe", "Krambusch", "")
	payout := m.Payout(t, beneficiary, "1313.13", "reviewed")
	settle(s)
	wantStatus(t, "the sandbox's amount", m.Status(t, payout), "manual_review")
	s.TakeList(t, asList("2026-02-14", append(listed(), lists.Entry{ID: "T.9", Kind: lists.Person, Names: []lists.Name{{Text: "Yolanthe Krambusch"}}})...))
	s.LookForLists(t)
	got := m.Post(t, "/v1/sandbox/payouts/"+payout+"/advance", "", `{"outcome":"approved"}`)
	if got.Status != http.StatusConflict {
		t.Errorf("a payout to a listed beneficiary was approved: %d", got.Status)
	}
	for _, secret := range []string{"T.9", "list", "sanction", "Krambusch"} {
		if strings.Contains(got.Message(), secret) {
			t.Errorf("the merchant reads %q", got.Message())
		}
	}
}

// Only compliance decides, and what it decides has bounds.
func TestWhoResolvesAlerts(t *testing.T) {
	t.Parallel()
	s, _ := screeningServer(t)
	m := s.Merchant(t)
	payout, _ := pay(t, s, m, person(t, m, "Zoltrazar", "Quimbwel", ""), "one")
	alert := alertsOf(t, s, payout)[0]["id"].(string)
	for role, want := range map[string]int{"viewer": http.StatusForbidden, "operator": http.StatusForbidden, "compliance": http.StatusOK} {
		key := s.Ops().Post(t, "/ops/v1/operator-keys", "", `{"name":"Somebody","role":"`+role+`"}`).Data()["key"].(string)
		got := s.With(key).Post(t, "/ops/v1/screening/alerts/"+alert+"/resolve", "", `{"decision":"false_positive","reason":"Compared"}`)
		if got.Status != want {
			t.Errorf("%s: %d %s", role, got.Status, got.Raw)
		}
	}
	if got := m.Get(t, "/ops/v1/screening/alerts"); got.Status < 400 {
		t.Errorf("a merchant reads the alerts: %d", got.Status)
	}
	for i, body := range []string{`{"decision":"false_positive"}`, `{"reason":"x"}`, `{"decision":"maybe","reason":"x"}`} {
		if got := s.Ops().Post(t, "/ops/v1/screening/alerts/"+alert+"/resolve", "", body); got.Status/100 != 4 {
			t.Errorf("%s: %d %s", fmt.Sprint(i), got.Status, got.Raw)
		}
	}
}
