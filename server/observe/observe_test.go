package observe_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/observe"
)

func TestAnErrorsTextQuotesNothing(t *testing.T) {
	t.Parallel()
	_, number := strconv.Atoi("canary")
	_, when := time.Parse(time.DateOnly, "canary")
	_, query := url.ParseQuery("%zzcanary")
	syntax := json.Unmarshal([]byte("canary"), &struct{}{})
	duplicate := &pgconn.PgError{
		Severity: "ERROR", Code: "23505", Message: `duplicate key value violates unique constraint "x_is_unique"`,
		Detail: "Key (account_number)=(canary) already exists.", Where: "canary", Hint: "canary", ConstraintName: "x_is_unique",
	}
	for name, tt := range map[string]struct {
		err  error
		want string
	}{
		"a constraint":   {fmt.Errorf("flush: %w", duplicate), `flush: ERROR: duplicate key value violates unique constraint "x_is_unique" (SQLSTATE 23505)`},
		"a bad value":    {fmt.Errorf("read: %w", &pgconn.PgError{Severity: "ERROR", Code: "22P02", Message: `invalid input syntax: "canary"`}), "read: ERROR: [redacted] (SQLSTATE 22P02)"},
		"two of them":    {errors.Join(errors.New("first"), fmt.Errorf("second: %w", number)), "first\nsecond: *strconv.NumError [redacted]"},
		"a time":         {when, "*time.ParseError [redacted]"},
		"a query":        {fmt.Errorf("parse query: %w", query), "parse query: url.EscapeError [redacted]"},
		"JSON":           {syntax, "*json.SyntaxError [redacted]"},
		"an argument":    {errors.New("failed to encode args[3]: unable to encode \"can\nary\" into text format for int4 (OID 23): no plan"), "failed to encode args[3]: unable to encode [redacted] into text format for int4 (OID 23): no plan"},
		"nothing of all": {fmt.Errorf("acquire: %w", context.DeadlineExceeded), "acquire: context deadline exceeded"},
		"a panic":        {observe.Panicked("canary"), "panic: string"},
		"none":           {nil, ""},
	} {
		if got := observe.ErrorText(tt.err); got != tt.want {
			t.Errorf("%s: %q, want %q", name, got, tt.want)
		}
	}
}

func TestTheLogRedacts(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	log := slog.New(observe.Redact(slog.NewJSONHandler(&out, nil)))
	request := &antonv1.CreateBeneficiaryRequest{
		FirstName: "canary", Country: "DE", BankAccount: &antonv1.BankAccount{Iban: "canary", BankName: "First Bank"}, Metadata: map[string]string{"k": "canary"},
	}
	failed := &pgconn.PgError{Severity: "ERROR", Code: "23514", Message: "violates", Detail: "Failing row contains (canary)."}
	log.With(slog.Any("with", request)).WithGroup("in").Info("told", slog.Any("cause", fmt.Errorf("flush: %w", failed)), slog.Any("request", request),
		slog.Group("deep", slog.Any("request", request), slog.Any("object", struct{ Name string }{"canary"})), slog.Int("count", 7), slog.Any("names", []string{"kept"}))
	for _, says := range []string{"First Bank", "DE", "[redacted]", "flush: ERROR: violates (SQLSTATE 23514)", "struct { Name string }", `"count":7`, "kept"} {
		if !strings.Contains(out.String(), says) {
			t.Errorf("the line does not say %q: %s", says, &out)
		}
	}
	if strings.Contains(out.String(), "canary") {
		t.Errorf("the line has a canary: %s", &out)
	}
	if request.GetFirstName() != "canary" {
		t.Error("the request itself was changed")
	}
}

func TestTracingIsOffUnlessTheEnvironmentAsksForIt(t *testing.T) {
	for _, name := range []string{"ENDPOINT", "TRACES_ENDPOINT", "PROTOCOL", "TRACES_PROTOCOL"} {
		t.Setenv("OTEL_EXPORTER_OTLP_"+name, "")
	}
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	tracer, _, err := observe.TracerFromEnvironment(t.Context(), log)
	if tracer != nil || err != nil || tracer.SQL() != nil {
		t.Errorf("without an endpoint: %v %v", tracer, err)
	}
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:1")
	for _, protocol := range []string{"", "grpc", "http/protobuf"} {
		t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
		tracer, closeTracer, err := observe.TracerFromEnvironment(t.Context(), log)
		if tracer == nil || err != nil || tracer.SQL() == nil {
			t.Fatalf("with an endpoint and the protocol %q: %v %v", protocol, tracer, err)
		}
		if err := closeTracer(t.Context()); err != nil {
			t.Error(err)
		}
	}
	t.Setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "pigeon")
	if _, _, err := observe.TracerFromEnvironment(t.Context(), log); err == nil || !strings.Contains(err.Error(), "pigeon") {
		t.Errorf("with an unknown protocol: %v", err)
	}
	t.Setenv("OTEL_SDK_DISABLED", "true")
	if tracer, _, err := observe.TracerFromEnvironment(t.Context(), log); tracer != nil || err != nil {
		t.Errorf("switched off: %v %v", tracer, err)
	}
}

// BenchmarkCall is all that observing adds to a call: its spans, its metrics and its log line's redaction.
func BenchmarkCall(b *testing.B) {
	for name, tracer := range map[string]*observe.Tracer{"untraced": nil, "traced": observe.NewTracer(sdktrace.NewTracerProvider())} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				ctx, request := tracer.Start(b.Context(), "request", trace.SpanKindServer, attribute.String("anton.request_id", "req_1"))
				ctx, rpc := tracer.Start(ctx, "rpc", trace.SpanKindInternal, attribute.String("rpc.method", "m"), attribute.String("anton.request_id", "req_1"))
				ctx, unit := tracer.Start(ctx, "unit", trace.SpanKindInternal)
				if observe.SpanOf(ctx).Traced() {
					unit.Set(attribute.String("anton.object_id", "pay_1"))
				}
				unit.End(nil)
				rpc.End(nil)
				request.End(nil)
			}
		})
	}
	b.Run("metrics", func(b *testing.B) {
		m := observe.NewMetrics()
		b.ReportAllocs()
		for b.Loop() {
			m.Calling("rest")
			m.Called("/anton.v1.PayoutsService/CreatePayout", "rest", "ok", time.Millisecond)
		}
	})
	var out bytes.Buffer
	for name, handler := range map[string]slog.Handler{"plain": slog.NewJSONHandler(&out, nil), "redacted": observe.Redact(slog.NewJSONHandler(&out, nil))} {
		b.Run("log/"+name, func(b *testing.B) {
			log := slog.New(handler)
			b.ReportAllocs()
			for b.Loop() {
				out.Reset()
				log.LogAttrs(b.Context(), slog.LevelInfo, "call", slog.String("method", "m"), slog.String("request_id", "req_1"), slog.String("key_id", "key_1"),
					slog.String("merchant_id", "mer_1"), slog.String("code", "ok"), slog.Duration("took", time.Millisecond))
			}
		})
	}
}
