package interceptors

import (
	"context"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
)

// trace makes the call a span: below the request's over REST, below the client's own when it sent a `traceparent` over gRPC.
func (c *Chain) trace(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	if c.Runner.Tracer == nil {
		return next(ctx, req)
	}
	kind := trace.SpanKindInternal
	if transportOf(ctx) == "grpc" {
		kind = trace.SpanKindServer
		md, _ := metadata.FromIncomingContext(ctx)
		ctx = c.Runner.Tracer.From(ctx, func(key string) string { return strings.Join(md.Get(key), ",") })
	}
	name := strings.TrimPrefix(info.FullMethod, "/")
	ctx, span := c.Runner.Tracer.Start(ctx, name, kind, attribute.String("rpc.system", "grpc"), attribute.String("rpc.method", name),
		attribute.String("anton.request_id", call.RequestID(ctx)))
	resp, err := next(ctx, req)
	if err != nil {
		code := apierr.From(err).Code.String()
		span.Set(attribute.String("anton.code", code))
		span.Fail(code)
	}
	span.End(nil)
	return resp, err
}
