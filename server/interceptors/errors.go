package interceptors

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"

	"google.golang.org/grpc"

	antonv1 "github.com/antonpayments/anton/gen/anton/v1"
	"github.com/antonpayments/anton/server/apierr"
	"github.com/antonpayments/anton/server/call"
	"github.com/antonpayments/anton/server/crypto"
	"github.com/antonpayments/anton/server/unit"
)

// errors turns whatever went wrong into what a customer may read, with the request's id. It is the only place that does.
func (c *Chain) errors(ctx context.Context, req any, _ *grpc.UnaryServerInfo, next grpc.UnaryHandler) (any, error) {
	resp, err := next(ctx, req)
	if err == nil {
		return resp, nil
	}
	e := *public(err)
	e.RequestID = call.RequestID(ctx)
	if e.RetryAfter > 0 {
		setHeader(ctx, "retry-after", e.RetryAfterSeconds())
	}
	return nil, &e
}

// public finds the customer's side of an error. A constraint that the customer can meet has usually been turned into a better
// sentence by running the call again; what remains here met it every time.
func public(err error) *apierr.Error {
	if e, ok := errors.AsType[*apierr.Error](err); ok {
		return e
	}
	switch constraint := unit.LostRace(err); constraint {
	case "":
	case "available_balance_covers_debit":
		e := apierr.New(antonv1.ErrorCode_insufficient_balance, "Insufficient balance")
		e.Cause = err
		return e
	default:
		e := apierr.Conflict("Something else changed this at the same time. Read it and decide again.")
		e.Cause = err
		return e
	}
	// A server whose keyset is older than a row can say nothing of it; one that has the newest can.
	if errors.Is(err, crypto.ErrUnknownKey) || unit.ConnectionLost(err) || unit.Transient(err) || errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		return apierr.Unavailable(err)
	}
	return apierr.Internal(err)
}

// recover turns a panic into an internal error. The transaction below it has been rolled back by then.
func (c *Chain) recover(ctx context.Context, req any, info *grpc.UnaryServerInfo, next grpc.UnaryHandler) (resp any, err error) {
	defer func() {
		if p := recover(); p != nil {
			c.Log.ErrorContext(ctx, "panic", "method", info.FullMethod, "request_id", call.RequestID(ctx), "stack", string(debug.Stack()))
			resp, err = nil, apierr.Internal(fmt.Errorf("panic: %v", p))
		}
	}()
	return next(ctx, req)
}
