package engine_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/antonpayments/anton/server/testserver"
)

func TestADashboardsPeriod(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := entitled(t, s)
	for _, path := range []string{"/v1/engine/dashboard", "/ops/v1/engine/dashboard"} {
		c := map[bool]*testserver.Client{true: m, false: s.Ops()}[path[1] == 'v']
		for query, want := range map[string]string{
			"":                               "2026-01-16 2026-02-15",
			"?to=2026-02-01":                 "2026-01-02 2026-02-01",
			"?from=2026-02-14":               "2026-02-14 2026-02-15",
			"?from=2024-02-28&to=2025-02-28": "2024-02-28 2025-02-28",
		} {
			got := c.Get(t, path+query)
			if is := got.Data(); got.Status != http.StatusOK || is["from"].(string)+" "+is["to"].(string) != want {
				t.Errorf("%s%s: %d %v to %v, want %s", path, query, got.Status, is["from"], is["to"], want)
			}
		}
		for query, want := range map[string][]string{
			"?from=2026-02-15":               {"from"},
			"?from=2026-02-01&to=2026-02-01": {"from"},
			"?from=2026-02-02&to=2026-02-01": {"from"},
			"?from=2025-01-01&to=2026-01-03": {"from"},
			"?from=2026-02-30":               {"from"},
			"?from=2026-13-01&to=2026-00-01": {"from", "to"},
			"?to=tomorrow":                   {"to"},
			"?from=2026-02-01T00:00:00Z":     {"from"},
		} {
			got := c.Get(t, path+query)
			fields := slices.Sorted(slices.Values(got.Fields()))
			if got.Status != http.StatusUnprocessableEntity || got.Code() != "validation_error" || !slices.Equal(fields, want) {
				t.Errorf("%s%s: %d %s, want 422 of %v", path, query, got.Status, got.Raw, want)
			}
		}
	}
	if got := s.Merchant(t).Get(t, "/v1/engine/dashboard"); got.Code() != "engine_access_required" {
		t.Errorf("without the entitlement: %d %s", got.Status, got.Raw)
	}
	if got := s.Ops().Get(t, "/ops/v1/engine/dashboard?merchant_id=mer_none"); got.Status != http.StatusNotFound {
		t.Errorf("of a merchant that there is not: %d %s", got.Status, got.Raw)
	}
}

// A merchant reads that a limit of the platform stopped its payouts, and not which; the operator reads which, and whose payouts all were.
func TestLimitsOfTheOperatorAreNotNamed(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	made := s.Ops().Post(t, "/ops/v1/velocity/rules", "", `{"name":"Secret cap","type":"max_amount_per_payout","threshold":"500","currency":"USD","scope":"merchant"}`)
	if made.Status != http.StatusCreated {
		t.Fatalf("%d %s", made.Status, made.Raw)
	}
	secret := made.Data()["id"].(string)
	m, other := entitled(t, s), s.Merchant(t)
	own := createRule(t, m, map[string]any{"name": "Own cap", "type": "max_amount_per_payout", "threshold": "900", "currency": "USD", "scope": "merchant", "priority": 1})
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	for i, amount := range []string{"600.00", "950.00", "100.00"} {
		m.Payout(t, maria, amount, string(rune('a'+i)))
	}
	other.Payout(t, other.Beneficiary(t, "Lopez", "9876543211"), "700.00", "other")
	s.Work()
	for _, when := range []string{"before", "after"} {
		got := m.Get(t, "/v1/engine/dashboard")
		rules, _ := got.Data()["rules"].([]any)
		blocked := map[string]any{}
		for _, r := range rules {
			r := r.(map[string]any)
			blocked[r["rule_id"].(string)] = r["blocked"]
		}
		// Of the payout that met both, the merchant was told of its own.
		if len(blocked) != 2 || blocked["platform_rule"] != 1.0 || blocked[own] != 1.0 {
			t.Errorf("%s adding up: %v", when, blocked)
		}
		if strings.Contains(string(got.Raw), "Secret") || strings.Contains(string(got.Raw), secret) {
			t.Errorf("%s adding up, a merchant reads %s", when, got.Raw)
		}
		judged := got.Data()["judged"].(map[string]any)
		if judged["payouts"] != 3.0 || judged["velocity_blocked"] != 2.0 || judged["block_rate"] != "0.6667" {
			t.Errorf("%s adding up: %v", when, judged)
		}
		all := s.Ops().Get(t, "/ops/v1/engine/dashboard").Data()
		first := all["rules"].([]any)[0].(map[string]any)
		if first["rule_id"] != secret || first["name"] != "Secret cap" || first["merchant_id"] != "" || first["blocked"] != 3.0 {
			t.Errorf("%s adding up, the operator reads %v", when, first)
		}
		if all["judged"].(map[string]any)["payouts"] != 4.0 {
			t.Errorf("%s adding up, the operator reads %v", when, all["judged"])
		}
		place(t, s)
		foldAtOnce(t, s)
	}
}

