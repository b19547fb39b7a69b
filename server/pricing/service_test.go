package pricing_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/antonpayments/anton/server/testserver"
)

// TestPlans: what an operator writes is what comes back, every version of it, and what a merchant sees.
func TestPlans(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m, ops := s.Merchant(t), s.Ops()
	if got := m.Get(t, "/v1/pricing"); got.Status != http.StatusOK || fmt.Sprint(got.Data()) != "map[is_default:false name:Free rules:[] volumes:[]]" {
		t.Errorf("%d %s", got.Status, got.Raw)
	}
	created := ops.Post(t, "/ops/v1/pricing/plans", "", `{"name":"Standard","rules":[
		{"percentage_bps":50},
		{"source_currency":"JPY","dest_currency":"USD","country":"US","method":"us_bank","fixed_fee":"500","min_fee":"600","max_fee":"9000",
		 "tiers":[{"min_volume":"1000000","percentage_bps":10},{"min_volume":"5000000","fixed_fee":"300"}]}]}`)
	want := `[map[country: dest_currency: fixed_fee: percentage_bps:50 source_currency: tiers:[]] ` +
		`map[country:US dest_currency:USD fixed_fee:500 max_fee:9000 method:us_bank min_fee:600 percentage_bps:0 source_currency:JPY ` +
		`tiers:[map[fixed_fee:0 min_volume:1000000 percentage_bps:10] map[fixed_fee:300 min_volume:5000000 percentage_bps:0]]]]`
	if created.Status != http.StatusCreated || created.Data()["version"] != 1.0 || fmt.Sprint(created.Data()["rules"]) != want {
		t.Fatalf("%d %s", created.Status, created.Raw)
	}
	id := created.Data()["id"].(string)
	if got := ops.Get(t, "/ops/v1/pricing/plans/"+id).Data(); fmt.Sprint(got) != fmt.Sprint(created.Data()) {
		t.Errorf("%v is not %v", got, created.Data())
	}
	if got := ops.Post(t, "/ops/v1/merchants/"+m.Merchant+"/pricing", "", `{"plan_id":"`+id+`"}`); got.Status != http.StatusOK {
		t.Fatalf("%d %s", got.Status, got.Raw)
	}
	shown := m.Get(t, "/v1/pricing").Data()
	if fmt.Sprint(shown["rules"]) != want || shown["plan_id"] != id || shown["plan_version"] != 1.0 || shown["created_by"] != nil {
		t.Errorf("%v", shown)
	}
	if got := ops.Post(t, "/ops/v1/pricing/plans/"+id+"/versions", "", `{"name":"Simple"}`); got.Status != http.StatusOK || got.Data()["version"] != 2.0 {
		t.Errorf("%d %s", got.Status, got.Raw)
	}
	if got := ops.Get(t, "/ops/v1/merchants/"+m.Merchant+"/pricing").Data(); got["name"] != "Simple" || got["plan_version"] != 2.0 || fmt.Sprint(got["rules"]) != "[]" {
		t.Errorf("%v", got)
	}
	if got := ops.Get(t, "/ops/v1/pricing/plans/"+id+"?version=1").Data(); fmt.Sprint(got) != fmt.Sprint(created.Data()) {
		t.Errorf("%v is not %v", got, created.Data())
	}
	if list := ops.Get(t, "/ops/v1/pricing/plans").List(); len(list) != 1 || list[0]["version"] != 2.0 || list[0]["name"] != "Simple" {
		t.Errorf("%v", list)
	}
	for path, body := range map[string]string{
		"/ops/v1/pricing/plans/ppl_x/versions":         `{"name":"Nobody's"}`,
		"/ops/v1/merchants/" + m.Merchant + "/pricing": `{"plan_id":"ppl_x"}`,
		"/ops/v1/merchants/mer_nobody/pricing":         `{}`,
	} {
		if got := ops.Post(t, path, "", body); got.Status != http.StatusNotFound {
			t.Errorf("%s: %d %s", path, got.Status, got.Raw)
		}
	}
	if got := ops.Get(t, "/ops/v1/pricing/plans/"+id+"?version=3"); got.Status != http.StatusNotFound {
		t.Errorf("%d %s", got.Status, got.Raw)
	}
	refusals(t, ops)
}

