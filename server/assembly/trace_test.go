package assembly_test

import (
	"fmt"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/metadata"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/observe"
	"github.com/antonpayments/anton/server/testserver"
)

// traced starts a server whose spans end in memory.
func traced(t *testing.T) (*testserver.Server, *tracetest.InMemoryExporter) {
	t.Helper()
	spans := tracetest.NewInMemoryExporter()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))
	return testserver.Observed(t, slog.New(slog.NewTextHandler(t.Output(), nil)), observe.NewTracer(provider)), spans
}

// A tree is spans by their names, with what each is below.
type tree struct {
	t     *testing.T
	spans tracetest.SpanStubs
}

// one is the only span of the name.
func (tr tree) one(name string) tracetest.SpanStub {
	tr.t.Helper()
	var found []tracetest.SpanStub
	for _, s := range tr.spans {
		if s.Name == name {
			found = append(found, s)
		}
	}
	if len(found) != 1 {
		tr.t.Fatalf("%d spans are called %s, among %s", len(found), name, tr.names())
	}
	return found[0]
}

func (tr tree) names() []string {
	var names []string
	for _, s := range tr.spans {
		names = append(names, s.Name)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// above are the names of the spans that the span is below, the next one first.
func (tr tree) above(s tracetest.SpanStub) []string {
	var names []string
	for parent := s.Parent; parent.IsValid() && !parent.IsRemote(); {
		at := slices.IndexFunc(tr.spans, func(s tracetest.SpanStub) bool { return s.SpanContext.SpanID() == parent.SpanID() })
		if at < 0 {
			tr.t.Fatalf("%s hangs below a span that never ended", s.Name)
		}
		names, parent = append(names, tr.spans[at].Name), tr.spans[at].Parent
	}
	return names
}

func attributeOf(s tracetest.SpanStub, key attribute.Key) attribute.Value {
	for _, a := range s.Attributes {
		if a.Key == key {
			return a.Value
		}
	}
	return attribute.Value{}
}

const clients = "4bf92f3577b34da6a3ce929d0e0e4736"

func TestATraceLeadsFromTheRequestToTheStatement(t *testing.T) {
	t.Parallel()
	s, spans := traced(t)
	m := s.Merchant(t)
	maria := m.Beneficiary(t, "Quetzalcoatl", "9876543210")
	spans.Reset()
	header := http.Header{"Idempotency-Key": {"secret-key-of-the-client"}, "Traceparent": {"00-" + clients + "-00f067aa0ba902b7-01"}}
	created := m.Do(t, "POST", "/v1/payouts", header, `{"beneficiary_id":"`+maria+`","amount":"25.00","currency":"USD","description":"Quetzal"}`)
	if created.Status != http.StatusCreated {
		t.Fatalf("%d %s", created.Status, created.Raw)
	}
	payout := created.Data()["id"].(string)

	tr := tree{t, spans.GetSpans()}
	request := tr.one("POST /v1/payouts")
	for _, s := range tr.spans {
		if s.SpanContext.TraceID().String() != clients {
			t.Errorf("%s is not in the client's trace", s.Name)
		}
	}
	rpc := "anton.v1.PayoutsService/CreatePayout"
	for name, above := range map[string][]string{
		rpc:                 {"POST /v1/payouts"},
		"unit":              {rpc, "POST /v1/payouts"},
		"PayoutCreateFacts": {"batch start", "unit", rpc, "POST /v1/payouts"},
		"commit":            {"batch start", "unit", rpc, "POST /v1/payouts"},
	} {
		if got := tr.above(tr.one(name)); !slices.Equal(got, above) {
			t.Errorf("%s is below %v, want %v", name, got, above)
		}
	}
	if request.SpanKind != trace.SpanKindServer || attributeOf(request, "http.response.status_code").AsInt64() != http.StatusCreated {
		t.Errorf("the request's span: %v %v", request.SpanKind, request.Attributes)
	}
	if got := attributeOf(tr.one("unit"), "anton.object_id").AsString(); got != payout {
		t.Errorf("the unit is about %q", got)
	}

	spans.Reset()
	s.Work()
	tr = tree{t, spans.GetSpans()}
	for name, above := range map[string][]string{
		"engine.screening": {"unit", "worker.evaluate", "worker"},
		"engine.risk":      {"unit", "worker.evaluate", "worker"},
		"rail.submit":      {"worker.submit", "worker"},
	} {
		if got := tr.above(tr.one(name)); !slices.Equal(got, above) {
			t.Errorf("%s is below %v, want %v", name, got, above)
		}
	}
	told := 0
	for _, s := range tr.spans {
		if s.Name == "unit" && slices.Contains(attributeOf(s, "anton.payout_ids").AsStringSlice(), payout) {
			told++
		}
	}
	if told != 3 { // evaluate, claim, record the rail's answer
		t.Errorf("%d units of the worker name the payout", told)
	}
	spans.Reset()
	for range 3 {
		s.Work()
	}
	if idle := spans.GetSpans(); len(idle) > 0 {
		t.Errorf("a worker without work makes spans: %v", tree{t, idle}.names())
	}
}

func TestATraceOverGRPCContinuesTheClients(t *testing.T) {
	t.Parallel()
	s, spans := traced(t)
	m := s.Merchant(t)
	spans.Reset()
	ctx := metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+m.Key, "traceparent", "00-"+clients+"-00f067aa0ba902b7-01")
	_, err := antonv1.NewPayoutsServiceClient(s.Dial()).GetPayout(ctx, &antonv1.GetPayoutRequest{Id: "pay_of_quetzal"})
	if err == nil {
		t.Fatal("there is no such payout")
	}
	tr := tree{t, spans.GetSpans()}
	rpc := tr.one("anton.v1.PayoutsService/GetPayout")
	if rpc.SpanContext.TraceID().String() != clients || rpc.Parent.SpanID().String() != "00f067aa0ba902b7" || attributeOf(rpc, "anton.code").AsString() != "not_found" {
		t.Errorf("the RPC's span: %+v", rpc)
	}
	if got := tr.above(tr.one("PayoutGet")); !slices.Equal(got, []string{rpc.Name}) {
		t.Errorf("the query is below %v", got)
	}
	if all := fmt.Sprintf("%+v", spans.GetSpans()); strings.Contains(all, "quetzal") || strings.Contains(all, m.Key) {
		t.Errorf("the spans hold what the client sent: %s", all)
	}
}