// An event whose transaction began before others were added up, and commits after them, counts once: at once, and when it is added up.
func TestWhatCommitsLateCounts(t *testing.T) {
	t.Parallel()
	s := testserver.On(t, testserver.Database(t), testserver.NewClock()) // the late payout has no money held
	m := entitled(t, s)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	early := m.Payout(t, maria, "10.00", "early")
	late, err := s.Owner.Begin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = late.Rollback(t.Context()) }() // nothing is left of it after the commit
	columns := `beneficiary_id, instrument_id, amount, currency, source_amount, source_currency, dest_amount, dest_currency, fee, fee_bearer, total_debited, method, rail, estimated_arrival, created_at, updated_at`
	for _, statement := range []string{
		`insert into payout_transitions (merchant_id, payout_id, seq, to_status, at, actor, event_id) select merchant_id, 'pay_late', 1, 'created', at, actor, 'evt_late' from payout_transitions where payout_id = $1`,
		`insert into payouts (merchant_id, id, ` + columns + `) select merchant_id, 'pay_late', ` + columns + ` from payouts where id = $1`,
		`insert into events (merchant_id, id, type, object_type, object_id, sequence, data, created_at) select merchant_id, 'evt_late', type, object_type, 'pay_late', 1, data, created_at from events where object_id = $1`,
	} {
		if _, err := late.Exec(t.Context(), statement, early); err != nil {
			t.Fatal(err)
		}
	}
	m.Payout(t, maria, "20.00", "meanwhile")
	created := func(when string, want float64) {
		t.Helper()
		got := m.Get(t, "/v1/engine/dashboard").Data()["volumes"].([]any)[0].(map[string]any)
		if got["outcome"] != "created" || got["payouts"] != want {
			t.Errorf("%s: %v, want %v", when, got, want)
		}
	}
	place(t, s)
	foldAtOnce(t, s)
	created("before it is committed", 2)
	if err := late.Commit(t.Context()); err != nil {
		t.Fatal(err)
	}
	created("when it is committed", 3)
	foldAtOnce(t, s)
	created("when it has no place", 3)
	place(t, s)
	created("when it has a place", 3)
	foldAtOnce(t, s)
	created("when it is added up", 3)
	// In a database restored elsewhere, transactions have lower numbers than those that were noted.
	if _, err := s.Owner.Exec(t.Context(), "update engine_tally_horizon set settled = 1000000000000"); err != nil {
		t.Fatal(err)
	}
	m.Payout(t, maria, "30.00", "restored")
	created("after a restore", 4)
	foldAtOnce(t, s)
	created("after a round", 4)
}

// Adding everything up anew gives the same.
func TestTheTalliesCanBeMadeAnew(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	p := entitled(t, s)
	maria := p.Beneficiary(t, "Garcia", "9876543210")
	back := p.Payout(t, maria, "10.00", "back")
	p.Payout(t, maria, "1414.14", "blocked")
	review := p.Payout(t, maria, "1313.13", "reviewed")
	for range 3 {
		s.Work()
		s.Clock.Advance(time.Minute)
	}
	for path, body := range map[string]string{
		"/v1/sandbox/payouts/" + back + "/advance":   `{"outcome":"returned"}`,
		"/v1/sandbox/payouts/" + review + "/advance": `{"outcome":"approved"}`,
	} {
		if got := p.Post(t, path, "", body); got.Status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, got.Status, got.Raw)
		}
	}
	place(t, s)
	if _, err := s.Tallier.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	p.Payout(t, maria, "5.00", "no place yet")
	before := p.Get(t, "/v1/engine/dashboard")
	if !strings.Contains(string(before.Raw), `"late_returned"`) || !strings.Contains(string(before.Raw), `"released"`) {
		t.Fatalf("%s", before.Raw)
	}
	if _, err := s.Pool.Exec(t.Context(), "select engine_tallies_rebuild($1)", p.Merchant); err == nil {
		t.Error("the application may make the tallies anew")
	}
	if _, err := s.Owner.Exec(t.Context(), "select engine_tallies_rebuild($1)", p.Merchant); err != nil {
		t.Fatal(err)
	}
	if after := p.Get(t, "/v1/engine/dashboard"); string(after.Raw) != string(before.Raw) {
		t.Errorf("it was %s\nand is %s", before.Raw, after.Raw)
	}
}
