package merchants_test

import (
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/testserver"
)

func makeOperator(t *testing.T, s *testserver.Server, name, role string) (*testserver.Client, string) {
	t.Helper()
	got := s.Ops().Post(t, "/ops/v1/operator-keys", "", `{"name":"`+name+`","role":"`+role+`"}`)
	if got.Status != http.StatusCreated {
		t.Fatalf("make an operator's key: %d %s", got.Status, got.Raw)
	}
	return s.With(got.Data()["key"].(string)), got.Data()["id"].(string)
}

// sandboxAdmin is the id of the key that came with the server.
func sandboxAdmin(t *testing.T, s *testserver.Server) string {
	t.Helper()
	for _, key := range s.Ops().Get(t, "/ops/v1/operator-keys?role=admin").List() {
		if key["name"] == "Sandbox operator" && strings.HasSuffix(s.OpsKey, key["last4"].(string)) {
			return key["id"].(string)
		}
	}
	t.Fatal("the sandbox's admin is not in the list")
	return ""
}

func TestOnlyAdminsSeeAndMakeOperatorsKeys(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	for _, role := range []string{"viewer", "operator", "compliance"} {
		c, _ := makeOperator(t, s, "Dana", role)
		expect(t, role+" lists", c.Get(t, "/ops/v1/operator-keys"), http.StatusForbidden, "insufficient_scope")
		expect(t, role+" makes", c.Post(t, "/ops/v1/operator-keys", "", `{"name":"Me","role":"admin"}`), http.StatusForbidden, "insufficient_scope")
	}
	admin, id := makeOperator(t, s, "Alex", "admin")
	list := admin.Get(t, "/ops/v1/operator-keys?role=compliance")
	if keys := list.List(); len(keys) != 1 || keys[0]["role"] != "compliance" || strings.Contains(string(list.Raw), "ak_ops_") {
		t.Errorf("the list of compliance: %s", list.Raw)
	}
	expect(t, "revoke", s.Ops().Post(t, "/ops/v1/operator-keys/"+id+"/revoke", "", `{}`), http.StatusOK, "")
	refusedWithin(t, time.Second, "unauthenticated", func() testserver.Answer { return admin.Get(t, "/ops/v1/operator-keys") })
	expect(t, "revoke what there is not", s.Ops().Post(t, "/ops/v1/operator-keys/key_none/revoke", "", `{}`), http.StatusNotFound, "not_found")
}

// Two admins revoke each other at once: one of them is left.
func TestTheLastAdminStays(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	first := sandboxAdmin(t, s)
	expect(t, "the only admin itself", s.Ops().Post(t, "/ops/v1/operator-keys/"+first+"/revoke", "", `{}`), http.StatusConflict, "state_conflict")

	for range 5 {
		a, idA := makeOperator(t, s, "A", "admin")
		b, idB := makeOperator(t, s, "B", "admin")
		everyone := s.Ops()
		answers := make([]testserver.Answer, 3)
		var group sync.WaitGroup
		group.Go(func() { answers[0] = a.Post(t, "/ops/v1/operator-keys/"+idB+"/revoke", "", `{}`) })
		group.Go(func() { answers[1] = b.Post(t, "/ops/v1/operator-keys/"+first+"/revoke", "", `{}`) })
		group.Go(func() { answers[2] = everyone.Post(t, "/ops/v1/operator-keys/"+idA+"/revoke", "", `{}`) })
		group.Wait()
		var left int
		if err := s.Owner.QueryRow(t.Context(), "select count(*) from operator_keys where role = 'admin' and revoked_at is null").Scan(&left); err != nil || left != 1 {
			t.Fatalf("%d admins are left: %v, %s %s %s", left, err, answers[0].Raw, answers[1].Raw, answers[2].Raw)
		}
		refused := 0
		for _, got := range answers {
			if got.Code() == "state_conflict" || got.Code() == "unauthenticated" { // the last one, or one that was revoked before it came in
				refused++
			}
		}
		if refused != 1 {
			t.Errorf("%d of three were refused: %s %s %s", refused, answers[0].Raw, answers[1].Raw, answers[2].Raw)
		}
		// The next round needs an admin who can call: the owner of the schema gives the sandbox's key back.
		if _, err := s.Owner.Exec(t.Context(), "update operator_keys set revoked_at = case when id = $1 then null else created_at end", first); err != nil {
			t.Fatal(err)
		}
	}
}

