package contract_test

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/assembly"
	"github.com/antonpayments/anton/server/contract"
	"github.com/antonpayments/anton/server/interceptors"
	"github.com/antonpayments/anton/server/observe"
	"github.com/antonpayments/anton/server/testserver"
	"github.com/antonpayments/anton/server/testserver/raced"
)

// canaries are what the test puts into requests. None of them may be in anything that the server says of itself. Some fit a field and
// are stored, others are refused: both ways lead through the log.
var canaries = []string{
	"Quetzalcanary", "7770918273645", "DE75512108001245126199", "1971-03-19", "quetzal@canary.example", "+14155559713", "9 Canary Wharf\x00",
}

// headerCanaries are what clients put into headers.
var headerCanaries = map[string]string{
	"Idempotency-Key": "canary-idempotency-0815", "User-Agent": "canary-agent", "X-Request-Id": "canary-request", "X-Forwarded-For": "203.0.113.97",
}

// A told is everything that was written to it.
type told struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (t *told) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.Write(p)
}

func (t *told) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}

// Nothing that a request holds is in a log, a trace, a metric, or PostgreSQL's log, whatever goes wrong with it.
func TestNothingOfARequestIsToldElsewhere(t *testing.T) {
	t.Parallel()
	text, json, spans := &told{}, &told{}, tracetest.NewInMemoryExporter()
	debug := &slog.HandlerOptions{Level: slog.LevelDebug}
	log := slog.New(slog.NewMultiHandler(slog.NewTextHandler(text, debug), slog.NewJSONHandler(json, debug)))
	s := testserver.Observed(t, log, observe.NewTracer(sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans))))
	both := newTenants(t, s, 2)
	walked, tn := both[0], both[1] // the walk through all methods leaves little of the one
	clients := callers(t, s, walked)
	accepted := 0
	for _, m := range contract.Methods() {
		accepted += singInEveryField(t, s, clients[m.Name], m, fixture(t, m, walked))
	}
	few := 50
	if raced.On {
		few /= canariesSampled
	}
	if accepted < few {
		t.Errorf("only %d requests with canaries were accepted: the walk does not lead where it should", accepted)
	}
	singInTheWorker(t, s, tn)
	singWhereThingsBreak(t, s, tn, log)

	_, metrics := s.Admin(t, "/metrics")
	traces := fmt.Sprintf("%+v", spans.GetSpans())
	for what, says := range map[string]struct{ told, mustSay string }{
		"the log as text":  {text.String(), "SQLSTATE 22P02"},
		"the log as JSON":  {json.String(), `"panic: string"`},
		"the traces":       {traces, "BeneficiaryInsert"},
		"the metrics":      {metrics, "anton_calls_total"},
		"PostgreSQL's log": {testserver.PostgresLog(t), "ready to accept connections"},
	} {
		if !strings.Contains(says.told, says.mustSay) {
			t.Errorf("%s does not say %q: it is not what the test should look at", what, says.mustSay)
		}
		for _, secret := range secrets(s, walked, tn) {
			if at := strings.Index(says.told, secret); at >= 0 {
				t.Errorf("%s has %q: …%s…", what, secret, says.told[max(0, at-300):min(len(says.told), at+100)])
			}
		}
	}
}

// secrets are the canaries, and the keys that the test calls with.
func secrets(s *testserver.Server, walked, tn tenant) []string {
	all := []string{walked.Key, tn.Key, s.OpsKey, "ak_test_canary", "canary-panic"}
	for _, canary := range canaries {
		all = append(all, strings.TrimSuffix(canary, "\x00"))
	}
	for _, canary := range headerCanaries {
		all = append(all, canary)
	}
	return all
}

// canariesSampled leaves every text of every method a canary while the race detector watches.
const canariesSampled = 6

// singInEveryField puts every canary into every text of the request, one at a time, over REST and gRPC, and sends what cannot be read.
// It gives how many of the former were accepted.
func singInEveryField(t *testing.T, s *testserver.Server, c *testserver.Client, m *contract.Method, good fields) (accepted int) {
	t.Helper()
	header := http.Header{}
	md := []string{}
	for name, canary := range headerCanaries {
		header.Set(name, canary)
		md = append(md, strings.ToLower(name), canary)
	}
	for i, req := range sample(m.Name, canariesSampled, withCanaries(m.Descriptor.Input(), good)) {
		address, body := restForm(t, m, req)
		header.Set("Idempotency-Key", fmt.Sprint(headerCanaries["Idempotency-Key"], " ", m.Name, i))
		if got := c.Do(t, m.Verb, address, header, body); got.Status < 300 {
			accepted++
		}
		if msg := message(t, m, req); msg != nil {
			invoke(t, s, c.Key, m, msg, md...)
		}
	}
	address, _ := restForm(t, m, good)
	for _, canary := range sample(m.Name, canariesSampled, canaries) {
		c.Do(t, m.Verb, address, header, `{"`+canary+`":"`+canary+`","first_name":`+canary)
		c.Do(t, m.Verb, address+"?"+"q=%zz"+canary[:5], header, "")
		garbled := protowire.AppendString(protowire.AppendTag(nil, 1, protowire.BytesType), canary+"\xff")
		invoke(t, s, c.Key, m, garbled, md...)
	}
	header.Set("Authorization", "Bearer ak_test_canary")
	c.Do(t, m.Verb, address, header, "{}")
	invoke(t, s, "ak_test_canary", m, message(t, m, good), md...)
	return accepted
}