// TestDefaultPlan: it prices the payouts of merchants that were put on no plan, and of nobody else.
func TestDefaultPlan(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	ops, m, own := s.Ops(), s.Merchant(t), s.Merchant(t)
	plan := func(name, rules string) string {
		return ops.Post(t, "/ops/v1/pricing/plans", "", `{"name":"`+name+`","rules":[`+rules+`]}`).Data()["id"].(string)
	}
	house, zero := plan("House", `{"percentage_bps":100}`), plan("Nothing", "")
	set := func(path, id string) map[string]any {
		got := ops.Post(t, path, "", `{"plan_id":"`+id+`"}`)
		if got.Status != http.StatusOK {
			t.Fatalf("%s: %d %s", path, got.Status, got.Raw)
		}
		return got.Data()
	}
	n := 0
	fee := func(c *testserver.Client, beneficiary string) any {
		n++
		id := c.Payout(t, beneficiary, "100.00", fmt.Sprint("payout ", n))
		return c.Get(t, "/v1/payouts/"+id).Data()["fee"]
	}
	maria, ana := m.Beneficiary(t, "Garcia", "9876543210"), own.Beneficiary(t, "Lopez", "9876543211")
	if got := ops.Get(t, "/ops/v1/pricing/default").Data(); fmt.Sprint(got) != "map[name:Free]" || fee(m, maria) != "0.00" {
		t.Errorf("without a default: %v", got)
	}
	set("/ops/v1/merchants/"+own.Merchant+"/pricing", zero)
	got := set("/ops/v1/pricing/default", house)
	if got["plan_id"] != house || got["plan_version"] != 1.0 || got["name"] != "House" || fmt.Sprint(ops.Get(t, "/ops/v1/pricing/default").Data()) != fmt.Sprint(got) {
		t.Errorf("%v", got)
	}
	if shown := m.Get(t, "/v1/pricing").Data(); shown["plan_id"] != house || shown["is_default"] != true {
		t.Errorf("%v", shown)
	}
	if a, b := fee(m, maria), fee(own, ana); a != "1.00" || b != "0.00" {
		t.Errorf("on the default %v, on a plan without rules %v", a, b)
	}
	if shown := set("/ops/v1/merchants/"+own.Merchant+"/pricing", ""); shown["plan_id"] != house || shown["is_default"] != true || fee(own, ana) != "1.00" {
		t.Errorf("put on none: %v", shown)
	}
	if got := set("/ops/v1/pricing/default", ""); fmt.Sprint(got) != "map[name:Free]" || fee(m, maria) != "0.00" {
		t.Errorf("%v", got)
	}
	if got := ops.Post(t, "/ops/v1/pricing/default", "", `{"plan_id":"ppl_x"}`); got.Status != http.StatusNotFound {
		t.Errorf("%d %s", got.Status, got.Raw)
	}
	var changes []string
	for _, row := range ops.Get(t, "/ops/v1/audit?action=pricing.default").List() {
		changes = append(changes, fmt.Sprint(row["detail"]))
	}
	if want := []string{
		"map[plan.after: plan.before:" + house + "]", "map[plan.after:" + house + " plan.before:]",
	}; !slices.Equal(changes, want) {
		t.Errorf("the audit log says %v, not %v", changes, want)
	}
	s.Work()
}

// TestVersionsAreWrittenWhole: whoever has the server's rights adds nothing to what payouts were priced by.
func TestVersionsAreWrittenWhole(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	id := s.Ops().Post(t, "/ops/v1/pricing/plans", "", `{"name":"Standard","rules":[{"source_currency":"USD","fixed_fee":"1.00"}]}`).Data()["id"].(string)
	for _, tt := range []struct{ statement, refusal string }{
		{"insert into pricing_rules select plan_id, plan_version, 2, '', '', '', '', 0, 10, null, null from pricing_rules where plan_id = $1", "permission denied"},
		{"insert into pricing_tiers select plan_id, plan_version, 1, 'USD', 5, 0, 0 from pricing_rules where plan_id = $1", "permission denied"},
		{"insert into pricing_plan_versions select plan_id, 2, name, created_by, created_at from pricing_plan_versions where plan_id = $1", "permission denied"},
		{
			"select pricing_version_write($1, 1, 'More', 'x', now(), '{EUR}', '{\"\"}', '{\"\"}', '{\"\"}', '{1}', '{0}', '{\"\"}', '{\"\"}', '{}', '{}', '{}', '{}')",
			"pricing_version_is_written_once",
		},
	} {
		if _, err := s.Pool.Exec(t.Context(), tt.statement, id); err == nil || !strings.Contains(err.Error(), tt.refusal) {
			t.Errorf("%s: %v, not %s", tt.statement, err, tt.refusal)
		}
	}
}

