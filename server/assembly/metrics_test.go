package assembly_test

import (
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/call"
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
	_, before := s.Admin(t, "/metrics")
	s.Work()
	if err := s.Watcher.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Checker.RunOnce(t.Context()); err != nil {
		t.Fatal(err)
	}
	_, after := s.Admin(t, "/metrics")
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

// Whoever is refused by the rate limit is counted and named in the log, over REST and gRPC.
func TestTheRateLimitIsCountedAndNamed(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	s := testserver.Observed(t, slog.New(slog.NewTextHandler(&log, nil)), nil)
	created := s.Ops().Post(t, "/ops/v1/merchants", "", `{"name":"Busy Ltd","country":"GB"}`)
	m := s.KeyFor(t, created.Data()["id"].(string))
	refused, called := 0, call.PerMinute+1 // the clock stands still, so the bucket does not fill
	for range called {
		if m.Get(t, "/v1/balances").Code() == "rate_limited" {
			refused++
		}
	}
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+m.Key)
	_, err := antonv1.NewBalancesServiceClient(s.Dial()).ListBalances(ctx, &antonv1.ListBalancesRequest{})
	if refused != 1 || status.Code(err) != codes.ResourceExhausted {
		t.Errorf("of %d calls %d were refused; over gRPC: %v", called, refused, err)
	}
	if _, metrics := s.Admin(t, "/metrics"); !strings.Contains(metrics, "\nanton_rate_limited_total 2\n") {
		t.Error("they were not counted")
	}
	named := 0
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, "code=rate_limited") && strings.Contains(line, "merchant_id="+m.Merchant) {
			named++
			if !strings.Contains(line, " took=") {
				t.Errorf("how long it took is not said: %s", line)
			}
		}
	}
	if named != 2 {
		t.Errorf("the log names the merchant %d times", named)
	}
}
