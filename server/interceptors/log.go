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

// slow is from when on a call is a warning: clients notice, and something waited.
const slow = time.Second

// log writes one line a call: what was called and by whom, how it ended and how long it took; and counts the same. Never a field of the
// request or of the answer: those hold names and account numbers. The cause of an error is told for faults of ours alone: that of a
// refusal may quote what was refused.
func (c *Chain) log(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	start, who, transport := time.Now(), &caller{}, transportOf(ctx)
	who.is = call.CallerOf(ctx) // over REST the door has found it
	c.Runner.Metrics.Calling(transport)
	resp, err := next(context.WithValue(ctx, whoKey{}, who), req)
	took := time.Since(start)
	code := "ok"
	attrs := make([]slog.Attr, 0, 8)
	attrs = append(attrs, slog.String("method", info.FullMethod), slog.String("transport", transport), slog.String("request_id", call.RequestID(ctx)))
	attrs = append(attrs, who.is.Attrs()...)
	level := slog.LevelInfo
	if took > slow {
		level = slog.LevelWarn
	}
	if err != nil {
		e := apierr.From(err)
		code = e.Code.String()
		if e.Code == antonv1.ErrorCode_internal || e.Code == antonv1.ErrorCode_unavailable {
			level = slog.LevelError
			attrs = append(attrs, slog.Any("cause", e.Cause))
		}
	}
	attrs = append(attrs, slog.String("code", code), slog.Duration("took", took))
	c.Log.LogAttrs(ctx, level, "call", attrs...)
	c.Runner.Metrics.Called(info.FullMethod, transport, code, took)
	return resp, err
}

// transportOf says how the call came: over REST the gateway has put the Idempotency-Key headers into the context, be there any or not.
func transportOf(ctx context.Context) string {
	if _, rest := call.IdempotencyKeys(ctx); rest {
		return "rest"
	}
	return "grpc"
}

type whoKey struct{}

// A caller is where a link further in notes who calls, for the log line further out.
type caller struct{ is *call.Caller }

func noteCaller(ctx context.Context) {
	if who, ok := ctx.Value(whoKey{}).(*caller); ok {
		who.is = call.CallerOf(ctx)
	}
}