// withCanaries are copies of the request, each with one canary in one text.
func withCanaries(md protoreflect.MessageDescriptor, good fields) []fields {
	var all []fields
	for _, path := range texts(md, nil) {
		for _, canary := range canaries {
			req := copied(good)
			put(req, path, canary)
			all = append(all, req)
		}
	}
	return all
}

// texts are the paths of the texts and of the maps of a message.
func texts(md protoreflect.MessageDescriptor, at []string) [][]string {
	var all [][]string
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		path := append(append([]string{}, at...), string(fd.Name()))
		switch {
		case fd.IsMap():
			all = append(all, append(path, "canary"))
		case fd.IsList():
		case fd.Kind() == protoreflect.StringKind:
			all = append(all, path)
		case fd.Kind() == protoreflect.MessageKind && !strings.HasPrefix(string(fd.Message().FullName()), "google."):
			all = append(all, texts(fd.Message(), path)...)
		}
	}
	return all
}

func put(req fields, path []string, value string) {
	for _, name := range path[:len(path)-1] {
		inner, ok := req[name].(fields)
		if !ok {
			inner = fields{}
			req[name] = inner
		}
		req = inner
	}
	req[path[len(path)-1]] = value
}

// singInTheWorker has a payout of canaries judged and sent, and one that the database refuses on its way.
func singInTheWorker(t *testing.T, s *testserver.Server, tn tenant) {
	t.Helper()
	body := strings.NewReplacer("Garcia", canaries[0], "9876543210", canaries[1]).Replace(testserver.Maria)
	created := tn.Post(t, "/v1/beneficiaries", "", body)
	if created.Status != http.StatusCreated {
		t.Fatalf("create a beneficiary of canaries: %d %s", created.Status, created.Raw)
	}
	order := `{"beneficiary_id":"` + created.Data()["id"].(string) + `","amount":"1.00","currency":"USD","description":"` + canaries[0] +
		`","on_behalf_of":{"name":"` + canaries[0] + ` Ltd","type":"business","country":"GB"}}`
	pay := func(key string) {
		if got := tn.Post(t, "/v1/payouts", key, order); got.Status != http.StatusCreated {
			t.Fatalf("create a payout of canaries: %d %s", got.Status, got.Raw)
		}
		s.Work()
		s.Clock.Advance(time.Second)
		s.Work()
	}
	pay("works")
	sql(t, s, "alter table verdicts add constraint broken check (stages::text = '') not valid")
	pay("breaks")
	sql(t, s, "alter table verdicts drop constraint broken")
}

// singWhereThingsBreak has the database quote a row in its message and in its detail, and a handler panic with what it was asked.
func singWhereThingsBreak(t *testing.T, s *testserver.Server, tn tenant, log *slog.Logger) {
	t.Helper()
	for i, check := range []string{"first_name::int > 0", "first_name is null"} {
		sql(t, s, "alter table beneficiaries add constraint broken check ("+check+") not valid")
		body := strings.NewReplacer("Maria", canaries[0], "9876543210", fmt.Sprint(canaries[1][:9], i)).Replace(testserver.Maria)
		if got := tn.Post(t, "/v1/beneficiaries", "", body); got.Code() != "internal" {
			t.Errorf("what the database refuses: %d %s", got.Status, got.Raw)
		}
		sql(t, s, "alter table beneficiaries drop constraint broken")
	}
	keys, err := assembly.SandboxKeys(t.Context(), s.Pool)
	if err != nil {
		t.Fatal(err)
	}
	chain := interceptors.New(interceptors.Config{Runner: s.Runner, Keys: keys, Log: slog.New(observe.Redact(log.Handler())), Environment: "test"})
	ctx := metadata.NewIncomingContext(t.Context(), metadata.Pairs("authorization", "Bearer "+tn.Key))
	info := &grpc.UnaryServerInfo{FullMethod: "/anton.v1.BalancesService/GetBalance"}
	_, err = chain.Unary()(ctx, &antonv1.GetBalanceRequest{Currency: "USD"}, info, func(context.Context, any) (any, error) {
		panic("canary-panic " + canaries[0])
	})
	if err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("a panic became %v", err)
	}
}

func sql(t *testing.T, s *testserver.Server, statement string) {
	t.Helper()
	if _, err := s.Owner.Exec(context.WithoutCancel(t.Context()), statement); err != nil {
		t.Fatal(err)
	}
}
