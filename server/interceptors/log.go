package interceptors

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/grpc"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
)

// log writes one line a call: what was called, how it ended and how long it took; who called is in the audit row of the same request
// id. Never a field of the request or of the answer: those hold names and account numbers.
func (c *Chain) log(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	start := time.Now()
	resp, err := next(ctx, req)
	attrs := []slog.Attr{
		slog.String("method", info.FullMethod),
		slog.String("request_id", call.RequestID(ctx)),
		slog.Duration("took", time.Since(start)),
	}
	level := slog.LevelInfo
	if err != nil {
		e := apierr.From(err)
		attrs = append(attrs, slog.String("code", e.Code.String()))
		if e.Cause != nil {
			attrs = append(attrs, slog.String("cause", e.Cause.Error()))
		}
		if e.Code == antonv1.ErrorCode_internal || e.Code == antonv1.ErrorCode_unavailable {
			level = slog.LevelError
		}
	}
	c.Log.LogAttrs(ctx, level, "call", attrs...)
	return resp, err
}