// refusals: every wrong field of a plan is named, and nothing is stored.
func refusals(t *testing.T, ops *testserver.Client) {
	t.Helper()
	before := len(ops.Get(t, "/ops/v1/pricing/plans").List())
	for _, tt := range []struct {
		rules  string
		fields []string
	}{
		{`{"fixed_fee":"5.00"}`, []string{"rules[0].source_currency"}},
		{`{"min_fee":"5.00"}`, []string{"rules[0].source_currency"}},
		{`{"tiers":[{"min_volume":"5.00"}]}`, []string{"rules[0].source_currency"}},
		{`{"source_currency":"XXX","dest_currency":"XXX","country":"XX"}`, []string{"rules[0].country", "rules[0].dest_currency", "rules[0].source_currency"}},
		{`{"source_currency":"JPY","fixed_fee":"5.5"}`, []string{"rules[0].fixed_fee"}},
		{`{"source_currency":"USD","min_fee":"5.00","max_fee":"4.00"}`, []string{"rules[0].max_fee"}},
		{`{"percentage_bps":10001}`, []string{"rules[0].percentage_bps"}},
		{`{"source_currency":"USD"},{"source_currency":"USD","fixed_fee":"1.00"}`, []string{"rules[1].source_currency"}},
		{`{"source_currency":"USD","tiers":[{"min_volume":"0.00"}]}`, []string{"rules[0].tiers[0].min_volume"}},
		{`{"source_currency":"USD","tiers":[{"min_volume":"2.00"},{"min_volume":"2.00"}]}`, []string{"rules[0].tiers[1].min_volume"}},
	} {
		got := ops.Post(t, "/ops/v1/pricing/plans", "", `{"name":"Wrong","rules":[`+tt.rules+`]}`)
		fields := slices.Sorted(slices.Values(got.Fields()))
		if got.Status != 422 || !slices.Equal(fields, tt.fields) {
			t.Errorf("%s: %d %s", tt.rules, got.Status, got.Raw)
		}
	}
	if after := len(ops.Get(t, "/ops/v1/pricing/plans").List()); after != before {
		t.Errorf("%d plans became %d", before, after)
	}
}

// TestQuotesOfFees: what is computed of what, and what is refused.
func TestQuotesOfFees(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	plan := s.Ops().Post(t, "/ops/v1/pricing/plans", "", `{"name":"Standard","rules":[{"percentage_bps":100},{"source_currency":"USD","method":"swift","fixed_fee":"15.00"}]}`)
	s.Ops().Post(t, "/ops/v1/merchants/"+m.Merchant+"/pricing", "", fmt.Sprintf(`{"plan_id":%q}`, plan.Data()["id"]))
	for _, tt := range []struct{ body, method, amount, source, fee string }{
		{`{"amount":"100","source_currency":"USD","country":"US"}`, "us_bank", "100.00", "100.00", "1.00"},
		{`{"amount":"1000.00","source_currency":"USD","dest_currency":"EUR","country":"DE"}`, "iban", "1000.00", "1090.11", "10.90"},
		{`{"amount":"1000.00","source_currency":"USD","dest_currency":"EUR","country":"DE","fixed_side":"source"}`, "iban", "1000.00", "1000.00", "10.00"},
		{`{"amount":"10000","source_currency":"JPY","country":"JP"}`, "jp_bank", "10000", "10000", "100"},
		{`{"amount":"10000","source_currency":"USD","dest_currency":"JPY","country":"JP","method":"swift","fixed_side":"source"}`, "swift", "10000.00", "10000.00", "15.00"},
	} {
		got := m.Post(t, "/v1/pricing/quote", "", tt.body)
		d := got.Data()
		if got.Status != http.StatusCreated || d["method"] != tt.method || d["amount"] != tt.amount || d["source_amount"] != tt.source || d["fee"] != tt.fee ||
			d["status"] != "open" || d["expires_at"] != "2026-02-14T10:15:00Z" {
			t.Errorf("%s: %d %s", tt.body, got.Status, got.Raw)
		}
		if again := m.Get(t, fmt.Sprint("/v1/pricing/quotes/", d["id"])); fmt.Sprint(again.Data()) != fmt.Sprint(d) {
			t.Errorf("%v is not %v", again.Data(), d)
		}
	}
	for _, tt := range []struct{ body, code, field string }{
		{`{"amount":"1","source_currency":"XXX","country":"US"}`, "validation_error", "source_currency"},
		{`{"amount":"1","source_currency":"USD","dest_currency":"XXX","country":"US"}`, "validation_error", "dest_currency"},
		{`{"amount":"1","source_currency":"USD","country":"XX"}`, "validation_error", "country"},
		{`{"amount":"1","source_currency":"USD","country":"US","method":"iban"}`, "validation_error", "method"},
		{`{"amount":"0.00","source_currency":"USD","country":"US"}`, "validation_error", "amount"},
		{`{"amount":"0.001","source_currency":"USD","country":"US"}`, "validation_error", "amount"},
		{`{"amount":"1","source_currency":"KWD","dest_currency":"USD","country":"US"}`, "validation_error", "source_currency"},
		{`{"amount":"1","source_currency":"USD","dest_currency":"KWD","country":"KW"}`, "validation_error", "dest_currency"},
		{`{"amount":"1","source_currency":"USD","dest_currency":"IDR","country":"ID"}`, "amount_out_of_range", ""},
	} {
		got := m.Post(t, "/v1/pricing/quote", "", tt.body)
		if got.Status != 422 || got.Code() != tt.code || tt.field != "" && !slices.Contains(got.Fields(), tt.field) {
			t.Errorf("%s: %d %s", tt.body, got.Status, got.Raw)
		}
	}
}
