package observe

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"regexp"
	"strings"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// A Tracer starts spans. Their attributes are names, codes and ids of ours, never a value that a client chose. A nil *Tracer starts none
// and costs nothing worth counting.
type Tracer struct {
	provider trace.TracerProvider
	tracer   trace.Tracer
}

// NewTracer makes a tracer whose spans go to the provider.
func NewTracer(provider trace.TracerProvider) *Tracer {
	return &Tracer{provider, provider.Tracer("github.com/antonpayments/anton")}
}

// TracerFromEnvironment makes the tracer that the standard variables ask for (OTEL_EXPORTER_OTLP_ENDPOINT and its like); nil when no
// endpoint is named. What is left to send is sent by close.
// https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/
func TracerFromEnvironment(ctx context.Context, log *slog.Logger) (t *Tracer, closeTracer func(context.Context) error, err error) {
	none := func(context.Context) error { return nil }
	off := strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") || os.Getenv("OTEL_TRACES_EXPORTER") == "none"
	if off || forTraces("ENDPOINT") == "" {
		return nil, none, nil
	}
	var exporter *otlptrace.Exporter
	switch protocol := forTraces("PROTOCOL"); protocol {
	case "", "http/protobuf":
		exporter, err = otlptracehttp.New(ctx)
	case "grpc":
		exporter, err = otlptracegrpc.New(ctx)
	default:
		err = fmt.Errorf("OTEL_EXPORTER_OTLP_PROTOCOL is %q: grpc and http/protobuf are known", protocol)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("send traces: %w", err)
	}
	// The environment comes last: it may rename the service.
	about, err := resource.New(ctx, resource.WithAttributes(attribute.String("service.name", "anton")), resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, nil, fmt.Errorf("read the OTEL_… environment: %w", err)
	}
	// The library knows no other place for what goes wrong in the background than this global one.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { log.Warn("send traces", slog.Any("cause", err)) }))
	provider := sdktrace.NewTracerProvider(sdktrace.WithBatcher(exporter), sdktrace.WithResource(about))
	return NewTracer(provider), provider.Shutdown, nil
}

// forTraces is a setting of the exporter: the one for traces alone, or else the one for everything.
func forTraces(name string) string {
	if value := os.Getenv("OTEL_EXPORTER_OTLP_TRACES_" + name); value != "" {
		return value
	}
	return os.Getenv("OTEL_EXPORTER_OTLP_" + name)
}

// From continues the trace that a client's `traceparent` names (W3C Trace Context), if it names one.
func (t *Tracer) From(ctx context.Context, header func(key string) string) context.Context {
	if t == nil {
		return ctx
	}
	return propagation.TraceContext{}.Extract(ctx, carrier(header))
}

type carrier func(key string) string

func (c carrier) Get(key string) string { return c(key) }
func (c carrier) Set(string, string)    {}
func (c carrier) Keys() []string        { return []string{"traceparent", "tracestate"} }

// Start starts a span below the context's.
func (t *Tracer) Start(ctx context.Context, name string, kind trace.SpanKind, attrs ...attribute.KeyValue) (context.Context, Span) {
	if t == nil {
		return ctx, Span{}
	}
	ctx, span := t.tracer.Start(ctx, name, trace.WithSpanKind(kind), trace.WithAttributes(attrs...))
	return ctx, Span{span}
}

// A Span is a piece of work that is traced, or not, when it is empty.
type Span struct{ span trace.Span }

// Traced says whether anybody sees the span, for attributes that are worth no work otherwise.
func (s Span) Traced() bool { return s.span != nil && s.span.IsRecording() }

// Set adds what was learnt meanwhile.
func (s Span) Set(attrs ...attribute.KeyValue) {
	if s.span != nil {
		s.span.SetAttributes(attrs...)
	}
}

// Name replaces the name, once a better one is known.
func (s Span) Name(name string) {
	if s.span != nil {
		s.span.SetName(name)
	}
}

// Fail marks the span as failed, with a word that is no client's.
func (s Span) Fail(why string) {
	if s.span != nil {
		s.span.SetStatus(codes.Error, why)
	}
}

// End ends the span; an error marks it as failed. Of the error it tells what the database said, or else the type alone: the text of a
// refusal may quote the request. The log has the rest under the request's id.
func (s Span) End(err error) {
	if s.span == nil {
		return
	}
	if pg, ok := errors.AsType[*pgconn.PgError](err); ok {
		s.Fail(Database(pg).Error())
	} else if err != nil {
		s.Fail(fmt.Sprintf("%T", err))
	}
	s.span.End()
}

// SpanOf is the span that the context is in.
func SpanOf(ctx context.Context) Span {
	if span := trace.SpanFromContext(ctx); span.IsRecording() {
		return Span{span}
	}
	return Span{}
}

// SQL traces statements, with their names in sql/queries and without their arguments; nil for a nil Tracer. Statements outside a span,
// such as the worker's polling, are not traced.
func (t *Tracer) SQL() pgx.QueryTracer {
	if t == nil {
		return nil
	}
	return sqlTracer{otelpgx.NewTracer(otelpgx.WithTracerProvider(t.provider), otelpgx.WithDisableSQLStatementInAttributes(),
		otelpgx.WithDisableConnectionDetailsInAttributes(), otelpgx.WithSpanNameFunc(statementName))}
}

// named is the first line of a query that sqlc generated.
var named = regexp.MustCompile(`^-- name: (\w+)`)

func statementName(statement string) string {
	if name := named.FindStringSubmatch(statement); name != nil {
		return name[1]
	}
	verb, _, _ := strings.Cut(strings.TrimSpace(statement), " ")
	return verb
}

// A sqlTracer is the library's, which records errors as they are: they lose what they quote of rows first.
type sqlTracer struct{ *otelpgx.Tracer }

func (t sqlTracer) TraceQueryEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryEndData) {
	data.Err = clean(data.Err)
	t.Tracer.TraceQueryEnd(ctx, conn, data)
}

func (t sqlTracer) TraceBatchQuery(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchQueryData) {
	data.Err = clean(data.Err)
	t.Tracer.TraceBatchQuery(ctx, conn, data)
}

func (t sqlTracer) TraceBatchEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchEndData) {
	data.Err = clean(data.Err)
	t.Tracer.TraceBatchEnd(ctx, conn, data)
}

// TracePrepareStart does nothing: a connection prepares a statement once, within the span of its first use, which has the same name.
func (t sqlTracer) TracePrepareStart(ctx context.Context, _ *pgx.Conn, _ pgx.TracePrepareStartData) context.Context {
	return ctx
}

// TracePrepareEnd does nothing either.
func (t sqlTracer) TracePrepareEnd(context.Context, *pgx.Conn, pgx.TracePrepareEndData) {}

// clean is the error with the text that ErrorText leaves, and the SQLSTATE, which the library looks for.
func clean(err error) error {
	if err == nil || errors.Is(err, pgx.ErrNoRows) { // which is no failure, and the library knows it
		return err
	}
	var pg *pgconn.PgError
	for _, e := range chain(err) {
		if found, ok := e.(*pgconn.PgError); ok { //nolint:errorlint // chain has unwrapped it
			pg = Database(found)
		}
	}
	if pg == nil {
		return cleaned{ErrorText(err), nil}
	}
	return cleaned{ErrorText(err), pg}
}

type cleaned struct {
	text string
	pg   error
}

func (c cleaned) Error() string { return c.text }
func (c cleaned) Unwrap() error { return c.pg }