func TestASuspendedMerchantReadsOnlyAndItsPayoutsGoOn(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	payout := m.Payout(t, maria, "25.00", "before")

	path := "/ops/v1/merchants/" + m.Merchant
	expect(t, "without a reason", s.Ops().Post(t, path+"/suspend", "", `{}`), http.StatusUnprocessableEntity, "validation_error")
	viewer, _ := makeOperator(t, s, "Vic", "viewer")
	expect(t, "by a viewer", viewer.Post(t, path+"/suspend", "", `{"reason":"Because"}`), http.StatusForbidden, "insufficient_scope")
	suspended := s.Ops().Post(t, path+"/suspend", "", `{"reason":"Documents are overdue"}`)
	if d := suspended.Data(); d["status"] != "suspended" || d["suspension_reason"] != "Documents are overdue" || d["suspended_at"] != "2026-02-14T10:00:00Z" {
		t.Errorf("suspended: %s", suspended.Raw)
	}
	refusedWithin(t, time.Second, "merchant_suspended", func() testserver.Answer { return m.Post(t, "/v1/api-keys", "", `{"name":"K","scopes":["full"]}`) })
	expect(t, "a payout", m.Post(t, "/v1/payouts", "after", `{"beneficiary_id":"`+maria+`","amount":"1.00","currency":"USD"}`), http.StatusForbidden, "merchant_suspended")
	self := m.Get(t, "/v1/merchant")
	if self.Data()["status"] != "suspended" || strings.Contains(string(self.Raw), "overdue") {
		t.Errorf("the merchant reads %s", self.Raw)
	}
	expect(t, "reading", m.Get(t, "/v1/payouts"), http.StatusOK, "")

	for range 3 {
		s.Work()
		s.Clock.Advance(time.Second)
	}
	if status := m.Status(t, payout); status != "completed" {
		t.Errorf("the payout in progress is %s", status)
	}
	deposit := s.Ops().Post(t, path+"/deposits", "wire", `{"amount":"5.00","currency":"USD"}`)
	expect(t, "a deposit", deposit, http.StatusCreated, "")

	activated := s.Ops().Post(t, path+"/activate", "", `{}`)
	if d := activated.Data(); d["status"] != "active" || d["suspended_at"] != nil || d["suspension_reason"] != nil {
		t.Errorf("activated: %s", activated.Raw)
	}
	since := time.Now()
	for range time.Tick(10 * time.Millisecond) {
		if m.Post(t, "/v1/api-keys", "", `{"name":"K","scopes":["full"]}`).Status == http.StatusCreated {
			break
		}
		if time.Since(since) > 2*time.Second {
			t.Fatal("the merchant is still suspended")
		}
	}
	var actions []string
	for _, row := range s.Ops().Get(t, "/ops/v1/audit?object_id="+m.Merchant).List() {
		actions = append(actions, row["action"].(string))
	}
	if got := strings.Join(actions, " "); !strings.Contains(got, "merchant.activate") || !strings.Contains(got, "merchant.suspend") {
		t.Errorf("the audit log has %q", got)
	}
}

func TestAnUpdateChangesWhatIsSentAndTheMerchantSeesIt(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	path := "/ops/v1/merchants/" + m.Merchant
	patch := func(body string) testserver.Answer { return s.Ops().Do(t, http.MethodPatch, path, nil, body) }
	renamed := patch(`{"name":"Test Merchant Limited"}`)
	if d := renamed.Data(); renamed.Status != http.StatusOK || d["name"] != "Test Merchant Limited" || d["rate_limit_multiplier"] != 100.0 {
		t.Errorf("renamed: %d %s", renamed.Status, renamed.Raw)
	}
	slowed := patch(`{"rate_limit_multiplier":3}`)
	if d := slowed.Data(); d["name"] != "Test Merchant Limited" || d["rate_limit_multiplier"] != 3.0 {
		t.Errorf("slowed: %d %s", slowed.Status, slowed.Raw)
	}
	expect(t, "no name", patch(`{"name":""}`), http.StatusUnprocessableEntity, "validation_error")
	expect(t, "what cannot be changed", patch(`{"country":"US"}`), http.StatusUnprocessableEntity, "validation_error")
	expect(t, "no merchant", s.Ops().Do(t, http.MethodPatch, "/ops/v1/merchants/mer_none", nil, `{}`), http.StatusNotFound, "not_found")

	self := s.KeyFor(t, m.Merchant, "balances:read").Get(t, "/v1/merchant")
	want := map[string]any{
		"id": m.Merchant, "name": "Test Merchant Limited", "country": "GB", "status": "active", "environment": "test",
		"rate_limit_per_minute": 3000.0, "created_at": "2026-02-14T10:00:00Z",
	}
	for field, value := range want {
		if self.Data()[field] != value {
			t.Errorf("%s is %v, want %v", field, self.Data()[field], value)
		}
	}
	if limit := self.Header.Get("X-RateLimit-Limit"); limit != "3000" {
		t.Errorf("it may send %s a minute", limit)
	}
}
