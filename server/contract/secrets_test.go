package contract_test

import (
	"strings"
	"testing"

	"github.com/antonpayments/anton/server/contract"
	"github.com/antonpayments/anton/server/testserver"
)

// What staff knows and merchants must not learn: what a list holds, which entry was met and how well, what staff wrote, and which rules
// and signals are not the merchant's own. It is planted wherever the database keeps it; then a merchant calls everything it can.
func TestMerchantsReadNothingThatIsStaffs(t *testing.T) {
	t.Parallel()
	s, tn := withTenant(t)
	hit := tn.Payout(t, listed(t, tn), "25.00", "hit")
	s.Work()
	if status := tn.Status(t, hit); status != "screening_failed" {
		t.Fatalf("the listed person's payout is %s", status)
	}
	for _, plant := range []string{
		`update verdicts set stages = stages || '{"velocity":{"hits":[{"rule_id":"vr_CANARY","rule":"CANARY rule","effect":"review"}]},
			"screening":{"certain":true,"hits":[{"role":"beneficiary","authority":"CANARY","entry_id":"CANARY-1","entry_name":"CANARY name","score":0.987654}],"lists":["CANARY list"]}}'
			|| jsonb_build_object('risk', stages -> 'risk' || '{"signals":[{"code":"CANARY_peers","points":100,"says":"CANARY of other merchants"}]}')`,
		`update verdicts set inputs = '{"risk":{"CANARY":1}}'`,
		`update payout_reviews set claimed_by = 'key_CANARY', claimed_at = '2026-02-01', claimed_until = '2026-02-01'`,
		`update rfis set note = 'CANARY note', opened_by = 'key_CANARY'`,
		`update rfi_steps set note = 'CANARY note'`,
		`update merchants set suspension_reason = 'CANARY reason'`,
		`update beneficiary_blocks set reason = 'CANARY order', blocked_by = 'key_CANARY'`,
		`update screening_alerts set party_name = 'CANARY party', finding = finding || '{"entry_name":"CANARY name"}'`,
		`update screening_reviewed_pairs set entry_name = 'CANARY name', reason = 'CANARY reason', reviewed_by = 'key_CANARY'`,
	} {
		if tag, err := s.Owner.Exec(t.Context(), plant); err != nil || tag.RowsAffected() == 0 {
			t.Fatalf("%s: %v, %v", plant, tag, err)
		}
	}
	decided := s.Ops().Post(t, "/ops/v1/reviews/"+tn.cancelling+"/cancel", "", `{"reason":"CANARY of staff"}`)
	if decided.Status != 200 {
		t.Fatalf("cancel: %d %s", decided.Status, decided.Raw)
	}
	if got := s.Ops().Get(t, "/ops/v1/reviews/"+tn.claiming); !strings.Contains(string(got.Raw), "CANARY name") {
		t.Fatalf("nothing was planted: %s", got.Raw)
	}
	look := func(what string, raw []byte) {
		t.Helper()
		if i := strings.Index(string(raw), "CANARY"); i >= 0 {
			t.Errorf("%s: a merchant reads …%s", what, shortened(raw[max(0, i-80):]))
		}
		if strings.Contains(string(raw), "0.987654") {
			t.Errorf("%s: a merchant reads a screening score", what)
		}
	}
	for _, m := range contract.Methods() {
		if !m.ForOperators() {
			look(m.Name, call(t, tn.Client, m, fixture(t, m, tn), m.Name).Raw)
		}
	}
	for _, path := range []string{"/v1/beneficiaries/", "/v1/events?object_id=", "/v1/engine/beneficiaries/"} {
		rest := map[string]string{"/v1/engine/beneficiaries/": "/verdict"}[path]
		look(path+" of a blocked beneficiary", tn.Get(t, path+tn.blocked+rest).Raw)
		look(path+" of a listed beneficiary", tn.Get(t, path+tn.listed+rest).Raw)
	}
	for _, payout := range []string{hit, tn.cancelling, tn.claiming} {
		for _, path := range []string{"/v1/payouts/", "/v1/engine/payouts/", "/v1/events?object_id="} {
			rest := map[string]string{"/v1/engine/payouts/": "/verdict"}[path]
			got := tn.Get(t, path+payout+rest)
			if got.Status != 200 {
				t.Errorf("%s%s: %d %s", path, payout, got.Status, got.Raw)
			}
			look(path, got.Raw)
		}
		look("the timeline", tn.Get(t, "/v1/payouts/"+payout+"/timeline").Raw)
	}
	// Dashboards too, before and after they are added up. What was planted is counted: the operator's has it.
	for range 2 {
		look("the dashboard", tn.Get(t, "/v1/engine/dashboard").Raw)
		if got := s.Ops().Get(t, "/ops/v1/engine/dashboard?merchant_id="+tn.Merchant); !strings.Contains(string(got.Raw), "CANARY_peers") || !strings.Contains(string(got.Raw), "vr_CANARY") {
			t.Errorf("nothing of it is counted: %s", got.Raw)
		}
		if _, err := s.Sequencer.RunOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Tallier.RunOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if dashboard := tn.Get(t, "/v1/engine/dashboard").Data(); dashboard["alerts"] != nil || dashboard["compliance"].(map[string]any)["stopped"] != 1.0 {
		t.Errorf("the dashboard: %v", dashboard)
	}
	verdict := tn.Get(t, "/v1/engine/payouts/"+hit+"/verdict").Data()
	if verdict["outcome"] != "screening_failed" || verdict["score"] != 0.0 {
		t.Errorf("the verdict on the listed person's payout: %v", verdict)
	}
}

// listed is a beneficiary whom the sandbox's list names.
func listed(t *testing.T, tn tenant) string {
	t.Helper()
	body := strings.NewReplacer("Maria", "Viktor", "Garcia", "Blackmarsh").Replace(testserver.Maria)
	return made(t, tn.Client, "/v1/beneficiaries", strings.Replace(body, "9876543210", "7777777777", 1))
}
