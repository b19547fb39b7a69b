package assembly_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/antonpayments/anton/server/testserver"
)

// Every metric is in docs/operations.md, and everything there is a metric.
func TestEveryMetricIsDocumented(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	descriptions := make(chan *prometheus.Desc)
	go func() { s.Metrics.Registry.Describe(descriptions); close(descriptions) }()
	var registered []string
	described := regexp.MustCompile(`fqName: "([^"]+)", help: "([^"]*)"`)
	for d := range descriptions {
		parts := described.FindStringSubmatch(d.String())
		if parts == nil {
			t.Fatalf("%s is of another form than this test knows", d)
		}
		if name := parts[1]; strings.HasPrefix(name, "anton_") {
			registered = append(registered, name)
			if len(parts[2]) < 20 {
				t.Errorf("%s does not say what to do with it: %q", name, parts[2])
			}
		}
	}
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	var documented []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(anton_[a-z_]+)` \\|").FindAllStringSubmatch(string(text), -1) {
		documented = append(documented, row[1])
	}
	for _, name := range registered {
		if !slices.Contains(documented, name) {
			t.Errorf("%s is not in docs/operations.md", name)
		}
	}
	for _, name := range documented {
		if !slices.Contains(registered, name) {
			t.Errorf("docs/operations.md has %s, which is no metric", name)
		}
	}
	known := append(slices.Clone(registered), "anton_call_duration_seconds_bucket", "anton_rail_call_duration_seconds_count")
	for _, name := range regexp.MustCompile(`\banton_[a-z_]+[a-z]\b`).FindAllString(string(text), -1) {
		if !slices.Contains(known, name) && name != "anton_payouts" {
			t.Errorf("docs/operations.md speaks of %s, which is no metric", name)
		}
	}
}

// admin asks the admin's handler.
func admin(t *testing.T, s *testserver.Server, path string) (int, string) {
	t.Helper()
	answer := httptest.NewRecorder()
	s.Admin.ServeHTTP(answer, httptest.NewRequestWithContext(t.Context(), http.MethodGet, path, nil))
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer.Code, string(text)
}

func TestMetricsSayWhatHappened(t *testing.T) {
	t.Parallel()
	s := testserver.New(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Garcia", "9876543210")
	payout := m.Payout(t, maria, "25.00", "once")
	if again := m.Payout(t, maria, "25.00", "once"); again != payout {
		t.Fatalf("the retry made another payout")
	}
	m.Payout(t, maria, "1313.13", "reviewed")
	m.Get(t, "/v1/nowhere")
	s.With("nobody").Get(t, "/v1/balances")
	if err := s.Watcher.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, before := admin(t, s, "/metrics")
	s.Work()
	if err := s.Watcher.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Checker.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, after := admin(t, s, "/metrics")
	for _, want := range []struct{ in, line string }{
		{before, `anton_payouts_waiting{status="created"} 2`},
		{after, `anton_calls_total{code="ok",method="/anton.v1.PayoutsService/CreatePayout"} 3`},
		{after, `anton_call_duration_seconds_count{method="/anton.v1.PayoutsService/CreatePayout",transport="rest"} 3`},
		{after, `anton_calls_in_flight{transport="rest"} 0`},
		{after, `anton_rest_refused_total{code="not_found"} 1`},
		{after, `anton_rest_refused_total{code="unauthenticated"} 1`},
		{after, `anton_idempotency_replays_total{method="/anton.v1.PayoutsService/CreatePayout"} 1`},
		{after, `anton_payout_transitions_total{from="none",to="created"} 2`},
		{after, `anton_payout_transitions_total{from="approved",to="processing"} 1`},
		{after, `anton_payouts_waiting{status="manual_review"} 1`},
		{after, `anton_payouts_screening_overdue 0`},
		{after, `anton_pipeline_duration_seconds_count{stage="screening"} 1`},
		{after, `anton_rail_call_duration_seconds_count{call="submit",outcome="ok",rail="sandbox"} 1`},
		{after, `anton_invariant_breaches{invariant="balances_are_their_postings"} 0`},
		{after, `anton_screening_lists 1`},
		{after, `anton_ready 1`},
		{after, `anton_db_connections_max 16`},
	} {
		if !strings.Contains(want.in, "\n"+want.line+"\n") {
			name, _, _ := strings.Cut(want.line, "{")
			got := regexp.MustCompile("(?m)^"+name+".*$").FindAllString(want.in, 8)
			t.Errorf("no line %s, but %s", want.line, strings.Join(got, "\n"))
		}
	}
	for _, secret := range []string{m.Merchant, m.Key, payout, maria} {
		if strings.Contains(after, secret) {
			t.Errorf("the metrics have %q", secret)
		}
	}
}
